//! Frames: how each tool dresses a message of the kernel, and how to take the dress off.
//!
//! ```text
//! bytes ──Reader──▶ line ──line::read──▶ Framed (head, escaped text) ──Open──▶ Record
//!            │                              a line that goes on ─────────▲
//!            ├─▶ {…} ──journal_json, object, container──▶ Entry, line of a container
//!            ├─▶ {"dmesg": … ──dmesg_json──▶ byte by byte
//!            └─▶ KEY=value ──export──▶ Entry
//! ```

mod brackets;
mod container;
mod date;
mod dmesg;
mod dmesg_json;
mod escape;
mod export;
mod framed;
mod journal;
mod journal_json;
mod kmsg;
mod line;
mod mended;
mod month;
mod object;
mod open;
mod priority;
mod reader;
mod scan;
mod stamp;
mod syslog;
mod text;
mod verbose;
mod words;
mod wrapper;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

pub use reader::Reader;
pub use stamp::stamp_of;
