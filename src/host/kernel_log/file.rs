//! A file that is open, read in the way that suits it.

use super::excerpt::HELD;
use super::needles::Needles;
use super::origin::WORDING;
use super::{Reading, Search, Unread, plain, stream};
use crate::host::log_source::{Content, is_structured, unpacked};
use crate::kernel_log::Sink;
use std::fs::File;
use std::io::{Cursor, Read};

/// Reads a file or a pipe that is open.
///
/// # Errors
/// Where nothing of it can be read, with the reason.
pub fn read(name: &str, file: File, search: &Search, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    let needles = Needles::of(search).ok_or_else(|| Unread::new(name, "too many texts to look for at once"))?;
    let content = Content::of(name, file, &WORDING)?;
    let mut reading = Reading::of(name, content.written);
    let (size, most) = (content.size, content.most());
    match content.format() {
        Some(format) => {
            let whole = Box::new(Cursor::new(content.head).chain(content.file));
            unpacked(format, whole, |log| stream::read(log, &needles, sink, &mut reading));
        }
        None if content.is_at_begin && size >= HELD as u64 && !is_structured(&content.head) => {
            plain::read(&content.file, size, search, &needles, sink, &mut reading);
        }
        None => {
            let mut whole = Cursor::new(content.head).chain(content.file).take(most);
            stream::read(&mut whole, &needles, sink, &mut reading);
        }
    }
    Ok(reading)
}
