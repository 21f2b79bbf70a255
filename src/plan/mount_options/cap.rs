//! How much a tmpfs may hold: `size=` and `nr_blocks=`.

use super::number::{count, number};
use crate::plan::MountSize;
use crate::units::Bytes;

/// How much a tmpfs may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// So many bytes; 0 is no bound.
    Bytes(u64),
    /// So many per cent of the memory; 0 is no bound.
    Percent(u64),
    /// So many pages (`nr_blocks=`); 0 is no bound.
    Pages(u64),
}

/// The kernel rounds a size up to whole pages; on arm64 they may have 64 KiB.
const LARGEST_PAGE: u64 = 64 << 10;

impl From<MountSize> for Cap {
    fn from(size: MountSize) -> Self {
        match size {
            MountSize::Bytes(bytes) => Self::Bytes(bytes.0),
            MountSize::Percent(percent) => Self::Percent(percent.into()),
        }
    }
}

impl Cap {
    /// Whether it is the same to a page. Unless the memory is known, per cent can be compared with per cent alone.
    pub(super) fn is_near(self, other: Self, memory: Option<Bytes>) -> bool {
        let near = |a: u64, b: u64| a != 0 && b != 0 && a.abs_diff(b) < LARGEST_PAGE;
        self == other || matches!((self.bytes(memory), other.bytes(memory)), (Some(a), Some(b)) if near(a, b))
    }

    /// In bytes, where the memory that per cent are of is known. What a page is depends on the kernel.
    pub fn bytes(self, memory: Option<Bytes>) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Percent(percent) => Some(percent_of(memory?.0, percent)),
            Self::Pages(_) => None,
        }
    }
}

/// So many per cent of a number of bytes.
pub fn percent_of(bytes: u64, percent: u64) -> u64 {
    u64::try_from(u128::from(bytes) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

/// A size as an option has it: `64m`, `50%`; in bytes where no suffix holds it.
pub fn size_value(size: MountSize) -> String {
    match size {
        MountSize::Percent(percent) => format!("{percent}%"),
        MountSize::Bytes(bytes) => count(bytes.0),
    }
}

/// `size=`: a number with or without a suffix, or per cent of the memory (tmpfs(5)).
pub(super) fn size(value: &str) -> Option<Cap> {
    match value.strip_suffix('%') {
        Some(percent) => number(percent).map(Cap::Percent),
        None => number(value).map(Cap::Bytes),
    }
}
