//! Versions of Gunicorn.

use serde::{Serialize, Serializer};
use std::fmt;

/// A release, for example 23.0.0. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

impl Version {
    /// A version from its three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `23.0.0`; a missing third number is 0, what follows the numbers (`.dev1`, `rc2`) is left out.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().splitn(3, '.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).map_or(part, |end| &part[..end]);
            digits.parse::<u32>().ok()
        });
        let major = numbers.next()??;
        let minor = numbers.next()??;
        let patch = numbers.next().flatten().unwrap_or(0);
        Some(Self { major, minor, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_its_three_numbers() {
        assert_eq!(Version::parse("23.0.0"), Some(Version::new(23, 0, 0)));
        assert_eq!(Version::parse("19.9"), Some(Version::new(19, 9, 0)));
        assert_eq!(Version::parse("25.1.0.dev3"), Some(Version::new(25, 1, 0)));
        assert_eq!(Version::parse("next"), None);
    }

    #[test]
    fn versions_compare_by_number_not_by_text() {
        assert!(Version::new(9, 0, 0) < Version::new(19, 0, 0));
        assert!(Version::new(20, 0, 4) < Version::new(20, 1, 0));
    }
}
