//! What `gtune oom` found, ready to be rendered in any form.

use super::ExitCode;
use crate::facts::Reason;
use crate::kernel_log::{Concern, Moment, Settled};
use jiff::Timestamp;

/// What was found in the kernel's logs.
pub struct OomReport {
    /// When it was asked.
    pub observed_at: Timestamp,
    /// The directory that is judged as a host; none where files were named.
    pub root: Option<String>,
    /// What was read.
    pub sources: Vec<Source>,
    /// The kills that are shown, in order of time.
    pub kills: Vec<ToldKill>,
    /// Which kills are shown.
    pub shown: Shown,
    /// Kills that are not shown, because they are not asked for.
    pub others: u64,
    /// What the kernel counted, beside what the logs tell.
    pub counters: Option<CounterCheck>,
    /// What could not be looked at, one clause each.
    pub blind_spots: Vec<Reason>,
    /// Whether one of them is a log that is there and may not be read.
    pub refused: bool,
    /// The command that may read it, where gtune does not run as root.
    pub as_root: Option<String>,
}

/// A source that was read.
pub struct Source {
    /// Its name.
    pub name: String,
    /// When its first record was written.
    pub begins: Option<Moment>,
    /// When its last record was written.
    pub ends: Option<Moment>,
    /// Whether it is still written: what it does not tell has not happened since it begins.
    pub is_live: bool,
    /// How many records it has; none where only the parts about kills were parsed.
    pub records: Option<u64>,
    /// Why records are missing, where they are known to be.
    pub lost: Option<Reason>,
    /// What else is to be known of it.
    pub notes: Vec<Reason>,
    /// Whether the kernel speaks in it, as far as it was looked at.
    pub has_kernel: bool,
    /// Whether anything in it looked like a log.
    pub framed: bool,
}

/// A kill, and whose it was.
pub struct ToldKill {
    /// The kill.
    pub told: Settled,
    /// Whose.
    pub concern: Concern,
    /// What the numbers say of the cause.
    pub advice: Vec<String>,
}

/// Which kills are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Those that hit a Gunicorn.
    Gunicorns,
    /// All.
    All,
    /// Those that match a pattern.
    Matching,
}

/// Kills since boot: what the kernel counted, and what the logs tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterCheck {
    /// `oom_kill` of `/proc/vmstat`.
    pub counted: u64,
    /// Kills of this boot in the logs.
    pub told: u64,
}

impl CounterCheck {
    /// Kills that no log tells of.
    pub fn lost(self) -> u64 {
        self.counted.saturating_sub(self.told)
    }
}

impl OomReport {
    /// The counters, where they tell of kills that no log tells of. Where a log may not be read, nothing is lost: it may
    /// be there.
    pub fn log_lost(&self) -> Option<CounterCheck> {
        self.counters.filter(|counters| counters.lost() > 0 && !self.refused)
    }

    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        let lost = self.log_lost().is_some();
        let attention = if self.kills.is_empty() && !lost { ExitCode::Healthy } else { ExitCode::Attention };
        let unread = self.refused || self.sources.is_empty() || self.sources.iter().any(|source| !source.framed);
        attention.merge(if unread { ExitCode::CouldNotLook } else { ExitCode::Healthy })
    }
}
