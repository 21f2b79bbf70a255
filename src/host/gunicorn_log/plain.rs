//! Plain files: threads look through pieces of them in turn, and what they found is told in the order of the file.

mod pieces;

use super::{Read, structured, times};
use crate::facts::Reason;
use crate::gunicorn::log::{Scan, Told};
use crate::host::log_source::{Content, END, bytes_at, last_stamp};
use crate::kernel_log::Clock;
use crate::units::Bytes;
use jiff::tz::TimeZone;
use pieces::Share;

/// A log that grows by more than this while it is read is written faster than an operator can follow: then it is told
/// that its newest lines were not looked at. Two seconds of a server that answers ten thousand requests a second.
const GROWTH: u64 = 4 << 20;

/// Whether the lines of a file are text that can be looked for.
pub fn suits(content: &Content) -> bool {
    let mut head = vec![0; END];
    content.size > 0 && !structured::is_of_entries(bytes_at(&content.file, &mut head, 0))
}

/// Reads a file as far as it reached when it was opened.
pub fn read(content: &Content, zone: &TimeZone, each: &mut dyn FnMut(Told), read: &mut Read) {
    let (file, size) = (&content.file, content.size);
    let mut end = vec![0; END];
    let tail_at = size.saturating_sub(END as u64);
    let clock = Clock::new(zone.clone(), content.written, last_stamp(bytes_at(file, &mut end, tail_at)));
    read.goes_on(times::first(bytes_at(file, &mut end, 0), &clock));
    read.goes_on(times::last(bytes_at(file, &mut end, tail_at), &clock));
    let scan = Scan::of(clock);
    let is_cut = Share::of(file, size, &scan).read(&mut |told| {
        read.framed |= told.has_writer();
        each(told);
    });
    if is_cut {
        read.lost(Some(Reason::new("the file was cut short while it was read")));
    }
    let grown = file.metadata().map_or(0, |status| status.len().saturating_sub(size));
    if grown > GROWTH {
        read.note = Some(Reason::new(format!("it grew by {} while it was read: they are not looked at", Bytes(grown))));
    }
}
