//! What came of reading a source.

use crate::facts::Reason;
use crate::host::told;
use crate::kernel_log::{BootClock, Stamp};
use jiff::Timestamp;
use std::io;

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
            boot: None,
        }
    }
}

/// Why a source could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The source as the operator knows it.
    pub name: String,
    /// A clause: `permission denied`.
    pub reason: Reason,
    /// What would help: the group, the capability, or the command to type.
    pub hint: Option<String>,
}

impl Unread {
    /// Without a hint.
    pub(super) fn new(name: &str, reason: impl Into<String>) -> Self {
        Self { name: name.to_owned(), reason: Reason::new(reason), hint: None }
    }

    /// With what the system said.
    pub(super) fn system(name: &str, error: &io::Error) -> Self {
        Self::new(name, told(error))
    }

    /// A path of which the root that it is below says why it cannot be read. Where it is for want of rights, the path
    /// and what would help are told beside that.
    pub(super) fn below_root(name: &str, reason: Reason, may: impl FnOnce() -> String) -> Self {
        match reason.to_string().starts_with("permission denied") {
            true => Self::new(name, "permission denied").hint(may()),
            false => Self { name: name.to_owned(), reason, hint: None },
        }
    }

    /// The same with what would help.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
