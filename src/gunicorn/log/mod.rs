//! What a log says of the life and death of Gunicorn's workers: lines of every version since 19, and those of the service
//! managers and user-space killers that stand between them (pure).
//!
//! ```text
//! a big log of text, in pieces ──Scan (texts to look for)──▶ Told ──Repeats──┐
//! a journal, JSON, any frame ──kernel_log::Reader──▶ Undressed ──Lines───────┴─▶ Told
//! ```

mod ending;
mod follow;
mod lines;
mod manager;
mod needles;
mod phrase;
mod prefix;
mod repeats;
mod scan;
mod signals;
mod text;
mod told;
mod traceback;
mod undressed;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

pub use lines::Lines;
pub use prefix::time_of_line;
pub use repeats::Repeats;
pub use scan::Scan;
pub use told::{
    Ending, Event, Frame, LONGEST_TEXT, ManagerEvent, MasterSignal, Place, Said, StopReason, Told, Traceback,
};
pub use undressed::Undressed;
