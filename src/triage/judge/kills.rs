//! Which kill of the kernel's was whose: each kill is used once.
//!
//! The kernel speaks of process ids of the host, Gunicorn of those of its own pid namespace. Where these are one, ids
//! tell; else control group, time and order. Ids are reused, so a time that disagrees speaks against both.

use super::life::{Life, Namespace};
use super::when::{Agreement, SAME};
use super::witnesses::is_python;
use crate::facts::{CgroupOwner, unit_of_cgroup_path};
use crate::kernel_log::Settled;
use crate::triage::Material;
use crate::units::Pid;
use bstr::ByteSlice;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Kills that one death is compared with, by time or by number: as many in one place are an attack, and each death would look
/// at all of them.
const MOST_COMPARED: usize = 1_024;

/// A kill, and how sure it is that it was this process.
#[derive(Debug, Clone, Copy)]
pub struct Match<'a> {
    /// The kill.
    pub settled: &'a Settled,
    /// By what.
    pub by: By,
    /// Which of those that may have died, as Gunicorn numbers it, where that is told.
    pub pid: Option<Pid>,
}

/// What ties a kill to a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Process id, and time to the second.
    PidAndTime,
    /// Process id, and the kernel's table of processes, which lists its master.
    PidAndTable,
    /// Process id alone, since one of the logs has no clock, or their clocks do not agree.
    Pid,
    /// Control group, time and order, over a pid namespace.
    GroupAndTime,
    /// Time and order, over a pid namespace; its control group is not known.
    Time,
    /// Time and order; that there is another pid namespace is only likely.
    TimeAlone,
}

/// The kills, and which of them are used.
struct Kills<'a> {
    all: &'a [Settled],
    by_pid: BTreeMap<Pid, Vec<usize>>,
    used: BTreeSet<usize>,
}

