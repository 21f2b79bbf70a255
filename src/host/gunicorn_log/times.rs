//! When the lines of a log were written, from its first and its last bytes.

use crate::gunicorn::log::time_of_line;
use crate::host::log_source::{END, lines};
use crate::kernel_log::{Clock, stamp_of};
use jiff::Timestamp;
use memchr::memchr;

/// The time of the first line that has one.
pub fn first(head: &[u8], clock: &Clock) -> Option<Timestamp> {
    lines(head.get(..END).unwrap_or(head)).find_map(|line| time_of(line, clock))
}

/// The time of the last line that has one; the line that is cut at its beginning does not count.
pub fn last(tail: &[u8], clock: &Clock) -> Option<Timestamp> {
    let at = tail.len().saturating_sub(END);
    let tail = tail.get(at..).unwrap_or_default();
    let begin = memchr(b'\n', tail).filter(|_| tail.len() >= END).map_or(0, |newline| newline + 1);
    lines(tail.get(begin..).unwrap_or_default()).filter_map(|line| time_of(line, clock)).last()
}

/// The time of a line: Gunicorn's own, which has a zone, or that of its frame.
fn time_of(line: &[u8], clock: &Clock) -> Option<Timestamp> {
    time_of_line(line).or_else(|| Some(clock.moment(&stamp_of(line)?)?.time))
}

/// Whether any line is one that Gunicorn's logger wrote.
pub fn has_line_of_gunicorn(bytes: &[u8]) -> bool {
    lines(bytes).any(|line| time_of_line(line).is_some())
}
