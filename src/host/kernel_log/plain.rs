//! Big plain files: threads look for what is asked for, and the regions round it are read again and parsed.

mod hits;

use super::excerpt::{Excerpt, LEAD, TAIL};
use super::needles::Needles;
use super::tally::Tally;
use super::{Reading, Search, ends, period};
use crate::facts::Reason;
use crate::host::log_source::{END, PIECE, bytes_at, first_stamp, read_at};
use crate::kernel_log::Sink;
use hits::Span;
use std::fs::File;

/// Reads the parts of a file that hold what is looked for.
pub fn read(file: &File, size: u64, search: &Search, needles: &Needles, sink: &mut dyn Sink, reading: &mut Reading) {
    let mut end = vec![0; END];
    let head = bytes_at(file, &mut end, 0);
    reading.begins = first_stamp(head);
    reading.has_kernel = ends::has_kernel(head);
    let tail = bytes_at(file, &mut end, size.saturating_sub(END as u64));
    ends::tell(reading, tail);
    let span = period::span(file, size, search, reading).unwrap_or(0..size);
    let found = hits::find(file, span.clone(), needles);
    let excerpt = Excerpt::at(span.start, needles, Tally::of(sink)).framed(reading.begins.is_some());
    let mut regions = Regions { file, excerpt, is_cut: found.is_cut };
    for hits in &found.hits {
        regions.read(hits);
    }
    while !regions.excerpt.settle() && regions.more(PIECE as u64) {}
    regions.excerpt.finish().tell_parts(reading);
    if regions.is_cut {
        reading.lost = Some(Reason::new("the file was cut short while it was read"));
    }
}

/// Goes from region to region.
struct Regions<'f, 'n, 's> {
    file: &'f File,
    excerpt: Excerpt<'n, 's>,
    is_cut: bool,
}

impl Regions<'_, '_, '_> {
    /// Reads round some hits that are near each other, and goes on from where it is where they are near that.
    fn read(&mut self, hits: &Span) {
        let begin = hits.first.saturating_sub(LEAD);
        while begin > self.excerpt.end() {
            if self.excerpt.settle() {
                self.excerpt.jump(begin);
            } else if !self.more(PIECE as u64) {
                return;
            }
        }
        let end = hits.last.saturating_add(TAIL);
        while self.excerpt.end() < end && self.more(end - self.excerpt.end()) {}
    }

    /// Reads on; false at the end of the file.
    fn more(&mut self, most: u64) -> bool {
        let at = self.excerpt.end();
        let space = self.excerpt.space();
        // Somewhat more than is asked for, so that the line is likely to end.
        let most = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(4 << 10).min(PIECE).min(space.len());
        let put = read_at(self.file, space.get_mut(..most).unwrap_or_default(), at);
        self.excerpt.put(put);
        self.excerpt.look();
        put > 0
    }
}
