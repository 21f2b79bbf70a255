//! A process that ended, as far as it matters to whose kill a kill was.

use super::kills::Group;
use super::running::Running;
use super::signal;
use super::when::{Agreement, SAME, agreement, apart};
use super::witnesses::is_python;
use crate::facts::{CgroupOwner, unit_of_cgroup_path};
use crate::gunicorn::log::Told;
use crate::kernel_log::Settled;
use crate::triage::{Ended, How, MasterEnd, MasterHow, Material};
use crate::units::Pid;
use bstr::ByteSlice;
use jiff::{SignedDuration, Timestamp};

/// A master that is idle writes nothing, so its last line may be long before its end. That nobody else has its number is
/// sure for as long: process ids come again after 32,768 processes at the earliest.
const IDLE: SignedDuration = SignedDuration::from_mins(1);

/// For so long at most a master's end is looked for behind its last line, where no later line bounds it: a log that is
/// rotated daily has one line a day at least.
const SILENT: SignedDuration = SignedDuration::from_hours(24);

/// Whether Gunicorn counts processes as the host does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// It does.
    Host,
    /// It runs in a pid namespace of its own.
    Other,
    /// Nothing tells.
    Unsaid,
}

/// A process id as Gunicorn writes it, and as the kernel may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// In Gunicorn's log.
    pub own: Pid,
    /// In the kernel's.
    pub on_host: Pid,
}

/// A worker or a master that ended.
#[derive(Debug, Clone, Copy)]
pub struct Life<'a> {
    /// It, where the log tells which one it was.
    pub pid: Option<Pid>,
    candidates: &'a [Pid],
    host_pid: Option<Pid>,
    master: Option<Pid>,
    /// When it was found to have ended; of a master, when it last lived.
    pub time: Option<Timestamp>,
    /// Until when it had ended; none for a worker, whose time is to the second.
    until: Option<Timestamp>,
    /// Whose process ids its log has.
    pub namespace: Namespace,
    /// Its unit.
    pub unit: Option<&'a str>,
    /// The service that runs in its place now.
    pub running: Option<Running<'a>>,
    /// Whether the kernel may have killed it, by what Gunicorn says.
    pub may_be_kernels: bool,
    /// Whether its master had reason to kill it: then only a kill of this very process speaks against that.
    pub timed_out: bool,
}

impl<'a> Life<'a> {
    /// A worker's.
    pub fn of_worker(material: &'a Material, ended: &'a Ended) -> Self {
        let unit = unit(material, ended.source, &ended.told);
        let running = Running::of(material, unit, ended.master);
        let is_killed = match ended.how {
            How::Told(ending) => signal::of(ending) == Some(signal::KILL),
            How::Silent => true,
            How::Exited => false,
        };
        Self {
            pid: ended.pid,
            candidates: &ended.candidates,
            host_pid: ended.context.host_pid,
            master: ended.master,
            time: ended.time,
            until: None,
            namespace: namespace(ended.master, &ended.told, running),
            unit,
            running,
            may_be_kernels: is_killed,
            timed_out: ended.context.timed_out.is_some(),
        }
    }

    /// A master's.
    pub fn of_master(material: &'a Material, end: &'a MasterEnd) -> Self {
        let unit = unit(material, end.source, &end.told);
        let running = Running::of(material, unit, Some(end.pid));
        let written = |told: &Told| told.frame_pid.filter(|_| told.writer == Some(end.pid));
        let time = end.time;
        Self {
            pid: Some(end.pid),
            candidates: &[],
            host_pid: end.told.iter().find_map(written),
            master: Some(end.pid),
            time,
            until: end.noticed.or(time.map(|time| add(time, SILENT))),
            namespace: namespace(Some(end.pid), &end.told, running),
            unit,
            running,
            may_be_kernels: matches!(end.how, MasterHow::Lost | MasterHow::Open),
            timed_out: false,
        }
    }

    /// The numbers that the kernel may know it by.
    pub fn numbers(&self) -> Vec<Number> {
        let own = self.pid.iter().chain(self.candidates.iter().filter(|_| self.pid.is_none())).copied();
        let same = own.filter(|_| self.namespace != Namespace::Other).map(|own| Number { own, on_host: own });
        let framed = self.pid.zip(self.host_pid).map(|(own, on_host)| Number { own, on_host });
        let framed = framed.filter(|number| number.own != number.on_host && self.namespace != Namespace::Host);
        same.chain(framed).collect()
    }

    /// Whether its end was told after a kill, as far as whole seconds tell: where no number says whose kill it was, one that
    /// came later is another's.
    pub fn is_told_after(&self, settled: &Settled) -> bool {
        let Some((time, moment)) = self.until.or(self.time).zip(settled.moment) else { return true };
        let own = i64::try_from(moment.uncertainty.micros).map_or(SAME, SignedDuration::from_micros);
        moment.time <= add(time, SECOND + own.min(SAME))
    }

