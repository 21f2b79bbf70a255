//! What the operator asked for.

use crate::units::Bytes;

/// One request, as `gtune apply` was told it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    /// `--tmpfs DIR`, with `--size` and `--backend`.
    pub tmpfs: Option<TmpfsRequest>,
    /// `--somaxconn N`.
    pub somaxconn: Option<u64>,
    /// `--nofile N|auto`.
    pub open_files: Option<OpenFiles>,
    /// `--oom-policy`.
    pub oom_policy: Option<OomPolicy>,
    /// `--unit`, with their suffixes; all that start a Gunicorn where empty.
    pub units: Vec<String>,
    /// `--adopt`: lines and files of others may be changed.
    pub adopt: bool,
    /// `--force`: a lower number than the present one is meant.
    pub force: bool,
    /// `--restart`: the units are restarted at the end.
    pub restart: bool,
}

/// A tmpfs for heartbeat files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TmpfsRequest {
    /// The directory, absolute, as the operator wrote it.
    pub directory: String,
    /// `--size`; whatever is there, or the default of 64 MiB, where it was not given.
    pub size: Option<MountSize>,
    /// Where the mount is stored.
    pub backend: Backend,
}

/// The size of a tmpfs; never 0, which tmpfs takes for "no bound" (tmpfs(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountSize {
    /// So many bytes.
    Bytes(Bytes),
    /// So many per cent of the memory, 1 to 100.
    Percent(u8),
}

/// Where a mount is stored for boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// A line in `/etc/fstab`.
    #[default]
    Fstab,
    /// A mount unit in `/etc/systemd/system`.
    Unit,
}

/// A limit of open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenFiles {
    /// From what the worker class needs.
    Auto,
    /// This soft limit.
    At(u64),
}

/// What systemd does when the kernel kills one process of a service (systemd.service(5), OOMPolicy=).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OomPolicy {
    /// Nothing: the master replaces the worker.
    Continue,
    /// It stops the whole service.
    Stop,
}

impl OomPolicy {
    /// As a unit file has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Stop => "stop",
        }
    }
}
