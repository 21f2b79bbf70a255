//! A process that the kernel killed for want of memory, and the report it wrote of it.

use super::lines::memory::Usage;
use super::lines::victim::Sizes;
use super::{BootId, Stamp};
use crate::units::{Bytes, Pid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The longest name of a process, bytes (`TASK_COMM_LEN` less the zero at its end, include/linux/sched.h).
pub const LONGEST_COMM: usize = 15;

/// What is kept of a line to be shown as evidence, bytes: three lines of a terminal. The kernel's own are shorter.
pub const LONGEST_LINE: usize = 240;

/// The begin of a message, as evidence.
pub(super) fn line(message: &[u8]) -> Box<[u8]> {
    message.get(..LONGEST_LINE).unwrap_or(message).into()
}

/// What had run out of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scope {
    /// A control group hit its limit.
    Memcg,
    /// The whole host.
    Global,
    /// The memory nodes of a cpuset.
    Cpuset,
    /// The nodes of a memory policy.
    Mempolicy,
    /// A person asked for it (sysrq f), or a program in that person's name.
    Manual,
    /// The log does not say.
    #[default]
    Unknown,
}

/// Why this process and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The kernel picked it.
    Chosen,
    /// Its whole control group was killed (`memory.oom.group`, Linux 4.19).
    Group,
    /// A child of the one that was picked, killed in its place (before Linux 5.1).
    Child,
    /// It shared the memory of the one that was picked (before Linux 4.10 this is told).
    SharesMemory,
}

/// A kill, as the log has it. What the log does not hold is none, never 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Kill {
    /// Process id in the host's own pid namespace; a container knows it by another number.
    pub pid: Pid,
    /// Name of its main thread, any bytes, at most [`LONGEST_COMM`].
    pub comm: Vec<u8>,
    /// Its user.
    pub uid: Option<u32>,
    /// Why this one.
    pub part: Part,
    /// What had run out of memory.
    pub scope: Scope,
    /// What it held.
    pub sizes: Sizes,
    /// Its control group.
    pub task_memcg: Option<Vec<u8>>,
    /// What the kernel reported before it; empty where the report was suppressed or lost.
    pub report: Arc<Report>,
    /// How often the kernel said so: of a group that is killed as a whole, Linux 4.19 and later list the first one again,
    /// and count it again in `oom_kill` of `/proc/vmstat`.
    pub lines: u32,
    /// When.
    pub stamp: Stamp,
    /// In which boot, where the source tells.
    pub boot: Option<BootId>,
    /// On which host, empty where the source does not tell.
    pub host: Vec<u8>,
    /// Where its line is in the source, in bytes.
    pub offset: u64,
    /// The line that says it was killed, at most [`LONGEST_LINE`] bytes.
    pub text: Box<[u8]>,
}

/// Who asked for memory; rarely the one that is killed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trigger {
    /// Name of the thread, any bytes.
    pub comm: Vec<u8>,
    /// Its thread id, in the host's pid namespace. It is the process id only of a main thread.
    pub thread: Option<Pid>,
    /// What it asked for: `0xcc0(GFP_KERNEL)`.
    pub gfp_mask: Option<String>,
    /// It asked for 2^order pages; -1 where a person asked for a kill.
    pub order: Option<i32>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<i32>,
}

/// A process in the table of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its process id.
    pub pid: Pid,
    /// Its thread group.
    pub tgid: Option<Pid>,
    /// Its user.
    pub uid: Option<u32>,
    /// Its name, any bytes.
    pub comm: Box<[u8]>,
    /// Address space, pages.
    pub total_vm_pages: Option<u64>,
    /// Resident memory, pages.
    pub rss_pages: Option<u64>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<i32>,
}

/// Memory of the whole host, as a report tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostMemory {
    /// `pages RAM`.
    pub ram_pages: Option<u64>,
    /// `pages reserved`, which are no process's to have.
    pub reserved_pages: Option<u64>,
    /// Pages of tmpfs and shared memory.
    pub shmem_pages: Option<u64>,
    /// All swap.
    pub swap_total: Option<Bytes>,
    /// Swap that was free.
    pub swap_free: Option<Bytes>,
}

/// The size of a page, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page(pub u64);

impl Page {
    /// So many pages in bytes.
    pub fn bytes(self, pages: u64) -> Bytes {
        Bytes(pages.saturating_mul(self.0))
    }
}

/// What the kernel wrote before it killed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Who asked.
    pub trigger: Option<Trigger>,
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// The control group whose limit was hit.
    pub oom_memcg: Option<Vec<u8>>,
    /// Its memory.
    pub memory: Option<Usage>,
    /// Its memory and swap together (version 1).
    pub memory_and_swap: Option<Usage>,
    /// Its swap (version 2).
    pub swap: Option<Usage>,
    /// What its memory is made of, in bytes, by the kernel's names (`anon`, `file`, `shmem`, …; `rss`, `cache` before).
    pub stats: BTreeMap<String, u64>,
    /// Memory of the host; empty where a control group ran out.
    pub host: HostMemory,
    /// The processes it had to choose from: those of the control group, or all of the host.
    pub tasks: Vec<Task>,
    /// Rows of the table that were not kept, for their number.
    pub tasks_left_out: u64,
}

/// Which bound of a control group is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// Its memory.
    Memory,
    /// Memory and swap together (version 1).
    MemoryAndSwap,
}

impl Report {
    /// The bound of the control group that was hit, and how it stood: the one that is full, where there are two.
    pub fn hit(&self) -> Option<(Hit, Usage)> {
        let is_full = |usage: &Usage| usage.limit.number().is_some_and(|limit| usage.used.0 >= limit);
        let together = self.memory_and_swap.filter(is_full).map(|usage| (Hit::MemoryAndSwap, usage));
        match self.memory {
            Some(memory) if is_full(&memory) || together.is_none() => Some((Hit::Memory, memory)),
            _ => together,
        }
    }
}

impl Kill {
    /// Bytes of a page on that host. Page sizes differ (4 KiB on x86-64, up to 64 KiB elsewhere), and the report tells
    /// the victim's address space in both units.
    pub fn page(&self) -> Page {
        const USUAL: u64 = 4096;
        let row = self.report.tasks.iter().find(|task| task.pid == self.pid);
        let pages = row.and_then(|task| task.total_vm_pages).filter(|pages| *pages > 0);
        Page(match (self.sizes.total_vm, pages) {
            (Some(bytes), Some(pages)) => Some(bytes.0 / pages).filter(|size| size.is_power_of_two()).unwrap_or(USUAL),
            _ => USUAL,
        })
    }
}
