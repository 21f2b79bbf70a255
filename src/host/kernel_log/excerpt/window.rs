//! Where a window begins and where it ends.

use super::{LONGEST_LINE, after_line};
use memchr::{memmem, memrchr};

/// What stands in the first line of a report, whatever the kernel (`invoked oom-killer:`, `oom-killer:`).
const HEADER: &[u8] = b"oom-killer:";

/// Where a report has no header (the kernel writes at most ten in five seconds), as much of what comes before is parsed:
/// the task table of a host with a thousand tasks takes some 100 KiB.
pub const WITHOUT_HEADER: u64 = 256 << 10;

/// A name with a newline in it splits the header line in two, and the loggers add their own frame to the second half.
const SPLIT_HEADER: usize = 512;

/// A part of the log that is to be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Where it begins, or how far it was parsed.
    pub at: u64,
    /// It ends with the line that this is in.
    pub until: u64,
}

impl Window {
    /// Where it ends, once that can be told from what is held of the log since `offset`.
    pub fn end(&self, held: &[u8], offset: u64) -> Option<u64> {
        let limit = self.until.saturating_add(LONGEST_LINE);
        // A newline right before `until` ends the line as well.
        let from = self.until.saturating_sub(1).max(self.at.saturating_sub(1)).max(offset);
        let end = usize::try_from(from - offset).ok().and_then(|from| after_line(held, from));
        let end = end.map(|end| offset + end as u64);
        match end {
            Some(end) => Some(end.min(limit)),
            None => (offset + held.len() as u64 >= limit).then_some(limit),
        }
    }
}

/// The beginning of the line that `at` is in, not before `from`.
pub fn begin_of_line(held: &[u8], from: usize, at: usize) -> usize {
    let before = held.get(from..at).unwrap_or_default();
    memrchr(b'\n', before).map_or(from, |newline| from + newline + 1)
}

/// Where the report of a death at `death` begins: at the earliest header since `earliest`, which may be the beginning of
/// a line; without a header, and where the death before is near, there; else at a line some way before.
pub fn begin_of_report(held: &[u8], earliest: (usize, bool), death: usize, is_near: bool) -> usize {
    let (earliest, is_begin_of_line) = earliest;
    let first = if is_begin_of_line { earliest } else { next_line(held, earliest, death) };
    if let Some(header) = memmem::find(held.get(first..death).unwrap_or_default(), HEADER) {
        let room = (first + header).saturating_sub(SPLIT_HEADER).max(first);
        return if room == first { first } else { begin_of_line(held, first, room) };
    }
    if is_near {
        return first;
    }
    let some_way = death.saturating_sub(WITHOUT_HEADER as usize);
    if some_way <= first { first } else { next_line(held, some_way, death) }
}

/// The line after the one that `from` is in, or `from` where none begins before `death`.
fn next_line(held: &[u8], from: usize, death: usize) -> usize {
    after_line(held, from).filter(|next| *next <= death).unwrap_or(from)
}
