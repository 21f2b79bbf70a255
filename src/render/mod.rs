//! Values to text; the only place that knows colour, width and JSON shape, and, with `main`, the only one that prints.

mod diff;
mod error;
pub mod explain;
mod finding;
pub mod json;
mod layout;
pub mod nagios;
mod page;
pub mod prometheus;
mod remedy;
#[cfg(test)]
pub mod sample;
mod settings;
mod shell;
mod style;
pub mod table;
mod visible;
mod wrap;

pub use error::{answer, failure, usage};
pub use page::{Page, width};
pub use visible::visible;
