//! Why the kernel refuses a mount, in the operator's words.

use super::demand::Demand;
use super::effect::Effect;
use crate::host::words;
use crate::perform::hint::not_allowed;
use crate::plan::Trouble;
use crate::units::Bytes;
use nix::errno::Errno;

/// Of mount(2) and umount2(2).
pub(in crate::perform) fn refused(what: &str, errno: Errno, kind: &str, options: &[String]) -> Trouble {
    match errno {
        Errno::EPERM | Errno::EACCES => {
            let run = "in a container a tmpfs is mounted by who starts it: docker run --tmpfs DIR:size=64m,mode=1777 …";
            not_allowed(what, "CAP_SYS_ADMIN", run)
        }
        Errno::EINVAL => Trouble::new(what, format!("the kernel refuses these options: {}", options.join(","))),
        Errno::ENODEV => Trouble::new(what, format!("this kernel has no file system {kind}"))
            .with_hint("cat /proc/filesystems   # shows those it has"),
        // mount(2), since Linux 4.9.
        Errno::ENOSPC => Trouble::new(what, "there are as many mounts as the kernel allows")
            .with_hint("sysctl fs.mount-max; wc -l /proc/self/mountinfo"),
        Errno::EBUSY => Trouble::new(what, "it is in use"),
        other => Trouble::new(what, words(other)),
    }
}

/// Of a remount that the kernel finds invalid. It says why only in its log, and only to some (`shmem_reconfigure` in
/// mm/shmem.c).
pub(super) fn remount(what: &str, demand: &Demand, seen: &Effect, options: &[String]) -> Trouble {
    let anew = "it has to be unmounted and mounted anew: stop what uses it first";
    if demand.is_too_small_for(seen) {
        let used = Bytes(seen.used_bytes);
        return Trouble::new(what, format!("{used} are in it, more than the new size"));
    }
    if demand.bounds_size() && seen.size_bytes == 0 {
        return Trouble::new(what, "it has no bound of its size, and cannot get one while it is mounted")
            .with_hint(anew);
    }
    if demand.bounds_inodes() && seen.inodes == 0 {
        return Trouble::new(what, "it has no bound of its inodes, and cannot get one while it is mounted")
            .with_hint(anew);
    }
    refused(what, Errno::EINVAL, "", options)
}
