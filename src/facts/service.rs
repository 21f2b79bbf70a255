//! One running Gunicorn: a master, its workers, and all that bounds them.

use crate::facts::{Cgroup, Container, Fact, Heartbeat, Listener, Manager, Mount, Network, Process, Unit};
use crate::gunicorn::{Settings, Sourced, Version, WorkerClass};
use crate::units::Pid;
use serde::Serialize;

/// How sure it is that these processes are a Gunicorn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// Master and worker hold a deleted `wgunicorn-*` file.
    Heartbeat,
    /// Descriptors could not be seen, or there is no worker yet; signal masks and command line say so.
    SignalsAndCommandLine,
}

/// A worker process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worker {
    /// The process.
    pub process: Process,
    /// Its heartbeat file.
    pub heartbeat: Fact<Heartbeat>,
}

/// The part a Gunicorn plays in a USR2 upgrade that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upgrade {
    /// The old master; the new one is its child.
    Old {
        /// The new master.
        new: Pid,
    },
    /// The new master; the old one is its parent.
    New {
        /// The old master.
        old: Pid,
    },
}

/// The version of the Gunicorn package on disk, as the master would import it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstalledVersion {
    /// The version.
    pub version: Version,
    /// The file it was read from.
    pub file: String,
    /// Whether that file is younger than the master: then the running code may be older than this version.
    pub newer_than_master: bool,
}

/// One running Gunicorn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Service {
    /// What the operator calls it: the unit, else the container, else `pid 812`. Unique among the services.
    pub name: String,
    /// How sure it is that this is a Gunicorn.
    pub identity: Identity,
    /// The master.
    pub master: Process,
    /// The workers that serve requests: children of the master.
    pub workers: Vec<Worker>,
    /// Dirty arbiter and dirty workers (Gunicorn 25 and later).
    pub dirty: Vec<Worker>,
    /// Whether a USR2 upgrade is under way.
    pub upgrade: Option<Upgrade>,
    /// Its version.
    pub version: Fact<InstalledVersion>,
    /// Its worker class, from settings or from what the workers show.
    pub class: Fact<Sourced<WorkerClass>>,
    /// Its settings and where each comes from.
    pub settings: Settings,
    /// Whether setproctitle has replaced title and environment.
    pub retitled: bool,
    /// The sockets it listens at.
    pub listeners: Fact<Vec<Listener>>,
    /// Path of the control socket the master listens at (Gunicorn 25.1 and later); absent where there is none.
    pub control_socket: Fact<String>,
    /// The network namespace of the master.
    pub network: Network,
    /// Mounts in the master's mount namespace.
    pub mounts: Fact<Vec<Mount>>,
    /// Control group of the master.
    pub cgroup: Fact<Cgroup>,
    /// Who started it.
    pub manager: Manager,
    /// Its unit, where a systemd unit runs it.
    pub unit: Fact<Unit>,
    /// The container it runs in.
    pub container: Option<Container>,
    /// The home directory of the workers' user, as `passwd` in its root says, and whether it can be written by them.
    pub home: Fact<Home>,
}

/// The home directory of a service's user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Home {
    /// The directory.
    pub directory: String,
    /// Whether it is there, on a file system that is mounted writable, and belongs to the user or lets it write.
    pub writable: Fact<bool>,
}

impl Service {
    /// Master and workers, the master first.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        std::iter::once(&self.master).chain(self.workers.iter().map(|w| &w.process))
    }

    /// The worker class, where it is known.
    pub fn known_class(&self) -> Option<&WorkerClass> {
        self.class.known().map(|sourced| &sourced.value)
    }

    /// The version, where it is known.
    pub fn known_version(&self) -> Option<Version> {
        self.version.known().map(|installed| installed.version)
    }
}
