//! `Fact<T>`: seen, not there, or could not look. The three are never mixed.

use serde::Serialize;
use std::fmt;

/// Why something could not be seen, as one clause: `permission denied: /proc/812/fd (needs root or uid 33)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Reason(String);

impl Reason {
    /// A reason in the operator's words, lower case, without a full stop.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One observation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact<T> {
    /// It was looked at and this is what was there.
    Known(T),
    /// It was looked for and is not there.
    #[default]
    Absent,
    /// It could not be looked at; never counts as healthy.
    Unreadable(Reason),
}

impl<T> Fact<T> {
    /// A fact that could not be had, with the reason.
    pub fn unreadable(reason: impl Into<String>) -> Self {
        Self::Unreadable(Reason::new(reason))
    }

    /// The value, where it was seen.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// The same observation by reference.
    pub fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::Known(value) => Fact::Known(value),
            Self::Absent => Fact::Absent,
            Self::Unreadable(reason) => Fact::Unreadable(reason.clone()),
        }
    }

    /// The observation of something derived from this one.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value) => Fact::Known(f(value)),
            Self::Absent => Fact::Absent,
            Self::Unreadable(reason) => Fact::Unreadable(reason),
        }
    }

    /// The observation of something that may in turn be absent or unreadable.
    pub fn and_then<U>(self, f: impl FnOnce(T) -> Fact<U>) -> Fact<U> {
        match self {
            Self::Known(value) => f(value),
            Self::Absent => Fact::Absent,
            Self::Unreadable(reason) => Fact::Unreadable(reason),
        }
    }

    /// The value, or the reason why a check that needs it cannot tell; `what` names it where it is absent.
    pub fn needed(&self, what: &str) -> Result<&T, Reason> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Absent => Err(Reason::new(format!("no {what} found"))),
            Self::Unreadable(reason) => Err(reason.clone()),
        }
    }
}

impl<T> From<Option<T>> for Fact<T> {
    /// For what was looked for and either found or not.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_read_stays_so_through_every_step() {
        let fact: Fact<u32> = Fact::unreadable("permission denied");
        let mapped = fact.map(|n| n + 1).and_then(|n| Fact::Known(n * 2));
        assert_eq!(mapped, Fact::unreadable("permission denied"));
    }

    #[test]
    fn absent_and_unreadable_are_different_reasons() {
        let absent: Fact<u32> = Fact::Absent;
        let hidden: Fact<u32> = Fact::unreadable("permission denied");
        assert_eq!(absent.needed("limit").unwrap_err().to_string(), "no limit found");
        assert_eq!(hidden.needed("limit").unwrap_err().to_string(), "permission denied");
    }
}
