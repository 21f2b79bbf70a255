//! The files of a control group: counters, limits, CPU quota.

use crate::units::Limit;
use std::collections::BTreeMap;

/// Version 1 writes "no limit" as the largest number of whole pages that fits 63 bits. Pages are 4 to 64 KiB, so
/// everything from the largest multiple of 64 KiB on is that number.
const UNLIMITED_V1: u64 = i64::MAX as u64 & !0xffff;

/// Lines of `key number`: `memory.events`, `memory.stat`, `cpu.stat`, `pids.events`, `memory.oom_control`, `vmstat`.
///
/// Lines that are something else are left out.
pub fn parse_flat_keyed(bytes: &[u8]) -> BTreeMap<String, u64> {
    let text = String::from_utf8_lossy(bytes);
    let pair = |line: &str| {
        let (key, number) = line.trim_end().split_once(' ')?;
        Some((key.to_owned(), number.trim().parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

/// A limit: `max`, a number, or what version 1 writes for none. None where it is neither.
pub fn parse_cgroup_limit(bytes: &[u8]) -> Option<Limit> {
    match std::str::from_utf8(bytes).ok()?.trim() {
        "max" => Some(Limit::Unlimited),
        number => number.parse().ok().map(|n| if n >= UNLIMITED_V1 { Limit::Unlimited } else { Limit::At(n) }),
    }
}

/// `cpu.max` of version 2, in CPUs: `Some(None)` where there is no quota, `None` where the text is no quota file.
pub fn parse_cpu_max(bytes: &[u8]) -> Option<Option<f64>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut words = text.split_ascii_whitespace();
    let (quota, period) = (words.next()?, words.next()?.parse().ok()?);
    if quota == "max" { Some(None) } else { Some(Some(cpus(quota.parse().ok()?, period)?)) }
}

/// `cpu.cfs_quota_us` and `cpu.cfs_period_us` of version 1, in CPUs; -1 is no quota. The rest as for [`parse_cpu_max`].
pub fn cpu_quota_v1(quota: &[u8], period: &[u8]) -> Option<Option<f64>> {
    let number = |bytes| std::str::from_utf8(bytes).ok()?.trim().parse::<i64>().ok();
    let (quota, period) = (number(quota)?, number(period)?);
    if quota < 0 { Some(None) } else { Some(Some(cpus(quota.unsigned_abs(), period.try_into().ok()?)?)) }
}

fn cpus(quota: u64, period: u64) -> Option<f64> {
    (period > 0).then(|| quota as f64 / period as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counters_go_by_their_key() {
        let events = parse_flat_keyed(b"low 0\nhigh 0\nmax 812\noom 3\noom_kill 3\noom_group_kill 0\n");
        assert_eq!((events["max"], events["oom_kill"]), (812, 3));
        assert_eq!(parse_flat_keyed(b"oom_kill_disable 0\nunder_oom 0\noom_kill 7")["oom_kill"], 7);
        assert!(parse_flat_keyed(b"max\nmax x\n max -1\n").is_empty());
    }

    #[test]
    fn no_limit_has_a_word_and_a_number() {
        for (text, limit) in [
            ("max\n", Some(Limit::Unlimited)),
            ("209715200\n", Some(Limit::At(209_715_200))),
            ("0", Some(Limit::At(0))),
            ("9223372036854771712\n", Some(Limit::Unlimited)),
            ("9223372036854710272", Some(Limit::Unlimited)),
            ("18446744073709551615", Some(Limit::Unlimited)),
            ("4611686018427387904", Some(Limit::At(1 << 62))),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(parse_cgroup_limit(text.as_bytes()), limit, "{text}");
        }
    }

    #[test]
    fn a_quota_is_counted_in_cpus() {
        assert_eq!(parse_cpu_max(b"150000 100000\n"), Some(Some(1.5)));
        assert_eq!(parse_cpu_max(b"max 100000\n"), Some(None));
        assert_eq!(cpu_quota_v1(b"50000\n", b"100000\n"), Some(Some(0.5)));
        assert_eq!(cpu_quota_v1(b"-1\n", b"100000\n"), Some(None));
        for odd in [&b""[..], b"max", b"1 0", b"x 1", b"\xff 1"] {
            assert_eq!(parse_cpu_max(odd), None);
        }
        assert_eq!(cpu_quota_v1(b"1", b"0"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(a: Vec<u8>, b: Vec<u8>) {
            parse_flat_keyed(&a);
            parse_cgroup_limit(&a);
            parse_cpu_max(&a);
            cpu_quota_v1(&a, &b);
        }

        #[test]
        fn counters_come_back(counters in proptest::collection::btree_map("[a-z_]{1,12}", any::<u64>(), 0..8)) {
            let text: String = counters.iter().map(|(k, v)| format!("{k} {v}\n")).collect();
            prop_assert_eq!(parse_flat_keyed(text.as_bytes()), counters);
        }
    }
}
