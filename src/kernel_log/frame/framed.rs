//! A line whose frame was recognised.

use super::escape::Escape;
use crate::kernel_log::{BootId, Caller, Origin, Stamp};
use crate::units::Pid;

/// What a frame tells of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) origin: Origin,
    pub(super) level: Option<u8>,
    pub(super) stamp: Stamp,
    pub(super) boot: Option<BootId>,
    pub(super) caller: Option<Caller>,
    pub(super) continues: bool,
    pub(super) sequence: Option<u64>,
}

impl Head {
    pub(super) const fn of(origin: Origin) -> Self {
        let stamp = Stamp { boot_micros: None, wall: None, derived: false };
        Self { origin, level: None, stamp, boot: None, caller: None, continues: false, sequence: None }
    }
}

impl Default for Head {
    fn default() -> Self {
        Self::of(Origin::Unsaid)
    }
}

/// Whose message it is, as far as the frame tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Author<'a> {
    pub(super) host: &'a [u8],
    pub(super) tag: &'a [u8],
    pub(super) pid: Option<Pid>,
    pub(super) unit: &'a [u8],
}

impl<'a> Author<'a> {
    /// Of the tag of syslog: `gunicorn[812]`, `systemd`.
    pub(super) fn of_tag(host: &'a [u8], tag: &'a [u8]) -> Self {
        let numbered = tag.strip_suffix(b"]").and_then(|open| {
            let bracket = memchr::memrchr(b'[', open)?;
            Some((open.get(..bracket)?, pid(open.get(bracket + 1..)?)?))
        });
        match numbered {
            Some((tag, pid)) => Self { host, tag, pid: Some(pid), unit: b"" },
            None => Self { host, tag, pid: None, unit: b"" },
        }
    }
}

/// The number of a process.
pub(super) fn pid(digits: &[u8]) -> Option<Pid> {
    let is_number = digits.first().is_some_and(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok().map(Pid)
}

/// A head, and the message with its escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Framed<'a> {
    pub(super) head: Head,
    pub(super) author: Author<'a>,
    pub(super) text: &'a [u8],
    pub(super) escape: Escape,
    pub(super) dress: Dress,
}

/// Which tool dressed it, where it matters for the lines behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Dress {
    /// A line of text that may go on in the next.
    #[default]
    Line,
    /// `/dev/kmsg`: lines behind that begin with a space are its dictionary.
    Kmsg,
    /// `[ 1858.596541] MSG`.
    Bracket,
    /// `[ 1858.596541] vm kernel: MSG`.
    Monotonic,
    /// `[Nov20 19:01] MSG`: time is counted from here.
    Minute,
    /// `[  +0.000008] MSG`: microseconds since the line before.
    Since(u64),
}
