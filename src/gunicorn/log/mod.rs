//! What a log says of the life and death of Gunicorn's workers: lines of every version since 19, and those of the service
//! managers and user-space killers that stand between them (pure).
//!
//! ```text
//! a big plain log ──scan (texts to look for)──▶ lines ─┐
//! a journal, a pipe of JSON ──kernel_log::Reader───────┴─▶ Lines ──▶ Told
//! ```

mod told;

pub use told::{
    Ending, Event, Frame, LONGEST_TEXT, ManagerEvent, MasterSignal, Place, Said, StopReason, Told, Traceback,
};
