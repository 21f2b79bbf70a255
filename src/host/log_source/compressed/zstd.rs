//! Zstandard, frame after frame.

use super::MOST_MEMORY;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, Read};

/// The frames of a file.
pub struct Frames<R: BufRead> {
    packed: R,
    decoder: FrameDecoder,
    is_inside: bool,
}

impl<R: BufRead> Frames<R> {
    /// A file, from its first byte.
    pub fn of(packed: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(u64::from(MOST_MEMORY));
        Self { packed, decoder, is_inside: false }
    }

    /// Begins the next frame that holds something; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        while !self.packed.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut self.packed.by_ref().take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(self.told(&error)),
            }
        }
        Ok(false)
    }

    /// The decoder does not say whether its input was damaged or at its end.
    fn told(&mut self, error: &FrameDecoderError) -> io::Error {
        let is_at_end = self.packed.fill_buf().is_ok_and(<[u8]>::is_empty);
        let kind = match error {
            FrameDecoderError::WindowSizeTooBig { .. } => io::ErrorKind::OutOfMemory,
            _ if is_at_end => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error.to_string())
    }

    fn end(&mut self) -> io::Result<()> {
        self.is_inside = false;
        let (written, seen) = (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
        if written.is_some() && written != seen {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum is wrong"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(space);
            }
            if self.is_inside && self.decoder.is_finished() {
                self.end()?;
            }
            if !self.is_inside {
                self.is_inside = self.next()?;
                if !self.is_inside {
                    return Ok(0);
                }
            }
            self.decoder
                .decode_blocks(&mut self.packed, BlockDecodingStrategy::UptoBytes(space.len()))
                .map_err(|error| self.told(&error))?;
        }
    }
}
