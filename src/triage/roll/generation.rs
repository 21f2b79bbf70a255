//! The workers that a master booted together: at its start, or at a reload. How many boots are left unexplained tells how
//! many workers died without a word.

use super::worker::seconds_from;
use crate::gunicorn::log::Told;
use jiff::Timestamp;

/// Boots further apart than this are not of one burst: the master sleeps at most 0.1 s between two forks (arbiter.py,
/// `spawn_workers`), and a host under load may take seconds for each.
const BURST_SECONDS: i64 = 5;

/// Boots that are kept; more workers than this are not run under one master.
const MOST: usize = 2_000;

/// How many workers there should be, as far as boots and ends tell.
#[derive(Debug, Clone, Default)]
pub struct Generation {
    /// The first boots, before anything else happened.
    pub first: Vec<Told>,
    /// Whether the first boots are over.
    is_over: bool,
    /// Ends that are known and were not followed by a boot yet.
    places: u64,
    /// Workers added (TTIN) that did not boot yet.
    pub to_come: u64,
    /// Workers added less workers taken away, since the first boots.
    pub scaled: i64,
    /// Boots that nothing explains.
    pub unexplained: Vec<Told>,
}

impl Generation {
    /// One whose first boots are before the log.
    pub fn unseen() -> Self {
        Self { is_over: true, ..Self::default() }
    }

    /// Whether a boot would not surprise.
    pub fn is_open(&self) -> bool {
        !self.is_over || self.places > 0 || self.to_come > 0
    }

    /// Something else than a boot: from now on a boot has to have a reason.
    pub fn is_complete(&mut self) {
        self.is_over |= !self.first.is_empty();
    }

    /// A known end, after which the master boots another worker.
    pub fn ended(&mut self, at: Option<Timestamp>) {
        self.is_complete();
        // Lines of two processes may swap places: the boot that nothing explained a moment ago is explained now.
        let is_just_booted = |boot: &Told| seconds_from(boot.time, at).is_some_and(|since| (0..=1).contains(&since));
        match self.unexplained.last().is_some_and(is_just_booted) {
            true => drop(self.unexplained.pop()),
            false => self.places = self.places.saturating_add(1),
        }
    }

    /// A boot; says whether nothing explains it.
    pub fn booted(&mut self, told: &Told) -> bool {
        let since = seconds_from(self.first.last().and_then(|last| last.time), told.time).unwrap_or(0);
        if !self.is_over && since <= BURST_SECONDS {
            self.keep_first(told);
            return false;
        }
        self.is_over = true;
        if self.to_come > 0 {
            self.to_come -= 1;
        } else if self.places > 0 {
            self.places -= 1;
        } else {
            return true;
        }
        false
    }

    /// A boot that nothing explains.
    pub fn keep_unexplained(&mut self, told: &Told) {
        if self.unexplained.len() < MOST {
            self.unexplained.push(told.clone());
        }
    }

    fn keep_first(&mut self, told: &Told) {
        if self.first.len() < MOST {
            self.first.push(told.clone());
        }
    }

    /// The boots that replaced somebody, where so many workers were alive in the end: of the first burst those that are
    /// more than should be, and those that nothing explains.
    pub fn replacements(&self, alive: usize) -> Vec<Told> {
        let wanted = i64::try_from(alive).unwrap_or(i64::MAX).saturating_sub(self.scaled);
        let first = usize::try_from(wanted).unwrap_or(0).min(self.first.len());
        let more = self.first.get(first..).unwrap_or_default();
        more.iter().chain(&self.unexplained).cloned().collect()
    }
}
