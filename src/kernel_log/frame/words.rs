//! Dates in the words of any locale.

use super::date::{self, Daytime, MINUTE};
use super::month;
use super::scan::Scan;
use crate::kernel_log::Wall;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// A date in words up to its time and a year behind that; `None` within where the words are of no known locale.
///
/// `Fri Nov 20 19:01:18 2026`, `dim. 19 avril 18:03:30 2026`, `апр 28 10:00:00`, `5月 29 10:00:00`,
/// `2026 Nov 20 19:12:34`, `Fri 2026-11-20 19:16:47 UTC`.
pub(super) fn in_words(scan: &mut Scan<'_>) -> Option<Option<Wall>> {
    let mut words = Words::default();
    // A weekday, a month, a day and a year are before the time; never more, so other text is left soon.
    for _ in 0..5 {
        let mut ahead = *scan;
        if let Some(daytime) = date::daytime(&mut ahead).filter(|_| matches!(ahead.peek(), None | Some(b' ' | b']'))) {
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
    /// The one before that.
    weekday: &'a [u8],
}

impl<'a> Words<'a> {
    /// Takes the next word; nothing if it can be no part of a date.
    fn take(&mut self, word: &'a [u8]) -> Option<()> {
        if word.first()?.is_ascii_digit() {
            return self.take_number(word);
        }
        // Catalan `de febr.`; Mongolian `2-р сар`, where the number was the month.
        if word == b"de" || (word == "сар".as_bytes() && self.month.is_some()) {
            return Some(());
        }
        // Vietnamese counts its weekdays from Monday, `T2`, on.
        let weekday = matches!(word, [b'T', b'2'..=b'7']);
        // The longest name of a month is the Bengali one of September, of 30 bytes.
        let plain = word.len() < 40 && !word.iter().any(|byte| matches!(byte, b'0'..=b'9' | b':' | b'[' | b'/' | b'='));
        self.weekday = std::mem::replace(&mut self.name, word);
        self.names += 1;
        ((plain || weekday) && self.names <= 2).then_some(())
    }

    fn take_number(&mut self, word: &[u8]) -> Option<()> {
        let mut scan = Scan::of(word);
        if word.len() == 10 && word.get(4) == Some(&b'-') {
            self.date = Some(date::iso_date(&mut scan)?);
            return Some(());
        }
        let (number, digits) = scan.digits()?;
        if let Some(rest) = behind_month(scan.rest()) {
            self.month = i8::try_from(number).ok();
            self.names += 1;
            return if rest.is_empty() { Some(()) } else { self.take_day(rest) };
        }
        match digits {
            // Vietnamese `Thg 2`.
            1 | 2 if self.name == b"Thg" && self.month.is_none() && scan.rest().is_empty() => {
                self.month = i8::try_from(number).ok();
                Some(())
            }
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
            return Some(Some(date::wall(date, daytime, named_zone(scan))));
        }
        let day = self.day?;
        let daytime = afternoon(daytime, scan);
        let year =
            self.year.or_else(|| if self.names == 2 || scan.rest().is_empty() { year_behind(scan) } else { None });
        (self.names > 0).then(|| self.month().and_then(|month| dated(year, month, day, daytime)))
    }

    /// 1 to 12.
    fn month(&self) -> Option<i8> {
        let month = self.month.or_else(|| month::of_word(self.name, self.weekday));
        month.filter(|month| (1..=12).contains(month))
    }
}

/// What is behind 月 of Chinese and Japanese, 월 of Korean, where the day may follow without a space, and `-р` of
/// Mongolian.
fn behind_month(text: &[u8]) -> Option<&[u8]> {
    ["月", "월", "-р"].iter().find_map(|mark| text.strip_prefix(mark.as_bytes()))
}

/// Whether a text begins with a month of one digit and its mark: glibc puts a space before such a month.
pub(super) fn opens_with_month(text: &[u8]) -> bool {
    matches!(text, [b'1'..=b'9', rest @ ..] if behind_month(rest).is_some())
}

/// Whether a text ends as the dates of `dmesg -T` do in every locale, `19:01:18 2026`, whatever words are before that.
pub(super) fn ends_in_year(text: &[u8]) -> bool {
    let Some((_, end)) = text.len().checked_sub(b" 19:01:18 2026".len()).and_then(|at| text.split_at_checked(at))
    else {
        return false;
    };
    let mut scan = Scan::of(end);
    scan.text(b" ").and_then(|()| date::daytime(&mut scan)).and_then(|_| year_behind(&mut scan)).is_some()
        && scan.rest().is_empty()
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
    if let Some(offset) = date::zone(&mut ahead).filter(|_| ahead.peek() == Some(b' ')) {
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

/// `Nov20 19:01` of dmesg(1) `-e`; `None` within where the month is of no known locale.
pub(super) fn of_minute(text: &[u8]) -> Option<Option<Wall>> {
    let (date, clock) = text.split_at_checked(memchr::memrchr(b' ', text)?)?;
    // The day has two columns, with a space or a digit in the first.
    let (name, day) = date.split_at_checked(date.len().checked_sub(2)?)?;
    let day = std::str::from_utf8(day.trim_ascii_start()).ok()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let mut scan = Scan::of(clock);
    scan.text(b" ")?;
    let hour = scan.two()?;
    scan.text(b":")?;
    let time = Time::new(hour, scan.two()?, 0, 0).ok().filter(|_| scan.rest().is_empty())?;
    let month = of_month(name.trim_ascii())?;
    Some(month.map(|month| Wall::Yearless { month, day, time, step_micros: MINUTE }))
}

/// The month that words before a day name; nothing where they are no words.
fn of_month(name: &[u8]) -> Option<Option<i8>> {
    let mut words = Words::default();
    let taken = name.split(|byte| *byte == b' ').try_for_each(|word| words.take(word));
    let foreign = name.iter().any(|byte| !byte.is_ascii()) && !name.contains(&b':');
    match taken {
        Some(()) if words.names > 0 && !name.contains(&b'<') && !name.starts_with(b"+") => Some(words.month()),
        None if foreign => Some(None),
        _ => None,
    }
}
