//! When the lines of a log were written, from its first and its last bytes.

use crate::host::log_source::{END, lines};
use crate::kernel_log::{Clock, stamp_of};
use jiff::Timestamp;
use jiff::fmt::strtime;
use memchr::memchr;

/// The prefix of Gunicorn up to the end of its time, `[2026-11-20 19:14:07 +0000]`, as `strftime` writes it.
const PREFIX: &str = "[%Y-%m-%d %H:%M:%S %z]";
const PREFIX_LENGTH: usize = 27;

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
    own_time(line).or_else(|| Some(clock.moment(&stamp_of(line)?)?.time))
}

/// Whether any line is one that Gunicorn wrote: its time, a process, a level.
pub fn has_line_of_gunicorn(bytes: &[u8]) -> bool {
    lines(bytes).any(|line| {
        let rest = line.get(PREFIX_LENGTH..).and_then(|rest| rest.strip_prefix(b" ["));
        let pid = rest.and_then(|rest| rest.get(..memchr(b']', rest)?));
        pid.is_some_and(|pid| !pid.is_empty() && pid.iter().all(u8::is_ascii_digit)) && own_time(line).is_some()
    })
}

fn own_time(line: &[u8]) -> Option<Timestamp> {
    strtime::parse(PREFIX, line.get(..PREFIX_LENGTH)?).ok()?.to_timestamp().ok()
}
