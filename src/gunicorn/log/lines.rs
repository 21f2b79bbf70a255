//! One line after the other, undressed: what they tell.

use super::manager;
use super::phrase::{Header, Phrase, phrase};
use super::prefix::{Prefixed, prefixed};
use super::repeats::Repeats;
use super::text::{cut, first_line};
use super::told::{Event, Place, Said, Told, Traceback};
use super::traceback::{self, Reading};
use super::undressed::Undressed;
use crate::kernel_log::Clock;
use crate::units::Pid;
use jiff::Timestamp;
use std::collections::VecDeque;

/// Tracebacks of so many processes are read at once: those of a journal come line by line.
const MOST_OPEN: usize = 64;

/// A traceback whose process is silent for so long has ended: a process writes its lines within milliseconds.
const SILENCE_SECONDS: i64 = 5;

/// The same where no times are told, in lines of others.
const SILENCE_LINES: u64 = 1_000;

/// What waits behind a traceback that is not whole. The order is kept, and the memory too.
const MOST_WAITING: usize = 1_024;

/// Takes lines in the order of their log and gives what they tell, in that order. Its memory is bounded.
#[derive(Debug)]
pub struct Lines {
    clock: Clock,
    open: Vec<Open>,
    /// What was told and not given yet; none where a traceback is not whole.
    waiting: VecDeque<Option<Told>>,
    /// How many were given: the number of the first that waits.
    given: u64,
    passed: u64,
    repeats: Repeats,
}

/// A traceback that is being read.
#[derive(Debug)]
struct Open {
    writer: Option<Pid>,
    number: u64,
    header: Header,
    told: Told,
    reading: Reading,
    at: Option<Timestamp>,
    passed: u64,
}

impl Lines {
    /// Of a log whose frames are read by that clock.
    pub fn of(clock: Clock) -> Self {
        let (open, waiting, repeats) = (Vec::new(), VecDeque::new(), Repeats::default());
        Self { clock, open, waiting, given: 0, passed: 0, repeats }
    }

    /// Takes the next line.
    pub fn take(&mut self, line: &Undressed<'_>, each: &mut dyn FnMut(Told)) {
        // What the kernel writes is read elsewhere.
        if line.tag == b"kernel" {
            return;
        }
        self.passed += 1;
        let at = self.clock.moment(&line.stamp).map(|moment| moment.time);
        self.end_silent(at);
        let (first, rest) = first_line(line.message);
        if manager::is_manager(line.tag, line.unit) {
            if let Some(event) = manager::event(line.tag, first) {
                let told = told(Said::Manager(event), line, first, at);
                self.waiting.push_back(Some(told));
            }
            self.give(each);
            return;
        }
        match prefixed(first, line.tag) {
            Some(head) => self.prefixed(&head, line, first, at),
            None => self.bare(first, line, at),
        }
        if let Some(rest) = rest {
            self.rest(rest, line, first.len() as u64 + 1, at);
        }
        self.give(each);
    }

    /// The log is at its end; the lines are then as new.
    pub fn finish(&mut self, each: &mut dyn FnMut(Told)) {
        while !self.open.is_empty() {
            self.end(0);
        }
        self.give(each);
    }

    /// Whether a traceback is not whole whose first line is there.
    pub(super) fn is_reading(&self, place: Place) -> bool {
        self.open.iter().any(|open| open.told.place == place)
    }

    /// Lines that go on with a message; never a line of Gunicorn's own, which would have a frame again.
    fn rest(&mut self, rest: &[u8], line: &Undressed<'_>, begins: u64, at: Option<Timestamp>) {
        // In a file of text without frames that name a writer each is a line of the file, and of no known time.
        let is_text = line.tag.is_empty();
        let mut place = Place { offset: line.place.offset + begins, line: line.place.line + 1 };
        let mut rest = Some(rest);
        while let Some((text, behind)) = rest.map(first_line) {
            let line = Undressed { place: if is_text { place } else { line.place }, ..*line };
            self.bare(text, &line, at.filter(|_| !is_text));
            place = Place { offset: place.offset + text.len() as u64 + 1, line: place.line + 1 };
            rest = behind;
        }
    }

