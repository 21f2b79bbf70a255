//! gzip, member after member, as gzip(1) reads it: what follows the last member is passed over.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read};

/// The members of a file.
pub struct Members<R: BufRead> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    /// A file, from its first byte.
    pub fn of(packed: R) -> Self {
        Self { member: Some(GzDecoder::new(packed)) }
    }

    /// The next member, where there is one. Tapes pad with zeros, and gzip(1) ignores other trailing bytes with a
    /// warning.
    fn next(&mut self) -> io::Result<bool> {
        let Some(member) = self.member.take() else { return Ok(false) };
        let mut packed = member.into_inner();
        let is_member = packed.fill_buf()?.starts_with(b"\x1f");
        if is_member {
            self.member = Some(GzDecoder::new(packed));
        }
        Ok(is_member)
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            let put = member.read(space)?;
            if put > 0 || !self.next()? {
                return Ok(put);
            }
        }
    }
}
