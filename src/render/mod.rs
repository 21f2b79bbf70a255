//! Values to text; the only place that knows colour, width and JSON shape, and, with `main`, the only one that prints.

#[cfg(test)]
pub mod change_sample;
mod columns;
mod diff;
mod error;
pub mod explain;
mod finding;
pub mod history;
pub mod json;
mod layout;
pub mod nagios;
pub mod oom;
#[cfg(test)]
pub mod oom_sample;
mod page;
pub mod plan;
mod progress;
pub mod prometheus;
mod remedy;
pub mod rollback;
#[cfg(test)]
pub mod sample;
mod settings;
mod shell;
mod step;
mod style;
pub mod table;
pub mod triage;
#[cfg(test)]
pub mod triage_sample;
pub mod undo_script;
mod visible;
mod when;
mod wrap;

pub use error::{answer, failure, usage};
pub use page::{Page, width};
pub use progress::Progress;
pub use shell::gtune;
pub use visible::visible;
