//! Evidence → one verdict a worker (pure).
//!
//! ```text
//! Told ──Roll──▶ Ended, MasterEnd ─┐
//! kernel kills, managers, facts ───┴─Material──judge──▶ Death ──gather──▶ Cause (one paragraph each)
//! ```
//!
//! [`Rolls`] keeps the list of the living as Gunicorn's own log tells it, so it knows who is missing also where nothing
//! is said of a death. [`judge`] puts beside it what everybody else says.

mod answer;
mod death;
mod gather;
mod judge;
mod life;
mod material;
mod roll;
#[cfg(test)]
mod sample;

pub use answer::answer;
pub use death::{Confidence, Death, Evidence, Normal, Role, Triage, Verdict};
pub use gather::{Cause, gather};
pub use judge::judge;
pub use life::{Asked, Context, Ended, How, MasterEnd, MasterHow};
pub use material::{KernelEvent, Material, Source};
pub use roll::{Rolled, Rolls};
