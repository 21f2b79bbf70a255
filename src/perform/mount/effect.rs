//! What a mounted file system does, by what statvfs(3) and stat(2) say of it.

use nix::errno::Errno;
use nix::libc::{S_IFMT, mode_t};
use nix::mount::MsFlags;
use nix::sys::stat::fstat;
use nix::sys::sysinfo::sysinfo;
use nix::unistd::{SysconfVar, sysconf};
use rustix::fs::{StatVfsMountFlags, fstatvfs};
use std::os::fd::OwnedFd;

/// The bits that statvfs(3) shows.
pub(super) const SHOWN: [(StatVfsMountFlags, MsFlags, &str); 6] = [
    (StatVfsMountFlags::RDONLY, MsFlags::MS_RDONLY, "read-only"),
    (StatVfsMountFlags::NOSUID, MsFlags::MS_NOSUID, "nosuid"),
    (StatVfsMountFlags::NODEV, MsFlags::MS_NODEV, "nodev"),
    (StatVfsMountFlags::NOEXEC, MsFlags::MS_NOEXEC, "noexec"),
    (StatVfsMountFlags::SYNCHRONOUS, MsFlags::MS_SYNCHRONOUS, "sync"),
    (StatVfsMountFlags::NODIRATIME, MsFlags::MS_NODIRATIME, "nodiratime"),
];

/// What sizes in per cent are parts of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::perform) struct Machine {
    /// Memory, as sysinfo(2) counts it: as the kernel does for `size=20%`, unlike a `/proc/meminfo` that a container
    /// runtime has put in its place.
    pub ram_bytes: u64,
    /// Size of a page: a tmpfs consists of whole ones.
    pub page_bytes: u64,
}

impl Machine {
    /// This one.
    pub fn here() -> Result<Self, Errno> {
        let page = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|size| u64::try_from(size).ok());
        Ok(Self { ram_bytes: sysinfo()?.ram_total(), page_bytes: page.unwrap_or(4096) })
    }
}

/// What a mounted file system is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::perform) struct Effect {
    /// Its size; 0 where it has no bound.
    pub size_bytes: u64,
    /// What is in it.
    pub used_bytes: u64,
    /// How many inodes it holds; 0 where there is no bound.
    pub inodes: u64,
    /// Its bits, as far as statvfs(3) shows them.
    pub flags: MsFlags,
    /// Permissions of its root directory.
    pub mode: u32,
    /// Owner of its root directory.
    pub uid: u32,
    /// Group of its root directory.
    pub gid: u32,
}

impl Effect {
    /// Of the file system whose root directory this is.
    pub fn of(directory: &OwnedFd) -> Result<Self, Errno> {
        let room = fstatvfs(directory).map_err(|error| Errno::from_raw(error.raw_os_error()))?;
        let stat = fstat(directory)?;
        let in_bytes = |blocks: u64| blocks.saturating_mul(room.f_frsize);
        Ok(Self {
            size_bytes: in_bytes(room.f_blocks),
            used_bytes: in_bytes(room.f_blocks.saturating_sub(room.f_bfree)),
            inodes: room.f_files,
            flags: flags(room.f_flag),
            mode: permissions(stat.st_mode),
            uid: stat.st_uid,
            gid: stat.st_gid,
        })
    }

    /// Whether it is otherwise than it was; what is in it does not count.
    pub fn has_changed_since(&self, before: &Self) -> bool {
        Self { used_bytes: before.used_bytes, ..self.clone() } != *before
    }
}

fn permissions(mode: mode_t) -> u32 {
    mode & !S_IFMT
}

fn flags(shown: StatVfsMountFlags) -> MsFlags {
    let bits = SHOWN.iter().filter(|(seen, ..)| shown.contains(*seen)).map(|(_, bit, _)| *bit);
    let atime = if shown.contains(StatVfsMountFlags::NOATIME) {
        MsFlags::MS_NOATIME
    } else if shown.contains(StatVfsMountFlags::RELATIME) {
        MsFlags::MS_RELATIME
    } else {
        MsFlags::MS_STRICTATIME
    };
    bits.fold(atime, MsFlags::union)
}
