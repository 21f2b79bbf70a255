//! What a big log of text tells: only lines that hold a text are looked at, the others are counted.

use super::follow::{Read, follow};
use super::lines::{is_alone, told};
use super::needles::Needles;
use super::phrase::{Header, Phrase, phrase};
use super::prefix::prefixed;
use super::repeats::Repeats;
use super::text::without_return;
use super::told::{Event, Place, Said, Told, Traceback};
use super::traceback::{self, Reading};
use super::undressed::Undressed;
use crate::kernel_log::{Clock, Stamp, stamp_of};
use crate::units::Pid;
use memchr::{memchr, memchr_iter, memrchr};
use std::ops::Range;

/// Reads pieces of a log of text, in any order and by any number of threads.
#[derive(Debug)]
pub struct Scan {
    clock: Clock,
    needles: Needles,
}

impl Scan {
    /// Bytes behind the own part of a piece that a traceback may go on in: the longest line before it is that of a request,
    /// of 8 KiB at most.
    pub const AHEAD: usize = traceback::LONGEST + (8 << 10);

    /// Of a log whose frames are read by that clock.
    pub fn of(clock: Clock) -> Self {
        Self { clock, needles: Needles::new() }
    }

    /// Finds what is told by the lines of text, with frames of text or none (JSON is for [`super::Lines`]), that begin in `..own` of `bytes`; what follows is read only where such a line or
    /// its traceback goes on. A line begins at `bytes[0]`, which is `at`. Gives the number of newlines in `..own`.
    ///
    /// What pieces of one log found goes through [`Repeats`] in the order of the log.
    pub fn piece(&self, bytes: &[u8], own: usize, at: Place, found: &mut Vec<Told>) -> u64 {
        let own = own.min(bytes.len());
        let mut piece = Piece {
            scan: self,
            bytes,
            at,
            found,
            repeats: Repeats::default(),
            met: Vec::new(),
            read: Vec::new(),
            flood: None,
        };
        let is_cut = own > 0 && bytes.get(own - 1) != Some(&b'\n');
        let end = if is_cut { piece.line_end(own) } else { own };
        let (mut from, mut counted, mut newlines) = (0, 0, 0);
        while let Some(hit) = self.needles.next(bytes, from, end) {
            let before = bytes.get(from..hit).unwrap_or_default();
            let start = memrchr(b'\n', before).map_or(from, |newline| from + newline + 1);
            newlines += count(bytes, counted, start);
            counted = start;
            let stop = piece.line_end(hit);
            from = piece.line(start, stop, at.line + newlines).unwrap_or(stop + 1);
        }
        newlines + count(bytes, counted, own)
    }
}

/// The newlines from one place to another.
fn count(bytes: &[u8], from: usize, to: usize) -> u64 {
    bytes.get(from..to).map_or(0, |part| memchr_iter(b'\n', part).count() as u64)
}

/// A piece that is being read.
struct Piece<'a> {
    scan: &'a Scan,
    bytes: &'a [u8],
    at: Place,
    found: &'a mut Vec<Told>,
    repeats: Repeats,
    /// Processes of which a traceback without a head was met.
    met: Vec<Option<Pid>>,
    /// Tracebacks that reach beyond the place that was read.
    read: Vec<Read>,
    /// The last traceback without a head that another follows at once, in this piece.
    flood: Option<Range<usize>>,
}

