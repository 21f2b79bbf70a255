//! Other lines of the kernel that tell why a worker vanished, or could not do its work.
//!
//! Formats are those of the kernel's sources, from 2.6.25 to 6.18; each type names the file it is printed in. Words are
//! expected where the kernel puts them, from the begin of the message: a line that quotes one is not one.

mod cursor;
mod fault;
mod memory;
mod name;
mod network;
mod object;
mod oomd;
mod seccomp;
mod storage;
mod tasks;
#[cfg(test)]
mod tests;

pub use fault::{FaultCode, Segfault, Trap, UnhandledException};
pub use memory::{OomPanic, PageAllocationFailure};
pub use name::Name;
pub use network::{SynAnswer, SynFlooding};
pub use object::Object;
pub use oomd::OomdKill;
pub use seccomp::Seccomp;
pub use storage::{BlockError, BufferError, DelayedAllocationFailed, FileSystemError};
pub use tasks::HungTask;

use super::Origin;
use serde::Serialize;

/// What one message of the kernel log says, other than of a kill by the kernel's OOM killer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A thread touched memory it may not; SIGSEGV follows.
    Segfault(Segfault),
    /// The CPU refused an instruction; SIGSEGV, SIGILL, SIGFPE, SIGTRAP or SIGBUS follows.
    Trap(Trap),
    /// The same two on arm64, RISC-V and their like.
    UnhandledException(UnhandledException),
    /// A system call that a seccomp filter does not let pass; signal 31 (SIGSYS) kills, 0 only logs.
    Seccomp(Seccomp),
    /// A thread that neither ran nor could be killed for minutes.
    HungTask(HungTask),
    /// Memory that the kernel needed and did not get; nobody was killed for it.
    PageAllocationFailure(PageAllocationFailure),
    /// The queue of half-open or of not yet accepted connections ran over. Once for each listening socket: that it does
    /// not come again means nothing.
    SynFlooding(SynFlooding),
    /// TCP's buffers reached the third value of `net.ipv4.tcp_mem`: `net/ipv4/tcp.c`, 3.1 on. Before that one text,
    /// `Out of socket memory`, stood for this and for [`Event::TooManyOrphanedSockets`].
    TcpMemoryExhausted,
    /// More sockets without a process than `net.ipv4.tcp_max_orphans`: `net/ipv4/tcp.c`, 3.1 on.
    TooManyOrphanedSockets,
    /// No open file more: `fs/file_table.c`, all kernels; printed only when a new high was reached.
    FileMaxReached {
        /// `fs.file-max` at that time, open files of the whole host.
        limit: u64,
    },
    /// No connection more can be tracked, packets are dropped: `net/netfilter/nf_conntrack_core.c`, all kernels.
    ConntrackFull {
        /// Inode number of the network namespace, where it is not the host's own (6.17 on).
        network_namespace: Option<u64>,
    },
    /// A fork or a new thread was refused: `kernel/cgroup/pids.c`, 4.8 on; printed once for each cgroup.
    PidsLimit {
        /// The cgroup of the task that asked; the limit may be that of a cgroup above. Empty where the line was torn.
        cgroup: Name,
    },
    /// ext2 to ext4 or btrfs met something that should not be.
    FileSystemError(FileSystemError),
    /// Data that a program believed written could not be given a place on disk.
    DelayedAllocationFailed(DelayedAllocationFailed),
    /// From now on nothing can be written there: `fs/ext4/super.c` (`errors=remount-ro`), `fs/btrfs/`.
    RemountedReadOnly {
        /// The block device; `None` up to 2.6.28, which did not say.
        device: Option<Name>,
    },
    /// XFS gave up on a file system, every access fails: `fs/xfs/xfs_fsops.c`.
    XfsShutdown {
        /// The block device.
        device: Name,
        /// The reason as XFS words it.
        reason: Name,
    },
    /// A block could not be read or written, seen from the page cache.
    BufferError(BufferError),
    /// A block could not be read or written, seen from the device.
    BlockError(BlockError),
    /// The `oomd` of Meta, not that of systemd, killed a cgroup.
    OomdKill(OomdKill),
    /// The OOM killer ran and found nobody to kill: `mm/oom_kill.c`, all kernels.
    NoKillableProcess,
    /// The host went down for want of memory.
    OomPanic(OomPanic),
    /// Messages of the kernel's that its own rate limit swallowed: `lib/ratelimit.c`, all kernels.
    LinesSuppressed {
        /// The function that would have printed them; `oom_kill_process` hides headers of kills, `show_signal_msg`
        /// (4.18 on) segfaults.
        function: Name,
        /// How many calls were swallowed; a call may print many lines.
        calls: u64,
    },
    /// Nobody is killed while the host goes to sleep: `mm/oom_kill.c`.
    OomKillerDisabled,
    /// The OOM killer is back after that.
    OomKillerEnabled,
}

/// Texts of which every message with an [`Event`] holds at least one, for a scan that reads a big log in passing.
///
/// They are printable ASCII without quotes, slashes and angle brackets, which some JSON writers escape.
pub const NEEDLES: &[&[u8]] = &[
    b"segfault at ",
    b" sp:",
    b"]: unhandled ",
    b"type=1326 ",
    b"INFO: task ",
    b"page allocation failure",
    b"SYN flooding on port ",
    b"out of memory -- consider",
    b" orphaned sockets",
    b"Out of socket memory",
    b"file-max limit ",
    b"conntrack: table full",
    b"fork rejected by pids controller",
    b" error (device ",
    b"elayed block allocation failed",
    b"emounting filesystem read-only",
    b"forced readonly",
    b"hutting down filesystem",
    b"Filesystem has been shut down",
    b"O error on dev",
    b" error, dev ",
    b"oomd kill: ",
    b"no killable processes",
    b"panic_on_oom",
    b"deadlocked on memory",
    b" callbacks suppressed",
    b"OOM killer ",
];

/// Reads a message of one family.
type Read = fn(&[u8]) -> Option<Event>;

/// All of them. Those that begin with a free name come first, since they ask for most words after it.
const READERS: &[Read] = &[
    fault::segfault,
    fault::trap,
    fault::unhandled,
    memory::page_allocation_failure,
    seccomp::seccomp,
    tasks::hung_task,
    tasks::pids_limit,
    network::syn_flooding,
    network::sockets,
    network::conntrack_full,
    storage::file_max,
    storage::file_system_error,
    storage::delayed_allocation_failed,
    storage::remounted_read_only,
    storage::xfs_shutdown,
    storage::buffer_error,
    storage::block_error,
    memory::oom_killer,
    memory::suppressed,
];

/// What a message says, where it is one of those that bear on a worker.
///
/// Only what the kernel wrote counts, or what may be its own where the frame cannot tell; except for oomd, a program
/// that writes into the kernel's log.
pub fn event(message: &[u8], origin: Origin) -> Option<Event> {
    if let Some(kill) = oomd::kill(message) {
        return Some(kill);
    }
    match origin {
        Origin::Kernel | Origin::Unsaid => READERS.iter().find_map(|read| read(message)),
        Origin::Other => None,
    }
}
