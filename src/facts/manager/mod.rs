//! Who started a Gunicorn and would start it again, and the container it runs in.

mod container;
mod owner;

pub use owner::{CgroupOwner, unit_of_cgroup_path};

use crate::units::Pid;
use serde::Serialize;

/// What started a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// A system unit of systemd.
    SystemUnit(String),
    /// A unit of a user's systemd.
    UserUnit {
        /// Name of the unit.
        unit: String,
        /// The user.
        uid: u32,
    },
    /// A process supervisor such as supervisord, runit, s6, circus.
    Supervisor {
        /// Its command name.
        name: String,
        /// Its process.
        pid: Pid,
    },
    /// A login session (ssh, su, a terminal multiplexer).
    Session(String),
    /// A container runtime; see the container.
    Container,
    /// Nobody that gtune knows: a daemon of its own.
    Nobody,
}

/// A container, as far as it can be told from outside or inside. A hint, never a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Container {
    /// `docker`, `podman`, `kubernetes`, `lxc`, `systemd-nspawn`, or `namespace` where only the namespaces differ.
    pub runtime: String,
    /// Its id or name, where the cgroup path holds one.
    pub id: Option<String>,
    /// What it was told by.
    pub because: String,
}
