//! What the first and the last bytes of a log say of it.

use super::Reading;
use crate::facts::Reason;
use crate::kernel_log::{Stamp, stamp_of};
use memchr::memchr_iter;

/// So much of each end is looked at: some hundred lines of the longest that loggers write.
pub const END: usize = 64 << 10;

/// How JSON and the journal's export format begin. Of the first, messages with odd bytes are lists of numbers in which
/// no text can be found (journalctl(1)).
pub fn is_structured(head: &[u8]) -> bool {
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    let head = head.strip_prefix(b"\x1e").unwrap_or(head);
    let head = head.strip_prefix(b"data: ").unwrap_or(head);
    // Container runtimes wrap each line in JSON, but as text.
    let is_container_log = head.starts_with(b"{\"log\":");
    (head.starts_with(b"{") && !is_container_log) || head.starts_with(b"[{") || head.starts_with(b"__CURSOR=")
}

/// The first stamp in the first bytes of a log.
pub fn first_stamp(head: &[u8]) -> Option<Stamp> {
    lines(head.get(..END).unwrap_or(head)).find_map(stamp_of)
}

/// The last stamp in the last bytes of a log.
pub fn last_stamp(tail: &[u8]) -> Option<Stamp> {
    let tail = tail.get(tail.len().saturating_sub(END)..).unwrap_or_default();
    // The line that is cut at its beginning has no frame, or one that is wrong.
    let begin = memchr::memchr(b'\n', tail).map_or(tail.len(), |newline| newline + 1);
    lines(tail.get(begin..).unwrap_or_default()).filter_map(stamp_of).last()
}

/// Tells the end of a log of which only parts are parsed.
pub fn tell(reading: &mut Reading, tail: &[u8]) {
    reading.last = last_stamp(tail);
    reading.framed = reading.begins.is_some() || reading.last.is_some();
    if ends_in_journal(tail) {
        let reason =
            "it ends in JSON of the journal, whose messages with odd bytes are found only in a file of their own";
        reading.note = Some(Reason::new(reason));
    }
}

/// Whether the last line is an entry of `journalctl -o json`.
fn ends_in_journal(tail: &[u8]) -> bool {
    let tail = tail.trim_ascii_end();
    let line = tail.get(memchr::memrchr(b'\n', tail).map_or(0, |newline| newline + 1)..).unwrap_or_default();
    is_structured(line) && memchr::memmem::find(line, b"\"__REALTIME_TIMESTAMP\"").is_some()
}

/// Whole lines, and what is left after the last.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    let ends = memchr_iter(b'\n', bytes).chain(std::iter::once(bytes.len()));
    ends.map(move |end| {
        let line = bytes.get(from..end).unwrap_or_default();
        from = end + 1;
        line
    })
}
