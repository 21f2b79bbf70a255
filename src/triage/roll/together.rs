//! Who timed out, and who ended, at the same time.

use crate::gunicorn::log::Told;
use crate::triage::Ended;
use crate::units::Pid;
use std::collections::BTreeMap;

/// The master looks at all heartbeats once a second, and stamps are whole seconds.
const TOGETHER_SECONDS: i64 = 2;

/// Counts, for each end, the workers of the same master that timed out with it, and those that ended after the same USR1.
pub fn count(ended: &mut [Ended]) {
    let timed_out = times(ended, |one| one.context.timed_out.as_ref());
    for one in ended.iter_mut() {
        let second = one.context.timed_out.as_ref().and_then(second);
        if let Some((all, second)) = timed_out.get(&one.master).zip(second) {
            one.context.timed_out_together = within(all, second);
        }
    }
    let reopened = times(ended, |one| one.context.reopened.as_ref());
    for one in ended.iter_mut() {
        let second = one.context.reopened.as_ref().and_then(second);
        if let Some((all, second)) = reopened.get(&one.master).zip(second) {
            one.context.ended_together = all.iter().filter(|other| **other == second).count();
        }
    }
}

fn second(told: &Told) -> Option<i64> {
    Some(told.time?.as_second())
}

/// The seconds of a kind of line, in order, by master.
fn times(ended: &[Ended], line: impl Fn(&Ended) -> Option<&Told>) -> BTreeMap<Option<Pid>, Vec<i64>> {
    let mut all: BTreeMap<Option<Pid>, Vec<i64>> = BTreeMap::new();
    for one in ended {
        if let Some(second) = line(one).and_then(second) {
            all.entry(one.master).or_default().push(second);
        }
    }
    all.values_mut().for_each(|seconds| seconds.sort_unstable());
    all
}

fn within(sorted: &[i64], second: i64) -> usize {
    let from = sorted.partition_point(|other| *other < second.saturating_sub(TOGETHER_SECONDS));
    let to = sorted.partition_point(|other| *other <= second.saturating_add(TOGETHER_SECONDS));
    to.saturating_sub(from)
}
