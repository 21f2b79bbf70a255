//! What logs are read from, whoever wrote them: files that are named or open, packed or rotated, and the journal.

mod access;
mod compressed;
mod content;
mod ends;
mod flow;
mod journal_files;
mod journalctl;
mod named;
mod pread;
mod rotation;
mod unread;

pub use access::{has_group, who_may};
pub use compressed::{Format, unpacked};
pub use content::Content;
pub use ends::{END, first_stamp, is_structured, last_stamp, lines};
pub use flow::{Flow, PIECE};
pub use journal_files::{Kept, journalctl, kept};
pub use journalctl::{Answered, answered};
pub use named::{STANDARD_INPUT, Wording, judge, open_named, standard_input};
pub use pread::{bytes_at, read_at};
pub use rotation::{Rotation, is_member, unrotated};
pub use unread::Unread;
