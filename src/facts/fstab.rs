//! `/etc/fstab` as libmount reads it (fstab(5)).

use serde::Serialize;

/// The file, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Fstab {
    /// The lines that mount something.
    pub entries: Vec<FstabEntry>,
    /// Lines that are neither blank, comment nor entry: line number and what is wrong with it.
    pub bad_lines: Vec<(usize, String)>,
}

/// One entry. Octal escapes are decoded in all fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FstabEntry {
    /// Line number, from 1.
    pub line: usize,
    /// First field: device, label, or `tmpfs`.
    pub source: String,
    /// Second field, trailing and doubled slashes removed.
    pub target: String,
    /// Third field.
    pub kind: String,
    /// Fourth field, split at commas; empty where the field is missing.
    pub options: Vec<String>,
}
