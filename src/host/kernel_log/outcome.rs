//! What came of reading a source.

use crate::facts::Reason;
use crate::kernel_log::{BootClock, Stamp};
use jiff::Timestamp;

/// What was read of a source.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The source as the operator knows it, without control characters.
    pub name: String,
    /// The earliest stamp seen at its head.
    pub begins: Option<Stamp>,
    /// The last stamp seen at its end.
    pub last: Option<Stamp>,
    /// When it was written last: the modification time of a file, now for what is live.
    pub written: Timestamp,
    /// How many records it has; none where only parts of it were parsed.
    pub records: Option<u64>,
    /// Why records are missing at the head or inside, where they are known to be.
    pub lost: Option<Reason>,
    /// What the operator should know of the source beside that.
    pub note: Option<Reason>,
    /// Whether anything in it looked like a log.
    pub framed: bool,
    /// Whether the kernel speaks in it, as far as it was parsed.
    pub has_kernel: bool,
    /// The clocks of the running kernel, where this is its own log.
    pub boot: Option<BootClock>,
}

impl Reading {
    /// A source of which nothing was read yet.
    pub(super) fn of(name: impl Into<String>, written: Timestamp) -> Self {
        Self {
            name: name.into(),
            begins: None,
            last: None,
            written,
            records: None,
            lost: None,
            note: None,
            framed: false,
            has_kernel: false,
            boot: None,
        }
    }
}
