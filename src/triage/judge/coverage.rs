//! From when to when the kernel's logs tell.

use crate::triage::Material;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What the logs of the kernel cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// None was read.
    None,
    /// None has a clock.
    Timeless,
    /// From here on, to the end where it is known: logs that were named are of the past, those of a running host go on.
    From(Timestamp, Option<Timestamp>),
}

/// Whether a kill at a time would have been seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It would.
    Yes,
    /// It might not; why, as a clause.
    No(String),
}

impl Coverage {
    /// That of what was read.
    pub fn of(material: &Material) -> Self {
        let sources = || material.kernel_sources.iter().filter(|source| !source.is_silent);
        if sources().next().is_none() {
            return Self::None;
        }
        let begins = sources().filter_map(|source| source.begins).min();
        let ends = sources().filter_map(|source| source.ends).max();
        begins.map_or(Self::Timeless, |begins| Self::From(begins, ends.filter(|_| material.facts.is_none())))
    }

    /// Whether a kill at that time would have been seen.
    pub fn sees(self, time: Option<Timestamp>) -> Seen {
        let no = |why: &str| Seen::No(why.to_owned());
        match (self, time) {
            (Self::None, _) => no("no kernel log was read"),
            (Self::Timeless, _) => no("the kernel log that was read has no wall clock"),
            (Self::From(..), None) => no("the log does not say when it was"),
            (Self::From(begins, _), Some(time)) if time < begins => no("the kernel log that was read begins later"),
            (Self::From(_, Some(ends)), Some(time)) if time > ends => no("the kernel log that was read ends before"),
            (Self::From(..), Some(_)) => Seen::Yes,
        }
    }
}

/// A time for people: `2026-11-20 19:14:07 UTC`.
pub fn written(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
