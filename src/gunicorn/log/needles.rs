//! What a line that tells something holds: texts to look for in a big log.

use aho_corasick::packed::{Config, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, Input, Span};

/// Behind Gunicorn's prefix each phrase begins with a capital; bare lines and the tags of managers have no prefix.
///
/// The search takes as many bytes of each text as the shortest has, three, and puts the texts into eight groups, by their
/// place in this list modulo eight; a place in the log is looked at again where each byte fits some text of one group by
/// halves. In this order hardly any place of access lines or of an application's messages does, and the log is read at
/// the speed of memory; in the order of Gunicorn's life, or with four bytes, it takes up to twice as long. With more than
/// 32 texts the search works half as fast.
const NEEDLES: [&[u8]; 31] = [
    b"eback (most recent call",
    b"] Reason: ",
    b"] Hang up: ",
    b"oomd[",
    b"Failed to find a",
    b"mp[",
    b"md[",
    b"] Error handling request",
    b"yd[",
    b"] Can't connect to ",
    b"] Shutting down: ",
    b"] Starting gunicorn ",
    b"] Booting worker with pid: ",
    b"] Using worker: ",
    b"cd[",
    b"] W",
    b"] Spawned dirty ",
    b"] Ma",
    b"] Autorestarting worker",
    b"] Exception in worker",
    b"] Connection in use: ",
    b"must be callable",
    b"md: ",
    b"] Listening at: ",
    b"oom[",
    b"] Parent changed, ",
    b"] Dirty ",
    b"] Unhandled exception in main",
    b"] Socket error processing",
    b"] Handling signal: ",
    b"pd[",
];

/// A search for all of them at once.
#[derive(Debug)]
pub(super) struct Needles {
    /// With the vectors of the CPU; none where it has none.
    packed: Option<Searcher>,
    /// Without them.
    automaton: Option<AhoCorasick>,
}

impl Needles {
    pub(super) fn new() -> Self {
        let packed = Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(NEEDLES).build();
        let automaton = if packed.is_none() { AhoCorasick::new(NEEDLES).ok() } else { None };
        Self { packed, automaton }
    }

    /// Where the next one ends in the first `end` bytes, from `from` on. Where no search can be had, that is any place.
    pub(super) fn next(&self, bytes: &[u8], from: usize, end: usize) -> Option<usize> {
        let bytes = bytes.get(..end)?;
        if from >= bytes.len() {
            return None;
        }
        let span = Span { start: from, end: bytes.len() };
        match (&self.packed, &self.automaton) {
            (Some(packed), _) => packed.find_in(bytes, span).map(|hit| hit.end()),
            (None, Some(automaton)) => automaton.find(Input::new(bytes).span(span)).map(|hit| hit.end()),
            (None, None) => Some(from + 1),
        }
    }
}
