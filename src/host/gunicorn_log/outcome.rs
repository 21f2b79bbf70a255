//! What came of reading a log.

use crate::facts::Reason;
use crate::triage::Source;
use jiff::Timestamp;

/// What was read of a log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Read {
    /// The log, when it begins and ends, and why lines are missing.
    pub source: Source,
    /// What the operator should know of it beside that.
    pub note: Option<Reason>,
    /// Whether anything in it looked like a line of Gunicorn or of a journal.
    pub framed: bool,
}

impl Read {
    /// A log of which nothing was read yet.
    pub(super) fn of(name: impl Into<String>) -> Self {
        Self { source: Source { name: name.into(), ..Source::default() }, ..Self::default() }
    }

    /// The time of a line of it, in the order of the log.
    pub(super) fn goes_on(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        self.framed = true;
        self.source.begins.get_or_insert(time);
        self.source.ends = Some(time);
    }

    /// Tells why lines are missing; the first reason stands.
    pub(super) fn lost(&mut self, reason: Option<Reason>) {
        if self.source.lost.is_none() {
            self.source.lost = reason;
        }
    }
}
