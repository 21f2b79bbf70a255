//! What is told twice.

use super::told::{Ending, Event, Said, Told};
use crate::units::Pid;
use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// A traceback of one kind is told once in so many bytes: an exhausted uvicorn writes 4 MB of them in a second, and a
/// quiet service fills so much in hours.
const BLOCK_BITS: u32 = 16;

/// Kinds of tracebacks without a head that are told in one block: an application may put anything into a message.
const MOST_KINDS: usize = 64;

/// Exits whose second line may come yet; it is written at once, with hardly anything between.
const MOST_EXITS: usize = 64;

/// Leaves out what was told before: the second line of an exit (21.0 to 23.0 write two), the rest of a traceback whose
/// head was read already, and a flood of the same traceback. [`super::Lines`] does so itself; what several
/// [`super::Scan::piece`]s found goes through one of these in the order of the log.
#[derive(Debug, Default)]
pub struct Repeats {
    exits: VecDeque<(Option<Pid>, Pid, i32)>,
    /// The last traceback that had a head: where it began, and its kind.
    headed: Option<(u64, u64)>,
    block: u64,
    /// Kinds that were told in this block, and how many of them without a head.
    kinds: HashSet<u64>,
    loose: usize,
}

impl Repeats {
    /// Whether this was not told yet.
    pub fn is_news(&mut self, told: &Told) -> bool {
        match &told.said {
            Said::Gunicorn(Event::Ended { pid, ending: Ending::Exit(code) }) => {
                self.is_new_exit(told, (told.writer, *pid, *code))
            }
            _ => self.may_be_news(told),
        }
    }

    /// Whether this may be news to who knows the log from its beginning.
    pub(super) fn may_be_news(&mut self, told: &Told) -> bool {
        match &told.said {
            Said::Gunicorn(Event::Loose(traceback)) => self.is_new_kind(told, kind(&traceback.exception)),
            Said::Gunicorn(
                Event::MasterException(traceback)
                | Event::WorkerException(traceback)
                | Event::RequestError { traceback, .. }
                | Event::SocketError(traceback),
            ) => {
                let kind = kind(&traceback.exception);
                self.enter(told.place.offset);
                self.kinds.insert(kind);
                self.headed = Some((told.place.offset, kind));
                true
            }
            _ => true,
        }
    }

    /// Whether two places of a log are of one block.
    pub(super) fn is_one_block(one: u64, other: u64) -> bool {
        one >> BLOCK_BITS == other >> BLOCK_BITS
    }

    /// The second line has a full stop, the first has none.
    fn is_new_exit(&mut self, told: &Told, exit: (Option<Pid>, Pid, i32)) -> bool {
        if told.text.ends_with(b".") {
            let Some(at) = self.exits.iter().position(|known| *known == exit) else { return true };
            self.exits.remove(at);
            return false;
        }
        if self.exits.len() == MOST_EXITS {
            self.exits.pop_front();
        }
        self.exits.push_back(exit);
        true
    }

    fn is_new_kind(&mut self, told: &Told, kind: u64) -> bool {
        let at = told.place.offset;
        self.enter(at);
        let is_rest = self.headed.is_some_and(|(head, of)| {
            of == kind && at.checked_sub(head).is_some_and(|behind| behind < super::traceback::LONGEST as u64)
        });
        let is_new = !is_rest && self.loose < MOST_KINDS && self.kinds.insert(kind);
        self.loose += usize::from(is_new);
        is_new
    }

    fn enter(&mut self, offset: u64) {
        if !Self::is_one_block(self.block, offset) {
            self.kinds.clear();
            self.loose = 0;
        }
        self.block = offset;
    }
}

fn kind(exception: &Option<Box<str>>) -> u64 {
    let mut hasher = DefaultHasher::new();
    exception.hash(&mut hasher);
    hasher.finish()
}
