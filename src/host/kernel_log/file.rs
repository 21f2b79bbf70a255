//! A file that is open: recognised by its first bytes, and read in the way that suits it.

use super::compressed::{Format, unpacked};
use super::excerpt::HELD;
use super::needles::Needles;
use super::{Reading, Search, Unread, ends, plain, stream};
use crate::kernel_log::Sink;
use jiff::Timestamp;
use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read, Seek};

/// Enough to tell formats apart, and JSON after blanks.
const HEAD: usize = 64;

/// Formats that gtune cannot read, by how they begin, with the command that makes them readable.
const OTHERS: [(&[u8], &str, &str); 6] = [
    (b"LPKSHHRH", "a journal file of systemd", "journalctl --file FILE -k -o json | gtune oom -"),
    (b"\x04\x22\x4d\x18", "compressed by lz4", "lz4 -dc FILE | gtune oom -"),
    (b"\x1f\x9d", "compressed by compress", "zcat FILE | gtune oom -"),
    (b"\x5d\x00\x00", "compressed by lzma", "xz --format=lzma -dc FILE | gtune oom -"),
    (b"LZIP", "compressed by lzip", "lzip -dc FILE | gtune oom -"),
    (b"PK\x03\x04", "a zip archive", "unzip -p FILE | gtune oom -"),
];

/// Reads a file or a pipe that is open.
///
/// # Errors
/// Where nothing of it can be read, with the reason.
pub fn read(name: &str, mut file: File, search: &Search, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    let needles = Needles::of(search).ok_or_else(|| Unread::new(name, "too many texts to look for at once"))?;
    let status = file.metadata().map_err(|error| Unread::system(name, &error))?;
    // Standard input may be a file that somebody has read a part of.
    let is_at_begin = status.is_file() && file.stream_position().is_ok_and(|place| place == 0);
    let head = head(&mut file).map_err(|error| Unread::system(name, &error))?;
    refuse_others(name, &head)?;
    let mut reading = Reading::of(name, written(&status));
    let size = status.len();
    match Format::of(&head) {
        Some(format) => {
            let whole = Box::new(Cursor::new(head).chain(file));
            unpacked(format, whole, |log| stream::read(log, &needles, sink, &mut reading));
        }
        None if is_at_begin && size >= HELD as u64 && !ends::is_structured(&head) => {
            plain::read(&file, size, search, &needles, sink, &mut reading);
        }
        None => {
            // A file that grows faster than it is read ends where it ended at first. Those of /proc say they are empty.
            let most = if is_at_begin && size > 0 { size } else { u64::MAX };
            stream::read(&mut Cursor::new(head).chain(file).take(most), &needles, sink, &mut reading);
        }
    }
    Ok(reading)
}

/// When a file was written last, now for a pipe.
fn written(status: &Metadata) -> Timestamp {
    let modified = status.is_file().then(|| status.modified().ok()).flatten();
    modified.and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_else(Timestamp::now)
}

fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn refuse_others(name: &str, head: &[u8]) -> Result<(), Unread> {
    let Some((_, what, command)) = OTHERS.iter().find(|(magic, ..)| head.starts_with(magic)) else { return Ok(()) };
    let file = shlex::try_quote(name).map_or_else(|_| name.to_owned(), |quoted| quoted.into_owned());
    Err(Unread::new(name, format!("is {what}")).hint(command.replace("FILE", &file)))
}
