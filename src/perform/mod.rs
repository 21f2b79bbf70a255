//! The only writer: performs plans with a journal, and takes them back.
//!
//! Each kind of change has a file of its own with two functions: `standing` says how what is there now stands to the
//! change, `make` makes it so. Taking back is `make` of the inverse.

mod backup;
mod directory;
mod file;
mod hint;
mod history;
mod journal;
mod kernel_value;
mod line;
mod link;
mod lock;
mod manager;
#[cfg(test)]
mod model;
mod mount;
mod performer;
mod pinned;
#[cfg(test)]
mod private_host;
mod process_limit;
mod refused;
pub mod rehearsal;
mod rollback;
mod settle;
mod spot;
mod state_directory;
mod step;
mod temporary;
mod undisturbed;
mod undo;
mod wish;

pub use history::{NotBegun, history};
pub use journal::Origin;
pub use performer::perform;
pub use rollback::rollback;
pub use wish::{Holders, Mode, Restarts, Systemd, Wish};

/// Whether somebody else's change in between is respected or overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Only what is as it was planned for is changed.
    Respect,
    /// The same; but in a file that others have changed since, gtune's line alone may be changed. For what is no line
    /// it is the same as `Respect`.
    LineAlone,
    /// Whatever is there is replaced (`--force`).
    Overwrite,
}
