//! What the journal has of a service, and of those who kill: through `journalctl`, its stable interface for programs.
//!
//! coredumpctl(1) is not asked: it lists the entries that systemd-coredump wrote to the journal, which are read here.

mod question;

use super::structured::Entries;
use super::{Read, Unread};
use crate::facts::Reason;
use crate::gunicorn::log::{Place, Told};
use crate::host::log_source::{Answered, Kept, answered, kept};
use crate::host::printable;
use crate::kernel_log::Clock;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use question::Question;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The name that the operator knows it by.
const NAME: &str = "the journal";

/// Who takes longer waits for a disk, and an operator for an answer. journalctl prints some 50,000 entries a second.
const TIME: Duration = Duration::from_secs(30);

/// The same for what only tells who was a worker when the time begins that is asked for.
const TIME_BEFORE: Duration = Duration::from_secs(5);

/// The same for the first entry that there is.
const TIME_OF_FIRST: Duration = Duration::from_secs(2);

/// What is refused is refused within milliseconds.
const AT_ONCE: Duration = Duration::from_secs(2);

/// What is told a little before the time that is asked for explains what comes in it, and clocks are set.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// How far before that time boots of workers are looked for: `max_requests`, releases and weekly restarts replace most
/// within that.
const BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is kept of the time before, which comes newest first and is read the other way round: some 20,000 boots and ends of
/// workers.
const MOST_BEFORE: usize = 8 << 20;

/// Reads what units of the system wrote, and what systemd wrote of them, in all boots that the journal has. Lines of it have
/// no place: theirs is 0.
///
/// # Errors
/// Where there is no journal, or only a part of it may be read, with the group that may read all.
pub fn unit_journal(
    units: &[String],
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    each: &mut dyn FnMut(Told),
) -> Result<Read, Unread> {
    of_units(units, Question::of_units(units), since, until, each)
}

/// The same of units of a user's manager, whoever asks.
///
/// # Errors
/// As [`unit_journal`].
pub fn user_unit_journal(
    units: &[String],
    uid: u32,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    each: &mut dyn FnMut(Told),
) -> Result<Read, Unread> {
    of_units(units, Question::of_user_units(units, uid), since, until, each)
}

/// Reads what systemd-oomd, earlyoom, oomd and systemd-coredump wrote, and steps of the clock.
///
/// # Errors
/// As [`unit_journal`].
pub fn killers_journal(
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    each: &mut dyn FnMut(Told),
) -> Result<Read, Unread> {
    let each = &mut without_places(each);
    let question = Question::of_killers().within(less(since, MARGIN), more(until));
    let mut read = Read::of(NAME);
    asked(question.command()?, TIME, each, &mut read)?;
    known(&mut read)
}

fn of_units(
    units: &[String],
    question: Question,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    each: &mut dyn FnMut(Told),
) -> Result<Read, Unread> {
    let each = &mut without_places(each);
    let mut read = Read::of(format!("the journal of {}", printable(&units.join(", "))));
    if let [unit] = units {
        read.source.unit = Some(unit.clone());
    }
    if units.is_empty() {
        return Ok(read);
    }
    let begin = less(since, MARGIN);
    if let Some(begin) = begin {
        // That nothing is known of the time before makes nobody wrong: a log may begin at any time.
        let boots = question.clone().boots().newest_first().within(less(since, BEFORE), Some(begin));
        if let Ok(before) = earlier(boots.command()?) {
            let mut entries = of_now();
            before.iter().rev().for_each(|entry| entries.feed(entry, each));
            entries.finish(each, &mut read);
        }
    }
    let question = question.within(begin, more(until));
    let began = Instant::now();
    match asked(question.clone().without_requests().command()?, TIME, each, &mut read) {
        // A systemd that was built without PCRE2 refuses to look for a pattern.
        Err(_) if began.elapsed() < AT_ONCE => asked(question.command()?, TIME, each, &mut read)?,
        other => other?,
    }
    known(&mut read)
}

/// Entries of the journal are in no line: an operator finds them by their time.
fn without_places(each: &mut dyn FnMut(Told)) -> impl FnMut(Told) {
    |told| each(Told { place: Place::default(), ..told })
}

/// Every entry of the journal has its time.
fn of_now() -> Entries {
    Entries::of(Clock::new(TimeZone::UTC, Timestamp::now(), None))
}

fn less(time: Option<Timestamp>, by: SignedDuration) -> Option<Timestamp> {
    time.and_then(|time| time.checked_sub(by).ok())
}

fn more(time: Option<Timestamp>) -> Option<Timestamp> {
    time.and_then(|time| time.checked_add(MARGIN).ok())
}

/// Runs a command and reads what it prints.
fn asked(command: Command, time: Duration, each: &mut dyn FnMut(Told), read: &mut Read) -> Result<(), Unread> {
    let mut entries = of_now();
    let answer = answered(&read.source.name, command, time, &mut |piece| {
        entries.feed(piece, each);
        ControlFlow::Continue(())
    })?;
    let records = entries.finish(each, read);
    match answer {
        Answered::CutShort(reason) if records == 0 => {
            Err(Unread { name: read.source.name.clone(), reason, hint: None })
        }
        Answered::CutShort(reason) => {
            read.lost(Some(reason));
            Ok(())
        }
        // Only a pattern may have no entry.
        Answered::Whole | Answered::Silent(_) => Ok(()),
    }
}

/// The entries of a question that is answered newest first, as many as are kept.
fn earlier(command: Command) -> Result<Vec<Vec<u8>>, Unread> {
    let (mut entries, mut entry, mut kept): (Vec<Vec<u8>>, Vec<u8>, usize) = (vec![], vec![], 0);
    answered(NAME, command, TIME_BEFORE, &mut |piece| {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            entry.extend_from_slice(part);
            kept += part.len();
            if part.ends_with(b"\n") {
                entries.push(std::mem::take(&mut entry));
            }
        }
        if kept < MOST_BEFORE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(entries)
}

/// Tells what is known of the journal as a whole: a service that is silent has no less of a log.
fn known(read: &mut Read) -> Result<Read, Unread> {
    if kept(Path::new("/"))? == Kept::UntilReboot {
        read.note = Some(Reason::new("it is kept in memory only: nothing of earlier boots is in it"));
    }
    let first = first_of_all();
    read.source.begins = match (read.source.begins, first) {
        (Some(begins), Some(first)) => Some(begins.min(first)),
        (begins, first) => begins.or(first),
    };
    read.framed = true;
    read.source.has_managers = true;
    Ok(std::mem::take(read))
}

/// When the oldest entry of all was written.
fn first_of_all() -> Option<Timestamp> {
    let mut first = Read::default();
    let mut entries = of_now();
    let command = Question::of_all().command().ok()?;
    // That it did not come to its end is the point of it.
    let _ = answered(NAME, command, TIME_OF_FIRST, &mut |piece| {
        entries.feed(piece, &mut |_| {});
        ControlFlow::Break(())
    });
    entries.finish(&mut |_| {}, &mut first);
    first.source.begins
}

#[cfg(test)]
mod tests;
