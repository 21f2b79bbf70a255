//! Where kernel messages are kept: the live buffer, the journal, log files whole, rotated and compressed, and pipes.
//!
//! ```text
//! a big plain file ──hits (threads)──▶ regions ─┐
//! a compressed file, a pipe ────────────────────┴─▶ Excerpt (windows round what is looked for) ──Reader──▶ Sink
//! a small file, JSON, the live buffer, the journal ─────────────────────────────────────────────Reader──▶ Sink
//! ```

mod boot_clock;
mod ends;
mod excerpt;
mod file;
mod journal;
mod kernel_buffer;
mod kmsg;
mod needles;
mod origin;
mod outcome;
mod period;
mod plain;
mod stored;
mod stream;
mod tally;
#[cfg(test)]
mod tests;

pub use super::log_source::Unread;
pub use journal::journal;
pub use kernel_buffer::kernel_buffer;
pub use kmsg::kmsg;
pub use origin::named;
pub use outcome::Reading;
pub use stored::{Stored, stored_files};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What is looked for in a source: the parts of it that are worth parsing, and the time.
#[derive(Debug, Clone)]
pub struct Search {
    /// Texts that stand at the end of a report of many lines: what comes before and after them is parsed as well.
    pub deaths: &'static [&'static [u8]],
    /// Texts of messages that are one line.
    pub lines: &'static [&'static [u8]],
    /// Nothing earlier need be read. Earlier records may come all the same.
    pub since: Option<Timestamp>,
    /// Nothing later need be read. Later records may come all the same.
    pub until: Option<Timestamp>,
    /// The zone that times without one are taken to be of.
    pub zone: TimeZone,
}
