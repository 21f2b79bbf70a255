//! Which lines of a file some bytes of it are in.

use crate::host::log_source::{Format, PIECE, read_at};
use memchr::memchr_iter;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::fs::File;
use std::path::Path;

/// Counting takes a second for four GiB; an operator who has a log that is larger does not count lines either.
const LARGEST: u64 = 4 << 30;

/// The line, from 1, that each of some bytes of a plain file is in. None for what is no plain file or cannot be read: the
/// offsets of a compressed one are of what it unpacks to.
pub fn line_numbers(path: &Path, offsets: &[u64]) -> Option<Vec<u64>> {
    // Who was a file when it was read may be a pipe by now.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let is_plain = path.metadata().is_ok_and(|status| status.is_file());
    let file = File::from(open(path, flags, Mode::empty()).ok().filter(|_| is_plain)?);
    let status = file.metadata().ok()?;
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    order.sort_by_key(|index| offsets.get(*index));
    let last = order.last().and_then(|index| offsets.get(*index)).copied().unwrap_or(0);
    if !status.is_file() || last >= status.len() || last > LARGEST {
        return (offsets.is_empty() && status.is_file()).then(Vec::new);
    }
    let mut lines = vec![0; offsets.len()];
    let mut count = Count { file: &file, buffer: vec![0; PIECE], offset: 0, newlines: 0 };
    if Format::of(count.piece(u64::MAX)).is_some() {
        return None;
    }
    for index in order {
        let (Some(line), Some(offset)) = (lines.get_mut(index), offsets.get(index)) else { continue };
        *line = count.upto(*offset)? + 1;
    }
    Some(lines)
}

/// Newlines up to a byte.
struct Count<'a> {
    file: &'a File,
    buffer: Vec<u8>,
    offset: u64,
    newlines: u64,
}

impl Count<'_> {
    /// The next bytes, at most so many.
    fn piece(&mut self, most: u64) -> &[u8] {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(PIECE);
        let put = read_at(self.file, self.buffer.get_mut(..most).unwrap_or_default(), self.offset);
        self.buffer.get(..put).unwrap_or_default()
    }

    /// Goes on to a byte that is not before the last one; none where the file has become shorter.
    fn upto(&mut self, offset: u64) -> Option<u64> {
        while self.offset < offset {
            let piece = self.piece(offset - self.offset);
            let (length, newlines) = (piece.len() as u64, memchr_iter(b'\n', piece).count() as u64);
            if length == 0 {
                return None;
            }
            self.offset += length;
            self.newlines += newlines;
        }
        Some(self.newlines)
    }
}
