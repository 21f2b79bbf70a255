//! Entries of the journal, in which a line is one field of many: all have to be parsed.

use super::Read;
use crate::gunicorn::log::{Lines, Told, Undressed};
use crate::host::log_source::{is_structured, lines};
use crate::kernel_log::{Clock, Reader, Record};
use jiff::Timestamp;
use memchr::{memchr_iter, memmem};
use std::collections::VecDeque;

/// Newlines that are remembered until the record is whole that they belong to. A message is of a mebibyte at most, and an
/// entry of some hundred fields; a file that is made to hold more only loses the numbers of its lines.
const MOST_NEWLINES: usize = 1 << 18;

/// Whether a log that begins so is of entries and not of lines.
pub fn is_of_entries(head: &[u8]) -> bool {
    is_structured(head) || is_verbose(head)
}

/// Whether it is what `journalctl -o verbose` prints: `Fri 2026-11-20 19:11:34.123456 UTC [s=a;i=1;b=2;m=3;t=4;x=5]`.
fn is_verbose(head: &[u8]) -> bool {
    // Older ones print a line of their own first: `-- Journal begins at …`.
    let first = lines(head).find(|line| !line.starts_with(b"-- ")).unwrap_or_default();
    let first = first.trim_ascii_end();
    first.ends_with(b"]") && memmem::find(first, b" [s=").is_some() && memmem::find(first, b";i=").is_some()
}

/// Reads entries as they come.
pub struct Entries {
    reader: Reader,
    lines: Lines,
    clock: Clock,
    offset: u64,
    newlines: Newlines,
    begins: Option<Timestamp>,
    ends: Option<Timestamp>,
    records: u64,
}

impl Entries {
    /// With the clock of the log.
    pub fn of(clock: Clock) -> Self {
        Self {
            reader: Reader::at(0),
            lines: Lines::of(clock.clone()),
            clock,
            offset: 0,
            newlines: Newlines::default(),
            begins: None,
            ends: None,
            records: 0,
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8], each: &mut dyn FnMut(Told)) {
        self.newlines.add(bytes, self.offset);
        self.offset += bytes.len() as u64;
        let mut reader = std::mem::take(&mut self.reader);
        reader.feed(bytes, &mut |record: &Record<'_>| self.record(record, each));
        self.reader = reader;
    }

    /// The log is at its end; how many entries it has.
    pub fn finish(mut self, each: &mut dyn FnMut(Told), read: &mut Read) -> u64 {
        let mut reader = std::mem::take(&mut self.reader);
        reader.finish(&mut |record: &Record<'_>| self.record(record, each));
        self.lines.finish(each);
        read.goes_on(self.begins);
        read.goes_on(self.ends);
        read.framed |= self.records > 0;
        self.records
    }

    fn record(&mut self, record: &Record<'_>, each: &mut dyn FnMut(Told)) {
        self.records += 1;
        if let Some(moment) = self.clock.moment(&record.stamp) {
            self.begins.get_or_insert(moment.time);
            self.ends = Some(moment.time);
        }
        let line = Undressed::of(record, self.newlines.line(record.offset));
        self.lines.take(&line, each);
    }
}

/// Where lines end, as far as that is still asked for: records come in the order of the log.
#[derive(Debug, Default)]
struct Newlines {
    passed: u64,
    ahead: VecDeque<u64>,
}

impl Newlines {
    fn add(&mut self, bytes: &[u8], offset: u64) {
        self.ahead.extend(memchr_iter(b'\n', bytes).map(|newline| offset + newline as u64));
        let surplus = self.ahead.len().saturating_sub(MOST_NEWLINES);
        self.ahead.drain(..surplus);
        self.passed += surplus as u64;
    }

    /// The line that a byte is in, from 1.
    fn line(&mut self, offset: u64) -> u64 {
        while self.ahead.front().is_some_and(|newline| *newline < offset) {
            self.ahead.pop_front();
            self.passed += 1;
        }
        self.passed + 1
    }
}
