//! Puts the lines of reports together: which kill belongs to which report, and which lines are no kill.

mod belongs;
mod doubt;
mod events;
mod held;
mod kept;
mod open;
#[cfg(test)]
mod tests;

use super::kill::line;
use super::lines::trigger::invoked;
use super::lines::victim::{Victim, group, killed, sharing};
use super::{Kill, LONGEST_COMM, Origin, Part, Record, Scope, Sink, Stamp};
use crate::units::Pid;
use doubt::Doubts;
use events::Events;
pub use events::ToldEvent;
use held::Held;
use kept::{Kept, SAME_KILL_MICROS, Told};
use open::{FRESH_MICROS, Open};
use std::sync::Arc;

/// Reports that are kept open at a time. The kernel writes one after the other (`oom_lock`, Linux 4.2); more are open
/// only where the logs of several hosts are in one file.
const MOST_OPEN: usize = 16;

/// Records within which the second half of a line must follow, where a name's newline tore it.
const HALF_LINE_WAITS: u32 = 8;

/// What was found in a source.
#[derive(Debug, Default)]
pub struct Found {
    /// The kills, in the order of the log.
    pub kills: Vec<Kill>,
    /// Kills that were not kept, for their number.
    pub left_out: u64,
    /// Where lines are that claim to be the kernel's and speak of a kill, but do not fit the kernel's other lines; bytes.
    pub doubted: Vec<u64>,
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
    /// The first half of a line about a kill.
    half: Option<Held>,
    fragment: Option<(Stamp, Vec<u8>)>,
    kept: Kept,
    /// Records so far.
    count: u64,
    doubts: Doubts,
    events: Option<Events>,
    found: Found,
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
        let passed = self.doubts.pass(record);
        passed.believed.iter().for_each(|held| self.take(&held.record()));
        if !passed.waits {
            self.take(record);
        }
    }

    fn gap(&mut self) {
        let believed = self.doubts.gap();
        believed.iter().for_each(|held| self.take(&held.record()));
        self.give_up_half();
        self.open.clear();
        self.fragment = None;
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
        self.tell_doubts();
        if let Some(events) = self.events {
            (self.found.events, self.found.events_left_out) = events.finish();
        }
        (self.found.kills, self.found.left_out) = (self.kept.kills, self.kept.left_out);
        self.found
    }

    /// A record that is believed.
    fn take(&mut self, record: &Record<'_>) {
        self.count += 1;
        if !self.takes_second_half(record) {
            self.line(record);
        }
        self.remember_fragment(record);
    }

    /// Lines that were not believed, but for those that a believed one says again: two daemons may write one file.
    fn tell_doubts(&mut self) {
        for held in std::mem::take(&mut self.doubts.dropped) {
            let record = held.record();
            let is_told = |kill: &Kill| {
                let apart = kill.stamp.micros_apart(&record.stamp);
                Some(kill.pid) == killed(record.message).map(|victim| victim.pid)
                    && apart.is_some_and(|apart| apart <= SAME_KILL_MICROS)
            };
            if killed(record.message).is_some() && !self.kept.kills.iter().any(is_told) {
                self.found.doubted.push(record.offset);
            }
        }
    }

    fn line(&mut self, record: &Record<'_>) {
        let message = record.message;
        if let Some(victim) = killed(message) {
            match victim.is_whole {
                true => self.killed(record, &victim),
                false => self.half = Some(Held::of(record)),
            }
        } else if let Some(invoked) = invoked(message) {
            let mut open = Open::at(record, self.count);
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
        let count = self.count;
        let current = self.open.iter_mut().rev().find(|open| open.may_hold(record, count));
        if let Some(open) = current.filter(|open| !open.is_over() && !open.is_of_another(record.message)) {
            if open.takes_inner_line(record.message) || open.takes_own_line(record.message) {
                open.touch(record, count);
            }
            return;
        }
        // The head of the report is lost, or was suppressed.
        let mut headless = Open::at(record, count);
        if headless.takes_own_line(record.message) {
            self.push(headless);
        }
    }

    fn group(&mut self, record: &Record<'_>, path: &[u8]) {
        let count = self.count;
        let last = self.open.iter_mut().rev().find(|open| open.may_hold(record, count) && open.is_within(path));
        if let Some(open) = last {
            open.group_is_killed(path);
            open.touch(record, count);
            return;
        }
        // The report of this group was suppressed: the kill before this line was the first one of it.
        if let Some(first) = self.kept.last_before(record) {
            if first.part == Part::Group {
                (first.part, first.report, first.scope) = (Part::Chosen, Arc::default(), Scope::Memcg);
                first.task_memcg = None;
            }
            first.task_memcg.get_or_insert_with(|| path.to_vec());
        }
        let mut open = Open::at(record, count);
        open.group_is_killed(path);
        open.killed = 1;
        self.push(open);
    }

    fn shared(&mut self, record: &Record<'_>, pid: Pid, comm: &[u8]) {
        let victim = Victim { pid, comm, is_whole: true, uid: None, sizes: Default::default(), scope: Scope::Unknown };
        // Without a kill before it, the line has no report that it could belong to.
        let owner = self.open.iter().rposition(|open| open.may_hold(record, self.count) && open.is_over());
        self.add(record, &victim, owner.map(|at| (at, Part::SharesMemory)));
    }

    fn killed(&mut self, record: &Record<'_>, victim: &Victim<'_>) {
        let owner = self.owner(record, victim);
        self.add(record, victim, owner);
    }

    /// The report that a kill belongs to, and the part of the victim in it.
    fn owner(&self, record: &Record<'_>, victim: &Victim<'_>) -> Option<(usize, Part)> {
        let near = || self.open.iter().enumerate().rev().filter(|(_, open)| open.may_hold(record, self.count));
        let named = near().find(|(_, open)| open.names(victim.pid)).map(|(at, _)| (at, Part::Chosen));
        let member = || near().find(|(_, open)| open.takes_member(record, victim)).map(|(at, _)| (at, Part::Group));
        let child = || near().find(|(_, open)| open.takes_child(victim)).map(|(at, _)| (at, Part::Child));
        let listed = || near().find(|(_, open)| open.may_be_of(victim) && open.has_task(victim.pid));
        let only = || near().find(|(_, open)| open.may_be_of(victim) && open.has_no_table());
        named.or_else(member).or_else(child).or_else(|| listed().or_else(only).map(|(at, _)| (at, Part::Chosen)))
    }

    fn add(&mut self, record: &Record<'_>, victim: &Victim<'_>, owner: Option<(usize, Part)>) {
        let part = owner.map_or(Part::Chosen, |(_, part)| part);
        let count = self.count;
        let open = owner.and_then(|(at, _)| self.open.get_mut(at));
        let in_same_report = open.as_ref().is_some_and(|open| open.is_over());
        let is_looked_for = open.is_none() || in_same_report;
        // Within one report also much later, as a slow console holds up the list of a group.
        let (most, clockless) = if in_same_report { (FRESH_MICROS, Told::Near) } else { (SAME_KILL_MICROS, Told::Far) };
        if let (Some(open), Part::Chosen | Part::Child | Part::Group) = (open, part) {
            open.killed = open.killed.saturating_add(1);
            open.touch(record, count);
        }
        let told = if is_looked_for { self.kept.told(record, victim.pid, most, clockless) } else { None };
        if let Some(kill) = told {
            kill.lines = kill.lines.saturating_add(1);
            return;
        }
        let open = owner.and_then(|(at, _)| self.open.get(at));
        let mut kill = kill(record, victim, open, part);
        if self.is_mixed(record, owner.map(|(at, _)| at)) {
            Arc::make_mut(&mut kill.report).trigger = None;
        }
        self.kept.keep(kill);
    }

    /// Whether another report has begun and got no further than its head: then two were written at the same time, and
    /// which of the two heads belongs to this kill cannot be told.
    fn is_mixed(&self, record: &Record<'_>, owner: Option<usize>) -> bool {
        let others = self.open.iter().enumerate().filter(|(at, _)| Some(*at) != owner);
        others.map(|(_, open)| open).any(|open| open.may_hold(record, self.count) && open.is_head_only())
    }

    fn takes_second_half(&mut self, record: &Record<'_>) -> bool {
        let Some(half) = self.half.as_mut().filter(|half| half.host == record.host && half.boot == record.boot) else {
            return false;
        };
        let end = memchr::memmem::find(record.message, b") total-vm:")
            .or_else(|| memchr::memmem::find(record.message, b") vsz:"));
        if end.is_some_and(|end| end <= LONGEST_COMM) && killed(record.message).is_none() {
            half.message.push(b'\n');
            half.message.extend_from_slice(record.message);
            self.give_up_half();
            return true;
        }
        half.passed += 1;
        if half.passed >= HALF_LINE_WAITS {
            self.give_up_half();
        }
        false
    }

    /// Takes the half as it is: the process was killed, whatever became of the end of its name.
    fn give_up_half(&mut self) {
        let Some(half) = self.half.take() else { return };
        let record = half.record();
        if let Some(victim) = killed(&half.message) {
            self.killed(&record, &victim);
        }
    }

    /// A message that is no longer than a name may be the first half of one.
    fn remember_fragment(&mut self, record: &Record<'_>) {
        let may_be_name = record.message.len() <= LONGEST_COMM;
        self.fragment = may_be_name.then(|| (record.stamp, record.message.to_vec()));
    }

    /// The whole name of a trigger whose newline tore the line: both halves have the very same stamp.
    fn torn_name(&self, record: &Record<'_>, comm: &[u8]) -> Option<Vec<u8>> {
        let (stamp, first) = self.fragment.as_ref()?;
        let is_same = record.stamp.boot_micros.is_some() && *stamp == record.stamp;
        (is_same && first.len() + comm.len() < LONGEST_COMM).then(|| [first, &b"\n"[..], comm].concat())
    }
}

fn kill(record: &Record<'_>, victim: &Victim<'_>, open: Option<&Open>, part: Part) -> Kill {
    let is_picked = part == Part::Chosen || part == Part::Child;
    let group = || open.and_then(|open| open.group.clone());
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
        text: line(record.message),
    }
}
