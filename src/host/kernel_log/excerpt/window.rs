//! Where a window begins and where it ends.

use super::{LONGEST_LINE, after_line};
use crate::kernel_log::{Origin, Reader, Record, stamp_of};
use memchr::{memmem, memrchr};

/// What stands in the first line of a report, whatever the kernel (`invoked oom-killer:`, `oom-killer:`).
const HEADER: &[u8] = b"oom-killer:";

/// Where a report has no header (the kernel writes at most ten in five seconds), as much of what comes before is parsed:
/// the task table of a host with a thousand tasks takes some 100 KiB.
pub const WITHOUT_HEADER: u64 = 256 << 10;

/// A name with a newline in it splits the header line in two, and the loggers add their own frame to the second half.
const SPLIT_HEADER: usize = 512;

/// So much of a line tells whether it has a frame.
const LONGEST_FRAMED: usize = 64 << 10;

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
/// a line; without a header, and where the death before is near, there; else at a line some way before. That line has a
/// frame, where any before it has: without one it may be of the text of another program that quotes a report.
pub fn begin_of_report(held: &[u8], earliest: (usize, bool), death: usize, is_near: bool) -> usize {
    let (earliest, is_begin_of_line) = earliest;
    let first = if is_begin_of_line { earliest } else { next_line(held, earliest, death) };
    if let Some(header) = memmem::find(held.get(first..death).unwrap_or_default(), HEADER) {
        let room = (first + header).saturating_sub(SPLIT_HEADER).max(first);
        return framed_line(held, first, room);
    }
    if is_near {
        return first;
    }
    let some_way = death.saturating_sub(WITHOUT_HEADER as usize);
    if some_way <= first { first } else { framed_line(held, first, next_line(held, some_way, death)) }
}

/// The last line with a frame that begins at `at` or before, not before `first`; there where none is.
fn framed_line(held: &[u8], first: usize, at: usize) -> usize {
    let mut begin = begin_of_line(held, first, at);
    while begin > first && !has_frame(line_at(held, begin)) {
        begin = begin_of_line(held, first, begin - 1);
    }
    begin
}

/// Whether a line tells by itself whose it is, or when it was written.
pub fn has_frame(line: &[u8]) -> bool {
    if line.is_empty() || is_head_of_entry(line) || stamp_of(line).is_some() {
        return !line.is_empty();
    }
    // What is indented goes on with what is before, in every format.
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return false;
    }
    let mut has_frame = false;
    let mut each = |record: &Record<'_>| has_frame |= record.origin != Origin::Unsaid;
    let mut reader = Reader::at(0);
    reader.feed(line, &mut each);
    reader.finish(&mut each);
    has_frame
}

/// Whether a line is a row of the table of tasks: a process id in brackets, and at least five numbers.
pub fn is_task(line: &[u8]) -> bool {
    let Some(end) = memrchr(b']', line) else { return false };
    let (before, row) = line.split_at(end);
    let id = memrchr(b'[', before).and_then(|begin| before.get(begin + 1..)).unwrap_or_default();
    let is_number = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    let words = row.split(|byte| *byte == b' ' || *byte == b']').filter(|word| !word.is_empty());
    is_number(id.trim_ascii()) && words.take_while(|word| is_number(word)).count() >= 5
}

/// The line of `journalctl -o verbose` that its fields follow.
fn is_head_of_entry(line: &[u8]) -> bool {
    line.ends_with(b"]") && memmem::find(line, b" [s=").is_some()
}

/// The line that begins at a place.
pub fn line_at(held: &[u8], at: usize) -> &[u8] {
    let rest = held.get(at..held.len().min(at.saturating_add(LONGEST_FRAMED))).unwrap_or_default();
    rest.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// The line after the one that `from` is in, or `from` where none begins before `death`.
pub fn next_line(held: &[u8], from: usize, death: usize) -> usize {
    after_line(held, from).filter(|next| *next <= death).unwrap_or(from)
}