impl Piece<'_> {
    /// Where the newline is that ends the line of a place, or the end.
    fn line_end(&self, place: usize) -> usize {
        let rest = self.bytes.get(place..).unwrap_or_default();
        memchr(b'\n', rest).map_or(self.bytes.len(), |newline| place + newline)
    }

    /// Looks at a line; says where to go on, if not behind it.
    fn line(&mut self, start: usize, stop: usize, line: u64) -> Option<usize> {
        let (start, text) = trimmed(start, self.bytes.get(start..stop)?);
        let place = Place { offset: self.at.offset + start as u64, line };
        let Some(head) = prefixed(text, b"") else {
            if traceback::begins(text) {
                return self.loose(start, stop, place);
            }
            if may_have_frame(text) || is_alone(text) {
                self.follow(start, place);
            }
            return None;
        };
        match phrase(&head)? {
            Phrase::Event(event) => {
                let told = bare(event, text, place);
                self.tell(Told { writer: Some(head.writer), time: head.time, ..told });
            }
            Phrase::Header(header) => {
                let told = bare(Event::Loose(Traceback::default()), text, place);
                let told = Told { writer: Some(head.writer), time: head.time, ..told };
                self.traceback(header, told, Reading::default(), start..stop + 1);
            }
        }
        None
    }

    /// Reads the traceback behind a line; says where it ends, if it is news.
    fn traceback(&mut self, header: Header, mut told: Told, mut reading: Reading, head: Range<usize>) -> Option<usize> {
        let mut next = head.end;
        while next < self.bytes.len() {
            let stop = self.line_end(next);
            let line = self.bytes.get(next..stop)?;
            match kind(line) {
                Kind::Unclear => {
                    self.follow(head.start, told.place);
                    return None;
                }
                Kind::Alone => {}
                Kind::Bare if reading.takes(without_return(line)) => {}
                Kind::Prefixed | Kind::Bare => break,
            }
            next = stop + 1;
        }
        let end = next.min(self.bytes.len());
        self.read.retain(|range| range.end > told.place.offset);
        self.read.push(Read { writer: None, end: self.at.offset + end as u64 });
        told.said = Said::Gunicorn(header.with(reading.end()));
        self.tell(told).then_some(end)
    }

    /// Says whether it may be news. The first traceback of a process without a head may be the rest of one whose head is
    /// in the piece before: it stands for nothing behind it.
    fn tell(&mut self, told: Told) -> bool {
        let is_loose = matches!(told.said, Said::Gunicorn(Event::Loose(_)));
        let is_near = told.place.offset < self.at.offset + traceback::LONGEST as u64;
        if is_loose && is_near && !self.met.contains(&told.frame_pid) {
            self.met.push(told.frame_pid);
            self.found.push(told);
            return false;
        }
        let is_news = self.repeats.may_be_news(&told);
        if is_news {
            self.found.push(told);
        }
        is_news
    }

    /// Reads on from a line, and takes off the frames of those behind it.
    fn follow(&mut self, start: usize, place: Place) {
        let rest = self.bytes.get(start..).unwrap_or_default();
        let longest = Scan::AHEAD.max(self.line_end(start) - start + 1);
        self.read.retain(|range| range.end > place.offset);
        let followed = follow(rest.get(..longest).unwrap_or(rest), place, &self.scan.clock, &self.read);
        for told in followed.told {
            self.tell(told);
        }
        self.read.extend(followed.traceback);
    }

    /// A traceback without a head. Where the last one comes again, byte for byte, it is passed over: an exhausted uvicorn
    /// writes megabytes of them in a second.
    fn loose(&mut self, start: usize, stop: usize, place: Place) -> Option<usize> {
        if let Some(flood) = self.flood.clone()
            && Repeats::is_one_block(self.at.offset + flood.start as u64, place.offset)
        {
            let block = self.bytes.get(flood)?;
            let next = start + block.len();
            if self.bytes.get(start..).is_some_and(|rest| rest.starts_with(block)) && self.is_loose(next) {
                return Some(next);
            }
        }
        if self.read.iter().any(|range| range.writer.is_none() && place.offset < range.end) {
            return None;
        }
        let text = self.bytes.get(start..stop)?;
        let told = bare(Event::Loose(Traceback::default()), text, place);
        let end = self.traceback(Header::Loose, told, Reading::with(text), start..stop + 1)?;
        let is_all = self.scan.needles.next(self.bytes, stop, end).is_none();
        if is_all && self.is_loose(end) {
            self.flood = Some(start..end);
        }
        None
    }

    fn is_loose(&self, start: usize) -> bool {
        self.bytes.get(start..self.line_end(start)).is_some_and(traceback::begins)
    }
}

/// What a line of text without a frame tells.
fn bare(event: Event, text: &[u8], place: Place) -> Told {
    let line = Undressed { message: text, place, stamp: Stamp::default(), tag: b"", pid: None, unit: b"" };
    told(Said::Gunicorn(event), &line, text, None)
}

/// What a line behind the head of a traceback is.
enum Kind {
    /// Gunicorn's next.
    Prefixed,
    /// Told for itself.
    Alone,
    /// In no frame.
    Bare,
    /// Perhaps in one.
    Unclear,
}

fn kind(line: &[u8]) -> Kind {
    match line.first() {
        Some(b'[') if prefixed(line, b"").is_some() => Kind::Prefixed,
        // Formats of many lines, and what a line is cleaned of.
        Some(b'_' | 0 | 0x1e | 0xef | b'{') => Kind::Unclear,
        _ if line.ends_with(b"]") || line.starts_with(b"data: ") => Kind::Unclear,
        _ if is_alone(line) => Kind::Alone,
        Some(_) if may_have_frame(line) && stamp_of(line).is_some() => Kind::Unclear,
        _ => Kind::Bare,
    }
}

/// A line without what is no part of it: the hole of NUL bytes that a truncated file has before it, a byte order mark, a
/// carriage return. Says where it begins then.
fn trimmed(start: usize, line: &[u8]) -> (usize, &[u8]) {
    let hole = line.iter().take_while(|byte| **byte == 0).count();
    let text = line.get(hole..).unwrap_or_default();
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    (start + hole, text.strip_suffix(b"\r").unwrap_or(text))
}

/// Whether a line may be in a frame, by its first bytes. Access lines begin with an address, or with a sign where there
/// is none; what goes on is indented.
fn may_have_frame(line: &[u8]) -> bool {
    let Some((first, rest)) = line.split_first() else { return false };
    match first {
        b'0'..=b'9' => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let is_address = |place: usize| match rest.get(place) {
                Some(b'.') => place < 3 && rest.get(place + 1).is_some_and(u8::is_ascii_digit),
                Some(b':') => true,
                _ => false,
            };
            !is_address(digits)
        }
        // Names of months may be indented by one.
        b' ' => rest.first().is_some_and(u8::is_ascii_digit),
        b'[' | b'<' | b'{' => true,
        _ => first.is_ascii_alphabetic() || !first.is_ascii(),
    }
}
