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
    step_micros: u64,
    /// Whether the fraction follows a comma: dmesg(1) and Python do so, syslog daemons and journalctl(1) do not.
    pub(super) comma: bool,
}

/// A date and time of ISO 8601.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Iso {
    pub(super) wall: Wall,
    pub(super) comma: bool,
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
    let (nanos, step_micros) = match scan.peek() {
        Some(b'.' | b',') => fraction(scan)?,
        _ => (0, SECOND),
    };
    let time = Time::new(hour, minute, second, nanos).ok()?;
    Some(Daytime { time, step_micros, comma })
}

/// Nanoseconds, down to whole microseconds, and the step of the text. Three digits at most are taken for milliseconds,
/// as Go leaves out zeros at the end.
fn fraction(scan: &mut Scan<'_>) -> Option<(i32, u64)> {
    scan.next()?;
    let (number, digits) = scan.digits()?;
    let micros = match digits {
        0..=6 => number * 10_u64.pow(u32::try_from(6 - digits).ok()?),
        7..=18 => number / 10_u64.pow(u32::try_from(digits - 6).ok()?),
        _ => return None,
    };
    let step = if digits <= 3 { 1_000 } else { 1 };
    Some((i32::try_from(micros * 1_000).ok()?, step))
}

/// `2026-11-20`.
fn iso_date(scan: &mut Scan<'_>) -> Option<Date> {
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
    Some(Iso { wall: wall(date, daytime, offset), comma: daytime.comma && !spaced })
}

/// A point in time where the zone is told, else local time.
fn wall(date: Date, Daytime { time, step_micros, .. }: Daytime, offset: Option<Offset>) -> Wall {
    let at = date.to_datetime(time);
    match offset.and_then(|offset| offset.to_timestamp(at).ok()) {
        Some(at) => Wall::Instant { at, step_micros },
        None => Wall::Local { at, step_micros },
    }
}

/// `Z`, `+00:00`, `+0000`, `+00`; stays where it is if it is none of them.
fn zone(scan: &mut Scan<'_>) -> Option<Offset> {
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

/// A date in words up to its time and a year behind that; `None` within where the words are of no known locale.
///
/// `Fri Nov 20 19:01:18 2026`, `dim. 19 avril 18:03:30 2026`, `апр 28 10:00:00`, `5月 29 10:00:00`,
/// `2026 Nov 20 19:12:34`, `Fri 2026-11-20 19:16:47 UTC`.
pub(super) fn in_words(scan: &mut Scan<'_>) -> Option<Option<Wall>> {
    let mut words = Words::default();
    // A weekday, a month, a day and a year are before the time; never more, so other text is left soon.
    for _ in 0..5 {
        let mut ahead = *scan;
        if let Some(daytime) = daytime(&mut ahead).filter(|_| matches!(ahead.peek(), None | Some(b' ' | b']'))) {
            *scan = ahead;
            return words.with_time(daytime, scan);
        }
        words.take(scan.word())?;
        scan.text(b" ")?;
        scan.spaces();
    }
    None
}

/// What the words before the time of the day were.
#[derive(Debug, Default)]
struct Words<'a> {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    date: Option<Date>,
    /// How many words of letters there were: a weekday, a month.
    names: usize,
    /// The last of them. Of two names the second is the month: `mar. 10 mars` is a Tuesday in March. It is looked up
    /// when the time was met, since most lines that begin with words are no dates.
    name: &'a [u8],
}

impl<'a> Words<'a> {
    /// Takes the next word; nothing if it can be no part of a date.
    fn take(&mut self, word: &'a [u8]) -> Option<()> {
        if word.first()?.is_ascii_digit() {
            return self.take_number(word);
        }
        // The longest name of a month or weekday is below 30 bytes also in Greek.
        let names = word.len() < 30 && !word.iter().any(|byte| matches!(byte, b'0'..=b'9' | b':' | b'[' | b'/' | b'='));
        self.name = word;
        self.names += 1;
        (names && self.names <= 2).then_some(())
    }

    fn take_number(&mut self, word: &[u8]) -> Option<()> {
        let mut scan = Scan::of(word);
        if word.len() == 10 && word.get(4) == Some(&b'-') {
            self.date = Some(iso_date(&mut scan)?);
            return Some(());
        }
        let (number, digits) = scan.digits()?;
        // 月 of Chinese and Japanese, 월 of Korean; the day may follow without a space.
        let after_month = scan.rest().strip_prefix("月".as_bytes()).or(scan.rest().strip_prefix("월".as_bytes()));
        if let Some(rest) = after_month {
            self.month = i8::try_from(number).ok();
            self.names += 1;
            return if rest.is_empty() { Some(()) } else { self.take_day(rest) };
        }
        match digits {
            1 | 2 => self.take_day(word),
            4 if scan.rest().is_empty() => {
                self.year = i16::try_from(number).ok();
                Some(())
            }
            _ => None,
        }
    }

    /// `20`, `20.`, `20,`, `20日`, `20일`.
    fn take_day(&mut self, word: &[u8]) -> Option<()> {
        let mut scan = Scan::of(word);
        let day = i8::try_from(scan.number()?).ok()?;
        let mark =
            matches!(scan.rest(), b"" | b"." | b",") || ["日", "일"].iter().any(|mark| scan.rest() == mark.as_bytes());
        self.day = Some(day);
        (mark && (1..=31).contains(&day)).then_some(())
    }

