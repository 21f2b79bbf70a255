//! A file that was named or found, read in the way that suits it.

use super::{Read, Unread, plain, stream};
use crate::gunicorn::log::Told;
use crate::host::log_source::{Content, STANDARD_INPUT, Wording, judge, open_named, standard_input, unpacked};
use crate::host::printable;
use jiff::tz::TimeZone;
use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::Path;

/// How hints name the command that reads logs of Gunicorn.
const WORDING: Wording = Wording {
    reader: "gtune triage --error-log -",
    reads: "gtune triage --error-log",
    journal: "-o json --all",
    kernel: "gtune triage --kernel-log /dev/kmsg",
};

/// Reads what is at a path; `-` is standard input. Pipes are read to their end, however long that takes. Times without a
/// zone are taken to be of `zone`.
///
/// # Errors
/// Where nothing of it can be read, with what would help.
pub fn named(path: &Path, zone: &TimeZone, each: &mut dyn FnMut(Told)) -> Result<Read, Unread> {
    if path == Path::new("-") {
        let file = standard_input()?;
        judge(STANDARD_INPUT, &file, &WORDING)?;
        return read(STANDARD_INPUT, file, zone, each);
    }
    let name = printable(&path.to_string_lossy());
    read(&name, open_named(path, &WORDING)?, zone, each)
}

/// Reads a file or a pipe that is open.
///
/// # Errors
/// Where nothing of it can be read, with the reason.
pub(super) fn read(name: &str, file: File, zone: &TimeZone, each: &mut dyn FnMut(Told)) -> Result<Read, Unread> {
    let content = Content::of(name, file, &WORDING)?;
    let mut read = Read::of(name);
    let most = content.most();
    let is_nothing = name == STANDARD_INPUT && content.head.is_empty();
    match content.format() {
        Some(format) => {
            let (written, whole) = (content.written, Box::new(Cursor::new(content.head).chain(content.file)));
            unpacked(format, whole, |log| stream::read(log, zone, written, each, &mut read));
        }
        None if content.is_at_begin && plain::suits(&content) => plain::read(&content, zone, each, &mut read),
        None => {
            let mut whole = Cursor::new(content.head).chain(content.file).take(most);
            stream::read(&mut whole, zone, content.written, each, &mut read);
        }
    }
    // An empty log is a log all the same; standard input without anything may be of a command that failed.
    read.framed |= content.size == 0 && content.is_at_begin && read.source == Read::of(name).source;
    read.framed &= !is_nothing;
    Ok(read)
}
