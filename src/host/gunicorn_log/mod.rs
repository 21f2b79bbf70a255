//! Where Gunicorn's lines are kept: files that are named or found open, whole, rotated and compressed, pipes, the journal.
//!
//! ```text
//! a big plain file ──pieces (threads)──▶ Scan ─┐ put in order
//! a compressed file, a pipe ──────────▶ Scan ──┤
//! JSON, the journal ─────Reader──────▶ Lines ──┴─▶ Told, in the order of the log
//! ```

mod file;
mod journal;
mod line_numbers;
mod outcome;
mod plain;
mod service;
mod stream;
mod structured;
#[cfg(test)]
mod tests;
mod times;

pub use file::named;
pub use journal::{killers_journal, unit_journal, user_unit_journal};
pub use line_numbers::line_numbers;
pub use outcome::Read;
pub use service::{LogFile, ServiceLog, service_logs};

pub use super::log_source::Unread;
