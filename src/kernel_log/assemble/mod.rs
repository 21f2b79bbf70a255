//! Puts the lines of reports together: which kill belongs to which report, and which lines are no kill.

mod doubt;
mod events;
mod open;
#[cfg(test)]
mod tests;

use super::lines::trigger::invoked;
use super::lines::victim::{Victim, group, killed, sharing};
use super::{BootId, Kill, Origin, Part, Record, Scope, Sink, Stamp};
use crate::units::Pid;
use doubt::Doubts;
use events::Events;
pub use events::ToldEvent;
use open::{Open, Pick};
use std::sync::Arc;

/// Reports that are kept open at a time. The kernel writes one after the other (`oom_lock`, Linux 4.2); more are open
/// only where the logs of several hosts are in one file.
const MOST_OPEN: usize = 16;

/// Kills that are kept. A host in a loop of kills makes some thousands a day.
const MOST_KILLS: usize = 65_536;

/// Rows of tables that are kept over all reports: with names some 100 bytes each.
const MOST_ROWS: usize = 262_144;

/// The same process told twice within this time was killed once: the members of a control group that is killed as a
/// whole are listed again a moment later (Linux 5.x).
const SAME_KILL_MICROS: u64 = 5_000_000;

/// Records within which the second half of a line must follow, where a name's newline tore it.
const HALF_LINE_WAITS: u8 = 8;

/// The longest name of a process (TASK_COMM_LEN less its end).
const LONGEST_NAME: usize = 15;

/// What was found in a source.
#[derive(Debug, Default)]
pub struct Found {
    /// The kills, in the order of the log.
    pub kills: Vec<Kill>,
    /// Kills that were not kept, for their number.
    pub left_out: u64,
    /// Lines that claim to be the kernel's and speak of a kill, but do not fit the kernel's other lines.
    pub doubted: u64,
    /// Other lines that tell why a worker vanished, where they were asked for.
    pub events: Vec<ToldEvent>,
    /// Events that were not kept, for their number: the earliest of their kind.
    pub events_left_out: u64,
    /// Messages whose text the tool that wrote the log left out (`[82B blob data]` of journalctl).
    pub hidden: u64,
}

/// Takes records in order and finds kills.
#[derive(Debug, Default)]
pub struct Assembler {
    open: Vec<Open>,
    half: Option<Half>,
    fragment: Option<(Stamp, Vec<u8>)>,
    rows: usize,
    doubts: Doubts,
    events: Option<Events>,
    found: Found,
}

/// The first half of a line about a kill.
#[derive(Debug)]
struct Half {
    text: Vec<u8>,
    host: Vec<u8>,
    boot: Option<BootId>,
    stamp: Stamp,
    offset: u64,
    wait: u8,
}

impl Sink for Assembler {
    fn record(&mut self, record: &Record<'_>) {
        if let Some(events) = &mut self.events {
            events.take(record);
        }
        if record.origin == Origin::Other {
            return;
        }
        if record.message.ends_with(b"B blob data]") {
            self.found.hidden += 1;
        }
        let is_second_half = self.takes_second_half(record);
        if !is_second_half {
            self.line(record);
        }
        self.remember_fragment(record);
        self.doubts.pass(record, &mut self.found);
    }

    fn gap(&mut self) {
        self.give_up_half();
        self.open.clear();
        self.fragment = None;
        self.doubts.gap();
    }
}

impl Assembler {
    /// One that collects other events as well, in the same pass.
    pub fn with_events() -> Self {
        Self { events: Some(Events::default()), ..Self::default() }
    }

    /// What was found, once the source has ended.
    pub fn finish(mut self) -> Found {
        self.gap();
        if let Some(events) = self.events {
            (self.found.events, self.found.events_left_out) = events.finish();
        }
        self.found
    }

    fn line(&mut self, record: &Record<'_>) {
        let message = record.message;
        if let Some(victim) = killed(message) {
            match victim.is_whole {
                true => self.killed(record, &victim),
                false => self.half = Some(Half::of(record)),
            }
        } else if let Some(invoked) = invoked(message) {
            let mut open = Open::at(record);
            open.invoked(&invoked);
            if let Some(name) = self.torn_name(record, invoked.comm) {
                open.rename_trigger(name);
            }
            self.push(open);
        } else if let Some((pid, comm)) = sharing(message) {
            self.shared(record, pid, comm);
        } else if let Some(path) = group(message) {
            self.group(record, path);
        } else {
            self.report_line(record);
        }
    }

