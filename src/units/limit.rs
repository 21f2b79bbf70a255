//! A limit that may be unlimited; never a number that stands for "none".

use serde::{Deserialize, Serialize};
use std::fmt;

/// An upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// At most this many.
    At(u64),
    /// No bound. Compares greater than every number.
    Unlimited,
}

impl Limit {
    /// The number, where there is one.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::At(n) => Some(n),
            Self::Unlimited => None,
        }
    }

    /// Whether `n` fits below or at the bound.
    pub fn allows(self, n: u64) -> bool {
        self >= Self::At(n)
    }

    /// How much of the bound `used` takes, 0.0 for an unlimited one.
    pub fn share_used(self, used: u64) -> f64 {
        match self {
            Self::At(0) => 1.0,
            Self::At(n) => used as f64 / n as f64,
            Self::Unlimited => 0.0,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(n) => write!(f, "{n}"),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// The soft limit, which is in force, and the hard one, up to which a process may raise it (getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftHard {
    /// In force.
    pub soft: Limit,
    /// The ceiling of the soft one.
    pub hard: Limit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlimited_is_above_every_number() {
        assert!(Limit::Unlimited > Limit::At(u64::MAX));
        assert!(Limit::Unlimited.allows(u64::MAX));
        assert!(Limit::At(5).allows(5));
        assert!(!Limit::At(5).allows(6));
    }

    #[test]
    fn a_limit_of_zero_is_always_full() {
        assert_eq!(Limit::At(0).share_used(0), 1.0);
        assert_eq!(Limit::Unlimited.share_used(9), 0.0);
    }
}
