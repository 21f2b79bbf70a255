//! Unmounting. What is in a tmpfs is gone with it, so that it is looked at first.

use super::place::{Mounted, Place, held, mounts};
use super::{MountTrouble, difference, failed, refused, there, unusable};
use crate::perform::Care;
use crate::plan::{MountImage, Trouble};
use crate::units::quoted;
use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};

/// Unmounts at once or not at all. A lazy unmount (`MNT_DETACH`) would leave what uses it on a file system that nobody
/// can see or mount again.
pub(super) fn unmount(target: &str, image: &MountImage, care: Care) -> Result<(), MountTrouble> {
    let what = format!("unmount {target}");
    let mounted = there(&what, target, &image.kind)?;
    may_go(&what, target, &mounted, image, care)?;
    let place = Place::hold(target).map_err(|trouble| unusable(&what, target, trouble))?;
    // The handle on the mount is dropped here: it would keep it in use.
    let gone = mounted.mount;
    drop(mounted.directory);
    match umount2(place.by_parent().as_str(), MntFlags::UMOUNT_NOFOLLOW) {
        Ok(()) => {}
        Err(Errno::EBUSY) => return Err(MountTrouble::Busy),
        Err(errno) => return Err(refused(&what, errno, &image.kind, &image.options).into()),
    }
    match mounts() {
        // The number of a mount is given again once it is free.
        Ok(mounts) if mounts.iter().any(|mount| (mount.id, &mount.mount_point) == (gone.id, &gone.mount_point)) => {
            Err(Trouble::new(what, "the kernel says it is done, and it is still there").into())
        }
        // Without the list umount2(2) alone has to be believed.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether it is the mount that is meant, and nobody loses anything by its going.
fn may_go(what: &str, target: &str, mounted: &Mounted, image: &MountImage, care: Care) -> Result<(), MountTrouble> {
    let (mount, shown) = (&mounted.mount, quoted(target));
    let foreign = |reason: String| {
        let hint = format!("findmnt --mountpoint {shown}; umount {shown}   # if it may go");
        Err(Trouble::new(what, reason).with_hint(hint).into())
    };
    if mounted.is_over_another().map_err(|errno| failed(what, errno))? {
        return foreign(format!("another {} is mounted over it", mount.kind));
    }
    if mount.source != image.source {
        return foreign(format!("a {} of {} is mounted there, not of {}", mount.kind, mount.source, image.source));
    }
    if care == Care::Overwrite {
        return Ok(());
    }
    let difference = difference(mounted, image, None).map_err(|errno| failed(what, errno))?;
    if !difference.is_empty() {
        return foreign(format!("it is another one now: {difference}"));
    }
    match held(&mounted.directory).map_err(|errno| failed(what, errno))? {
        Some(held) => Err(MountTrouble::Holds(held)),
        None => Ok(()),
    }
}
