//! The same kill told by several sources is one kill; what each knows of it is put together.

use super::{Kill, Moment, Stamp};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A kill with its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The kill.
    pub kill: Kill,
    /// When; none where the source says only how long the host was up, and which boot that was is not known.
    pub moment: Option<Moment>,
    /// Which of the sources tells it: the first one where several do.
    pub source: usize,
}

/// How far two sources may differ about the time of one kill, where they do not have the kernel's clock in common. A
/// host that runs out of memory can hold up its log daemons for a minute and more; the kernel does not give the same
/// process id to another process of the same name and size within that time.
const APART_MICROS: u64 = 120_000_000;

/// The kernel's clock as two sources print it, in microseconds: journalctl's short-monotonic has the moment of receipt.
const CLOCK_STEP_MICROS: u64 = 1_000_000;

/// With a wall clock that differs by more than this, an equal kernel clock is of another boot. Two sources may differ by
/// as much where one of them was worked out of the kernel's clock and the host slept.
const OTHER_BOOT_MICROS: u64 = 86_400_000_000;

/// Kills of one process id that a kill is compared with, the latest ones: a log that is made to be slow has thousands.
const LOOK_BACK: usize = 256;

/// Each kill once, in order of time; those without a time follow in the order they came.
pub fn merge(found: impl IntoIterator<Item = Settled>) -> Vec<Settled> {
    let mut by_pid: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    let mut kept: Vec<Settled> = vec![];
    for settled in found {
        let same_pid = by_pid.entry(settled.kill.pid.0).or_default();
        let twin = same_pid
            .iter()
            .rev()
            .take(LOOK_BACK)
            .copied()
            .find(|at| kept.get(*at).is_some_and(|other| is_same(other, &settled)));
        match twin.and_then(|at| kept.get_mut(at)) {
            Some(twin) => absorb(twin, settled),
            None => {
                same_pid.push(kept.len());
                kept.push(settled);
            }
        }
    }
    kept.sort_by_key(|settled| settled.moment.map_or(Timestamp::MAX, |moment| moment.time));
    kept
}

fn is_same(a: &Settled, b: &Settled) -> bool {
    if !is_alike(&a.kill, &b.kill) {
        return false;
    }
    let apart = times(a, b).map(|(a, b)| a.as_microsecond().abs_diff(b.as_microsecond()));
    let uncertain = uncertainty(a).saturating_add(uncertainty(b));
    let is_one_boot = a.kill.boot.is_some() && a.kill.boot == b.kill.boot;
    match (a.kill.stamp.boot_micros, b.kill.stamp.boot_micros, apart) {
        (Some(x), Some(y), apart) => {
            let most = OTHER_BOOT_MICROS.saturating_add(uncertain);
            x.abs_diff(y) <= CLOCK_STEP_MICROS && (is_one_boot || apart.is_none_or(|apart| apart <= most))
        }
        (_, _, Some(apart)) if is_derived(a) || is_derived(b) => apart <= OTHER_BOOT_MICROS,
        (_, _, Some(apart)) => apart <= APART_MICROS.saturating_add(uncertain),
        // One of them has no time at all: name, process and every size are the same.
        (_, _, None) => true,
    }
}

/// Whether nothing that both tell of a process differs.
fn is_alike(a: &Kill, b: &Kill) -> bool {
    // A frame may have cut a name at a newline.
    let same_name = a.comm.starts_with(&b.comm) || b.comm.starts_with(&a.comm);
    let same_boot = a.boot.is_none() || b.boot.is_none() || a.boot == b.boot;
    let same_host = a.host.is_empty() || b.host.is_empty() || label(&a.host) == label(&b.host);
    let (x, y) = (a.sizes, b.sizes);
    let same = |x: Option<_>, y: Option<_>| x.is_none() || y.is_none() || x == y;
    let same_sizes = same(x.total_vm, y.total_vm) && same(x.anon_rss, y.anon_rss) && same(x.file_rss, y.file_rss);
    same_name && same_boot && same_host && same_sizes
}

/// The first part of a host name: some daemons write the domain too.
fn label(host: &[u8]) -> &[u8] {
    host.split(|byte| *byte == b'.').next().unwrap_or(host)
}

fn times(a: &Settled, b: &Settled) -> Option<(Timestamp, Timestamp)> {
    Some((a.moment?.time, b.moment?.time))
}

fn is_derived(settled: &Settled) -> bool {
    settled.moment.is_some_and(|moment| moment.uncertainty.derived)
}

fn uncertainty(settled: &Settled) -> u64 {
    settled.moment.map_or(0, |moment| moment.uncertainty.micros)
}

