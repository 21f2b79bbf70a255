//! Bytes at a place of a file, without moving anybody's place in it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The bytes at a place of a file, fewer at its end and where it cannot be read.
pub fn bytes_at<'b>(file: &File, buffer: &'b mut [u8], offset: u64) -> &'b [u8] {
    let put = read_at(file, buffer, offset);
    buffer.get(..put).unwrap_or_default()
}

/// Fills a buffer from a place of a file, less at its end and where it cannot be read on.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> usize {
    let mut filled = 0;
    while let Some(space) = buffer.get_mut(filled..).filter(|space| !space.is_empty()) {
        match file.read_at(space, offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(put) => filled += put,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    filled
}