    /// The date, now that the time was met.
    fn with_time(self, daytime: Daytime, scan: &mut Scan<'_>) -> Option<Option<Wall>> {
        if let Some(date) = self.date {
            return Some(Some(wall(date, daytime, named_zone(scan))));
        }
        let day = self.day?;
        let daytime = afternoon(daytime, scan);
        let year =
            self.year.or_else(|| if self.names == 2 || scan.rest().is_empty() { year_behind(scan) } else { None });
        let known = self.month.or_else(|| month::of_word(self.name)).filter(|month| (1..=12).contains(month));
        (self.names > 0).then(|| known.and_then(|month| dated(year, month, day, daytime)))
    }
}

fn dated(year: Option<i16>, month: i8, day: i8, Daytime { time, step_micros, .. }: Daytime) -> Option<Wall> {
    match year {
        Some(year) => Some(Wall::Local { at: Date::new(year, month, day).ok()?.to_datetime(time), step_micros }),
        None => Some(Wall::Yearless { month, day, time, step_micros }),
    }
}

/// ` 2026` behind the time, as ctime(3) writes it.
fn year_behind(scan: &mut Scan<'_>) -> Option<i16> {
    let mut ahead = *scan;
    ahead.text(b" ")?;
    let (year, digits) = ahead.digits()?;
    let over = matches!(ahead.peek(), None | Some(b' ' | b']' | b':'));
    if digits != 4 || !over {
        return None;
    }
    *scan = ahead;
    i16::try_from(year).ok()
}

/// ` PM` behind the time, in locales of twelve hours.
fn afternoon(daytime: Daytime, scan: &mut Scan<'_>) -> Daytime {
    let mut ahead = *scan;
    let half = match (ahead.text(b" "), ahead.word()) {
        (Some(()), b"AM") => 0,
        (Some(()), b"PM") => 12,
        _ => return daytime,
    };
    *scan = ahead;
    let time = daytime.time.with().hour(daytime.time.hour() % 12 + half).build().unwrap_or(daytime.time);
    Daytime { time, ..daytime }
}

/// ` UTC`, ` CET`, ` +03` behind the time of `short-full`. What other abbreviations mean depends on who uses them.
fn named_zone(scan: &mut Scan<'_>) -> Option<Offset> {
    let mut ahead = *scan;
    ahead.text(b" ")?;
    if let Some(offset) = zone(&mut ahead).filter(|_| ahead.peek() == Some(b' ')) {
        *scan = ahead;
        return Some(offset);
    }
    let mut ahead = *scan;
    ahead.text(b" ")?;
    let word = ahead.word();
    // journalctl(1) always prints a zone behind a weekday and a date; some are of five letters.
    if word.is_empty() || word.len() > 5 || !word.iter().all(u8::is_ascii_uppercase) {
        return None;
    }
    *scan = ahead;
    matches!(word, b"UTC" | b"GMT").then_some(Offset::UTC)
}

/// A point in time from microseconds since 1970.
pub(super) fn of_epoch(micros: u64) -> Option<Wall> {
    let at = jiff::Timestamp::from_microsecond(i64::try_from(micros).ok()?).ok()?;
    Some(Wall::Instant { at, step_micros: 1 })
}

/// `Nov20 19:01` of dmesg(1) `-e`.
pub(super) fn of_minute(text: &[u8]) -> Option<Option<Wall>> {
    let mut scan = Scan::of(text);
    let name =
        text.iter().position(u8::is_ascii_digit).and_then(|at| text.get(..at)).filter(|name| !name.is_empty())?;
    scan.text(name)?;
    let name = name.trim_ascii();
    let plain = !name.iter().any(|byte| matches!(byte, b':' | b'[' | b'+' | b'.' | b'<' | b'-' | b'/'));
    let day = i8::try_from(scan.number()?).ok().filter(|day| (1..=31).contains(day))?;
    scan.text(b" ")?;
    let hour = scan.two()?;
    scan.text(b":")?;
    let time = Time::new(hour, scan.two()?, 0, 0).ok()?;
    let wall = |month| Wall::Yearless { month, day, time, step_micros: MINUTE };
    (plain && scan.rest().is_empty()).then(|| month::of_word(name).map(wall))
}

/// The same wall clock some microseconds later; its step stays.
pub(super) fn later(wall: Wall, micros: u64) -> Option<Wall> {
    let span = jiff::SignedDuration::from_micros(i64::try_from(micros).ok()?);
    let later = |at: DateTime| at.checked_add(span).ok();
    Some(match wall {
        Wall::Instant { at, step_micros } => Wall::Instant { at: at.checked_add(span).ok()?, step_micros },
        Wall::Local { at, step_micros } => Wall::Local { at: later(at)?, step_micros },
        Wall::Yearless { month, day, time, step_micros } => {
            // Of a leap year, so that the 29th of February is a day; the year is not kept.
            let at = later(Date::new(2000, month, day).ok()?.to_datetime(time))?;
            Wall::Yearless { month: at.month(), day: at.day(), time: at.time(), step_micros }
        }
    })
}
