//! Other lines of the kernel, collected in the same pass.

use crate::kernel_log::kill::line;
use crate::kernel_log::{BootId, Event, Record, Stamp, event};
use std::collections::{HashMap, VecDeque};
use std::mem::{Discriminant, discriminant};

/// Events of one kind that are kept, the latest ones: a host under a SYN flood or with a full connection table writes
/// thousands an hour, and the others must not be lost among them.
const MOST_OF_A_KIND: usize = 4_096;

/// An event, and where it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldEvent {
    /// What happened.
    pub event: Event,
    /// When.
    pub stamp: Stamp,
    /// In which boot, where the source tells.
    pub boot: Option<BootId>,
    /// On which host, empty where the source does not tell.
    pub host: Vec<u8>,
    /// Where its line is in the source, in bytes.
    pub offset: u64,
    /// The line, at most [`LONGEST_LINE`](crate::kernel_log::LONGEST_LINE) bytes.
    pub text: Box<[u8]>,
}

/// The events of a source.
#[derive(Debug, Default)]
pub struct Events {
    by_kind: HashMap<Discriminant<Event>, VecDeque<ToldEvent>>,
    left_out: u64,
}

impl Events {
    /// Takes the event of a record, where it has one.
    pub fn take(&mut self, record: &Record<'_>) {
        let Some(event) = event(record.message, record.origin) else { return };
        let kind = self.by_kind.entry(discriminant(&event)).or_default();
        if kind.len() >= MOST_OF_A_KIND {
            kind.pop_front();
            self.left_out += 1;
        }
        let (stamp, boot, host) = (record.stamp, record.boot, record.host.to_vec());
        kind.push_back(ToldEvent { event, stamp, boot, host, offset: record.offset, text: line(record.message) });
    }

    /// The events in the order of the source, and how many earlier ones were not kept.
    pub fn finish(self) -> (Vec<ToldEvent>, u64) {
        let mut all: Vec<ToldEvent> = self.by_kind.into_values().flatten().collect();
        all.sort_by_key(|told| told.offset);
        (all, self.left_out)
    }
}
