//! Control groups, version 1 and 2: what bounds a service, and what has hit the bound.

mod files;
mod paths;

pub use files::{cpu_quota_v1, parse_cgroup_limit, parse_cpu_max, parse_flat_keyed};
pub use paths::{CgroupLine, CgroupPaths};

use crate::facts::Fact;
use crate::units::{Bytes, Limit};
use serde::Serialize;

/// Which hierarchy a figure comes from (cgroups(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CgroupVersion {
    /// One hierarchy a controller.
    V1,
    /// The unified hierarchy.
    V2,
}

/// The control group of a process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cgroup {
    /// Path in the unified hierarchy, or in systemd's named one, or in the memory controller's: the first there is.
    pub path: String,
    /// Memory figures.
    pub memory: Fact<CgroupMemory>,
    /// Number of tasks and its bound.
    pub tasks: Fact<CgroupTasks>,
    /// CPU quota.
    pub cpu: Fact<CgroupCpu>,
}

/// Memory of a control group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CgroupMemory {
    /// Version of the hierarchy it was read from.
    pub version: CgroupVersion,
    /// Directory it was read from, for evidence.
    pub directory: String,
    /// The lowest hard limit of the group and all groups above it, in bytes (`memory.max`, `memory.limit_in_bytes`).
    pub limit_bytes: Limit,
    /// The file that holds that lowest limit.
    pub limit_file: String,
    /// `memory.high`: above it the group is slowed down. Version 2 only.
    pub high_bytes: Fact<Limit>,
    /// In use now, page cache included (`memory.current`, `memory.usage_in_bytes`).
    pub usage_bytes: Fact<Bytes>,
    /// Page cache that the kernel takes back first (`inactive_file` of `memory.stat`).
    pub inactive_file_bytes: Fact<Bytes>,
    /// Processes of this group killed by the OOM killer since the group was made.
    pub oom_kills: Fact<u64>,
    /// The file and key that counter was read from.
    pub oom_kills_from: String,
    /// Whether one kill takes the whole group (`memory.oom.group`). Version 2 only.
    pub oom_group: Fact<bool>,
}

/// Tasks (threads) of a control group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CgroupTasks {
    /// Tasks now (`pids.current`), of the group whose bound is nearest to being hit.
    pub current: u64,
    /// The bound (`pids.max`) of that group: the one of it and the groups above with the least room.
    pub limit: Limit,
    /// The file that holds that bound.
    pub limit_file: String,
    /// How often a fork was refused (`pids.events`); absent where the kernel does not count.
    pub refused: Fact<u64>,
}

/// CPU quota of a control group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CgroupCpu {
    /// CPUs the quota allows, for example 1.5; absent where there is none (`cpu.max`, `cpu.cfs_quota_us`).
    pub quota_cpus: Fact<f64>,
    /// Periods in which the group was held back (`nr_throttled`).
    pub throttled_periods: Fact<u64>,
}