/// Takes over what the other source knows better.
fn absorb(kept: &mut Settled, other: Settled) {
    let lines = kept.kill.lines.max(other.kill.lines);
    if richness(&other.kill) > richness(&kept.kill) {
        // The line is that of the source that is named.
        let Kill { stamp, boot, offset, .. } = kept.kill;
        let text = std::mem::take(&mut kept.kill.text);
        kept.kill = Kill { stamp, boot, offset, text, ..other.kill.clone() };
    }
    kept.kill.boot = kept.kill.boot.or(other.kill.boot);
    kept.kill.lines = lines;
    let (own, theirs) = (kept.kill.stamp, other.kill.stamp);
    kept.kill.stamp =
        Stamp { boot_micros: own.boot_micros.or(theirs.boot_micros), wall: own.wall.or(theirs.wall), derived: false };
    let doubt = |moment: &Option<Moment>| {
        moment.map_or((true, true, true, u64::MAX), |m| {
            let doubt = m.uncertainty;
            (doubt.derived, doubt.year_inferred, doubt.zone_assumed, doubt.micros)
        })
    };
    if doubt(&other.moment) < doubt(&kept.moment) {
        kept.moment = other.moment;
    }
}

/// How much of a report there is.
fn richness(kill: &Kill) -> (bool, usize, bool, usize) {
    let report = &kill.report;
    (report.trigger.is_some(), report.tasks.len(), kill.task_memcg.is_some(), kill.comm.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::{Part, Scope, Sizes, Uncertainty};
    use crate::units::{Bytes, Pid};

    fn settled(pid: i32, time: Option<&str>, boot_micros: Option<u64>, source: usize) -> Settled {
        let sizes = Sizes { total_vm: Some(Bytes(1)), ..Sizes::default() };
        let uncertainty =
            Uncertainty { micros: 1, zone_assumed: false, year_inferred: false, slept: false, derived: false };
        Settled {
            kill: Kill {
                pid: Pid(pid),
                comm: b"gunicorn".to_vec(),
                uid: None,
                part: Part::Chosen,
                scope: Scope::Unknown,
                sizes,
                task_memcg: None,
                report: Default::default(),
                lines: 1,
                stamp: Stamp { boot_micros, wall: None, derived: false },
                boot: None,
                host: vec![],
                offset: 0,
                text: Box::default(),
            },
            moment: time.map(|time| Moment { time: time.parse().unwrap(), uncertainty }),
            source,
        }
    }

    fn merged(all: Vec<Settled>) -> usize {
        merge(all).len()
    }

    #[test]
    fn a_kill_that_two_sources_tell_is_one() {
        let at = |time| settled(7, Some(time), None, 0);
        assert_eq!(merged(vec![at("2026-11-20T19:00:00Z"), at("2026-11-20T19:00:40Z")]), 1);
        assert_eq!(merged(vec![settled(7, None, Some(5), 0), settled(7, None, Some(6), 1)]), 1);
        assert_eq!(merged(vec![settled(7, None, None, 0), settled(7, None, Some(6), 1)]), 1);
    }

    #[test]
    fn times_that_dmesg_worked_out_do_not_double_a_kill_of_a_host_that_slept() {
        let mut derived = settled(7, Some("2026-11-20T14:00:00Z"), None, 0);
        derived.moment =
            derived.moment.map(|m| Moment { uncertainty: Uncertainty { derived: true, ..m.uncertainty }, ..m });
        let all = merge(vec![derived, settled(7, Some("2026-11-20T19:00:00Z"), Some(5), 1)]);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].moment.unwrap().time.to_string(), "2026-11-20T19:00:00Z", "the time that is not worked out");
    }

    #[test]
    fn a_process_id_that_was_given_again_is_another_kill() {
        let at = |time| settled(7, Some(time), None, 0);
        assert_eq!(merged(vec![at("2026-11-20T19:00:00Z"), at("2026-11-20T20:00:00Z")]), 2);
        assert_eq!(merged(vec![settled(7, None, Some(5), 0), settled(7, None, Some(9_000_000), 1)]), 2);
        assert_eq!(merged(vec![settled(7, None, Some(5), 0), settled(8, None, Some(5), 1)]), 2);
        let mut other = settled(7, None, Some(5), 1);
        other.kill.sizes.total_vm = Some(Bytes(2));
        assert_eq!(merged(vec![settled(7, None, Some(5), 0), other]), 2);
    }

    #[test]
    fn equal_clocks_of_two_boots_are_two_kills() {
        let one = settled(7, Some("2026-11-20T19:00:00Z"), Some(5), 0);
        let two = settled(7, Some("2026-11-28T19:00:00Z"), Some(5), 0);
        assert_eq!(merged(vec![one, two]), 2);
    }

    #[test]
    fn the_first_source_is_named_and_the_best_of_each_is_kept() {
        let mut second = settled(7, Some("2026-11-20T19:00:00Z"), None, 1);
        second.kill.task_memcg = Some(b"/a".to_vec());
        let all = merge(vec![settled(7, None, Some(5), 0), second]);
        assert_eq!((all[0].source, all[0].kill.stamp.boot_micros), (0, Some(5)));
        assert!(all[0].moment.is_some() && all[0].kill.task_memcg.is_some());
    }

    #[test]
    fn kills_come_in_order_of_time() {
        let late = settled(1, Some("2026-11-20T19:00:01Z"), None, 0);
        let early = settled(2, Some("2026-11-20T19:00:00Z"), None, 0);
        let pids: Vec<i32> = merge(vec![settled(3, None, None, 0), late, early]).iter().map(|s| s.kill.pid.0).collect();
        assert_eq!(pids, [2, 1, 3]);
    }
}
