//! Where in a file the texts are, found by as many threads as there are CPUs.

use super::super::excerpt::TAIL;
use super::super::needles::Needles;
use crate::host::log_source::read_at;
use std::fs::File;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// What a thread reads at once: it is searched while it is still in the cache of the core.
const CHUNK: usize = 256 << 10;

/// The memory is the limit with more of them: two read as fast as the page cache is on small hosts, four on large ones.
const MOST_THREADS: usize = 4;

/// Below this a thread takes longer to start than to read.
const WORTH_A_THREAD: u64 = 8 << 20;

/// With more spans than this (a hostile file), those that are nearest each other are read as one: 1 MiB of memory.
const MOST_SPANS: usize = 65_536;

/// Hits that are near each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Where the first begins.
    pub first: u64,
    /// Where the last ends.
    pub last: u64,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// In order.
    pub hits: Vec<Span>,
    /// Whether the file ended before its end.
    pub is_cut: bool,
}

/// Looks for the texts in a part of a file.
pub fn find(file: &File, part: Range<u64>, needles: &Needles) -> Found {
    let hunt = Hunt { file, needles, next: AtomicU64::new(part.start), end: part.end, is_cut: AtomicBool::new(false) };
    let length = part.end.saturating_sub(part.start);
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let worth = usize::try_from(length / WORTH_A_THREAD).unwrap_or(MOST_THREADS);
    let others = cpus.min(MOST_THREADS).min(worth).saturating_sub(1);
    let mut spans = thread::scope(|scope| {
        // A thread that cannot be started leaves its share to those that are there.
        let start = |_| thread::Builder::new().spawn_scoped(scope, || hunt.run()).ok();
        let started: Vec<_> = (0..others).filter_map(start).collect();
        let mut all = hunt.run();
        for thread in started {
            all.extend(thread.join().unwrap_or_default());
        }
        all
    });
    spans.sort_unstable();
    let mut merged = Spans::default();
    spans.into_iter().for_each(|span| merged.add(span));
    Found { hits: merged.spans, is_cut: hunt.is_cut.into_inner() }
}

/// The work that threads share.
struct Hunt<'a> {
    file: &'a File,
    needles: &'a Needles,
    next: AtomicU64,
    end: u64,
    is_cut: AtomicBool,
}

impl Hunt<'_> {
    /// Takes chunk after chunk until none is left.
    fn run(&self) -> Vec<Span> {
        // A hit may lie across two chunks.
        let mut buffer = vec![0; CHUNK + self.needles.longest() - 1];
        let mut spans = Spans::default();
        loop {
            let at = self.next.fetch_add(CHUNK as u64, Ordering::Relaxed);
            if at >= self.end {
                return spans.spans;
            }
            self.look(at, &mut buffer, &mut spans);
        }
    }

    fn look(&self, at: u64, buffer: &mut [u8], spans: &mut Spans) {
        let most = usize::try_from(self.end - at).unwrap_or(usize::MAX).min(buffer.len());
        let Some(space) = buffer.get_mut(..most) else { return };
        let put = read_at(self.file, space, at);
        if put < most {
            self.is_cut.store(true, Ordering::Relaxed);
        }
        let bytes = space.get(..put).unwrap_or_default();
        let mut from = 0;
        while let Some(hit) = self.needles.next(bytes, from) {
            spans.add(Span { first: at + hit.at as u64, last: at + hit.end as u64 });
            from = hit.end;
        }
    }
}

/// Spans in order, of which those that are near each other are one.
struct Spans {
    spans: Vec<Span>,
    near: u64,
}

impl Default for Spans {
    fn default() -> Self {
        // What follows one hit reaches the next: their windows are one anyway.
        Self { spans: Vec::new(), near: TAIL }
    }
}

impl Spans {
    fn add(&mut self, span: Span) {
        self.fold(span);
        while self.spans.len() > MOST_SPANS {
            self.near = self.near.saturating_mul(2);
            let spans = std::mem::take(&mut self.spans);
            spans.into_iter().for_each(|span| self.fold(span));
        }
    }

    fn fold(&mut self, span: Span) {
        match self.spans.last_mut() {
            Some(last) if span.first <= last.last.saturating_add(self.near) => last.last = last.last.max(span.last),
            _ => self.spans.push(span),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::kernel_log::Search;
    use jiff::tz::TimeZone;
    use std::os::unix::fs::FileExt;

    fn needles() -> Needles {
        let search = Search { deaths: &[b"needle"], lines: &[], since: None, until: None, zone: TimeZone::UTC };
        Needles::of(&search).unwrap()
    }

    #[test]
    fn a_hit_across_two_chunks_is_found_once() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(20 << 20).unwrap();
        let places: Vec<u64> = (1..70).map(|n| n * CHUNK as u64 - n % 7).collect();
        for place in &places {
            file.write_all_at(b"needle", *place).unwrap();
        }
        let found = find(&file, 0..20 << 20, &needles());
        let firsts: Vec<u64> = found.hits.iter().map(|span| span.first).collect();
        assert_eq!(firsts, places);
        assert!(!found.is_cut);
        let part = find(&file, places[3]..places[9], &needles());
        assert_eq!(part.hits.len(), 6);
    }

    #[test]
    fn millions_of_hits_are_kept_as_a_bounded_number_of_spans() {
        let mut spans = Spans::default();
        for n in 0..3_000_000_u64 {
            spans.add(Span { first: n * 20_000, last: n * 20_000 + 14 });
        }
        assert!(spans.spans.len() <= MOST_SPANS, "{}", spans.spans.len());
        assert!(spans.spans.windows(2).all(|pair| pair[0].last < pair[1].first));
        assert_eq!(spans.spans.last().unwrap().last, 2_999_999 * 20_000 + 14);
    }
}
