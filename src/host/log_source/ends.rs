//! What the first and the last bytes of a log say of it.

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
    (head.starts_with(b"{") && !is_container_log)
        || head.starts_with(b"[{")
        || head.starts_with(b"__CURSOR=")
        || head.starts_with(b"__REALTIME_TIMESTAMP=")
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
