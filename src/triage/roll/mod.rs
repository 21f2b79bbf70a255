//! The list of the living, kept from what Gunicorn's own log tells: who booted, who was asked to stop, who is missing.
//!
//! ```text
//! Told ──Rolls (a Roll for each log and unit)──▶ Roll ──▶ Master ──▶ Worker
//!                                                  └─ settle: at a stop those who do not say goodbye died before
//! ```

mod book;
mod generation;
mod kept;
mod master;
mod master_lines;
mod settle;
#[cfg(test)]
mod tests;
mod together;
mod worker;
mod worker_lines;

use super::{Ended, MasterEnd, Normal};
use crate::gunicorn::log::{Said, Told};
use book::Roll;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What the rolls came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rolled {
    /// Workers that ended unasked, or otherwise than asked, by source and place.
    pub ended: Vec<Ended>,
    /// Masters that ended so, or whose end is not told.
    pub masters: Vec<MasterEnd>,
    /// Ends that were asked for.
    pub normal: Normal,
    /// What managers wrote, with the index of the source.
    pub manager: Vec<(usize, Told)>,
    /// Errors in logs without a master: what a service writes to its standard error, where its log is another file.
    pub loose: Vec<Told>,
    /// Ends and lines that were not kept, for their number: the earliest.
    pub left_out: u64,
    /// Ends that were asked for are counted in this time only.
    period: Period,
}

/// From when to when.
type Period = (Option<Timestamp>, Option<Timestamp>);

/// Errors without a master that are kept: they repeat themselves.
const MOST_LOOSE: usize = 16;

/// Ends that are kept, the latest ones: a page of them takes some 60 MiB, and nobody reads so many.
pub(super) const MOST_KEPT: usize = 50_000;

/// Logs and units of a journal whose living are kept apart; a journal that names more units of Gunicorns than this was made to
/// fill the memory.
const MOST_ROLLS: usize = 1_024;

/// The rolls of several logs.
#[derive(Debug, Default)]
pub struct Rolls {
    by_log: BTreeMap<(usize, Option<Box<str>>), Roll>,
    manager: Vec<(usize, Told)>,
    left_out: u64,
    period: Period,
}

impl Rolls {
    /// Rolls in which ends that were asked for count only from `since` to `until`. All lines are to be taken: who ends in
    /// that time may have booted before.
    pub fn within(since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self { period: (since, until), ..Self::default() }
    }

    /// Takes the next line. `family` says which sources are parts of one log; they are fed oldest first. The units in a
    /// journal are kept apart.
    pub fn take(&mut self, family: usize, source: usize, told: &Told) {
        match &told.said {
            Said::Gunicorn(event) => {
                let (log, period) = ((family, told.unit.clone()), self.period);
                if self.by_log.len() >= MOST_ROLLS && !self.by_log.contains_key(&log) {
                    self.left_out += 1;
                    return;
                }
                self.by_log.entry(log).or_insert_with(|| Roll::within(period)).take(source, told, event);
            }
            Said::Manager(_) if self.manager.len() < MOST_KEPT => self.manager.push((source, told.clone())),
            Said::Manager(_) => self.left_out += 1,
        }
    }

    /// What there was, once all logs have ended.
    pub fn finish(self) -> Rolled {
        let mut all = Rolled { manager: self.manager, left_out: self.left_out, ..Rolled::default() };
        for roll in self.by_log.into_values() {
            let one = roll.finish();
            all.ended.extend(one.ended);
            all.masters.extend(one.masters);
            all.loose.extend(one.loose);
            all.left_out += one.left_out;
            let (normal, more) = (&mut all.normal, one.normal);
            normal.recycled += more.recycled;
            normal.reloaded += more.reloaded;
            normal.stopped += more.stopped;
            normal.scaled += more.scaled;
        }
        all
    }
}
