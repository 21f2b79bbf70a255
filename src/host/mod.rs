//! The only place that reads the system. One look yields [`Facts`].

pub mod filesystems;
pub mod machine;
mod root;
pub mod stored;
pub mod systemd;

pub use root::Root;
