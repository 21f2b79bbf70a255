//! The parts of a log round what is looked for, cut out as the log goes by.
//!
//! A hit has a window: from the header of its report to some lines after it. Windows are cut from what is held of the
//! log, so the answer is the same whether it comes in pieces through a pipe, or from a file between whose interesting
//! regions it jumps.

mod window;

use super::needles::{Hit, HitKind, Needles};
use super::tally::Tally;
use crate::kernel_log::Reader;
use memchr::memchr;
use std::collections::VecDeque;
use std::ops::Range;
use window::{Window, begin_of_line, begin_of_report};

/// How far before a death its report may begin. The largest reports, of hosts with thousands of tasks, take some
/// 300 KiB; a busy host writes other lines between.
pub const LEAD: u64 = 1 << 20;

/// How far after a death something may be said of it: group members, the reaper and later headers take some 2 KiB, and
/// other lines come between.
pub const TAIL: u64 = 16 << 10;

/// A line is at most this long. The kernel's are at most 2 KiB (`PRINTK_MESSAGE_MAX`) and escapes make four bytes of one;
/// this is for files that are no logs.
const LONGEST_LINE: u64 = 1 << 20;

/// What is held: the lead, and pieces that need not be moved each time. Logs below this are parsed whole, which takes
/// some milliseconds.
pub const HELD: usize = 4 << 20;

/// A piece below this is not worth a system call of its own.
const SMALLEST_PIECE: usize = 128 << 10;

/// Cuts the windows out of a log and parses them.
pub struct Excerpt<'n, 's> {
    needles: &'n Needles,
    tally: Tally<'s>,
    held: Vec<u8>,
    /// Bytes of `held` that are of the log.
    filled: usize,
    /// Where the first of them is in the log.
    offset: u64,
    /// Hits that begin before this are known.
    searched: u64,
    /// Where the last death before ended.
    previous: Option<u64>,
    /// Windows that were not parsed to their end, in order, none touching another.
    asked: VecDeque<Window>,
    /// Whether the head of the log has lines with a frame.
    is_framed: bool,
    /// The reader and how far it was fed.
    reading: Option<(Reader, u64)>,
}

impl<'n, 's> Excerpt<'n, 's> {
    /// Of a log whose next byte is at `offset`.
    pub fn at(offset: u64, needles: &'n Needles, tally: Tally<'s>) -> Self {
        let (held, asked) = (vec![0; HELD], VecDeque::new());
        Self {
            needles,
            tally,
            held,
            filled: 0,
            offset,
            searched: offset,
            previous: None,
            asked,
            is_framed: false,
            reading: None,
        }
    }

    /// Tells whether the log has lines with a frame at its head.
    pub fn framed(self, is_framed: bool) -> Self {
        Self { is_framed, ..self }
    }

    /// Where the log goes on.
    pub fn end(&self) -> u64 {
        self.offset + self.filled as u64
    }

    /// What is held of the log, up to its end.
    pub fn held(&self) -> &[u8] {
        self.held.get(..self.filled).unwrap_or_default()
    }

