//! A log that can only be read from its beginning to its end: a pipe, a compressed file, a small file.

use super::excerpt::{Excerpt, HELD};
use super::needles::Needles;
use super::tally::Tally;
use super::{Reading, ends};
use crate::host::log_source::{END, Flow, PIECE, first_stamp, is_structured};
use crate::kernel_log::Sink;
use std::io::Read;

/// Reads a log to its end. What keeps it from being read on is told as what is lost.
pub fn read(log: &mut dyn Read, needles: &Needles, sink: &mut dyn Sink, reading: &mut Reading) {
    let mut excerpt = Excerpt::at(0, needles, Tally::of(sink));
    let mut flow = Flow::of(log);
    while excerpt.held().len() < HELD {
        let put = flow.read(excerpt.space());
        if put == 0 {
            // An empty log is a log all the same, and so is what journalctl(1) writes of one: `-- No entries --`.
            let is_empty = excerpt.held().is_empty() || excerpt.held().starts_with(b"-- ");
            excerpt.finish_whole().tell_whole(reading);
            reading.framed |= is_empty;
            reading.lost = flow.lost;
            return;
        }
        excerpt.put(put);
    }
    if is_structured(excerpt.held()) {
        whole(excerpt, &mut flow, reading);
    } else {
        parts(excerpt, &mut flow, reading);
    }
    reading.lost = flow.lost;
}

/// What a log says in plain text can be looked for; where each record is written with escapes, all have to be parsed.
fn whole(excerpt: Excerpt<'_, '_>, flow: &mut Flow<'_>, reading: &mut Reading) {
    let (mut reader, mut tally) = excerpt.into_whole();
    let mut piece = vec![0; PIECE];
    loop {
        let put = flow.read(&mut piece);
        if put == 0 {
            break;
        }
        tally.feed(&mut reader, piece.get(..put).unwrap_or_default());
    }
    tally.finish(&mut reader);
    tally.tell_whole(reading);
}

fn parts(excerpt: Excerpt<'_, '_>, flow: &mut Flow<'_>, reading: &mut Reading) {
    reading.begins = first_stamp(excerpt.held());
    reading.has_kernel = ends::has_kernel(excerpt.held().get(..END).unwrap_or(excerpt.held()));
    let mut excerpt = excerpt.framed(reading.begins.is_some());
    loop {
        excerpt.look();
        let put = flow.read(excerpt.space());
        if put == 0 {
            break;
        }
        excerpt.put(put);
    }
    ends::tell(reading, excerpt.held());
    excerpt.finish().tell_parts(reading);
}