    fn push(&mut self, open: Open) {
        if self.open.len() >= MOST_OPEN {
            self.open.remove(0);
        }
        self.open.push(open);
    }

    /// A line of a report that names nobody who is killed.
    fn report_line(&mut self, record: &Record<'_>) {
        let current = self.open.iter_mut().rev().find(|open| open.may_hold(record));
        if let Some(open) = current.filter(|open| !open.is_over() && !open.is_of_another(record.message)) {
            if open.takes_inner_line(record.message) || open.takes_own_line(record.message) {
                open.touch(record);
            }
            return;
        }
        // The head of the report is lost, or was suppressed.
        let mut headless = Open::at(record);
        if headless.takes_own_line(record.message) {
            self.push(headless);
        }
    }

    fn group(&mut self, record: &Record<'_>, path: &[u8]) {
        if let Some(open) = self.open.iter_mut().rev().find(|open| open.may_hold(record)) {
            open.group_is_killed(path);
            open.touch(record);
            return;
        }
        let mut open = Open::at(record);
        open.group_is_killed(path);
        self.push(open);
    }

    fn shared(&mut self, record: &Record<'_>, pid: Pid, comm: &[u8]) {
        let victim = Victim { pid, comm, is_whole: true, uid: None, sizes: Default::default(), scope: Scope::Unknown };
        // Without a kill before it, the line has no report that it could belong to.
        let owner = self.open.iter().rposition(|open| open.may_hold(record) && open.is_over());
        self.add(record, &victim, owner.map(|at| (at, Part::SharesMemory)));
    }

    fn killed(&mut self, record: &Record<'_>, victim: &Victim<'_>) {
        let owner = self.owner(record, victim.pid);
        self.add(record, victim, owner);
    }

    /// The report that a kill belongs to, and the part of the victim in it.
    fn owner(&self, record: &Record<'_>, pid: Pid) -> Option<(usize, Part)> {
        let near = || self.open.iter().enumerate().rev().filter(|(_, open)| open.may_hold(record));
        let named = near().find(|(_, open)| open.names(pid)).map(|(at, _)| (at, Part::Chosen));
        let member = || near().find(|(_, open)| open.report.group.is_some()).map(|(at, _)| (at, Part::Group));
        let child = || near().find(|(_, open)| open.waits_for_child()).map(|(at, _)| (at, Part::Child));
        let listed = || near().find(|(_, open)| !open.is_over() && open.pick == Pick::None && open.has_task(pid));
        let only = || near().find(|(_, open)| !open.is_over() && open.pick == Pick::None);
        named.or_else(member).or_else(child).or_else(|| listed().or_else(only).map(|(at, _)| (at, Part::Chosen)))
    }

    fn add(&mut self, record: &Record<'_>, victim: &Victim<'_>, owner: Option<(usize, Part)>) {
        let part = owner.map_or(Part::Chosen, |(_, part)| part);
        let open = owner.and_then(|(at, _)| self.open.get_mut(at));
        let in_same_report = open.as_ref().is_some_and(|open| open.is_over());
        let is_looked_for = open.is_none() || in_same_report;
        let told = is_looked_for.then(|| told(&self.found.kills, record, victim.pid, in_same_report)).flatten();
        if let (Some(open), Part::Chosen | Part::Child | Part::Group) = (open, part) {
            open.killed = open.killed.saturating_add(1);
            open.touch(record);
        }
        if let Some(kill) = told.and_then(|at| self.found.kills.get_mut(at)) {
            kill.lines = kill.lines.saturating_add(1);
            return;
        }
        if self.found.kills.len() >= MOST_KILLS {
            self.found.left_out += 1;
            return;
        }
        let open = owner.and_then(|(at, _)| self.open.get(at));
        let mut kill = kill(record, victim, open, part);
        if self.is_mixed(record, owner.map(|(at, _)| at)) {
            Arc::make_mut(&mut kill.report).trigger = None;
        }
        self.bound_rows(&mut kill);
        self.doubts.ask(record, self.found.kills.len());
        self.found.kills.push(kill);
    }

    /// Whether another report has begun and got no further than its head: then two were written at the same time, and
    /// which of the two heads belongs to this kill cannot be told.
    fn is_mixed(&self, record: &Record<'_>, owner: Option<usize>) -> bool {
        let others = self.open.iter().enumerate().filter(|(at, _)| Some(*at) != owner);
        others.map(|(_, open)| open).any(|open| open.may_hold(record) && open.is_head_only())
    }

