//! The heartbeat file of a worker: an unlinked `wgunicorn-*` file that it touches while it is well.

use crate::facts::{Fact, Filesystem};
use crate::units::{FileId, Pid, Seconds};
use serde::Serialize;

/// A heartbeat file as seen through a descriptor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heartbeat {
    /// The process whose descriptor was looked at.
    pub seen_in: Pid,
    /// The descriptor number there.
    pub descriptor: i32,
    /// The link text without ` (deleted)`, in that process's mount namespace.
    pub path: String,
    /// Identity: master and worker hold the same one.
    pub file: FileId,
    /// What it lies on.
    pub filesystem: Fact<Filesystem>,
    /// Time since the last beat, or since the file was made where there was none.
    pub age_seconds: Seconds,
    /// Whether the worker has never beaten: it is still importing the application.
    pub never_beaten: bool,
}