    /// From when to when its kill may have been written.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let time = self.time?;
        let early = SAME * 2;
        Some((add(time, -early), add(self.until.unwrap_or(time), early)))
    }

    /// How well the time of a kill agrees with that of its end.
    pub fn agreement(&self, settled: &Settled) -> Option<Agreement> {
        let (Some(time), Some(until), Some(moment)) = (self.time, self.until, settled.moment) else {
            return agreement(self.time, settled.moment);
        };
        let behind = moment.time.duration_since(time);
        if -SAME <= behind && moment.time <= add(until, SAME) {
            let is_bounded = until.duration_since(time) < SILENT || behind <= IDLE;
            return Some(if is_bounded { Agreement::Same } else { Agreement::Shifted });
        }
        // In another zone, or with a clock that drifted, only the last line itself is a point to compare with.
        agreement(self.time, settled.moment).filter(|agreement| *agreement == Agreement::Shifted)
    }

    /// Whether a kill is near what was seen of its end. Between the last line of a master and the next one's first there may
    /// be hours, and kills of others.
    pub fn is_close(&self, settled: &Settled) -> bool {
        let Some(kill) = settled.moment.map(|moment| moment.time) else { return false };
        self.until.is_none() || [self.time, self.until].into_iter().flatten().any(|seen| apart(seen, kill) <= IDLE)
    }

    /// How far the kill is from it.
    pub fn distance(&self, settled: &Settled) -> SignedDuration {
        self.time.zip(settled.moment).map_or(SignedDuration::MAX, |(time, moment)| apart(time, moment.time))
    }

    /// Whose control group a kill was in.
    pub fn group(&self, settled: &Settled) -> Group {
        let Some(path) = settled.kill.task_memcg.as_deref().map(|path| path.to_str_lossy()) else {
            return Group::Unsaid;
        };
        let own = self.running.and_then(|running| running.service.cgroup.known());
        let id = self.running.and_then(|running| running.service.container.as_ref()?.id.as_deref());
        let owner = unit_of_cgroup_path(&path);
        match (own, self.unit, owner) {
            _ if id.is_some_and(|id| id.len() >= SHORTEST_ID && path.contains(id)) => Group::Own,
            (Some(own), ..) if is_within(&path, &own.path) => Group::Own,
            (_, Some(unit), CgroupOwner::SystemUnit(of) | CgroupOwner::UserUnit { unit: of, .. }) => {
                if of == unit {
                    Group::Own
                } else {
                    Group::Other
                }
            }
            // A container that was started again has another group.
            (Some(_), _, CgroupOwner::Container(_)) => Group::Unsaid,
            (Some(_), ..) => Group::Other,
            (None, ..) => Group::Unsaid,
        }
    }

    /// Whether the report of a kill lists its master by the number that Gunicorn knows it by.
    pub fn lists_master(&self, settled: &Settled) -> bool {
        let mut tasks = settled.kill.report.tasks.iter();
        self.master.is_some() && tasks.any(|task| Some(task.pid) == self.master && is_python(&task.comm))
    }

    /// Whether a kill may be one of its own although the numbers differ: it hit the group that its master is in, or a
    /// container, and the report lists no such master.
    pub fn is_elsewhere(&self, settled: &Settled) -> bool {
        let path = settled.kill.task_memcg.as_deref().map(|path| path.to_str_lossy());
        let in_container = || path.is_some_and(|path| matches!(unit_of_cgroup_path(&path), CgroupOwner::Container(_)));
        let has_table = !settled.kill.report.tasks.is_empty();
        match self.namespace {
            Namespace::Host => false,
            Namespace::Other => true,
            Namespace::Unsaid if self.lists_master(settled) => false,
            Namespace::Unsaid => has_table && self.group(settled) == Group::Own || in_container(),
        }
    }
}

/// The beginning of a container's id that tools show is 12 digits; a shorter one may be part of another name.
const SHORTEST_ID: usize = 12;

fn add(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_add(span).unwrap_or(time)
}

fn is_within(path: &str, group: &str) -> bool {
    group.len() > 1 && path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The unit of a log, or of the lines of it that tell of this end.
fn unit<'a>(material: &'a Material, source: usize, told: &'a [Told]) -> Option<&'a str> {
    let of_log = material.sources.get(source).and_then(|source| source.unit.as_deref());
    of_log.or_else(|| told.iter().find_map(|told| told.unit.as_deref()))
}

/// The step of Gunicorn's stamps.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The first numbers of a host are its init and threads of the kernel, some tens on the smallest machine.
const OF_THE_KERNEL: i32 = 30;

fn namespace(master: Option<Pid>, told: &[Told], running: Option<Running<'_>>) -> Namespace {
    let framed = |told: &Told| told.writer.zip(told.frame_pid);
    if told.iter().filter_map(framed).any(|(writer, frame)| writer == frame) {
        return Namespace::Host;
    }
    if master.is_some_and(|master| master.0 <= OF_THE_KERNEL) {
        return Namespace::Other;
    }
    // Equal numbers prove nothing: this very program may run in the same namespace as Gunicorn.
    let differs = |running: &Running<'_>| running.service.master.pid != running.service.master.inner_pid;
    match running.filter(|running| running.is_same_master && differs(running)) {
        Some(_) => Namespace::Other,
        None => Namespace::Unsaid,
    }
}
