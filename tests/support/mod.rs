//! The test bed: private hosts, real Gunicorns in them, and what a law needs to be tried at all.
//!
//! Nothing here touches the machine it runs on: processes, mounts, network and `/proc` of a [`Host`] are its own, files
//! lie in a temporary directory, and when the host is dropped, or the tests are killed, the kernel ends all in it.

mod cgroup;
mod doctor;
mod frozen;
mod gunicorn;
mod host;
mod law;
mod memory;
mod needs;
mod processes;

pub use cgroup::PidsCgroup;
pub use doctor::{Check, Report};
pub use frozen::FrozenDisk;
pub use gunicorn::{Gunicorn, Running, Shape, Until};
pub use host::{Host, Outcome, eventually, outcome};
pub use law::{Law, run_laws};
pub use memory::MemoryCgroup;
pub use needs::{Need, installed_version, testbed};
pub use processes::Seen;

/// What a law returns: any error with a text is a failure.
pub type Result<T = ()> = std::result::Result<T, libtest_mimic::Failed>;
