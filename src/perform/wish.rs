//! How a transaction is to be taken back.

use super::Care;

/// Whether it is done or only said what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is done.
    Perform,
    /// Nothing is touched, and no lock is taken (`--dry-run`). Steps that would be done have no outcome; the outcome of
    /// the others says why not.
    Foresee,
}

/// Which units are restarted, so that they no longer use what is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restarts {
    /// Those that the transaction restarted.
    AsApplied,
    /// Also those whose drop-ins are taken back.
    All,
    /// None: they run on, with what they have.
    Leave,
}

/// Whether systemd has to read its files again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Systemd {
    /// It is pid 1.
    Running,
    /// It is not.
    NotRunning,
}

/// Who keeps a mount from being unmounted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holders {
    /// They, for people: `gunicorn.service (pid 812, 815)`; empty where it is not known.
    pub who: String,
    /// Their units: once they are restarted, the mount is free.
    pub units: Vec<String>,
}

/// How a transaction is to be taken back.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// For real or not.
    pub mode: Mode,
    /// Whether what others have changed since is overwritten; gtune's line alone is taken out of files that drifted.
    pub care: Care,
    /// Whether units are restarted.
    pub restarts: Restarts,
    /// Whether systemd runs.
    pub systemd: Systemd,
    /// The present boot, as in [`crate::plan::Begin::boot_id`].
    pub boot_id: Option<&'a str>,
    /// The present network namespace, as in [`crate::plan::Begin::network`].
    pub network: Option<u64>,
    /// Who uses the file system mounted at a directory; asked only where it could not be unmounted.
    pub holders: &'a dyn Fn(&str) -> Holders,
}
