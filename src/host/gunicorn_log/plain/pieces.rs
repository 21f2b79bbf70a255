//! The pieces of a file, looked through by as many threads as there are CPUs.
//!
//! Thread `n` of `m` takes the pieces `n`, `n + m`, `n + 2m` …, and each may be one piece ahead of the one that is told:
//! however much a hostile log makes of its bytes, what waits is bounded.

use crate::gunicorn::log::{Place, Repeats, Scan, Told};
use crate::host::log_source::read_at;
use memchr::memchr;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, Scope};

/// What a thread reads at once: it is searched while it is still in the cache of the core, and what is read again with the
/// next piece ([`Scan::AHEAD`]) is little beside it.
const PIECE: usize = 512 << 10;

/// The memory is the limit with more of them: two read as fast as the page cache is on small hosts, four on large ones.
const MOST_THREADS: usize = 4;

/// Below this a thread takes longer to start than to read.
const WORTH_A_THREAD: u64 = 8 << 20;

/// Pieces that a thread may have ready before they are told. A piece of nothing but the shortest lines that tell
/// something takes some 2 MiB.
const AHEAD: usize = 1;

/// The work that threads share.
pub struct Share<'a> {
    file: &'a File,
    size: u64,
    scan: &'a Scan,
    piece: usize,
    is_cut: AtomicBool,
}

/// What was found in a piece.
#[derive(Debug, Default)]
struct Piece {
    /// Lines counted from the first that begins in the piece, which is 1.
    told: Vec<Told>,
    /// Newlines before that line.
    before: u64,
    /// All newlines.
    newlines: u64,
}

/// A thread that was started, and waits for its turn.
struct Other {
    turns: Sender<Turns>,
    pieces: Receiver<Piece>,
}

/// The pieces of a thread.
#[derive(Debug, Clone, Copy)]
struct Turns {
    first: u64,
    step: u64,
}

impl<'a> Share<'a> {
    /// The first `size` bytes of a file.
    pub fn of(file: &'a File, size: u64, scan: &'a Scan) -> Self {
        Self { file, size, scan, piece: PIECE, is_cut: AtomicBool::new(false) }
    }

    /// The same in pieces of another size.
    #[cfg(test)]
    pub fn in_pieces(self, piece: usize) -> Self {
        Self { piece, ..self }
    }

    /// Tells what is found, in the order of the file; whether the file ended before its end.
    pub fn read(self, each: &mut dyn FnMut(Told)) -> bool {
        thread::scope(|scope| {
            // A thread that cannot be started leaves its share to those that are there.
            let others: Vec<Other> = (1..self.threads()).filter_map(|_| self.start(scope)).collect();
            let step = others.len() as u64 + 1;
            for (first, other) in (1..).zip(&others) {
                // One that has ended takes no turn; its pieces are looked through here.
                let _ = other.turns.send(Turns { first, step });
            }
            self.tell(&others, each);
        });
        self.is_cut.into_inner()
    }

    fn threads(&self) -> usize {
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        let worth = usize::try_from(self.size / WORTH_A_THREAD).unwrap_or(MOST_THREADS);
        cpus.min(MOST_THREADS).min(worth)
    }

    fn pieces(&self) -> u64 {
        self.size.div_ceil(self.piece as u64)
    }

    fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) -> Option<Other> {
        let (turns, my_turns) = channel();
        let (ready, pieces) = sync_channel(AHEAD);
        let work = move || self.work(&my_turns, &ready);
        thread::Builder::new().spawn_scoped(scope, work).ok()?;
        Some(Other { turns, pieces })
    }

    fn work(&self, turns: &Receiver<Turns>, ready: &SyncSender<Piece>) {
        let Ok(Turns { first, step }) = turns.recv() else { return };
        let mut buffer = Vec::new();
        let mut index = first;
        while index < self.pieces() && ready.send(self.look(index, &mut buffer)).is_ok() {
            index += step;
        }
    }

    /// Looks through every piece whose turn is this thread's, and tells all.
    fn tell(&self, others: &[Other], each: &mut dyn FnMut(Told)) {
        let mut buffer = Vec::new();
        let mut newlines = 0;
        let mut repeats = Repeats::default();
        for (index, turn) in (0..self.pieces()).zip((0..=others.len()).cycle()) {
            let other = turn.checked_sub(1).and_then(|turn| others.get(turn));
            let piece = other.and_then(|other| other.pieces.recv().ok());
            let piece = piece.unwrap_or_else(|| self.look(index, &mut buffer));
            for mut told in piece.told {
                told.place.line += newlines + piece.before;
                if repeats.is_news(&told) {
                    each(told);
                }
            }
            newlines += piece.newlines;
        }
    }

    /// Looks through the lines that begin in a piece. A line that begins before it is of another piece, however long.
    fn look(&self, index: u64, buffer: &mut Vec<u8>) -> Piece {
        let begin = index * self.piece as u64;
        let end = begin.saturating_add(self.piece as u64).min(self.size);
        // Whether a line begins with the piece is told by the byte before it.
        let from = begin.saturating_sub(1);
        let upto = end.saturating_add(Scan::AHEAD as u64).min(self.size);
        let length = |upto: u64| usize::try_from(upto.saturating_sub(from)).unwrap_or(usize::MAX);
        buffer.resize(length(upto).min(self.piece + 1 + Scan::AHEAD), 0);
        let put = read_at(self.file, buffer, from);
        if put < buffer.len() {
            self.is_cut.store(true, Ordering::Relaxed);
        }
        let own = length(end).min(put);
        let is_first = index == 0;
        let newline = memchr(b'\n', buffer.get(..own).unwrap_or_default()).filter(|_| !is_first);
        let line = match newline {
            Some(newline) => newline + 1,
            None if is_first => 0,
            None => return Piece::default(),
        };
        let before = u64::from(newline.is_some_and(|newline| newline > 0));
        let mut told = Vec::new();
        let bytes = buffer.get(line..put).unwrap_or_default();
        let at = Place { offset: from + line as u64, line: 1 };
        let newlines = before + self.scan.piece(bytes, own - line, at, &mut told);
        Piece { told, before, newlines }
    }
}

#[cfg(test)]
mod tests;
