//! Records from the bytes of a log.

use super::brackets::Brackets;
use super::container::Container;
use super::dmesg_json::{self, Scanner, Step};
use super::export::{self, Export, Progress, Taken};
use super::framed::{Author, Head};
use super::journal::Entry;
use super::line;
use super::object::Pretty;
use super::open::Open;
use super::verbose;
use crate::kernel_log::{Origin, Record, Wall};

/// What is kept of a line: no tool writes longer ones of the kernel's, and a file of one line must not fill the memory.
const LONGEST_LINE: usize = 1 << 20;

/// How the next bytes are to be read.
#[derive(Debug, Default)]
enum Mode {
    #[default]
    Lines,
    /// Within the document of `dmesg -J`.
    DmesgJson(Box<Scanner>),
    /// Within a value of `journalctl -o export`.
    ExportBytes,
}

/// Makes records of the bytes of a log, in pieces of any size; the format is recognised line by line.
#[derive(Debug, Default)]
pub struct Reader {
    mode: Mode,
    /// Where the next byte is.
    offset: u64,
    /// The beginning of a line whose end was not seen yet.
    carry: Vec<u8>,
    /// Where that line begins.
    begun_at: u64,
    pub(super) open: Open,
    /// Whether a frame was met: then a line without one goes on with the record before.
    pub(super) framed: bool,
    pub(super) brackets: Brackets,
    /// The wall clock of `dmesg -e` as of the last line.
    pub(super) clock: Option<Wall>,
    export: Export,
    /// Whether the entry that is open is one of `journalctl -o verbose`.
    verbose: bool,
    pretty: Pretty,
    pub(super) container: Container,
    /// A line without its colours.
    pub(super) plain: Vec<u8>,
}

impl Reader {
    /// A reader of a source whose first byte is at `offset`.
    pub fn at(offset: u64) -> Self {
        Self { offset, ..Self::default() }
    }

