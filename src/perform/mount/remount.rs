//! Other options for what is mounted.

use super::demand::Demand;
use super::effect::{Effect, Machine};
use super::options::{Split, completed};
use super::place::{Mounted, by_handle};
use super::refused::{self, refused};
use super::{MountTrouble, came_out, failed, there};
use crate::plan::{MountImage, Trouble};
use crate::units::quoted;
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::{Gid, Uid, chown};
use std::os::fd::AsFd;

/// Gives a mount other options. Where that fails half-way it gets the old ones back.
pub(super) fn remount(target: &str, before: &MountImage, after: &MountImage) -> Result<(), MountTrouble> {
    let what = format!("mount {target} with other options");
    let mounted = there(&what, target, &after.kind)?;
    let seen = Effect::of(&mounted.directory).map_err(|errno| failed(&what, errno))?;
    let otherwise = |reason| Trouble::new(&what, format!("it came out otherwise: {reason}")).into();
    let given = give_options(&what, &mounted, &seen, after, Some(before));
    let Err(trouble) = given.and_then(|()| came_out(target, after, Some(before)).map_err(otherwise)) else {
        return Ok(());
    };
    let now = match Effect::of(&mounted.directory) {
        Ok(now) if now.has_changed_since(&seen) => now,
        _ => return Err(trouble),
    };
    match give_options(&what, &mounted, &now, before, Some(after)) {
        Ok(()) => Err(trouble),
        Err(_) => {
            let look = format!("findmnt --mountpoint {}   # its options are not as they were", quoted(target));
            Err(with_hint(&what, trouble, look))
        }
    }
}

fn with_hint(what: &str, trouble: MountTrouble, hint: String) -> MountTrouble {
    match trouble {
        MountTrouble::Other(trouble) => trouble.with_hint(hint).into(),
        MountTrouble::Busy | MountTrouble::Holds(_) | MountTrouble::MountPoint => {
            Trouble::new(what, "it is in use").with_hint(hint).into()
        }
    }
}

/// Gives a mount these options, and its directory the owner and mode that they name.
fn give_options(
    what: &str,
    mounted: &Mounted,
    seen: &Effect,
    image: &MountImage,
    other: Option<&MountImage>,
) -> Result<(), MountTrouble> {
    let machine = Machine::here().map_err(|errno| failed(what, errno))?;
    let options = completed(&image.kind, &image.options, other.map(|other| &*other.options), machine);
    let (split, demand) = (Split::of(&options), Demand::of(&image.kind, &options, machine));
    let path = by_handle(mounted.directory.as_fd());
    let dressed = || dress(&path, &demand, seen).map_err(|errno| failed(what, errno));
    let will_be_read_only = split.set.contains(MsFlags::MS_RDONLY);
    // On a read-only file system no directory can be changed any more, or not yet.
    if will_be_read_only {
        dressed()?;
    }
    let flags = MsFlags::MS_REMOUNT | split.set;
    match mount(None::<&str>, path.as_str(), None::<&str>, flags, Some(split.text().as_str())) {
        Ok(()) if will_be_read_only => Ok(()),
        Ok(()) => Ok(dressed()?),
        // Made read-only while a file in it is open for writing.
        Err(Errno::EBUSY) => Err(MountTrouble::Busy),
        Err(Errno::EINVAL) => Err(refused::remount(what, &demand, seen, &options).into()),
        Err(errno) => Err(refused(what, errno, &image.kind, &options).into()),
    }
}

/// Gives the root directory its owner and mode, which a remount leaves alone (`shmem_reconfigure` in mm/shmem.c). The
/// owner goes first, since chown(2) may clear bits of the mode.
fn dress(path: &str, demand: &Demand, seen: &Effect) -> Result<(), Errno> {
    let (uid, gid) = (demand.uid.filter(|uid| *uid != seen.uid), demand.gid.filter(|gid| *gid != seen.gid));
    if uid.is_some() || gid.is_some() {
        chown(path, uid.map(Uid::from_raw), gid.map(Gid::from_raw))?;
    }
    match demand.mode.filter(|mode| *mode != seen.mode || uid.is_some() || gid.is_some()) {
        Some(mode) => fchmodat(AT_FDCWD, path, Mode::from_bits_truncate(mode), FchmodatFlags::FollowSymlink),
        None => Ok(()),
    }
}
