//! That a log cannot be read, and what would help.

use crate::facts::Reason;
use crate::host::told;
use std::io;

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
    pub fn new(name: &str, reason: impl Into<String>) -> Self {
        Self { name: name.to_owned(), reason: Reason::new(reason), hint: None }
    }

    /// With what the system said.
    pub fn system(name: &str, error: &io::Error) -> Self {
        Self::new(name, told(error))
    }

    /// A path of which the root that it is below says why it cannot be read. Where it is for want of rights, the path
    /// and what would help are told beside that.
    pub fn below_root(name: &str, reason: Reason, may: impl FnOnce() -> String) -> Self {
        match reason.to_string().starts_with("permission denied") {
            true => Self::new(name, "permission denied").hint(may()),
            false => Self { name: name.to_owned(), reason, hint: None },
        }
    }

    /// The same with what would help.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
