//! The kills that are kept: all of them, unless a log has more than fit; then the latest.

use crate::kernel_log::{Kill, Record, Report};
use crate::units::Pid;
use std::sync::Arc;

/// Kills that are kept, the latest ones. A host in a loop of kills makes some thousands a day.
const MOST_KILLS: usize = 65_536;

/// Rows of tables that are kept over all reports, those of the latest: with names some 100 bytes each.
const MOST_ROWS: usize = 262_144;

/// The same process told twice within this time was killed once: the members of a control group that is killed as a
/// whole are listed again a moment later (Linux 4.19 and later).
pub const SAME_KILL_MICROS: u64 = 5_000_000;

/// Kills before the last one among which the same process is looked for. A control group that is killed as a whole has
/// at most some hundred members.
const LOOK_BACK: usize = 1024;

/// The kills of a source.
#[derive(Debug, Default)]
pub struct Kept {
    /// Them, in the order of the log.
    pub kills: Vec<Kill>,
    /// Kills that were not kept, for their number.
    pub left_out: u64,
    rows: usize,
    /// Kills, from the first on, whose tables were taken away.
    stripped: usize,
}

impl Kept {
    /// Keeps a kill. Where there are too many, the earliest go first, their tables before themselves.
    pub fn keep(&mut self, kill: Kill) {
        if self.kills.len() >= MOST_KILLS {
            self.kills.drain(..MOST_KILLS / 4);
            self.left_out += (MOST_KILLS / 4) as u64;
            self.stripped = self.stripped.saturating_sub(MOST_KILLS / 4);
        }
        let is_shared = self.kills.last().is_some_and(|last| Arc::ptr_eq(&last.report, &kill.report));
        if !is_shared {
            self.rows += kill.report.tasks.len();
        }
        self.kills.push(kill);
        while self.rows > MOST_ROWS && self.stripped + 1 < self.kills.len() {
            self.strip();
        }
    }

    /// Takes the table away from the earliest kills that have one, and share it.
    fn strip(&mut self) {
        let Some(earliest) = self.kills.get(self.stripped).map(|kill| kill.report.clone()) else { return };
        let rows = earliest.tasks.len();
        let left_out = earliest.tasks_left_out + rows as u64;
        let slim = Arc::new(Report { tasks: vec![], tasks_left_out: left_out, ..(*earliest).clone() });
        for kill in self.kills.iter_mut().skip(self.stripped) {
            if !Arc::ptr_eq(&kill.report, &earliest) {
                break;
            }
            kill.report = slim.clone();
            self.stripped += 1;
        }
        self.rows = self.rows.saturating_sub(rows);
    }

    /// The kill of this process that was told at most so long before a record. Where the log has no clock, all are.
    pub fn told(&mut self, record: &Record<'_>, pid: Pid, most_micros: u64, without_clock: Told) -> Option<&mut Kill> {
        let is_same = |kill: &&mut Kill| {
            let apart = kill.stamp.micros_apart(&record.stamp);
            let is_near = apart.map_or(without_clock == Told::Near, |apart| apart <= most_micros);
            kill.pid == pid && kill.host == record.host && kill.boot == record.boot && is_near
        };
        self.kills.iter_mut().rev().take(LOOK_BACK).find(is_same)
    }

    /// The last kill, where it was told just before a record, by the same kernel.
    pub fn last_before(&mut self, record: &Record<'_>) -> Option<&mut Kill> {
        let is_near = |kill: &&mut Kill| {
            let apart = kill.stamp.micros_apart(&record.stamp);
            kill.host == record.host && kill.boot == record.boot && apart.is_none_or(|apart| apart <= SAME_KILL_MICROS)
        };
        self.kills.last_mut().filter(is_near)
    }
}

/// How two lines without a clock in common are taken to be apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Near: they are of one report.
    Near,
    /// Far.
    Far,
}