    /// Keeps the tables of all reports within bounds; those of the first kills are kept.
    fn bound_rows(&mut self, kill: &mut Kill) {
        let is_shared = self.found.kills.last().is_some_and(|last| Arc::ptr_eq(&last.report, &kill.report));
        if is_shared {
            return;
        }
        self.rows += kill.report.tasks.len();
        if self.rows > MOST_ROWS {
            let report = Arc::make_mut(&mut kill.report);
            report.tasks_left_out += report.tasks.len() as u64;
            report.tasks = vec![];
        }
    }

    fn takes_second_half(&mut self, record: &Record<'_>) -> bool {
        let Some(half) = self.half.as_mut().filter(|half| half.host == record.host && half.boot == record.boot) else {
            return false;
        };
        let end = memchr::memmem::find(record.message, b") total-vm:")
            .or_else(|| memchr::memmem::find(record.message, b") vsz:"));
        if end.is_some_and(|end| end <= LONGEST_NAME) && killed(record.message).is_none() {
            half.text.push(b'\n');
            half.text.extend_from_slice(record.message);
            self.give_up_half();
            return true;
        }
        half.wait = half.wait.saturating_sub(1);
        if half.wait == 0 {
            self.give_up_half();
        }
        false
    }

    /// Takes the half as it is: the process was killed, whatever became of the end of its name.
    fn give_up_half(&mut self) {
        let Some(half) = self.half.take() else { return };
        let record = half.record();
        if let Some(victim) = killed(&half.text) {
            self.killed(&record, &victim);
        }
    }

    /// A message that is no longer than a name may be the first half of one.
    fn remember_fragment(&mut self, record: &Record<'_>) {
        let may_be_name = record.message.len() <= LONGEST_NAME;
        self.fragment = may_be_name.then(|| (record.stamp, record.message.to_vec()));
    }

    /// The whole name of a trigger whose newline tore the line: both halves have the very same stamp.
    fn torn_name(&self, record: &Record<'_>, comm: &[u8]) -> Option<Vec<u8>> {
        let (stamp, first) = self.fragment.as_ref()?;
        let is_same = record.stamp.boot_micros.is_some() && *stamp == record.stamp;
        (is_same && first.len() + comm.len() < LONGEST_NAME).then(|| [first, &b"\n"[..], comm].concat())
    }
}

impl Half {
    fn of(record: &Record<'_>) -> Self {
        Self {
            text: record.message.to_vec(),
            host: record.host.to_vec(),
            boot: record.boot,
            stamp: record.stamp,
            offset: record.offset,
            wait: HALF_LINE_WAITS,
        }
    }

    fn record(&self) -> Record<'_> {
        Record {
            message: &self.text,
            origin: Origin::Kernel,
            level: None,
            stamp: self.stamp,
            boot: self.boot,
            host: &self.host,
            caller: None,
            continues: false,
            sequence: None,
            offset: self.offset,
        }
    }
}

/// The kill of this process that was told a moment ago. Where the log has no clock, only within one report.
fn told(kills: &[Kill], record: &Record<'_>, pid: Pid, in_same_report: bool) -> Option<usize> {
    // A whole control group has at most some hundred members.
    const LOOK_BACK: usize = 1024;
    let mut recent = kills.iter().enumerate().rev().take(LOOK_BACK);
    let same = recent.find(|(_, kill)| {
        let apart = kill.stamp.micros_apart(&record.stamp);
        let is_near = apart.map_or(in_same_report, |apart| apart <= SAME_KILL_MICROS);
        kill.pid == pid && kill.host == record.host && kill.boot == record.boot && is_near
    });
    same.map(|(at, _)| at)
}

fn kill(record: &Record<'_>, victim: &Victim<'_>, open: Option<&Open>, part: Part) -> Kill {
    let is_picked = part == Part::Chosen || part == Part::Child;
    let group = || open.and_then(|open| open.report.group.clone());
    let task_memcg = open.filter(|_| is_picked).and_then(|open| open.task_memcg.clone()).or_else(group);
    let picked_uid = open.filter(|_| part == Part::Chosen).and_then(|open| open.uid);
    Kill {
        pid: victim.pid,
        comm: victim.comm.to_vec(),
        uid: victim.uid.or(picked_uid),
        part,
        scope: open.map_or(victim.scope, |open| open.scope_of(victim)),
        sizes: victim.sizes.with_pgtables_of(open.and_then(|open| open.report.kernel.as_deref())),
        task_memcg,
        report: open.map(|open| open.report.clone()).unwrap_or_default(),
        lines: 1,
        stamp: record.stamp,
        boot: record.boot,
        host: record.host.to_vec(),
        offset: record.offset,
    }
}