    /// The same, inside a message of some program that goes on over many lines without a frame.
    pub fn within(offset: u64) -> Self {
        let mut reader = Self { framed: true, ..Self::at(offset) };
        reader.open.begin_plain(Head::of(Origin::Other), Author::default(), b"", offset);
        // Of that message nothing is known but whose it was.
        reader.open.hand_over(&mut |_: &Record<'_>| {});
        reader
    }

    /// Takes the next bytes and hands each record that is whole to `each`.
    pub fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(&Record<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match &mut self.mode {
                Mode::Lines => self.take_line(rest, each),
                Mode::DmesgJson(_) => self.take_document(rest, each),
                Mode::ExportBytes => self.take_bytes(rest, each),
            };
            self.offset += taken as u64;
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Hands over what is left at the end of the source; the reader is then as new.
    pub fn finish(&mut self, each: &mut impl FnMut(&Record<'_>)) {
        if !self.carry.is_empty() {
            self.end_carried_line(each);
        }
        if let Mode::DmesgJson(scanner) = &mut self.mode
            && let Some((offset, head, message)) = scanner.finish()
        {
            self.entry_of_dmesg(head, &message, offset, each);
        }
        self.close_export(each);
        for said in self.container.rest() {
            self.said(&said, each);
        }
        self.open.hand_over(each);
        *self = Self::default();
    }

    /// Takes one line, or what there is of it.
    fn take_line(&mut self, bytes: &[u8], each: &mut impl FnMut(&Record<'_>)) -> usize {
        if self.carry.is_empty() {
            // A crash or a truncated file leaves holes of NUL bytes, longer than any line: they are not carried.
            if bytes.first() == Some(&0) {
                return bytes.iter().take_while(|byte| **byte == 0).count();
            }
            self.begun_at = self.offset;
        }
        let end = memchr::memchr(b'\n', bytes);
        if self.carry.is_empty()
            && let Some(line) = end.and_then(|end| bytes.get(..end))
        {
            if dmesg_json::opens(line) {
                self.mode = Mode::DmesgJson(Box::new(Scanner::at(self.begun_at)));
                return 0;
            }
            self.line(line.get(..LONGEST_LINE).unwrap_or(line), self.begun_at, each);
            return line.len() + 1;
        }
        let line = end.and_then(|end| bytes.get(..end)).unwrap_or(bytes);
        if self.is_opening() && !line.is_empty() {
            return self.carry_opening(line, each);
        }
        let room = LONGEST_LINE.saturating_sub(self.carry.len());
        self.carry.extend_from_slice(line.get(..room).unwrap_or(line));
        if end.is_none() {
            return line.len();
        }
        self.end_carried_line(each);
        line.len() + 1
    }

    /// Whether the line that is carried may turn out to be a document of `dmesg -J`, which is no line.
    fn is_opening(&self) -> bool {
        self.carry.len() < dmesg_json::OPENING && self.carry.first().is_none_or(|byte| *byte == b'{')
    }

    /// Carries so much of a line as tells whether it is a document.
    fn carry_opening(&mut self, line: &[u8], each: &mut impl FnMut(&Record<'_>)) -> usize {
        let room = dmesg_json::OPENING.saturating_sub(self.carry.len());
        let part = line.get(..room).unwrap_or(line);
        self.carry.extend_from_slice(part);
        if dmesg_json::opens(&self.carry) {
            let opening = std::mem::take(&mut self.carry);
            self.mode = Mode::DmesgJson(Box::new(Scanner::at(self.begun_at)));
            self.offset = self.begun_at;
            self.feed(&opening, each);
            // The caller counts this part as taken; the bytes fed just now were counted on the way.
            self.offset -= part.len() as u64;
        }
        part.len()
    }

    fn end_carried_line(&mut self, each: &mut impl FnMut(&Record<'_>)) {
        let mut line = std::mem::take(&mut self.carry);
        self.line(&line, self.begun_at, each);
        line.clear();
        if self.carry.is_empty() {
            self.carry = line;
        }
    }

    /// Takes bytes of a document of `dmesg -J`.
    fn take_document(&mut self, bytes: &[u8], each: &mut impl FnMut(&Record<'_>)) -> usize {
        let mut at = 0;
        while let Mode::DmesgJson(scanner) = &mut self.mode {
            at += scanner.plain(bytes.get(at..).unwrap_or_default());
            let Some(byte) = bytes.get(at) else { return bytes.len() };
            match scanner.step(*byte, self.offset + at as u64) {
                Step::More => {}
                Step::Record(offset, head, message) => self.entry_of_dmesg(head, &message, offset, each),
                Step::Over => {
                    self.mode = Mode::Lines;
                    return at + 1;
                }
                Step::Alien => {
                    if let Some((offset, head, message)) = scanner.finish() {
                        self.entry_of_dmesg(head, &message, offset, each);
                    }
                    self.mode = Mode::Lines;
                    return at;
                }
            }
            at += 1;
        }
        at
    }

    fn entry_of_dmesg(&mut self, head: Head, message: &[u8], offset: u64, each: &mut impl FnMut(&Record<'_>)) {
        self.framed = true;
        self.open.hand_over(each);
        self.open.begin_plain(head, Author::default(), message, offset);
    }

    /// Takes bytes of a value of an export.
    fn take_bytes(&mut self, bytes: &[u8], each: &mut impl FnMut(&Record<'_>)) -> usize {
        match self.export.bytes(bytes) {
            Progress::More(taken) => taken,
            Progress::Whole(taken) => {
                self.mode = Mode::Lines;
                taken
            }
            Progress::Alien(taken, refused) => {
                self.mode = Mode::Lines;
                self.close_export(each);
                if let Some(length) = refused {
                    // Read again as the beginning of a line; the caller counts these bytes as taken.
                    let place = self.offset;
                    self.offset = (place + taken as u64).saturating_sub(length.len() as u64);
                    self.feed(&length, each);
                    self.offset = place;
                }
                taken
            }
        }
    }

    fn close_export(&mut self, each: &mut impl FnMut(&Record<'_>)) {
        if self.export.is_open() {
            let (offset, entry) = self.export.close();
            self.entry(&entry, offset, each);
        }
    }

    /// An entry of the journal. One without a message says nothing.
    pub(super) fn entry(&mut self, entry: &Entry, offset: u64, each: &mut impl FnMut(&Record<'_>)) {
        self.framed = true;
        self.open.hand_over(each);
        if let Some(message) = &entry.message {
            self.open.begin_plain(entry.head(), entry.author(), message, offset);
        }
    }

    /// A whole line, without its newline.
    fn line(&mut self, line: &[u8], offset: u64, each: &mut impl FnMut(&Record<'_>)) {
        let line = line::trimmed(line);
        if self.takes_verbose(line, offset, each) {
            return;
        }
        if self.export.is_open() || export::opens(line) {
            match self.export_line(line, offset, each) {
                Taken::Alien => {}
                Taken::Part => return,
                Taken::Bytes => {
                    self.mode = Mode::ExportBytes;
                    return;
                }
            }
        }
        if self.pretty.is_open() && self.pretty_line(line, offset, each) {
            return;
        }
        match line.first() {
            None => self.open.blank(),
            Some(b'{') if line.trim_ascii_end() == b"{" => self.pretty.begin(offset),
            Some(b'{') => self.object(line, line, offset, each),
            Some(b'd') if line.starts_with(b"data: {") => {
                self.object(line.get(6..).unwrap_or_default(), line, offset, each)
            }
            Some(b' ') if !self.open.is_begun() && dmesg_json::opens_inside(line) => {
                self.document_line(Scanner::inside(offset), line, offset, each);
            }
            Some(b' ') if !self.open.is_begun() && dmesg_json::is_inside(line) => {
                self.document_line(Scanner::within(offset), line, offset, each);
            }
            Some(b'-') if line::is_head(line, self.open.origin()) => {
                self.open.hand_over(each);
                self.framed = false;
                self.brackets = Brackets::default();
            }
            Some(_) => self.text(line, offset, each),
        }
    }

    /// A line that turned out to be part of a document is fed again; what was counted for it is not counted twice.
    fn document_line(&mut self, scanner: Scanner, line: &[u8], offset: u64, each: &mut impl FnMut(&Record<'_>)) {
        self.mode = Mode::DmesgJson(Box::new(scanner));
        let place = std::mem::replace(&mut self.offset, offset);
        self.feed(line, each);
        self.feed(b"\n", each);
        self.offset = place;
    }

    /// A line of `journalctl -o verbose`; says whether it was one.
    fn takes_verbose(&mut self, line: &[u8], offset: u64, each: &mut impl FnMut(&Record<'_>)) -> bool {
        if self.verbose && verbose::takes(&mut self.export, line, offset) {
            return true;
        }
        let head = if line.ends_with(b"]") { verbose::opens(line) } else { None };
        if self.verbose || head.is_some() {
            self.close_export(each);
        }
        self.verbose = head.is_some();
        if let Some(received) = head {
            verbose::begin(&mut self.export, received, offset);
        }
        self.verbose
    }

    fn export_line(&mut self, line: &[u8], offset: u64, each: &mut impl FnMut(&Record<'_>)) -> Taken {
        let taken = if line.is_empty() { Taken::Part } else { self.export.line(line, offset) };
        if line.is_empty() || taken == Taken::Alien {
            self.close_export(each);
        }
        taken
    }

    /// A line within an object over many lines; says whether it was one.
    fn pretty_line(&mut self, line: &[u8], offset: u64, each: &mut impl FnMut(&Record<'_>)) -> bool {
        if dmesg_json::opens_inside(line) {
            self.pretty.drop();
            self.document_line(Scanner::inside(offset), line, offset, each);
            return true;
        }
        let taken = self.pretty.line(line);
        if let Some((text, offset)) = self.pretty.whole() {
            self.object(&text, &text, offset, each);
        }
        taken
    }
}
