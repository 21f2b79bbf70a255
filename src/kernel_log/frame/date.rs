//! Dates as the tools write them: ISO 8601, traditional syslog, and the words of any locale.

use super::month;
use super::scan::Scan;
use crate::kernel_log::Wall;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

const SECOND: u64 = 1_000_000;
/// Smallest step of dmesg(1) `-e` and of nothing else.
pub(super) const MINUTE: u64 = 60 * SECOND;

/// The longest date of any locale seen is below 64 bytes: a date that is not over by then is none.
pub(super) const LONGEST: usize = 80;

/// A time of the day, and the smallest step of its text in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Daytime {
    pub(super) time: Time,
    pub(super) step_micros: u64,
    /// Whether the fraction follows a comma: dmesg(1) and Python do so, syslog daemons and journalctl(1) do not.
    pub(super) comma: bool,
    /// How many digits the fraction has.
    pub(super) digits: usize,
}

/// A date and time of ISO 8601.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Iso {
    pub(super) wall: Wall,
    pub(super) comma: bool,
    digits: usize,
}

impl Iso {
    /// Whether dmesg(1) writes dates so: `2026-11-20T19:01:18,589657+00:00`, with six digits and a zone always. Logs of
    /// Java have a comma too, but three digits and mostly no zone.
    pub(super) fn is_dmesg(&self) -> bool {
        self.comma && self.digits == 6 && matches!(self.wall, Wall::Exact { .. })
    }
}

/// `19:12:34`, `19:12:34.252569`, `19:12:34,252569`.
pub(super) fn daytime(scan: &mut Scan<'_>) -> Option<Daytime> {
    let hour = scan.two()?;
    scan.text(b":")?;
    let minute = scan.two()?;
    scan.text(b":")?;
    // jiff knows no leap seconds.
    let second = scan.two()?.min(59);
    let comma = scan.peek() == Some(b',');
    let (nanos, step_micros, digits) = match scan.peek() {
        Some(b'.' | b',') => fraction(scan)?,
        _ => (0, SECOND, 0),
    };
    let time = Time::new(hour, minute, second, nanos).ok()?;
    Some(Daytime { time, step_micros, comma, digits })
}

/// Nanoseconds, down to whole microseconds, the step of the text, and its digits. Three digits at most are taken for milliseconds,
/// as Go leaves out zeros at the end.
fn fraction(scan: &mut Scan<'_>) -> Option<(i32, u64, usize)> {
    scan.next()?;
    let (number, digits) = scan.digits()?;
    let micros = match digits {
        0..=6 => number * 10_u64.pow(u32::try_from(6 - digits).ok()?),
        7..=18 => number / 10_u64.pow(u32::try_from(digits - 6).ok()?),
        _ => return None,
    };
    let step = if digits <= 3 { 1_000 } else { 1 };
    Some((i32::try_from(micros * 1_000).ok()?, step, digits))
}

/// `2026-11-20`.
pub(super) fn iso_date(scan: &mut Scan<'_>) -> Option<Date> {
    let (century, year) = (scan.two()?, scan.two()?);
    scan.text(b"-")?;
    let month = scan.two()?;
    scan.text(b"-")?;
    let day = scan.two()?;
    Date::new(i16::from(century) * 100 + i16::from(year), month, day).ok()
}

/// `2026-11-20T19:12:34.252569+00:00`: a space for the `T`, a comma for the point, and no zone will do.
pub(super) fn iso(scan: &mut Scan<'_>) -> Option<Iso> {
    let date = iso_date(scan)?;
    let spaced = match scan.next()? {
        b'T' => false,
        b' ' => true,
        _ => return None,
    };
    let daytime = daytime(scan)?;
    let offset = zone(scan);
    Some(Iso { wall: wall(date, daytime, offset), comma: daytime.comma && !spaced, digits: daytime.digits })
}

/// A point in time where the zone is told, else local time.
pub(super) fn wall(date: Date, Daytime { time, step_micros, .. }: Daytime, offset: Option<Offset>) -> Wall {
    let at = date.to_datetime(time);
    match offset.and_then(|offset| offset.to_timestamp(at).ok()) {
        Some(at) => Wall::Exact { at, step_micros },
        None => Wall::Local { at, step_micros },
    }
}

/// `Z`, `+00:00`, `+0000`, `+00`; stays where it is if it is none of them.
pub(super) fn zone(scan: &mut Scan<'_>) -> Option<Offset> {
    if scan.took(b'Z') {
        return Some(Offset::UTC);
    }
    let mut ahead = *scan;
    let sign = match ahead.next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = ahead.two()?;
    let colon = ahead.took(b':');
    let minutes = match ahead.two() {
        Some(minutes) => minutes,
        None if colon => return None,
        None => 0,
    };
    *scan = ahead;
    Offset::from_seconds(sign * (i32::from(hours) * 3_600 + i32::from(minutes) * 60)).ok()
}

/// `Nov 20 19:12:34` in English, as nearly every syslog file has it.
pub(super) fn traditional(scan: &mut Scan<'_>) -> Option<Wall> {
    let mut name = || scan.next();
    let month = month::english([name()?, name()?, name()?])?;
    scan.text(b" ")?;
    let day = if scan.took(b' ') { i8::try_from(scan.next()?.checked_sub(b'0')?).ok()? } else { scan.two()? };
    scan.text(b" ")?;
    let Daytime { time, step_micros, .. } = daytime(scan)?;
    (1..=31).contains(&day).then_some(Wall::Yearless { month, day, time, step_micros })
}

/// A point in time from microseconds since 1970.
pub(super) fn of_epoch(micros: u64) -> Option<Wall> {
    let at = jiff::Timestamp::from_microsecond(i64::try_from(micros).ok()?).ok()?;
    Some(Wall::Exact { at, step_micros: 1 })
}

/// The same wall clock some microseconds later; its step stays.
pub(super) fn later(wall: Wall, micros: u64) -> Option<Wall> {
    let span = jiff::SignedDuration::from_micros(i64::try_from(micros).ok()?);
    let later = |at: DateTime| at.checked_add(span).ok();
    Some(match wall {
        Wall::Exact { at, step_micros } => Wall::Exact { at: at.checked_add(span).ok()?, step_micros },
        Wall::Local { at, step_micros } => Wall::Local { at: later(at)?, step_micros },
        Wall::Yearless { month, day, time, step_micros } => {
            // Of a leap year, so that the 29th of February is a day; the year is not kept.
            let at = later(Date::new(2000, month, day).ok()?.to_datetime(time))?;
            Wall::Yearless { month: at.month(), day: at.day(), time: at.time(), step_micros }
        }
    })
}
