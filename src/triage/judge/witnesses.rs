//! What everybody but Gunicorn says, ready to be asked by time.

use super::when::{MANAGERS, SAME, is_around};
use super::{boot, evidence};
use crate::gunicorn::log::{ManagerEvent, Said, Told};
use crate::kernel_log::{Event, Settled};
use crate::triage::{Ended, Evidence, KernelEvent, MasterEnd, Material};
use crate::units::Pid;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Lines around one time that are looked at: as many within seconds are an attack, and each death would look at all of them.
const MOST_AROUND: usize = 1_024;

/// A line of a service manager or of a killer in user space.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// When.
    pub time: Timestamp,
    /// What it says.
    pub event: &'a ManagerEvent,
    told: &'a Told,
}

/// The step of Gunicorn's stamps, and of those of syslog.
const STEP: SignedDuration = SignedDuration::from_secs(1);

impl Line<'_> {
    /// Whether it was written before a line of Gunicorn; in another log also where whole seconds do not tell.
    pub fn is_before(&self, told: &Told) -> bool {
        match self.told.source == told.source {
            true => self.told.place < told.place,
            false => told.time.is_some_and(|time| self.time.duration_since(time) < STEP),
        }
    }
}

/// All witnesses.
pub struct Witnesses<'a> {
    material: &'a Material,
    managers: Vec<Line<'a>>,
    kernel: Vec<(Timestamp, &'a KernelEvent)>,
    /// Lines of a kernel log without a clock.
    timeless: Vec<&'a KernelEvent>,
    kills: Vec<(Timestamp, &'a Settled)>,
    only_unit: Option<&'a str>,
    masters: BTreeMap<Pid, Vec<(Timestamp, &'a MasterEnd)>>,
    unbooted: BTreeMap<Pid, Vec<(Timestamp, &'a Ended)>>,
}

impl<'a> Witnesses<'a> {
    /// Puts them in order of time. Those without one may be of any boot.
    pub fn of(material: &'a Material) -> Self {
        let line = |(_, told): &'a (usize, Told)| match &told.said {
            Said::Manager(event) => told.time.map(|time| Line { time, event, told }),
            Said::Gunicorn(_) => None,
        };
        let mut managers: Vec<Line<'a>> = material.manager.iter().filter_map(line).collect();
        managers.sort_by_key(|line| line.time);
        let timed = |event: &'a KernelEvent| event.moment.map(|moment| (moment.time, event));
        let mut kernel: Vec<(Timestamp, &KernelEvent)> = material.events.iter().filter_map(timed).collect();
        kernel.sort_by_key(|(time, _)| *time);
        let timeless = material.events.iter().filter(|event| event.moment.is_none()).collect();
        let timed = |settled: &'a Settled| settled.moment.map(|moment| (moment.time, settled));
        let mut kills: Vec<(Timestamp, &Settled)> = material.kills.iter().filter_map(timed).collect();
        kills.sort_by_key(|(time, _)| *time);
        let units: BTreeSet<&str> = managers.iter().filter_map(|line| line.event.unit()).collect();
        // Where logs were named, a journal of one unit beside a log is the journal of that log's service.
        let only_unit = units.first().copied().filter(|_| units.len() == 1 && material.facts.is_none());
        let masters = material.masters.iter().filter_map(|end| Some((end.pid, (end.time?, end))));
        let unbooted = material.ended.iter().filter(|ended| boot::is_failure(ended.how));
        let unbooted = unbooted.filter_map(|ended| Some((ended.master?, (ended.time?, ended))));
        let (masters, unbooted) = (by_master(masters), by_master(unbooted));
        Self { material, managers, kernel, timeless, kills, only_unit, masters, unbooted }
    }

    /// Workers of a master that ended around a time with a status for which it gives up.
    pub fn unbooted(&self, master: Option<Pid>, time: Option<Timestamp>) -> impl Iterator<Item = &'a Ended> {
        of_master(&self.unbooted, master, time)
    }

    /// The ends of masters with this number around a time: over the years there may be several.
    pub fn masters(&self, pid: Option<Pid>, time: Option<Timestamp>) -> impl Iterator<Item = &'a MasterEnd> {
        of_master(&self.masters, pid, time)
    }

    /// Lines of managers around a time.
    pub fn managers(
        &self,
        time: Option<Timestamp>,
        before: SignedDuration,
        after: SignedDuration,
    ) -> impl Iterator<Item = Line<'a>> {
        around(&self.managers, |line| line.time, time, before, after).copied()
    }

    /// Lines of managers around a time that speak of a unit; of a log without a unit, those of the only unit that any
    /// line speaks of.
    pub fn of_unit(
        &self,
        unit: Option<&'a str>,
        time: Option<Timestamp>,
        before: SignedDuration,
        after: SignedDuration,
    ) -> impl Iterator<Item = Line<'a>> {
        let wanted = unit.or(self.only_unit);
        self.managers(time, before, after).filter(move |line| wanted.is_some() && line.event.unit() == wanted)
    }

    /// Lines of the kernel around a time.
    pub fn kernel(
        &self,
        time: Option<Timestamp>,
        before: SignedDuration,
        after: SignedDuration,
    ) -> impl Iterator<Item = &'a KernelEvent> {
        around(&self.kernel, |(time, _)| *time, time, before, after).map(|(_, event)| *event)
    }

    /// Kills by the kernel around a time, whoever was hit.
    pub fn kills(
        &self,
        time: Option<Timestamp>,
        before: SignedDuration,
        after: SignedDuration,
    ) -> impl Iterator<Item = &'a Settled> {
        around(&self.kills, |(time, _)| *time, time, before, after).map(|(_, settled)| *settled)
    }

    /// The kernel's line of a fault, with this signal where it is known, of one of these processes; or of a thread of a
    /// Gunicorn in the same two seconds.
    pub fn fault(&self, time: Option<Timestamp>, pids: &[Pid], signal: Option<i32>) -> Option<ToldFault<'a>> {
        let read = |event: &'a KernelEvent| {
            let fault = Fault::of(&event.event)?;
            let fits = signal.is_none() || fault.signal.is_none() || fault.signal == signal;
            fits.then_some((event, fault))
        };
        let told = |is_its_own| move |(event, fault)| ToldFault { event, fault, is_its_own };
        let near = || self.kernel(time, SAME, SAME).filter_map(read);
        let of_it = near().find(|(_, fault)| pids.contains(&fault.thread)).map(told(true));
        // Only the first thread of a process has its number; another is known by its name alone.
        let of_thread = || near().find(|(_, fault)| is_python(fault.comm)).map(told(false));
        let is_alike = |fault: &Fault<'_>| pids.contains(&fault.thread) && is_python(fault.comm);
        let timeless = || self.timeless.iter().copied().filter_map(read).find(|(_, fault)| is_alike(fault));
        of_it.or_else(of_thread).or_else(|| timeless().map(told(false)))
    }

    /// The line as evidence.
    pub fn evidence(&self, line: &Line<'a>) -> Evidence {
        evidence::told(&self.material.sources, line.told)
    }
}

