//! Lines that a container wrote and its collector wrapped: pieces are put together.

use super::open::LONGEST_MESSAGE;
use crate::kernel_log::Wall;

/// A line of a container's.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) text: Vec<u8>,
    pub(super) wall: Option<Wall>,
    pub(super) offset: u64,
}

/// Lines under way, one for each of the two streams, which are written at the same time.
#[derive(Debug, Default)]
pub(super) struct Container {
    out: Option<Said>,
    err: Option<Said>,
}

/// A piece of a line.
pub(super) struct Piece<'a> {
    pub(super) stream: &'a [u8],
    pub(super) text: &'a [u8],
    pub(super) wall: Option<Wall>,
    pub(super) offset: u64,
    /// Whether more of the line follows.
    pub(super) partial: bool,
}

impl Container {
    /// Takes a piece; gives the line if that was its end.
    pub(super) fn take(&mut self, piece: &Piece<'_>) -> Option<Said> {
        let under_way = if piece.stream == b"stderr" { &mut self.err } else { &mut self.out };
        let new = || Said { text: Vec::new(), wall: piece.wall, offset: piece.offset };
        let mut said = under_way.take().unwrap_or_else(new);
        let room = LONGEST_MESSAGE.saturating_sub(said.text.len());
        said.text.extend_from_slice(piece.text.get(..room).unwrap_or(piece.text));
        if piece.partial {
            *under_way = Some(said);
            return None;
        }
        Some(said)
    }

    /// Lines whose end never came, in their order.
    pub(super) fn rest(&mut self) -> Vec<Said> {
        let mut rest: Vec<Said> = self.out.take().into_iter().chain(self.err.take()).collect();
        rest.sort_by_key(|said| said.offset);
        rest
    }
}
