//! The figures of one process of a Gunicorn: memory, limits, descriptors, and what it waits for.

use super::candidates::Candidate;
use crate::facts::{Fact, Process, ProcessLimits, parse_pss};
use crate::units::{Bytes, Pid, Seconds};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};

/// Ticks a second in `/proc` on every architecture Linux 2.6 and later runs on (`USER_HZ`).
const USUAL_TICKS: i64 = 100;

/// The time a look is made at, against which ages are told.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    uptime: f64,
    wall: f64,
    ticks: f64,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let read = |clock| clock_gettime(clock).map_or(0.0, |t| t.tv_sec() as f64 + t.tv_nsec() as f64 / 1e9);
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(USUAL_TICKS);
        Self { uptime: read(ClockId::CLOCK_BOOTTIME), wall: read(ClockId::CLOCK_REALTIME), ticks: ticks.max(1) as f64 }
    }

    /// Seconds since the process started.
    pub fn age(&self, candidate: &Candidate) -> f64 {
        self.since(candidate.started)
    }

    /// Seconds since so many clock ticks after boot.
    pub fn since(&self, ticks: u64) -> f64 {
        (self.uptime - ticks as f64 / self.ticks).max(0.0)
    }

    /// When the process started, by the wall clock as it runs now.
    pub fn start(&self, candidate: &Candidate) -> f64 {
        self.wall - self.age(candidate)
    }
}

/// How closely a process is looked at. Adding up its pages takes the kernel milliseconds, so it is not done for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closeness {
    /// All but the sum of its pages, and what it sleeps in: the master.
    Master,
    /// The sum of its pages too: a worker.
    WithPages,
    /// Neither: a worker beyond the first ones, an orphan.
    Plain,
}

/// A process as a value.
pub fn process(candidate: &Candidate, moment: &Moment, closeness: Closeness) -> Process {
    let (status, handle) = (&candidate.status, &candidate.handle);
    Process {
        pid: handle.pid,
        parent: Pid(status.ppid),
        inner_pid: status.inner_pid.map_or(handle.pid, Pid),
        comm: status.name.clone(),
        arguments: Fact::Known(candidate.arguments.clone()),
        state: status.state,
        uid: status.euid,
        gid: status.egid,
        age_seconds: Seconds(moment.age(candidate)),
        threads: status.threads,
        caught: status.sig_cgt,
        ignored: status.sig_ign,
        capabilities: status.cap_eff,
        rss_bytes: status.vm_rss.into(),
        pss_bytes: pss(candidate, closeness),
        limits: limits(candidate),
        descriptors: candidate.files.as_ref().map(|files| files.summary()),
        wait_channel: wait_channel(candidate, closeness),
    }
}

fn pss(candidate: &Candidate, closeness: Closeness) -> Fact<Bytes> {
    if closeness != Closeness::WithPages {
        return Fact::Absent;
    }
    candidate.handle.read("smaps_rollup").and_then(|text| parse_pss(&text).into())
}

fn limits(candidate: &Candidate) -> Fact<ProcessLimits> {
    candidate.handle.read("limits").and_then(|text| match ProcessLimits::parse(&text) {
        Some(limits) => Fact::Known(limits),
        None => Fact::unreadable(format!("cannot read /proc/{}/limits: no limits in it", candidate.handle.pid)),
    })
}

/// The kernel function it sleeps in, where that tells something: of a blocked process, and of the master. The kernel
/// writes `0` for a process that runs, and where the reader may not trace it (proc_pid_wchan(5)).
fn wait_channel(candidate: &Candidate, closeness: Closeness) -> Fact<String> {
    if closeness != Closeness::Master && !candidate.status.state.is_blocked() {
        return Fact::Absent;
    }
    candidate.handle.read_text("wchan").and_then(|name| match name.trim() {
        "0" | "" => Fact::Absent,
        name => Fact::Known(name.to_owned()),
    })
}
