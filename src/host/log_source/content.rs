//! A file that is open, recognised by its first bytes.

use super::compressed::Format;
use super::{Unread, Wording};
use jiff::Timestamp;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};

/// Enough to tell formats apart, and JSON after blanks.
const HEAD: usize = 64;

/// Formats that gtune cannot read, by how they begin, with the command that makes them readable.
const OTHERS: [(&[u8], &str, &str); 6] = [
    (b"LPKSHHRH", "a journal file of systemd", "journalctl --file FILE JOURNAL | READER"),
    (b"\x04\x22\x4d\x18", "compressed by lz4", "lz4 -dc FILE | READER"),
    (b"\x1f\x9d", "compressed by compress", "zcat FILE | READER"),
    (b"\x5d\x00\x00", "compressed by lzma", "xz --format=lzma -dc FILE | READER"),
    (b"LZIP", "compressed by lzip", "lzip -dc FILE | READER"),
    (b"PK\x03\x04", "a zip archive", "unzip -p FILE | READER"),
];

/// A file or a pipe that is open.
#[derive(Debug)]
pub struct Content {
    /// The first bytes, which were taken from `file`.
    pub head: Vec<u8>,
    /// The rest.
    pub file: File,
    /// Its size; those of `/proc` and pipes say 0.
    pub size: u64,
    /// Whether `head` is at its very beginning: standard input may be a file that somebody has read a part of.
    pub is_at_begin: bool,
    /// When it was written last, now for a pipe.
    pub written: Timestamp,
}

impl Content {
    /// Looks at the first bytes.
    ///
    /// # Errors
    /// Where they cannot be read, or are those of a format that gtune does not know, with the command that does.
    pub fn of(name: &str, mut file: File, wording: &Wording) -> Result<Self, Unread> {
        let status = file.metadata().map_err(|error| Unread::system(name, &error))?;
        let is_at_begin = status.is_file() && file.stream_position().is_ok_and(|place| place == 0);
        let head = head(&mut file).map_err(|error| Unread::system(name, &error))?;
        refuse_others(name, &head, wording)?;
        Ok(Self { head, file, size: status.len(), is_at_begin, written: written(&status) })
    }

    /// How it is compressed.
    pub fn format(&self) -> Option<Format> {
        Format::of(&self.head)
    }

    /// Where it ends: a file that grows faster than it is read ends where it ended at first. Those of `/proc` say they are
    /// empty.
    pub fn most(&self) -> u64 {
        if self.is_at_begin && self.size > 0 { self.size } else { u64::MAX }
    }
}

fn written(status: &Metadata) -> Timestamp {
    let modified = status.is_file().then(|| status.modified().ok()).flatten();
    modified.and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_else(Timestamp::now)
}

fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn refuse_others(name: &str, head: &[u8], wording: &Wording) -> Result<(), Unread> {
    let Some((_, what, command)) = OTHERS.iter().find(|(magic, ..)| head.starts_with(magic)) else { return Ok(()) };
    let file = shlex::try_quote(name).map_or_else(|_| name.to_owned(), |quoted| quoted.into_owned());
    let command = command.replace("JOURNAL", wording.journal).replace("READER", wording.reader);
    Err(Unread::new(name, format!("is {what}")).hint(command.replace("FILE", &file)))
}
