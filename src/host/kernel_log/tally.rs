//! Counts what goes by on its way to a sink.

use super::Reading;
use crate::facts::Reason;
use crate::kernel_log::{Origin, Reader, Record, Sink, Stamp};

/// A sink that remembers how many records it passed on, and the first and the last stamp.
pub struct Tally<'a> {
    sink: &'a mut dyn Sink,
    /// Records so far.
    pub records: u64,
    /// The first stamp.
    pub begins: Option<Stamp>,
    /// The last stamp.
    pub last: Option<Stamp>,
    /// Whether any record had a frame.
    pub framed: bool,
    /// Whether any was the kernel's.
    pub has_kernel: bool,
    /// The number that the kernel gave the first record, where it tells.
    pub first_sequence: Option<u64>,
    /// Whether a report began before all that was parsed of it.
    pub is_beginning_lost: bool,
}

impl<'a> Tally<'a> {
    /// Passes everything on to `sink`.
    pub fn of(sink: &'a mut dyn Sink) -> Self {
        Self {
            sink,
            records: 0,
            begins: None,
            last: None,
            framed: false,
            has_kernel: false,
            first_sequence: None,
            is_beginning_lost: false,
        }
    }

    /// Parses the next bytes.
    pub fn feed(&mut self, reader: &mut Reader, bytes: &[u8]) {
        reader.feed(bytes, &mut |record: &Record<'_>| self.record(record));
    }

    /// Parses what is left in the reader.
    pub fn finish(&mut self, reader: &mut Reader) {
        reader.finish(&mut |record: &Record<'_>| self.record(record));
    }

    /// Records are missing here.
    pub fn gap(&mut self) {
        self.sink.gap();
    }

    /// Tells what was seen of a source that went by as a whole.
    pub fn tell_whole(&self, reading: &mut Reading) {
        reading.records = Some(self.records);
        reading.begins = self.begins;
        reading.last = self.last;
        reading.framed = self.framed;
        reading.has_kernel = self.has_kernel;
    }

    /// Tells what was seen of a source of which only parts were parsed.
    pub fn tell_parts(&self, reading: &mut Reading) {
        reading.framed |= self.framed;
        reading.has_kernel |= self.has_kernel;
        if self.is_beginning_lost {
            reading.note = Some(Reason::new("a report has more than 1 MiB: its beginning was not read"));
        }
    }

    fn record(&mut self, record: &Record<'_>) {
        if self.records == 0 {
            self.first_sequence = record.sequence;
        }
        self.records += 1;
        let has_stamp = record.stamp != Stamp::default();
        self.framed |= has_stamp || record.origin != Origin::Unsaid;
        self.has_kernel |= is_kernels(record);
        if has_stamp {
            self.begins.get_or_insert(record.stamp);
            self.last = Some(record.stamp);
        }
        self.sink.record(record);
    }
}

/// Whether a record is the kernel's: its frame says so, or has the kernel's own clock, as dmesg(1) prints it.
pub fn is_kernels(record: &Record<'_>) -> bool {
    match record.origin {
        Origin::Kernel => true,
        Origin::Unsaid => record.stamp.boot_micros.is_some() || record.stamp.derived,
        Origin::Other => false,
    }
}
