//! What is true of the host: plain values and pure parsers of kernel and configuration text.
//!
//! Nothing here reads the system; `host` does, and fills these. Parsers take bytes or text, so a test is a literal.

mod cgroup;
mod fact;
mod filesystem;
mod fstab;
mod heartbeat;
mod host;
mod limits_conf;
mod manager;
mod mounts;
mod network;
mod octal;
mod oom_log;
mod process;
mod service;
mod sysctl_store;
mod unit;

pub use cgroup::*;
pub use fact::{Fact, Reason};
pub use filesystem::*;
pub use fstab::*;
pub use heartbeat::*;
pub use host::*;
pub use limits_conf::*;
pub use manager::*;
pub use mounts::*;
pub use network::*;
pub use octal::encode as mount_table_field;
pub use oom_log::*;
pub use process::*;
pub use service::*;
pub use sysctl_store::*;
pub use unit::*;

use jiff::Timestamp;
use serde::Serialize;

/// Everything that one look at a host saw. Checks judge this and nothing else.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// When the look began, by the host's wall clock.
    pub observed_at: Timestamp,
    /// The machine itself.
    pub host: Host,
    /// Every Gunicorn that runs, in order of master pid. Unreadable under `--root`, where nothing runs.
    pub services: Fact<Vec<Service>>,
    /// Units that start a Gunicorn and do not run: inactive, failed, or about to be started again. Under `--root` all
    /// units that start one.
    pub stopped_units: Vec<Unit>,
    /// Workers whose master is gone (their parent is no Gunicorn): they hold the listening socket until they leave.
    pub orphans: Vec<Process>,
    /// `/etc/fstab`.
    pub fstab: Fact<Fstab>,
    /// Mounts of gtune's own mount namespace; under `--root` unreadable.
    pub mounts: Fact<Vec<Mount>>,
    /// `*.mount` units stored for boot, by mount point.
    pub mount_units: Vec<MountUnit>,
    /// What the sysctl files say the next boot will set.
    pub sysctl_store: SysctlStore,
    /// `limits.conf` and `limits.d`.
    pub limits_conf: Fact<LimitsConf>,
    /// The network namespace gtune runs in.
    pub network: Network,
    /// Where a Gunicorn without `worker_tmp_dir` would put its heartbeat file on this host (normally `/tmp`).
    pub default_heartbeat: Fact<DefaultHeartbeat>,
    /// Kills for want of memory since boot, as the kernel's buffer tells them; under `--root` unreadable.
    pub oom_log: Fact<OomLog>,
    /// What could not be looked at, for the whole: one clause each.
    pub blind_spots: Vec<Reason>,
}
