//! `dmesg -J`, byte by byte: util-linux writes bytes that are not UTF-8, and control characters, as they are, so it is
//! often no valid JSON; and it may be one line of any length.

use super::dmesg;
use super::framed::Head;
use super::kmsg;
use super::priority::{self, Priority};
use super::scan::Scan;
use crate::kernel_log::{Origin, Stamp};

/// A message of the kernel is below 1 KiB (`LOG_LINE_MAX`); one that root writes is below 64 KiB or so.
const LONGEST: usize = 1 << 20;

/// How far `{"dmesg"` may be apart: no printer puts more white space there.
pub(super) const OPENING: usize = 64;

/// Where in the text we are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Between,
    Text,
    /// Behind a backslash.
    Escape,
    /// In `\uXXXX`: digits so far, and their value.
    Unicode(u8, u32),
    /// A number, `true`, `null`.
    Bare,
}

/// One entry, as far as it is read.
#[derive(Debug, Default)]
struct Entry {
    priority: Option<Priority>,
    facility: Option<Origin>,
    head: Head,
    message: Option<Vec<u8>>,
}

/// Reads the document in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    place: Place,
    depth: u32,
    /// Whether a colon was met since the last name: the next text is a value.
    valued: bool,
    name: Vec<u8>,
    text: Vec<u8>,
    entry: Entry,
    entry_offset: u64,
}

/// How a byte was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    More,
    /// An entry is whole: where it began, its head, its message.
    Record(u64, Head, Vec<u8>),
    /// This byte was the last of the document.
    Over,
    /// This byte is no part of a document: it was cut.
    Alien,
}

/// Whether a document begins here: `{"dmesg"`, white space between.
pub(super) fn opens(line: &[u8]) -> bool {
    line.get(..OPENING).unwrap_or(line).strip_prefix(b"{").is_some_and(opens_inside)
}

/// Whether these bytes behind a brace open a document.
pub(super) fn opens_inside(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"\"dmesg\"")
}

/// Whether a line is from within a document whose beginning is lost: entries stand three deep in it.
pub(super) fn is_inside(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let names: [&[u8]; 5] = [b"\"pri\":", b"\"fac\":", b"\"time\":", b"\"caller\":", b"\"msg\":"];
    line == b"},{" || names.iter().any(|name| line.starts_with(name))
}

impl Scanner {
    /// A document whose beginning is lost.
    pub(super) fn within(offset: u64) -> Self {
        Self { depth: 3, entry_offset: offset, ..Self::default() }
    }

    /// A document that begins at `offset`.
    pub(super) fn at(offset: u64) -> Self {
        Self { entry_offset: offset, ..Self::default() }
    }

    /// A document whose first brace was read already; what is behind that is at `offset`.
    pub(super) fn inside(offset: u64) -> Self {
        Self { depth: 1, ..Self::at(offset) }
    }

    /// Takes what is plain text of a value at the beginning of `bytes`, and says how much that was.
    pub(super) fn plain(&mut self, bytes: &[u8]) -> usize {
        if self.place != Place::Text {
            return 0;
        }
        let plain = memchr::memchr3(b'"', b'\\', b'\n', bytes).and_then(|at| bytes.get(..at)).unwrap_or(bytes);
        let room = LONGEST.saturating_sub(self.text.len());
        self.text.extend_from_slice(plain.get(..room).unwrap_or(plain));
        plain.len()
    }

