//! A log that can only be read from its beginning to its end: a pipe, a compressed file.

use super::{Read, structured, times};
use crate::gunicorn::log::{Place, Repeats, Scan, Told};
use crate::host::log_source::{Flow, PIECE};
use crate::kernel_log::Clock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use memchr::{memchr, memrchr};
use std::io;

/// What is held: a piece, what a traceback may go on in behind it, and as much again of a line that is cut.
const HELD: usize = PIECE + 2 * Scan::AHEAD;

/// Reads a log to its end. What keeps it from being read on is told as what is lost.
pub fn read(log: &mut dyn io::Read, zone: &TimeZone, written: Timestamp, each: &mut dyn FnMut(Told), read: &mut Read) {
    let mut flow = Flow::of(log);
    let mut held = Held::default();
    held.fill(&mut flow);
    let clock = Clock::new(zone.clone(), written, None);
    if structured::is_of_entries(held.bytes()) {
        let mut entries = structured::Entries::of(clock);
        while !held.bytes().is_empty() {
            entries.feed(held.bytes(), each);
            held.forget(held.filled);
            held.fill(&mut flow);
        }
        entries.finish(each, read);
    } else {
        text(&mut held, &mut flow, clock, each, read);
    }
    read.lost(flow.lost);
}

fn text(held: &mut Held, flow: &mut Flow<'_>, clock: Clock, each: &mut dyn FnMut(Told), read: &mut Read) {
    // What journalctl(1) writes of an empty journal is a log all the same: `-- No entries --`.
    read.framed |= held.bytes().is_empty() || held.bytes().starts_with(b"-- ");
    read.goes_on(times::first(held.bytes(), &clock));
    let scan = Scan::of(clock.clone());
    let mut repeats = Repeats::default();
    let mut found = Vec::new();
    let mut at = Place { offset: 0, line: 1 };
    let mut last = None;
    while !held.bytes().is_empty() {
        let own = held.own();
        let bytes = held.bytes();
        at.line += match held.is_cut_line {
            // The rest of a line that was longer than all that is held.
            true => u64::from(bytes.get(..own).is_some_and(|own| own.ends_with(b"\n"))),
            false => scan.piece(bytes, own, at, &mut found),
        };
        if held.is_at_end || own >= PIECE {
            last = times::last(bytes, &clock).or(last);
        }
        read.framed |= found.iter().any(Told::has_writer);
        found.drain(..).filter(|told| repeats.is_news(told)).for_each(&mut *each);
        at.offset += own as u64;
        held.forget(own);
        held.fill(flow);
    }
    read.goes_on(last);
}

/// The bytes of a log that are held, from the begin of a line on.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    filled: usize,
    is_at_end: bool,
    /// Whether the first of them is inside a line that began before.
    is_cut_line: bool,
}

impl Held {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    fn fill(&mut self, flow: &mut Flow<'_>) {
        self.bytes.resize(HELD, 0);
        while !self.is_at_end && self.filled < HELD {
            let put = flow.read(self.bytes.get_mut(self.filled..).unwrap_or_default());
            self.is_at_end = put == 0;
            self.filled += put;
        }
    }

    /// How much is looked through now: whole lines, with enough behind them for a traceback to go on in. A line that is longer
    /// than that is looked at by its begin, and the rest of it is passed over.
    fn own(&self) -> usize {
        let bytes = self.bytes();
        if self.is_cut_line {
            return memchr(b'\n', bytes).map_or(bytes.len(), |newline| newline + 1);
        }
        if self.is_at_end {
            return bytes.len();
        }
        let most = bytes.len().saturating_sub(Scan::AHEAD);
        let newline = bytes.get(..most).and_then(|bytes| memrchr(b'\n', bytes));
        newline.map_or(bytes.len(), |newline| newline + 1)
    }

    fn forget(&mut self, own: usize) {
        let own = own.min(self.filled);
        self.is_cut_line = own > 0 && self.bytes.get(own - 1) != Some(&b'\n');
        self.bytes.copy_within(own..self.filled, 0);
        self.filled -= own;
    }
}
