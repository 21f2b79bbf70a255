//! A line of a log without its frame.

use super::told::Place;
use crate::kernel_log::{Record, Stamp};
use crate::units::Pid;

/// A line without its frame, and what that told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undressed<'a> {
    /// The text; lines behind a newline are its own, as those of a traceback are.
    pub message: &'a [u8],
    /// Where it begins.
    pub place: Place,
    /// When it was written, as the frame says.
    pub stamp: Stamp,
    /// Who wrote it by its own account; empty without a frame that tells.
    pub tag: &'a [u8],
    /// The process that wrote it, as the frame says.
    pub pid: Option<Pid>,
    /// The unit it was written by; empty where the frame does not tell.
    pub unit: &'a [u8],
}

impl<'a> Undressed<'a> {
    /// A record that begins on that line of its source, from 1.
    pub fn of(record: &Record<'a>, line: u64) -> Self {
        let Record { message, stamp, tag, pid, unit, offset, .. } = *record;
        Self { message, place: Place { offset, line }, stamp, tag, pid, unit }
    }
}
