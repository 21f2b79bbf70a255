//! What the last bytes of a log say that is read in parts.

use super::Reading;
use super::tally::is_kernels;
use crate::facts::Reason;
use crate::host::log_source::{is_structured, last_stamp};
use crate::kernel_log::{Reader, Record};

/// Tells the end of a log of which only parts are parsed.
pub fn tell(reading: &mut Reading, tail: &[u8]) {
    reading.last = last_stamp(tail);
    reading.has_kernel |= has_kernel(tail);
    reading.framed = reading.begins.is_some() || reading.last.is_some();
    if ends_in_journal(tail) {
        let reason =
            "it ends in JSON of the journal, whose messages with odd bytes are found only in a file of their own";
        reading.note = Some(Reason::new(reason));
    }
}

/// Whether the kernel speaks in these bytes of a log.
pub fn has_kernel(bytes: &[u8]) -> bool {
    let (mut reader, mut found) = (Reader::at(0), false);
    reader.feed(bytes, &mut |record: &Record<'_>| found |= is_kernels(record));
    reader.finish(&mut |record: &Record<'_>| found |= is_kernels(record));
    found
}

/// Whether the last line is an entry of `journalctl -o json`.
fn ends_in_journal(tail: &[u8]) -> bool {
    let tail = tail.trim_ascii_end();
    let line = tail.get(memchr::memrchr(b'\n', tail).map_or(0, |newline| newline + 1)..).unwrap_or_default();
    is_structured(line) && memchr::memmem::find(line, b"\"__REALTIME_TIMESTAMP\"").is_some()
}
