//! Compressed logs, recognised by their first bytes: several members or frames one after another, memory bounded.

mod gzip;
mod zstd;

use super::flow::PIECE;
use bzip2::bufread::MultiBzDecoder;
use lzma_rust2::XzReader;
use std::io::{self, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// What unpacking may take: `xz -9` needs 64 MiB, `zstd --long` 128 MiB. More takes a file that was made to.
const MOST_MEMORY: u32 = 130 << 20;

/// Pieces that are unpacked ahead, so that neither thread waits for the other.
const AHEAD: usize = 4;

/// How a log is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// The xz format of tukaani.org.
    Xz,
    /// RFC 8878.
    Zstd,
    /// bzip2(1).
    Bzip2,
}

impl Format {
    /// What these first bytes of a file say.
    pub fn of(head: &[u8]) -> Option<Self> {
        let is_bzip2 = |rest: &[u8]| {
            // A block, or the end of a file without any: pi and its square root in BCD.
            let marks: [&[u8]; 2] = [b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90"];
            rest.first().is_some_and(u8::is_ascii_digit) && marks.iter().any(|mark| rest.get(1..7) == Some(*mark))
        };
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // A frame, or one that is to be skipped.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', rest @ ..] if is_bzip2(rest) => Some(Self::Bzip2),
            _ => None,
        }
    }

    fn reader(self, packed: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        let packed = BufReader::with_capacity(PIECE, Filled(packed));
        match self {
            Self::Gzip => Box::new(gzip::Members::of(packed)),
            Self::Xz => Box::new(XzReader::new_mem_limit(Filled(packed), true, MOST_MEMORY >> 10)),
            Self::Zstd => Box::new(zstd::Frames::of(packed)),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(packed)),
        }
    }
}

/// Unpacks in a thread of its own what `consume` reads.
pub fn unpacked(format: Format, packed: Box<dyn Read + Send>, consume: impl FnOnce(&mut dyn Read)) {
    let (pieces, unpacked) = sync_channel(AHEAD);
    let (used, again) = channel();
    thread::scope(|scope| {
        let unpack = move || unpack(&mut *format.reader(packed), &pieces, &again);
        let mut log = Unpacked { pieces: unpacked, used, piece: Vec::new(), at: 0 };
        if thread::Builder::new().spawn_scoped(scope, unpack).is_ok() {
            consume(&mut log);
        } else {
            consume(&mut Failing);
        }
        // What waits for room for its next piece is let go.
        drop(log);
    });
}

/// Puts piece after piece until the end, or until nobody takes them.
fn unpack(log: &mut dyn Read, pieces: &SyncSender<io::Result<Vec<u8>>>, again: &Receiver<Vec<u8>>) {
    loop {
        let mut piece = again.try_recv().unwrap_or_else(|_| vec![0; PIECE]);
        piece.resize(PIECE, 0);
        let put = log.read(&mut piece);
        let is_end = !matches!(put, Ok(1..));
        let sent = pieces.send(put.map_err(|error| clear(&error)).map(|put| {
            piece.truncate(put);
            piece
        }));
        if is_end || sent.is_err() {
            return;
        }
    }
}

/// What a decoder says, in words that tell an operator what is wrong with the file.
fn clear(error: &io::Error) -> io::Error {
    let words = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the compressed file is cut short".to_owned(),
        io::ErrorKind::OutOfMemory => format!("unpacking it takes more than {} MiB of memory", MOST_MEMORY >> 20),
        _ if error.raw_os_error().is_some() => crate::host::told(error),
        _ => format!("the compressed file is damaged: {}", crate::host::printable(&error.to_string())),
    };
    io::Error::other(words)
}

/// What the other thread unpacked.
struct Unpacked {
    pieces: Receiver<io::Result<Vec<u8>>>,
    used: Sender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Unpacked {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.piece.len() {
            // Without anybody to unpack there is no more.
            let Ok(next) = self.pieces.recv() else { return Ok(0) };
            let _ = self.used.send(std::mem::replace(&mut self.piece, next?));
            self.at = 0;
        }
        let mut rest = self.piece.get(self.at..).unwrap_or_default();
        let put = rest.read(space)?;
        self.at += put;
        Ok(put)
    }
}

/// For a system that starts no thread.
struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("no thread can be started to unpack it"))
    }
}

/// Gives as much as there is room for, unless it is at the end: some decoders take less for the end.
struct Filled<R>(R);

impl<R: Read> Read for Filled<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = space.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.0.read(rest) {
                Ok(0) => break,
                Ok(put) => filled += put,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What was read before counts; who reads on is told again.
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
