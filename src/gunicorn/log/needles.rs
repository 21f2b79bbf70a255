//! What a line that tells something holds: texts to look for in a big log.

use aho_corasick::packed::{Config, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, Span};

/// Behind Gunicorn's prefix each phrase begins with a capital; bare lines and the tags of managers have no prefix.
///
/// The search takes four bytes of each text and puts the texts into eight groups, by their place in this list modulo
/// eight; a place in the log is looked at again where it fits the half-bytes of one whole group. In this order hardly any
/// place of access lines or of an application's messages does, and the log is read at the speed of memory; in the order
/// of Gunicorn's life it takes two to four times as long. With more than 32 texts the search works half as fast.
pub(super) const NEEDLES: [&[u8]; 32] = [
    b"] Hang up: ",
    b"] WORKER TIMEOUT",
    b"ntpd[",
    b"emd[",
    b"] Parent changed",
    b"] Shutting down: ",
    b"oom[",
    b"] Listening at: ",
    b"] Unhandled exception in main",
    b"must be callable",
    b"(most recent call",
    b"] Worker ",
    b"] Connection in use",
    b"ncd[",
    b"] Exception in worker",
    b"] Master has been",
    b"] Reason: ",
    b"] Socket error",
    b"emd: ",
    b"] Dirty ",
    b"] Using worker: ",
    b"nyd[",
    b"] Error handling",
    b"] Can't connect",
    b"] Booting worker",
    b"] Handling signal: ",
    b"ump[",
    b"Failed to find a",
    b"] Spawned dirty",
    b"oomd[",
    b"] Autorestarting",
    b"] Starting gunicorn",
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
        let span = Span { start: from, end: bytes.len() };
        if from >= bytes.len() {
            return None;
        }
        match (&self.packed, &self.automaton) {
            (Some(packed), _) => packed.find_in(bytes, span).map(|hit| hit.end()),
            (None, Some(automaton)) => automaton.find(aho_corasick::Input::new(bytes).span(span)).map(|hit| hit.end()),
            (None, None) => Some(from + 1),
        }
    }
}
