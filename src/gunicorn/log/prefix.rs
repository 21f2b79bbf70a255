//! What Gunicorn's logger puts before a message: `[2026-11-20 19:05:52 +0000] [812] [INFO] `, the same in all versions.

use super::text;
use crate::units::Pid;
use bstr::ByteSlice;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// How grave the logger takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

/// A line with Gunicorn's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefixed<'a> {
    /// None where the handler for syslog leaves it to the frame.
    pub(super) time: Option<Timestamp>,
    /// The process in the brackets.
    pub(super) writer: Pid,
    /// None where the handler for syslog leaves it to the frame.
    pub(super) level: Option<Level>,
    /// What is behind the prefix.
    pub(super) message: &'a [u8],
}

/// A line with the prefix at its very beginning. Behind a tag some of it may be missing: `--log-syslog` writes
/// `gunicorn.app.error: [812] message`, and a log configuration may leave the time to the frame.
pub(super) fn prefixed<'a>(line: &'a [u8], tag: &[u8]) -> Option<Prefixed<'a>> {
    let (time, rest) = match time(line) {
        Some((time, rest)) => (Some(time), rest),
        None if tag.is_empty() => return None,
        None => (None, line),
    };
    let (writer, rest) = text::pid(rest.strip_prefix(b"[")?)?;
    let rest = rest.strip_prefix(b"] ")?;
    let level = level(rest);
    if level.is_none() && !(time.is_none() && tag.starts_with(b"gunicorn.") && tag.ends_with(b".error")) {
        return None;
    }
    let (level, message) = level.map_or((None, rest), |(level, message)| (Some(level), message));
    Some(Prefixed { time, writer, level, message })
}

/// When a line was written, where Gunicorn's logger wrote it.
pub fn time_of_line(line: &[u8]) -> Option<Timestamp> {
    prefixed(line, b"")?.time
}

/// `[2026-11-20 19:05:52 +0000] `
fn time(line: &[u8]) -> Option<(Timestamp, &[u8])> {
    let [b'[', y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b' ', clock @ ..] = line else { return None };
    let [h1, h2, b':', m1, m2, b':', s1, s2, b' ', sign, zone @ ..] = clock else { return None };
    let [zh1, zh2, zm1, zm2, b']', b' ', rest @ ..] = zone else { return None };
    let year = i16::from(two(*y1, *y2)?) * 100 + i16::from(two(*y3, *y4)?);
    let date = Date::new(year, two(*o1, *o2)?, two(*d1, *d2)?).ok()?;
    // jiff knows no leap seconds.
    let time = Time::new(two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?.min(59), 0).ok()?;
    let sign = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let seconds = i32::from(two(*zh1, *zh2)?) * 3_600 + i32::from(two(*zm1, *zm2)?) * 60;
    let offset = Offset::from_seconds(sign * seconds).ok()?;
    Some((offset.to_timestamp(date.to_datetime(time)).ok()?, rest))
}

fn two(tens: u8, ones: u8) -> Option<i8> {
    let digit = |byte: u8| byte.checked_sub(b'0').filter(|digit| *digit < 10);
    i8::try_from(digit(tens)? * 10 + digit(ones)?).ok()
}

/// `[INFO] `
fn level(rest: &[u8]) -> Option<(Level, &[u8])> {
    const LEVELS: [(&[u8], Level); 5] = [
        (b"[INFO] ", Level::Info),
        (b"[ERROR] ", Level::Error),
        (b"[WARNING] ", Level::Warning),
        (b"[CRITICAL] ", Level::Critical),
        (b"[DEBUG] ", Level::Debug),
    ];
    LEVELS.iter().find_map(|(word, level)| Some((*level, rest.strip_prefix(*word)?)))
}

impl Prefixed<'_> {
    /// Whether it is of one of these levels, as far as that is told.
    pub(super) fn is_of(&self, levels: &[Level]) -> bool {
        self.level.is_none_or(|level| levels.contains(&level))
    }

    /// The message without white space at its end.
    pub(super) fn said(&self) -> &[u8] {
        self.message.trim_end_with(|letter| letter.is_ascii_whitespace())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, tag: &str) -> Option<(Option<String>, i32, Option<Level>, String)> {
        let read = prefixed(line.as_bytes(), tag.as_bytes())?;
        let message = read.message.to_str_lossy().into_owned();
        Some((read.time.map(|time| time.to_string()), read.writer.0, read.level, message))
    }

    #[test]
    fn a_prefix_tells_time_writer_and_level() {
        let new_york = read("[2026-11-20 14:05:52 -0500] [812] [INFO] Handling signal: usr1", "");
        let expected =
            (Some("2026-11-20T19:05:52Z".to_owned()), 812, Some(Level::Info), "Handling signal: usr1".to_owned());
        assert_eq!(new_york, Some(expected));
        let syslog = (None, 812, None, "Hang up: Master".to_owned());
        assert_eq!(read("[812] Hang up: Master", "gunicorn.app.app.error"), Some(syslog));
        let configured = (None, 812, Some(Level::Critical), "x".to_owned());
        assert_eq!(read("[812] [CRITICAL] x", "web"), Some(configured));
    }

    #[test]
    fn what_is_not_at_the_very_beginning_is_no_prefix() {
        for (line, tag) in [
            (" [2026-11-20 14:05:52 -0500] [812] [INFO] x", ""),
            ("10.0.0.1 - - [2026-11-20 14:05:52 -0500] [812] [INFO] x", ""),
            ("[2026-11-20 14:05:52 -0500] [812] x", ""),
            ("[2026-11-20 14:05:52 -0500] [812] x", "gunicorn.app.error"),
            ("[2026-11-20 14:05:52] [812] [INFO] x", ""),
            ("[2026-13-20 14:05:52 +0000] [812] [INFO] x", ""),
            ("[2026-11-20 14:05:52 +0000] [0] [INFO] x", ""),
            ("[812] [INFO] x", ""),
            ("[812] x", "gunicorn.app.access"),
            ("[812] x", "web"),
        ] {
            assert_eq!(read(line, tag), None, "{line}");
        }
    }
}