/// Finds the kill of each life, in their order.
pub fn join<'a>(material: &'a Material, lives: &[Life<'a>]) -> Vec<Option<Match<'a>>> {
    let mut kills = Kills::of(&material.kills);
    let mut found: Vec<Option<Match<'a>>> = vec![None; lives.len()];
    let mut order: Vec<usize> =
        (0..lives.len()).filter(|at| lives.get(*at).is_some_and(|l| l.may_be_kernels)).collect();
    order.sort_by_key(|at| lives.get(*at).and_then(|life| life.time));
    let mut pass = |by: &mut dyn FnMut(&Life<'a>) -> Option<Match<'a>>| {
        for at in &order {
            if let (Some(life), Some(slot @ None)) = (lives.get(*at), found.get_mut(*at)) {
                *slot = by(life);
            }
        }
    };
    for wanted in [Agreement::Same, Agreement::Shifted, Agreement::Timeless] {
        pass(&mut |life| kills.by_number(life, wanted));
    }
    for wanted in [Group::Own, Group::Unsaid] {
        pass(&mut |life| kills.by_group(life, wanted));
    }
    kills.by_order(lives, &order, &mut found);
    found
}

/// Whose control group a kill was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The service's.
    Own,
    /// Nobody knows.
    Unsaid,
    /// Another's.
    Other,
}

impl<'a> Kills<'a> {
    fn of(all: &'a [Settled]) -> Self {
        let mut by_pid: BTreeMap<Pid, Vec<usize>> = BTreeMap::new();
        for (at, settled) in all.iter().enumerate() {
            by_pid.entry(settled.kill.pid).or_default().push(at);
        }
        Self { all, by_pid, used: BTreeSet::new() }
    }

    fn free(&self, at: usize) -> Option<&'a Settled> {
        self.all.get(at).filter(|_| !self.used.contains(&at))
    }

    /// The kill of one of its numbers that agrees so well; of several the nearest.
    fn by_number(&mut self, life: &Life<'a>, wanted: Agreement) -> Option<Match<'a>> {
        if life.timed_out && wanted != Agreement::Same {
            return None;
        }
        let mut best: Option<(SignedDuration, usize, Match<'a>)> = None;
        for number in life.numbers() {
            for at in self.of_number(number.on_host, life.time) {
                let Some(settled) = self.free(at) else { continue };
                let agrees = life.agreement(settled) == Some(wanted);
                let is_known = life.namespace == Namespace::Host && wanted == Agreement::Same;
                let fits = is_known || is_python(&settled.kill.comm) && life.group(settled) != Group::Other;
                let far = life.distance(settled);
                if agrees && fits && best.as_ref().is_none_or(|(least, ..)| far < *least) {
                    let by = match wanted {
                        Agreement::Same => By::PidAndTime,
                        _ if life.lists_master(settled) => By::PidAndTable,
                        _ => By::Pid,
                    };
                    best = Some((far, at, Match { settled, by, pid: Some(number.own) }));
                }
            }
        }
        let (_, at, found) = best?;
        self.used.insert(at);
        Some(found)
    }

    /// The kills of a number; of very many those that are around a time.
    fn of_number(&self, pid: Pid, time: Option<Timestamp>) -> Vec<usize> {
        let all = self.by_pid.get(&pid).map(Vec::as_slice).unwrap_or_default();
        let is_before = |at: &usize| {
            let moment = self.all.get(*at).and_then(|settled| settled.moment);
            moment.zip(time).is_some_and(|(moment, time)| moment.time < time)
        };
        let from = all.partition_point(is_before).saturating_sub(MOST_COMPARED / 2);
        all.iter().skip(from).take(MOST_COMPARED).copied().collect()
    }

    /// The first kill of its control group in the same two seconds.
    fn by_group(&mut self, life: &Life<'a>, wanted: Group) -> Option<Match<'a>> {
        let by = match (wanted, life.namespace) {
            _ if life.timed_out => return None,
            (_, Namespace::Host) | (Group::Other, _) => return None,
            (Group::Own, _) => By::GroupAndTime,
            (Group::Unsaid, Namespace::Other) => By::Time,
            (Group::Unsaid, Namespace::Unsaid) => By::TimeAlone,
        };
        let at = self.within(life.span()?).find(|at| {
            self.free(*at).is_some_and(|settled| {
                life.group(settled) == wanted
                    && is_python(&settled.kill.comm)
                    && life.agreement(settled) == Some(Agreement::Same)
                    && life.is_told_after(settled)
                    && life.is_elsewhere(settled)
            })
        })?;
        self.used.insert(at);
        let settled = self.all.get(at)?;
        let is_doubtful = by == By::Time && (!life.is_close(settled) || is_of_plain_service(settled));
        Some(Match { settled, by: if is_doubtful { By::TimeAlone } else { by }, pid: life.pid })
    }

    /// Kills from a time to another. They are in order of time, those without one last.
    fn within(&self, (from, to): (Timestamp, Timestamp)) -> impl Iterator<Item = usize> + '_ {
        let first = self.all.partition_point(|settled| settled.moment.is_some_and(|moment| moment.time < from));
        (first..self.all.len()).take(MOST_COMPARED).take_while(move |at| {
            let moment = self.all.get(*at).and_then(|settled| settled.moment);
            moment.is_some_and(|moment| moment.time <= to)
        })
    }

    /// A kernel log without a clock, of another pid namespace: where as many were killed as died, and the times between
    /// them are the same, they are the same.
    fn by_order(&mut self, lives: &[Life<'a>], order: &[usize], found: &mut [Option<Match<'a>>]) {
        let wanted = |life: &Life<'a>| {
            let is_told = life.pid.is_some() && life.time.is_some();
            is_told && !life.timed_out && life.namespace == Namespace::Other
        };
        let dead: Vec<usize> = order
            .iter()
            .copied()
            .filter(|at| found.get(*at).is_some_and(Option::is_none) && lives.get(*at).is_some_and(wanted))
            .collect();
        let is_open = |at: &usize| {
            self.free(*at).is_some_and(|settled| settled.moment.is_none() && is_python(&settled.kill.comm))
        };
        let kills: Vec<usize> = (0..self.all.len()).filter(is_open).collect();
        let mut pairs =
            dead.iter().zip(&kills).filter_map(|(life, kill)| Some((lives.get(*life)?, self.all.get(*kill)?)));
        if dead.len() != kills.len() || dead.is_empty() || !is_one_rhythm(&mut pairs) {
            return;
        }
        let by = if dead.len() > 1 { By::Time } else { By::TimeAlone };
        for (life, kill) in dead.into_iter().zip(kills) {
            let settled = self.all.get(kill);
            if let (Some(slot), Some(settled), Some(life)) = (found.get_mut(life), settled, lives.get(life)) {
                *slot = Some(Match { settled, by, pid: life.pid });
                self.used.insert(kill);
            }
        }
    }
}

/// Whether a kill was in the control group of a service itself: one in a pid namespace of its own is seldom there.
fn is_of_plain_service(settled: &Settled) -> bool {
    let path = settled.kill.task_memcg.as_deref().map(|path| path.to_str_lossy());
    path.is_some_and(|path| {
        path.ends_with(".service") && matches!(unit_of_cgroup_path(&path), CgroupOwner::SystemUnit(_))
    })
}

/// Whether the times between the deaths are those between the kills.
fn is_one_rhythm<'l, 'a: 'l>(pairs: &mut impl Iterator<Item = (&'l Life<'a>, &'a Settled)>) -> bool {
    let offset = |life: &Life<'a>, settled: &Settled| {
        let boot = i64::try_from(settled.kill.stamp.boot_micros?).ok()?;
        Some(life.time?.as_microsecond().saturating_sub(boot))
    };
    let Some(first) = pairs.next().and_then(|(life, settled)| offset(life, settled)) else { return false };
    let most = SAME.as_micros();
    pairs.all(|(life, settled)| offset(life, settled).is_some_and(|next| i128::from(next.abs_diff(first)) <= most))
}