/// Those of each master, in order of time.
fn by_master<T>(all: impl Iterator<Item = (Pid, (Timestamp, T))>) -> BTreeMap<Pid, Vec<(Timestamp, T)>> {
    let mut by: BTreeMap<Pid, Vec<(Timestamp, T)>> = BTreeMap::new();
    all.for_each(|(master, one)| by.entry(master).or_default().push(one));
    by.values_mut().for_each(|of| of.sort_by_key(|(time, _)| *time));
    by
}

/// Those of a master around a time.
fn of_master<'a, T>(
    by: &BTreeMap<Pid, Vec<(Timestamp, &'a T)>>,
    master: Option<Pid>,
    time: Option<Timestamp>,
) -> impl Iterator<Item = &'a T> {
    let all = master.and_then(|master| by.get(&master)).map(Vec::as_slice).unwrap_or_default();
    around(all, |(time, _)| *time, time, MANAGERS, MANAGERS).map(|(_, one)| *one)
}

/// The part of a list, in order of time, that is around a time.
fn around<T>(
    all: &[T],
    time_of: impl Fn(&T) -> Timestamp,
    time: Option<Timestamp>,
    before: SignedDuration,
    after: SignedDuration,
) -> impl Iterator<Item = &T> {
    let from = time.map_or(all.len(), |time| {
        all.partition_point(|one| time_of(one) < time && !is_around(time_of(one), time, before, after))
    });
    let rest = all.get(from..).unwrap_or_default().iter();
    rest.take(MOST_AROUND).take_while(move |one| time.is_some_and(|time| is_around(time_of(one), time, before, after)))
}

/// Names that a Gunicorn's processes have: that of the console script, of the interpreter, or what setproctitle makes it.
pub fn is_python(comm: &[u8]) -> bool {
    comm.starts_with(b"gunicorn") || comm.starts_with(b"python") || comm.starts_with(b"[ready] gunicor")
}

/// A fault, and whose.
#[derive(Debug, Clone, Copy)]
pub struct ToldFault<'a> {
    /// The kernel's line.
    pub event: &'a KernelEvent,
    /// What it says.
    pub fault: Fault<'a>,
    /// Whether it names the process by its number; else it is a thread of some Gunicorn, in the same two seconds.
    pub is_its_own: bool,
}

/// A fault as the kernel tells it.
#[derive(Debug, Clone, Copy)]
pub struct Fault<'a> {
    /// The thread, in the host's pid namespace.
    pub thread: Pid,
    /// Its name.
    pub comm: &'a [u8],
    /// The file the instruction was in.
    pub object: Option<&'a [u8]>,
    /// The signal that follows, where there is only one.
    pub signal: Option<i32>,
}

impl<'a> Fault<'a> {
    fn of(event: &'a Event) -> Option<Self> {
        let (thread, comm, object, signal) = match event {
            Event::Segfault(fault) => (fault.tid, &fault.comm, fault.object.as_ref(), Some(11)),
            Event::Trap(trap) => (trap.tid, &trap.comm, trap.object.as_ref(), None),
            Event::UnhandledException(fault) => (fault.tid, &fault.comm, fault.object.as_ref(), None),
            Event::Seccomp(call) if call.signal == 31 => (call.tid, &call.comm, None, Some(31)),
            _ => return None,
        };
        let object = object.map(|object| object.file.as_bytes());
        Some(Self { thread: Pid(i32::try_from(thread).ok()?), comm: comm.as_bytes(), object, signal })
    }
}