    /// Takes the next byte, which is at `offset` of the source.
    pub(super) fn step(&mut self, byte: u8, offset: u64) -> Step {
        match self.place {
            Place::Between => return self.between(byte, offset),
            Place::Text => match byte {
                b'"' => self.end_of_text(),
                b'\\' => self.place = Place::Escape,
                // Newlines are escaped also by util-linux: the document was cut, and something else follows.
                b'\n' => return Step::Alien,
                byte => self.push(byte),
            },
            Place::Escape => self.escaped(byte),
            Place::Unicode(digits, value) => self.unicode(digits, value, byte),
            Place::Bare => {
                if matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n') {
                    self.end_of_text();
                    return self.between(byte, offset);
                }
                self.push(byte);
            }
        }
        Step::More
    }

    /// What is left at the end of the source: an entry that was cut behind its message.
    pub(super) fn finish(&mut self) -> Option<(u64, Head, Vec<u8>)> {
        let rest = std::mem::take(self);
        rest.entry.whole().map(|(head, message)| (rest.entry_offset, head, message))
    }

    fn between(&mut self, byte: u8, offset: u64) -> Step {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b',' | b'[' | b']' => self.valued = false,
            b':' => self.valued = true,
            b'"' => {
                self.text.clear();
                self.place = Place::Text;
            }
            b'{' => {
                self.depth = self.depth.saturating_add(1);
                self.valued = false;
                self.entry = Entry::default();
                self.entry_offset = offset;
            }
            b'}' => return self.close(),
            _ if self.valued => {
                self.text.clear();
                self.push(byte);
                self.place = Place::Bare;
            }
            _ => return Step::Alien,
        }
        Step::More
    }

    fn close(&mut self) -> Step {
        self.depth = self.depth.saturating_sub(1);
        self.valued = false;
        if self.depth == 0 {
            return Step::Over;
        }
        match std::mem::take(&mut self.entry).whole() {
            Some((head, message)) => Step::Record(self.entry_offset, head, message),
            None => Step::More,
        }
    }

    fn push(&mut self, byte: u8) {
        if self.text.len() < LONGEST {
            self.text.push(byte);
        }
    }

    fn escaped(&mut self, byte: u8) {
        self.place = Place::Text;
        match byte {
            b'n' => self.push(b'\n'),
            b't' => self.push(b'\t'),
            b'r' => self.push(b'\r'),
            b'b' => self.push(0x08),
            b'f' => self.push(0x0c),
            b'u' => self.place = Place::Unicode(0, 0),
            other => self.push(other),
        }
    }

    /// util-linux writes `\u001b` for control characters only: what is above is a character, not a byte.
    fn unicode(&mut self, digits: u8, value: u32, byte: u8) {
        let Some(digit) = char::from(byte).to_digit(16) else {
            self.place = Place::Text;
            return;
        };
        let value = value << 4 | digit;
        if digits < 3 {
            self.place = Place::Unicode(digits + 1, value);
            return;
        }
        self.place = Place::Text;
        let mut utf8 = [0; 4];
        let letter = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.text.extend_from_slice(letter.encode_utf8(&mut utf8).as_bytes());
    }

    fn end_of_text(&mut self) {
        self.place = Place::Between;
        if !self.valued {
            std::mem::swap(&mut self.name, &mut self.text);
            return;
        }
        self.valued = false;
        match self.name.as_slice() {
            b"msg" => self.entry.message = Some(std::mem::take(&mut self.text)),
            name => self.entry.take(name, &self.text),
        }
    }
}

impl Entry {
    fn take(&mut self, name: &[u8], text: &[u8]) {
        match name {
            b"pri" => self.priority = priority(text),
            b"fac" => self.facility = facility(text),
            b"time" => self.head.stamp = time(text),
            b"caller" => self.head.caller = kmsg::caller(text),
            _ => {}
        }
    }

    /// The entry, if it has a message.
    fn whole(self) -> Option<(Head, Vec<u8>)> {
        let origin = match (self.facility, self.priority) {
            (Some(origin), _) => origin,
            (None, Some(priority)) => priority.origin,
            (None, None) => Origin::Unsaid,
        };
        let level = self.priority.and_then(|priority| priority.level);
        self.message.map(|message| (Head { origin, level, ..self.head }, message))
    }
}

/// `4`, or with `-x` the word of a level, whose facility is told apart.
fn priority(text: &[u8]) -> Option<Priority> {
    match Scan::of(text).number() {
        Some(number) => Some(Priority::of_number(number)),
        None => Some(Priority { origin: Origin::Unsaid, level: Some(priority::level(text)?) }),
    }
}

fn facility(text: &[u8]) -> Option<Origin> {
    match Scan::of(text).number() {
        Some(number) => Some(if number == 0 { Origin::Kernel } else { Origin::Other }),
        None => priority::facility(text),
    }
}

/// `  929.589657`; the time in words or ISO with newer releases of dmesg(1).
fn time(text: &[u8]) -> Stamp {
    let text = text.trim_ascii_start();
    let micros = dmesg::seconds(&mut Scan::of(text));
    match micros {
        Some(micros) => Stamp { boot_micros: Some(micros), wall: None, derived: false },
        None => dmesg::stamped(text).map(|stamped| stamped.stamp).unwrap_or_default(),
    }
}
