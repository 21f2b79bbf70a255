//! The texts that are looked for, all in one pass.

use super::Search;
use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem::Finder;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Where it begins in what was searched, in bytes.
    pub at: usize,
    /// Where it ends.
    pub end: usize,
    /// Whether it ends a report.
    pub kind: HitKind,
}

/// How much round a hit belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HitKind {
    /// The report before it and what comes soon after.
    Death,
    /// Its line.
    Line,
}

/// Searches for several texts at once.
#[derive(Debug)]
pub struct Needles {
    search: Method,
    deaths: usize,
    longest: usize,
}

#[derive(Debug)]
enum Method {
    Nothing,
    /// One text: the fastest search there is.
    One(Box<Finder<'static>>),
    Several(Box<AhoCorasick>),
}

impl Needles {
    /// Those of a search. Where the tables for them cannot be built, nothing would be found: then there are none.
    pub fn of(search: &Search) -> Option<Self> {
        let all: Vec<&'static [u8]> = search.deaths.iter().chain(search.lines).copied().collect();
        let method = match all.as_slice() {
            [] => Method::Nothing,
            [one] => Method::One(Box::new(Finder::new(*one))),
            several => Method::Several(Box::new(
                AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(several).ok()?,
            )),
        };
        let longest = all.iter().map(|needle| needle.len()).max().unwrap_or(1).max(1);
        Some(Self { search: method, deaths: search.deaths.len(), longest })
    }

    /// The length of the longest, at least 1: so much of a piece less one byte has to be seen again with the next.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// The first hit at or after `from`.
    pub fn next(&self, bytes: &[u8], from: usize) -> Option<Hit> {
        let rest = bytes.get(from..)?;
        let (start, end, pattern) = match &self.search {
            Method::Nothing => return None,
            Method::One(finder) => finder.find(rest).map(|at| (at, at + finder.needle().len(), 0))?,
            Method::Several(several) => {
                several.find(rest).map(|found| (found.start(), found.end(), found.pattern().as_usize()))?
            }
        };
        let kind = if pattern < self.deaths { HitKind::Death } else { HitKind::Line };
        Some(Hit { at: from + start, end: from + end, kind })
    }
}
