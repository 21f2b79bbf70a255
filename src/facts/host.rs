//! The machine: kernel, system, its own bounds, and who gtune is on it.

use crate::facts::{Container, Fact};
use crate::units::{Bytes, Limit, Seconds, SoftHard};
use serde::Serialize;

/// The machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Host {
    /// Kernel release as uname(2) gives it.
    pub kernel: Fact<KernelVersion>,
    /// `PRETTY_NAME` of os-release(5).
    pub os: Fact<String>,
    /// The directory judged, `/` for the live host.
    pub root: String,
    /// Whether it is the live host, not an image below `--root`.
    pub live: bool,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: Fact<String>,
    /// Time since boot.
    pub uptime_seconds: Fact<Seconds>,
    /// The container gtune itself runs in.
    pub container: Option<Container>,
    /// gtune's own effective user id.
    pub uid: u32,
    /// CPUs this process may run on (sched_getaffinity(2)).
    pub cpus: Fact<u64>,
    /// Limits that a program started from this shell inherits.
    pub shell_open_files: Fact<SoftHard>,
    /// Version of systemd where it is pid 1.
    pub systemd: Fact<u32>,
    /// `DefaultLimitNOFILE` of the manager, soft.
    pub systemd_default_open_files: Fact<Limit>,
    /// `/proc/sys/fs/file-nr`.
    pub file_table: Fact<FileTable>,
    /// `/proc/sys/fs/nr_open`: no process limit may be above it.
    pub nr_open: Fact<u64>,
    /// `/proc/sys/kernel/threads-max` and `pid_max`, the lower one.
    pub task_limit: Fact<u64>,
    /// Tasks on the host now (fourth field of `/proc/loadavg`).
    pub tasks: Fact<u64>,
    /// Memory of the host.
    pub memory: Fact<HostMemory>,
    /// `oom_kill` of `/proc/vmstat` since boot; since Linux 4.13.
    pub oom_kills: Fact<u64>,
    /// Pressure stall information; since Linux 4.20.
    pub pressure: Fact<Pressure>,
}

/// A kernel version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KernelVersion {
    /// The release string, for example `6.1.0-18-amd64`.
    pub release: String,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

impl KernelVersion {
    /// Reads a release string; numbers that are not there count as 0.
    pub fn parse(release: &str) -> Self {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
        let major = numbers.next().unwrap_or(0);
        let minor = numbers.next().unwrap_or(0);
        Self { release: release.trim().to_owned(), major, minor }
    }

    /// The value `net.core.somaxconn` has in a new network namespace: 4096 since Linux 5.4 (commit 19f92a030ca6).
    pub fn default_somaxconn(&self) -> u64 {
        if (self.major, self.minor) >= (5, 4) { 4096 } else { 128 }
    }
}

/// The system-wide table of open files (proc_sys_fs(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FileTable {
    /// Handles in use.
    pub used: u64,
    /// `fs.file-max`.
    pub limit: u64,
}

/// Memory of the host (proc_meminfo(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HostMemory {
    /// `MemTotal`.
    pub total_bytes: Bytes,
    /// `MemAvailable`.
    pub available_bytes: Bytes,
    /// `SwapTotal`.
    pub swap_bytes: Bytes,
}

/// Share of time in which tasks were held up, per cent over the last 10 and 60 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pressure {
    /// `some avg10` and `some avg60` of `/proc/pressure/io`.
    pub io_some: (f32, f32),
    /// The same of `/proc/pressure/memory`.
    pub memory_some: (f32, f32),
    /// The same of `/proc/pressure/cpu`.
    pub cpu_some: (f32, f32),
}
