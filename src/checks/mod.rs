//! The checks: one file each, all pure, all in one table.
//!
//! To add one: write `src/checks/<id>.rs` with a `pub const CHECK: Check`, name it in [`ALL`]. Help, `explain`, JSON,
//! man page and the generic tests follow from the table.

mod assess;
pub(crate) mod at_start;
pub(crate) mod by_hand;
mod columns;
mod control_socket;
mod disk_wait;
mod fstab;
#[cfg(test)]
pub mod healthy;
mod heartbeat_age;
mod heartbeat_filesystem;
mod heartbeat_mounts;
mod heartbeat_place;
mod heartbeat_space;
#[cfg(test)]
mod judged;
mod limits_source;
mod listen_backlog;
mod listen_overflows;
pub(crate) mod listen_queue;
mod login_limits;
mod memory_headroom;
mod oom_kills;
mod oom_policy;
pub(crate) mod open_file_limit;
mod open_file_usage;
mod process_names;
mod sendfile;
mod somaxconn;
pub(crate) mod steps;
mod stop_timeout;
mod system_file_limit;
mod task_limit;
mod tmpfs_mount;
pub(crate) mod unit_limit;
mod verdict;
mod version_quirks;
mod weigh;
mod worker_count;
mod worker_doing;
mod worker_memory;

pub use assess::{HOST, Outcome, Row, Selection, Summary, assess};
pub(crate) use by_hand::holds_one_application;
pub(crate) use heartbeat_place::{is_shared, made_for_gunicorn};
pub use verdict::*;

use crate::facts::{Facts, Service};

/// A check.
pub struct Check {
    /// Its id: the subject in kebab-case, stable.
    pub id: &'static str,
    /// The area it belongs to.
    pub area: Area,
    /// A heading of a few words.
    pub title: &'static str,
    /// *Looks at*: which facts, from which files.
    pub looks_at: &'static str,
    /// *Why it matters to Gunicorn*.
    pub why: &'static str,
    /// *What gtune changes*: which command mends it, and what that writes.
    pub changes: &'static str,
    /// *By hand*: one step a line.
    pub by_hand: &'static [&'static str],
    /// *See also*: man pages, kernel documents, settings.
    pub references: &'static [&'static str],
    /// How it judges.
    pub judge: Judge,
}

/// The area of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// The heartbeat file.
    Heartbeat,
    /// Listening sockets.
    Sockets,
    /// Descriptors and tasks.
    Limits,
    /// Memory.
    Memory,
    /// The service.
    Service,
}

/// What a check is asked of.
pub enum Judge {
    /// Once, of the host.
    Host(fn(&Facts) -> Judgement),
    /// Once for each Gunicorn that runs; without one, of the host one will be started on.
    Service {
        /// Of a running Gunicorn.
        each: fn(&Facts, &Service) -> Judgement,
        /// Of a host without one.
        fresh: fn(&Facts) -> Judgement,
    },
}

/// All checks, in the order they are shown.
pub const ALL: &[&Check] = &[
    // heartbeat
    &heartbeat_filesystem::CHECK,
    &heartbeat_space::CHECK,
    &heartbeat_age::CHECK,
    &tmpfs_mount::CHECK,
    &fstab::CHECK,
    // sockets
    &somaxconn::CHECK,
    &listen_backlog::CHECK,
    &listen_overflows::CHECK,
    // limits
    &open_file_limit::CHECK,
    &open_file_usage::CHECK,
    &system_file_limit::CHECK,
    &limits_source::CHECK,
    &task_limit::CHECK,
    // memory
    &oom_kills::CHECK,
    &memory_headroom::CHECK,
    &oom_policy::CHECK,
    // service
    &stop_timeout::CHECK,
    &worker_count::CHECK,
    &version_quirks::CHECK,
    &control_socket::CHECK,
    &process_names::CHECK,
    &sendfile::CHECK,
];
