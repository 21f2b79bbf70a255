//! `journalctl -o export` (systemd's Journal Export Format): fields of text or of bytes, an empty line after each entry.

use super::journal_json::Entry;

/// journald itself takes no field larger than this (`DATA_SIZE_MAX`).
const LARGEST_FIELD: u64 = 768 << 20;

/// What is kept of a field.
const KEPT: usize = 1 << 20;

/// A value in bytes that is under way.
#[derive(Debug, Default)]
struct Field {
    name: Vec<u8>,
    length: [u8; 8],
    length_read: usize,
    left: Option<u64>,
    value: Vec<u8>,
}

/// An entry that is under way.
#[derive(Debug, Default)]
pub(super) struct Export {
    open: bool,
    offset: u64,
    entry: Entry,
    field: Field,
}

/// What a line of the export was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Part of an entry.
    Part,
    /// A value in bytes follows.
    Bytes,
    /// No part of an entry.
    Alien,
}

/// How far bytes of a value got.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// So many were taken; more are needed.
    More(usize),
    /// So many were taken, and the value is whole.
    Whole(usize),
    /// This is no value at all. So many bytes were taken; a length that cannot be is given back, as it was no length.
    Alien(usize, Option<[u8; 8]>),
}

/// Whether an entry begins with this line: journalctl(1) writes addresses first.
pub(super) fn opens(line: &[u8]) -> bool {
    line.starts_with(b"__CURSOR=") || line.starts_with(b"__REALTIME_TIMESTAMP=")
}

impl Export {
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Takes a line, at `offset`, that is not empty.
    pub(super) fn line(&mut self, line: &[u8], offset: u64) -> Taken {
        let equals = memchr::memchr(b'=', line);
        let name = equals.and_then(|at| line.get(..at)).unwrap_or(line);
        let value = equals.and_then(|at| line.get(at + 1..));
        if !is_name(name) {
            return Taken::Alien;
        }
        if !self.open {
            self.open = true;
            self.offset = offset;
        }
        match value {
            Some(value) => {
                self.entry.take(name, Some(value.to_vec()));
                Taken::Part
            }
            None => {
                self.field = Field { name: name.to_vec(), ..Field::default() };
                Taken::Bytes
            }
        }
    }

    /// Takes bytes of a value: its length, then so many bytes, then a newline.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Progress {
        let mut taken = 0;
        for byte in bytes {
            let Some(place) = self.field.length.get_mut(self.field.length_read) else { break };
            *place = *byte;
            self.field.length_read += 1;
            taken += 1;
        }
        if self.field.length_read < self.field.length.len() {
            return Progress::More(taken);
        }
        let left = self.field.left.unwrap_or(u64::from_le_bytes(self.field.length));
        if left > LARGEST_FIELD {
            return Progress::Alien(taken, Some(self.field.length));
        }
        let rest = bytes.get(taken..).unwrap_or_default();
        let part = rest.get(..usize::try_from(left).unwrap_or(usize::MAX)).unwrap_or(rest);
        let room = KEPT.saturating_sub(self.field.value.len());
        self.field.value.extend_from_slice(part.get(..room).unwrap_or(part));
        taken += part.len();
        let left = left - part.len() as u64;
        self.field.left = Some(left);
        self.end(left, bytes.get(taken..).unwrap_or_default(), taken)
    }

    fn end(&mut self, left: u64, rest: &[u8], taken: usize) -> Progress {
        match rest.first() {
            _ if left > 0 => Progress::More(taken),
            None => Progress::More(taken),
            Some(b'\n') => {
                let Field { name, value, .. } = std::mem::take(&mut self.field);
                self.entry.take(&name, Some(value));
                Progress::Whole(taken + 1)
            }
            Some(_) => Progress::Alien(taken, None),
        }
    }

    /// The entry at its end, with the place where it began.
    pub(super) fn close(&mut self) -> (u64, Entry) {
        let Self { offset, entry, .. } = std::mem::take(self);
        (offset, entry)
    }
}

/// Names of fields: capitals, digits, underscores, at most 64 (systemd.journal-fields(7)).
fn is_name(name: &[u8]) -> bool {
    let letters = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    !name.is_empty() && name.len() <= 64 && name.iter().all(letters)
}
