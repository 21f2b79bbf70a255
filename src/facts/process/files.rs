//! Files of `/proc/<pid>` other than `status`.

use super::ProcessLimits;
use crate::units::{Bytes, Limit, SoftHard};

impl ProcessLimits {
    /// Reads `/proc/<pid>/limits`; none where one of the two lines is missing.
    ///
    /// Not procfs's parser: that one panics at a line that is cut short.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let limits_of = |name| text.lines().find_map(|line| soft_hard(line.strip_prefix(name)?));
        Some(Self { open_files: limits_of("Max open files ")?, processes: limits_of("Max processes ")? })
    }
}

/// The two numbers of a line, soft before hard.
fn soft_hard(rest: &str) -> Option<SoftHard> {
    let mut words = rest.split_ascii_whitespace();
    let mut limit = || match words.next()? {
        "unlimited" => Some(Limit::Unlimited),
        number => number.parse().ok().map(Limit::At),
    };
    Some(SoftHard { soft: limit()?, hard: limit()? })
}

/// When a process started, in clock ticks since boot: field 22 of `/proc/<pid>/stat`.
///
/// The second field is the command name in parentheses, which may itself hold any bytes; the last one closes it.
pub fn parse_start_ticks(stat: &[u8]) -> Option<u64> {
    let close = stat.iter().rposition(|b| *b == b')')?;
    let rest = std::str::from_utf8(&stat[close + 1..]).ok()?;
    // What follows the name begins with field 3.
    rest.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

/// `Pss` of `/proc/<pid>/smaps_rollup`: memory of the process, shared pages by share. Since Linux 4.14.
pub fn parse_pss(smaps_rollup: &[u8]) -> Option<Bytes> {
    let line = smaps_rollup.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"Pss:"))?;
    let kib = std::str::from_utf8(line).ok()?.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(Bytes::from_kib(kib))
}

/// `mnt_id` of `/proc/<pid>/fdinfo/<fd>`: the mount an open file lies on. Since Linux 3.15.
pub fn parse_fdinfo_mount_id(bytes: impl AsRef<[u8]>) -> Option<u64> {
    let number = |line: &[u8]| std::str::from_utf8(line.strip_prefix(b"mnt_id:")?).ok()?.trim().parse().ok();
    bytes.as_ref().split(|b| *b == b'\n').find_map(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units     \n\
Max cpu time              unlimited            unlimited            seconds   \n\
Max processes             unlimited            30506                processes \n\
Max open files            1024                 524288               files     \n";

    #[test]
    fn a_limit_is_a_number_or_unlimited() {
        let limits = ProcessLimits::parse(LIMITS.as_bytes()).unwrap();
        assert_eq!(limits.open_files, SoftHard { soft: Limit::At(1024), hard: Limit::At(524_288) });
        assert_eq!(limits.processes, SoftHard { soft: Limit::Unlimited, hard: Limit::At(30_506) });
        assert_eq!(ProcessLimits::parse(&LIMITS.as_bytes()[..LIMITS.len() - 40]), None);
    }

    #[test]
    fn a_name_that_looks_like_fields_deceives_nobody() {
        let after = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 5577 20 21";
        for name in ["gunicorn", "a) R 1 2", ") ) (", "\u{fffd} x"] {
            assert_eq!(parse_start_ticks(format!("815 ({name}) {after}").as_bytes()), Some(5577), "{name}");
        }
        assert_eq!(parse_start_ticks(format!("815 (x) {}", &after[..20]).as_bytes()), None);
    }

    #[test]
    fn shared_memory_counts_by_its_share() {
        let rollup = b"55d0-7ffd ---p 00000000 00:00 0    [rollup]\nRss:  900 kB\nPss:   400 kB\nPss_Dirty:  1 kB\n";
        assert_eq!(parse_pss(rollup), Some(Bytes(400 << 10)));
        assert_eq!(parse_pss(b"Rss: 900 kB\n"), None);
    }

    #[test]
    fn a_descriptor_names_its_mount() {
        assert_eq!(parse_fdinfo_mount_id("pos:\t0\nflags:\t0100002\nmnt_id:\t27\nino:\t5\n"), Some(27));
        assert_eq!(parse_fdinfo_mount_id("pos:\t0\n"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            ProcessLimits::parse(&bytes);
            ProcessLimits::parse(&[b"Max open files ", bytes.as_slice()].concat());
            parse_start_ticks(&bytes);
            parse_pss(&bytes);
            parse_fdinfo_mount_id(&bytes);
        }

        #[test]
        fn the_start_is_found_behind_any_name(name: Vec<u8>, ticks: u64) {
            let stat = [b"1 (", name.as_slice(), format!(") S{} {ticks} 0", " 0".repeat(18)).as_bytes()].concat();
            prop_assert_eq!(parse_start_ticks(&stat), Some(ticks));
        }
    }
}
