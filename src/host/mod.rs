//! The only place that reads the system. One look yields [`Facts`].

mod root;

pub use root::Root;
