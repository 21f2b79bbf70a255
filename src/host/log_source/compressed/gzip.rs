//! gzip, member after member, as gzip(1) reads it: what follows the last member is passed over.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Chain, Read};

/// How a member begins (RFC 1952, 2.3.1). Its first byte was taken to see the second.
const MAGIC: [u8; 2] = [0x1f, 0x8b];
static FIRST: [u8; 1] = [MAGIC[0]];

/// What is packed, behind what was taken of it.
type Packed<R> = Chain<&'static [u8], R>;

/// The members of a file.
pub struct Members<R: BufRead> {
    member: Option<GzDecoder<Packed<R>>>,
}

impl<R: BufRead> Members<R> {
    /// A file, from its first byte.
    pub fn of(packed: R) -> Self {
        Self { member: Some(member(&[], packed)) }
    }

    /// The next member, where there is one. Tapes pad with zeros, and gzip(1) ignores other trailing bytes with a
    /// warning.
    fn next(&mut self) -> io::Result<bool> {
        let Some(before) = self.member.take() else { return Ok(false) };
        let (_, mut packed) = before.into_inner().into_inner();
        for byte in MAGIC {
            if packed.fill_buf()?.first() != Some(&byte) {
                return Ok(false);
            }
            packed.consume(usize::from(byte == MAGIC[0]));
        }
        self.member = Some(member(&FIRST, packed));
        Ok(true)
    }
}

fn member<R: BufRead>(taken: &'static [u8], packed: R) -> GzDecoder<Packed<R>> {
    GzDecoder::new(taken.chain(packed))
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
