//! The stamp of one line.

use super::brackets::Brackets;
use super::journal_json::{self, Object};
use super::{date, escape, export, line};
use crate::kernel_log::Stamp;

/// The stamp of a line, where its frame has one: for finding a time in a big file without reading it.
pub fn stamp_of(line: &[u8]) -> Option<Stamp> {
    let line = line::trimmed(line);
    let line = line.strip_prefix(b"data: ").unwrap_or(line);
    let stamp = if line.starts_with(b"{") {
        match journal_json::read(line)? {
            Object::Entry(entry) => entry.head().stamp,
            Object::Docker(docker) => Stamp { wall: docker.wall(), boot_micros: None, derived: false },
            Object::Other => return None,
        }
    } else if export::opens(line) {
        let micros = line.strip_prefix(b"__REALTIME_TIMESTAMP=")?;
        let micros = std::str::from_utf8(micros).ok()?.parse().ok()?;
        Stamp { wall: date::of_epoch(micros), boot_micros: None, derived: false }
    } else {
        let mut plain = Vec::new();
        escape::without_colours(line, &mut plain);
        line::read(&plain, &Brackets::default())?.head.stamp
    };
    (stamp != Stamp::default()).then_some(stamp)
}