    fn prefixed(&mut self, head: &Prefixed<'_>, line: &Undressed<'_>, first: &[u8], at: Option<Timestamp>) {
        self.end_of(line.pid);
        let Some(phrase) = phrase(head) else { return };
        let time = head.time.or(at);
        match phrase {
            Phrase::Event(event) => {
                let told = Told { writer: Some(head.writer), ..told(Said::Gunicorn(event), line, first, time) };
                self.waiting.push_back(Some(told));
            }
            Phrase::Header(header) => {
                // What it says is known at its end.
                let said = Said::Gunicorn(Event::Loose(Traceback::default()));
                let told = Told { writer: Some(head.writer), ..told(said, line, first, time) };
                self.begin(header, told, Reading::default(), line.pid, at);
            }
        }
    }

    /// A line without the prefix: it goes on with a traceback, begins one, or is nothing of ours.
    fn bare(&mut self, text: &[u8], line: &Undressed<'_>, at: Option<Timestamp>) {
        if is_alone(text) {
            let traceback = Traceback { exception: Some(super::text::kept(text)), ..Traceback::default() };
            self.waiting.push_back(Some(told(Said::Gunicorn(Event::Loose(traceback)), line, text, at)));
            return;
        }
        if let Some(index) = self.open.iter().position(|open| open.writer == line.pid) {
            if self.goes_on(index, text, at) {
                return;
            }
            self.end(index);
        }
        if traceback::begins(text) {
            let told = told(Said::Gunicorn(Event::Loose(Traceback::default())), line, text, at);
            self.begin(Header::Loose, told, Reading::with(text), line.pid, at);
        }
    }

    /// Gives the line to a traceback; says whether it could be of it.
    fn goes_on(&mut self, index: usize, text: &[u8], at: Option<Timestamp>) -> bool {
        let Some(open) = self.open.get_mut(index) else { return false };
        open.passed = self.passed;
        open.at = at.or(open.at);
        open.reading.takes(text)
    }

    fn begin(&mut self, header: Header, told: Told, reading: Reading, writer: Option<Pid>, at: Option<Timestamp>) {
        if self.open.len() == MOST_OPEN {
            self.end(0);
        }
        let number = self.given + self.waiting.len() as u64;
        self.waiting.push_back(None);
        self.open.push(Open { writer, number, header, told, reading, at, passed: self.passed });
    }

    fn end_of(&mut self, writer: Option<Pid>) {
        if let Some(index) = self.open.iter().position(|open| open.writer == writer) {
            self.end(index);
        }
    }

    fn end_silent(&mut self, now: Option<Timestamp>) {
        let is_silent = |open: &Open, passed: u64| {
            let seconds = now.zip(open.at).map(|(now, at)| now.as_second().saturating_sub(at.as_second()));
            passed.saturating_sub(open.passed) > SILENCE_LINES || seconds.is_some_and(|silent| silent > SILENCE_SECONDS)
        };
        while let Some(index) = self.open.iter().position(|open| is_silent(open, self.passed)) {
            self.end(index);
        }
    }

    /// Ends a traceback: what it tells is known.
    fn end(&mut self, index: usize) {
        let Open { number, header, mut told, reading, .. } = self.open.remove(index);
        told.said = Said::Gunicorn(header.with(reading.end()));
        let place = usize::try_from(number.saturating_sub(self.given)).ok();
        if let Some(place) = place.and_then(|place| self.waiting.get_mut(place)) {
            *place = Some(told);
        }
    }

    /// Gives what no longer waits.
    fn give(&mut self, each: &mut dyn FnMut(Told)) {
        while self.waiting.len() > MOST_WAITING && !self.open.is_empty() {
            self.end(0);
        }
        while let Some(Some(_)) = self.waiting.front() {
            self.given += 1;
            if let Some(told) = self.waiting.pop_front().flatten().filter(|told| self.repeats.is_news(told)) {
                each(told);
            }
        }
    }
}

/// What a line tells.
pub(super) fn told(said: Said, line: &Undressed<'_>, text: &[u8], time: Option<Timestamp>) -> Told {
    let unit = (!line.unit.is_empty()).then(|| String::from_utf8_lossy(line.unit).into());
    Told { said, writer: None, frame_pid: line.pid, unit, time, source: 0, place: line.place, text: cut(text).into() }
}

/// What Gunicorn prints to standard error where the application cannot be found: no logger writes it.
pub(super) fn is_alone(text: &[u8]) -> bool {
    text.starts_with(b"Failed to find attribute '")
        || text.starts_with(b"Failed to find application object '")
        || text == b"Application object must be callable."
}