    /// Where the next bytes of the log go; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        if self.held.len() - self.filled < SMALLEST_PIECE {
            self.forget();
        }
        self.held.get_mut(self.filled..).unwrap_or_default()
    }

    /// So many bytes were put there, and are not to be looked at yet.
    pub fn put(&mut self, bytes: usize) {
        self.filled = (self.filled + bytes).min(self.held.len());
    }

    /// Looks at what was put, and parses what can be.
    pub fn look(&mut self) {
        self.search();
        self.parse(self.decided());
    }

    /// Parses to the end of every window that is open, as no hit follows for as long as a report may be. False where
    /// the end of one is still to come.
    pub fn settle(&mut self) -> bool {
        self.parse(self.end());
        self.asked.is_empty()
    }

    /// Goes on elsewhere: what is between holds nothing that is looked for.
    pub fn jump(&mut self, offset: u64) {
        self.asked.clear();
        (self.filled, self.offset, self.searched) = (0, offset, offset);
    }

    /// The log is at its end.
    pub fn finish(&mut self) -> &Tally<'s> {
        self.search();
        self.parse(self.end());
        if let Some((mut reader, _)) = self.reading.take() {
            self.tally.finish(&mut reader);
        }
        &self.tally
    }

    /// The log is at its end, and what is held is all of it: everything is parsed.
    pub fn finish_whole(&mut self) -> &Tally<'s> {
        let mut reader = Reader::at(self.offset);
        self.tally.feed(&mut reader, self.held.get(..self.filled).unwrap_or_default());
        self.tally.finish(&mut reader);
        &self.tally
    }

    /// Hands over the log from here on to be parsed as a whole.
    pub fn into_whole(mut self) -> (Reader, Tally<'s>) {
        let mut reader = Reader::at(self.offset);
        self.tally.feed(&mut reader, self.held.get(..self.filled).unwrap_or_default());
        (reader, self.tally)
    }

    /// What comes before this is not needed any more: no hit to come reaches back so far.
    fn decided(&self) -> u64 {
        self.searched.saturating_sub(LEAD).max(self.offset)
    }

    fn forget(&mut self) {
        let known = usize::try_from(self.decided() - self.offset).unwrap_or(0).min(self.filled);
        self.held.copy_within(known..self.filled, 0);
        self.filled -= known;
        self.offset += known as u64;
    }

    fn search(&mut self) {
        let needles = self.needles;
        let mut from = self.index(self.searched);
        while let Some(hit) = needles.next(self.held(), from) {
            self.ask(hit);
            from = hit.end;
        }
        // A hit may be cut by the end of what is held.
        let uncut = (self.filled + 1).saturating_sub(needles.longest());
        self.searched = self.offset + from.max(uncut).min(self.filled) as u64;
    }

    fn ask(&mut self, hit: Hit) {
        let at = self.offset + hit.at as u64;
        let window = match hit.kind {
            HitKind::Line => {
                let from = self.index(at.saturating_sub(LEAD));
                Window { at: self.offset + begin_of_line(self.held(), from, hit.at) as u64, until: self.place(hit.end) }
            }
            HitKind::Death => {
                let begin = begin_of_report(self.held(), self.earliest(at), hit.at, self.is_near(at));
                self.tally.is_beginning_lost |= self.begins_among_tasks(at);
                self.previous = Some(self.place(hit.end));
                Window { at: self.offset + begin as u64, until: self.place(hit.end) + TAIL }
            }
        };
        self.add(window);
    }

    /// Where the report of a death may begin: not before the one before, and whether that is the beginning of a line.
    fn earliest(&self, death: u64) -> (usize, bool) {
        let earliest = death.saturating_sub(LEAD).max(self.previous.unwrap_or(0)).max(self.offset);
        (self.index(earliest), earliest == 0)
    }

    /// Whether the table of tasks goes on before all that is held for a report. Its header is further before.
    fn begins_among_tasks(&self, death: u64) -> bool {
        let (earliest, is_begin_of_line) = self.earliest(death);
        let is_bound = !is_begin_of_line && self.place(earliest) + LEAD == death;
        is_bound && window::is_task(window::line_at(self.held(), window::next_line(self.held(), earliest, self.filled)))
    }

    /// Whether the death before was so short ago that what is between can only be of this one.
    fn is_near(&self, death: u64) -> bool {
        self.previous.is_some_and(|previous| death.saturating_sub(previous) <= window::WITHOUT_HEADER)
    }

    fn add(&mut self, mut window: Window) {
        while let Some(last) = self.asked.back_mut() {
            let begins_inside = last.at >= window.at;
            let touches = self.held.get(..self.filled).and_then(|held| last.end(held, self.offset));
            if !begins_inside && touches.is_some_and(|end| end < window.at) {
                break;
            }
            window = Window { at: window.at.min(last.at), until: window.until.max(last.until) };
            self.asked.pop_back();
        }
        self.asked.push_back(window);
    }

    /// Parses the windows up to an offset.
    fn parse(&mut self, upto: u64) {
        while let Some(mut window) = self.asked.pop_front() {
            // Nothing is parsed twice.
            window.at = self.reading.as_ref().map_or(window.at, |(_, fed)| window.at.max(*fed));
            let end = window.end(self.held(), self.offset);
            let stop = end.map_or(upto, |end| end.min(upto));
            if window.at < stop {
                self.read(window.at..stop);
                window.at = stop;
            }
            if end != Some(stop) {
                self.asked.push_front(window);
                return;
            }
        }
    }

    fn read(&mut self, span: Range<u64>) {
        let mut reader = match self.reading.take() {
            Some((reader, fed)) if fed == span.start => reader,
            Some((mut ended, _)) => {
                self.tally.finish(&mut ended);
                self.tally.gap();
                self.reader_at(span.start)
            }
            None => self.reader_at(span.start),
        };
        let bytes = self.held.get(self.index(span.start)..self.index(span.end)).unwrap_or_default();
        self.tally.feed(&mut reader, bytes);
        self.reading = Some((reader, span.end));
    }

    /// A line without a frame in a log that has frames goes on with a line before it, which is not known any more.
    fn reader_at(&self, offset: u64) -> Reader {
        let line = window::line_at(self.held(), self.index(offset));
        let is_framed = self.is_framed || self.tally.framed;
        if offset > 0 && is_framed && !window::has_frame(line) { Reader::within(offset) } else { Reader::at(offset) }
    }

    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.offset)).unwrap_or(usize::MAX).min(self.filled)
    }

    fn place(&self, index: usize) -> u64 {
        self.offset + index as u64
    }
}

/// The first byte after the line that a place is in, where its end is held.
fn after_line(held: &[u8], from: usize) -> Option<usize> {
    memchr(b'\n', held.get(from..)?).map(|newline| from + newline + 1)
}
