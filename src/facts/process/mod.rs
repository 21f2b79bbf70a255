//! One process, as `/proc/<pid>` shows it.

mod files;
mod status;

pub use files::{parse_fdinfo_mount_id, parse_pss, parse_start_ticks};
pub use status::Status;

use crate::facts::Fact;
use crate::units::{Bytes, Pid, Seconds, SoftHard};
use serde::Serialize;

/// A set of signals, bit n-1 for signal n, as `SigCgt` and `SigIgn` of proc_pid_status(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct SignalSet(pub u64);

impl SignalSet {
    /// Whether it holds this signal number.
    pub fn has(self, signal: i32) -> bool {
        (1..=64).contains(&signal) && self.0 & (1 << (signal - 1)) != 0
    }

    /// Whether it holds all of `other`.
    pub fn has_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a process is doing (the `State` letter of proc_pid_stat(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ProcessState(pub char);

impl ProcessState {
    /// Uninterruptible sleep: waits in the kernel, normally for a disk, and cannot be killed.
    pub fn is_blocked(self) -> bool {
        self.0 == 'D'
    }

    /// Stopped by a signal or a debugger.
    pub fn is_stopped(self) -> bool {
        matches!(self.0, 'T' | 't')
    }
}

/// One process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Process {
    /// Its number in gtune's pid namespace.
    pub pid: Pid,
    /// Its parent's number.
    pub parent: Pid,
    /// Its number in its own pid namespace (last field of `NSpid`); Gunicorn's log holds this one.
    pub inner_pid: Pid,
    /// Command name, at most 15 bytes, lossily decoded.
    pub comm: String,
    /// Arguments, lossily decoded. One string where setproctitle has replaced them.
    pub arguments: Fact<Vec<String>>,
    /// State letter.
    pub state: ProcessState,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Time since it started.
    pub age_seconds: Seconds,
    /// Number of threads.
    pub threads: u32,
    /// Signals it has a handler for.
    pub caught: SignalSet,
    /// Signals it ignores.
    pub ignored: SignalSet,
    /// Effective capabilities (capabilities(7)).
    pub capabilities: u64,
    /// Resident memory; shared pages count in full.
    pub rss_bytes: Fact<Bytes>,
    /// Proportional memory: shared pages count by share. Read of workers only.
    pub pss_bytes: Fact<Bytes>,
    /// Limits in force.
    pub limits: Fact<ProcessLimits>,
    /// Open descriptors.
    pub descriptors: Fact<Descriptors>,
    /// Kernel function it sleeps in.
    pub wait_channel: Fact<String>,
}

/// The limits gtune judges, from `/proc/<pid>/limits` (getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ProcessLimits {
    /// `Max open files`: descriptors.
    pub open_files: SoftHard,
    /// `Max processes`: tasks of the user.
    pub processes: SoftHard,
}

/// The open descriptors of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Descriptors {
    /// How many are open.
    pub count: u64,
    /// How many of each kind, most first: `socket`, `pipe`, `anon_inode:[eventpoll]`, `/var/lib/app/…`.
    pub kinds: Vec<(String, u64)>,
    /// The highest number in use; select(2) cannot serve 1024 and above.
    pub highest: i32,
}
