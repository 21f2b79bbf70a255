//! What is told of a death.

use crate::gunicorn::Version;
use crate::units::Pid;
use jiff::Timestamp;
use serde::Serialize;

/// What ended a process, worst first for whom it hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The master itself is gone: killed, or its log just ends.
    MasterLost,
    /// The kernel's OOM killer.
    KernelOom,
    /// earlyoom, systemd-oomd or oomd.
    UserspaceOom,
    /// Heartbeat files: frozen disk, no inodes, no directory.
    HeartbeatStorage,
    /// No descriptors left.
    FdExhaustion,
    /// Died on USR1 for want of permission to open the new log.
    LogReopen,
    /// The application could not be loaded.
    BootFailure,
    /// A fatal signal other than SIGKILL.
    Crash,
    /// SIGKILL from outside, no memory evidence.
    Killed,
    /// Killed by its master for want of a heartbeat.
    Timeout,
    /// Another exit status.
    Exit,
    /// Nothing tells.
    Unknown,
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// It fits, and so would other causes.
    Possible,
    /// One source says so.
    Likely,
    /// Two independent sources, or one that cannot be otherwise.
    Certain,
}

/// Whose death it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A worker that serves requests.
    Worker,
    /// The master; its workers went with it.
    Master,
}

/// A line that a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The source as the operator knows it.
    pub source: String,
    /// Its line there, from 1, where that is known.
    pub line: Option<u64>,
    /// Where it begins there, in bytes: who can open the source finds the line by it.
    #[serde(skip)]
    pub offset: Option<u64>,
    /// When.
    pub time: Option<Timestamp>,
    /// The line, or the figure that was seen: `memory.events: oom_kill 3`.
    pub text: String,
}

/// A process that died, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Death {
    /// The process as Gunicorn's log names it; none where the log does not tell which one of several it was.
    pub pid: Option<Pid>,
    /// Those it may have been, where `pid` is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Pid>,
    /// The same process in the host's pid namespace, where that is another number and known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_pid: Option<Pid>,
    /// Whose death.
    pub role: Role,
    /// Workers that went with their master.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<Pid>,
    /// Its master.
    pub master_pid: Option<Pid>,
    /// Its unit.
    pub unit: Option<String>,
    /// When.
    pub time: Option<Timestamp>,
    /// Version of Gunicorn.
    pub gunicorn: Option<Version>,
    /// What ended it.
    pub verdict: Verdict,
    /// How sure that is.
    pub confidence: Confidence,
    /// One clause: `killed by the kernel: its cgroup hit the 200 MiB limit`.
    pub summary: String,
    /// The lines it rests on, in order of time.
    pub evidence: Vec<Evidence>,
    /// What to do, each a sentence or a command. Of one cause and one service these are equal, so that they gather.
    pub advice: Vec<String>,
}

/// Workers that ended as they were asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Normal {
    /// By `max_requests`.
    pub recycled: u64,
    /// By HUP or USR2.
    pub reloaded: u64,
    /// With their master.
    pub stopped: u64,
    /// By TTOU.
    pub scaled: u64,
}

/// What triage came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Triage {
    /// In order of time; those without a time last.
    pub deaths: Vec<Death>,
    /// Ends that were asked for.
    pub normal: Normal,
    /// What could not be seen, one clause each.
    pub blind_spots: Vec<String>,
}
