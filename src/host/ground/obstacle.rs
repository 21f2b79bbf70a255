//! What stands in the way of writing at a place.

use crate::host::Root;
use crate::host::root::{Passed, Site};
use crate::plan::Obstacle;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{getegid, geteuid};
use rustix::fs::{Access, AtFlags, StatVfsMountFlags, StatxAttributes, StatxFlags, accessat, fstatvfs, statvfs, statx};
use std::ffi::OsStr;
use std::os::fd::AsFd;

/// What stands in the way of writing at a name in a directory that is there.
pub fn of_site(root: &Root, site: &Site) -> Option<Obstacle> {
    let directory = site.directory.as_fd();
    let read_only = fstatvfs(directory).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY));
    if read_only {
        return Some(Obstacle::ReadOnly);
    }
    let (own, above) = (attributes(directory, &site.name), attributes(directory, OsStr::new(".")));
    if own.contains(StatxAttributes::MOUNT_ROOT) && is_file(site) {
        return Some(Obstacle::MountedFile);
    }
    if (own | above).contains(StatxAttributes::IMMUTABLE) {
        return Some(Obstacle::Immutable);
    }
    if (own | above).contains(StatxAttributes::APPEND) {
        return Some(Obstacle::AppendOnly);
    }
    let not_permitted = || if root.is_live() { None } else { not_permitted(site) };
    // On the live host root alone performs a plan; who only looks at one is shown what root would do.
    swappable(root, &site.passed).map(Obstacle::OthersCanSwap).or_else(not_permitted)
}

fn not_permitted(site: &Site) -> Option<Obstacle> {
    let may = accessat(&site.directory, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
    may.is_err().then_some(Obstacle::NotPermitted)
}

/// What keeps the values of the running kernel from being written: container runtimes mount `/proc/sys` read-only.
pub fn of_kernel_values() -> Option<Obstacle> {
    let is_read_only = statvfs("/proc/sys/net/core").is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY));
    is_read_only.then_some(Obstacle::ReadOnly)
}

/// Attributes that chattr(1) sets, and whether it is a mount of its own (statx(2), Linux 5.8). None where the kernel or
/// its file system does not tell: then the write itself will be refused.
fn attributes(directory: impl AsFd, name: &OsStr) -> StatxAttributes {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let seen = statx(directory, name, flags, StatxFlags::TYPE);
    seen.map_or(StatxAttributes::empty(), |seen| seen.stx_attributes & seen.stx_attributes_mask)
}

fn is_file(site: &Site) -> bool {
    openat(&site.directory, site.name.as_os_str(), OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
        .and_then(nix::sys::stat::fstat)
        .is_ok_and(|stat| stat.st_mode & nix::libc::S_IFMT == nix::libc::S_IFREG)
}

/// The first directory of a way that somebody else can change. A sticky one counts: there anybody can make a name first.
pub fn swappable(root: &Root, passed: &[Passed]) -> Option<String> {
    passed.iter().find(|directory| others_can_change(root, directory)).map(|directory| directory.path.clone())
}

fn others_can_change(root: &Root, directory: &Passed) -> bool {
    let own = geteuid().as_raw();
    let by_group = directory.mode & 0o020 != 0;
    let by_all = directory.mode & 0o002 != 0;
    // With the umask 002 of user private groups an image is writable by the group of who builds it, who is alone in it.
    let own_group = !root.is_live() && directory.uid == own && directory.gid == getegid().as_raw();
    by_all || (by_group && !own_group) || (directory.uid != 0 && directory.uid != own)
}

/// Where a place below `/etc` really lies, when that is outside it.
pub fn outside_etc(root: &Root, path: &str, real: &str) -> Option<Obstacle> {
    let below = |path: &str, directory: &str| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
    // `/etc` may itself be a link, as in some images.
    let etc = root.site("/etc", crate::host::root::Last::Followed).map_or_else(|_| "/etc".to_owned(), |etc| etc.path);
    (below(path, "/etc") && !below(real, &etc)).then(|| Obstacle::LeadsOutside(real.to_owned()))
}
