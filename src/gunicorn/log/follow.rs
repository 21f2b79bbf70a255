//! Reads on from a line of a big log as the whole of it would have been read.

use super::lines::Lines;
use super::text::first_line;
use super::told::{Place, Told};
use super::traceback;
use super::undressed::Undressed;
use crate::kernel_log::{Clock, Reader, Record};
use crate::units::Pid;
use memchr::memchr;

/// What came of a line.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// What it tells.
    pub(super) told: Vec<Told>,
    /// The traceback that begins with it.
    pub(super) traceback: Option<Read>,
}

/// A traceback that was read: of that process, up to that place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) writer: Option<Pid>,
    pub(super) end: u64,
}

/// Reads what begins with the first line of `bytes`, which is at `place`. Tracebacks of processes that are `read`
/// beyond it are parts of what was told.
pub(super) fn follow(bytes: &[u8], place: Place, clock: &Clock, read: &[Read]) -> Followed {
    let mut following =
        Following { lines: Lines::of(clock.clone()), place, read, followed: Followed::default(), state: State::Begins };
    let mut reader = Reader::at(place.offset);
    let mut rest = bytes;
    while !rest.is_empty() && following.state != State::Whole {
        let line = memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
        let Some((line, behind)) = rest.split_at_checked(line) else { break };
        reader.feed(line, &mut |record: &Record<'_>| following.take(record));
        rest = behind;
    }
    if following.state != State::Whole {
        reader.finish(&mut |record: &Record<'_>| following.take(record));
    }
    following.finish(place.offset + (bytes.len() - rest.len()) as u64)
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first record is to come.
    Begins,
    /// A traceback is under way.
    Reads(Option<Pid>),
    Whole,
}

struct Following<'a> {
    lines: Lines,
    place: Place,
    read: &'a [Read],
    followed: Followed,
    state: State,
}

impl Following<'_> {
    fn take(&mut self, record: &Record<'_>) {
        let is_first = match self.state {
            State::Begins => record.offset == self.place.offset,
            State::Reads(_) => false,
            State::Whole => return,
        };
        if self.state == State::Begins && !(is_first && self.is_news(record)) {
            self.state = State::Whole;
            return;
        }
        let line = if is_first { self.place.line } else { 0 };
        let Followed { told, .. } = &mut self.followed;
        self.lines.take(&Undressed::of(record, line), &mut |one| told.push(one));
        self.state = match self.state {
            _ if self.lines.is_reading(self.place) => State::Reads(self.state.writer().unwrap_or(record.pid)),
            State::Reads(writer) => {
                self.followed.traceback = Some(Read { writer, end: record.offset });
                State::Whole
            }
            _ => State::Whole,
        };
    }

    /// Whether the record is more than a part of a traceback that was told.
    fn is_news(&self, record: &Record<'_>) -> bool {
        let is_part = |range: &Read| range.writer == record.pid && record.offset < range.end;
        !traceback::begins(first_line(record.message).0) || !self.read.iter().any(is_part)
    }

    fn finish(mut self, end: u64) -> Followed {
        if let State::Reads(writer) = self.state {
            self.followed.traceback = Some(Read { writer, end });
        }
        let Followed { told, .. } = &mut self.followed;
        self.lines.finish(&mut |one| told.push(one));
        told.retain(|one| one.place == self.place);
        self.followed
    }
}

impl State {
    fn writer(self) -> Option<Option<Pid>> {
        match self {
            Self::Reads(writer) => Some(writer),
            _ => None,
        }
    }
}
