//! Durations in seconds, shown as an operator says them.

use serde::Serialize;
use std::fmt;

/// A length of time in seconds; may be a fraction.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.max(0.0) as u64;
        match whole {
            0..=9 => write!(f, "{:.1} s", self.0.max(0.0)),
            10..=119 => write!(f, "{whole} s"),
            120..=7199 => write!(f, "{} min", whole / 60),
            7200..=172_799 => write!(f, "{} h", whole / 3600),
            _ => write!(f, "{} days", whole / 86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_in_the_unit_an_operator_would_use() {
        for (seconds, text) in [(0.25, "0.2 s"), (42.9, "42 s"), (600.0, "10 min"), (9000.0, "2 h"), (1e6, "11 days")] {
            assert_eq!(Seconds(seconds).to_string(), text);
        }
    }
}
