//! What is told twice.

use super::told::{Ending, Event, Place, Said, Told};
use crate::units::Pid;
use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// In a log without times one traceback of a kind is told in so many bytes: an exhausted uvicorn writes 4 MB a second.
const BLOCK_BITS: u32 = 20;

/// Kinds of tracebacks that are told in one second, or in one block: an application may put anything into a message.
const MOST_KINDS: usize = 64;

/// Exits whose second line may come yet; it is written at once, with hardly anything between.
const MOST_EXITS: usize = 64;

/// Leaves out what was told before: the second line of an exit (21.0 to 23.0 write two), the rest of a traceback whose
/// head was read already, and a flood of the same traceback. [`super::Lines`] does so itself; what several
/// [`super::Scan::piece`]s found goes through one of these in the order of the log.
#[derive(Debug, Default)]
pub struct Repeats {
    exits: VecDeque<(Option<Pid>, Pid, i32)>,
    /// The last traceback that had a head: its place, and the kind.
    headed: Option<(Place, u64)>,
    block: Option<Block>,
    kinds: HashSet<u64>,
}

/// A second, or a piece of a log without times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Second(i64),
    Bytes(u64),
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
                self.headed = Some((told.place, kind(&traceback.exception)));
                true
            }
            _ => true,
        }
    }

    /// Whether two places of a log without times are of one block.
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
        let is_rest = self.headed.is_some_and(|(head, of)| {
            let behind = told.place.offset.checked_sub(head.offset);
            of == kind && behind.is_some_and(|behind| behind < super::traceback::LONGEST as u64)
        });
        let block = match told.time {
            Some(time) => Block::Second(time.as_second()),
            None => Block::Bytes(told.place.offset >> BLOCK_BITS),
        };
        if self.block != Some(block) {
            self.block = Some(block);
            self.kinds.clear();
        }
        !is_rest && self.kinds.len() < MOST_KINDS && self.kinds.insert(kind)
    }
}

fn kind(exception: &Option<Box<str>>) -> u64 {
    let mut hasher = DefaultHasher::new();
    exception.hash(&mut hasher);
    hasher.finish()
}
