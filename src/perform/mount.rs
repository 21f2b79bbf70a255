//! Live mounts.
//!
//! The mount point is held by a handle and never by its name alone, no link is followed to it, and what came of a mount
//! is looked at before it counts as done.

mod demand;
mod effect;
mod options;
mod place;
mod refused;
mod remount;
mod unmount;

pub(super) use demand::Demand;
pub(super) use effect::{Effect, Machine};
pub(super) use options::Split;
pub(super) use place::{errno_of, held_names};
pub(super) use refused::refused;

use super::Care;
use crate::host::words;
use crate::plan::{MountImage, Standing, Trouble};
use crate::units::quoted;
use nix::errno::Errno;
use nix::mount::{MntFlags, mount, umount2};
use options::completed;
use place::{Mounted, Place, PlaceTrouble, by_handle, is_empty};
use std::os::fd::{AsFd, OwnedFd};

/// How the mount point stands to a change from `before` to `after`, by what the mounted file system does and not by how
/// its options are written. Where one image names what the other leaves open, the other is taken to mean what the kernel
/// does where nothing is said.
///
/// # Errors
/// Where it could not be looked at.
pub fn standing(target: &str, before: Option<&MountImage>, after: Option<&MountImage>) -> Result<Standing, Trouble> {
    let what = format!("look at what is mounted at {target}");
    let mounted = match Place::hold(target) {
        Err(PlaceTrouble::Missing) => None,
        place => place.and_then(|place| place.mounted()).map_err(|trouble| unusable(&what, target, trouble))?,
    };
    let Some(mounted) = mounted else {
        return Ok(match (before, after) {
            (_, None) => Standing::After,
            (None, Some(_)) => Standing::Before,
            (Some(_), Some(_)) => Standing::Other("nothing is mounted there".to_owned()),
        });
    };
    // gtune mounts where nothing is mounted, so that what lies over another mount is somebody else's.
    if (before.is_none() || after.is_none()) && mounted.is_over_another().map_err(|errno| failed(&what, errno))? {
        return Ok(Standing::Other(format!("another {} is mounted over it", mounted.mount.kind)));
    }
    let difference = |image: &MountImage, other| difference(&mounted, image, other).map_err(|e| failed(&what, e));
    let from_after = after.map(|after| difference(after, before)).transpose()?;
    if from_after.as_deref() == Some("") {
        return Ok(Standing::After);
    }
    let from_before = before.map(|before| difference(before, after)).transpose()?;
    if from_before.as_deref() == Some("") {
        return Ok(Standing::Before);
    }
    let kind = mounted.mount.kind.name();
    let difference = from_after.or(from_before).unwrap_or_default();
    Ok(Standing::Other(match difference.is_empty() {
        true => format!("a {kind} is mounted there"),
        false => format!("a {kind} is mounted there: {difference}"),
    }))
}

/// In what a mount differs from an image, as a clause; empty where in nothing.
fn difference(mounted: &Mounted, image: &MountImage, other: Option<&MountImage>) -> Result<String, Errno> {
    if mounted.mount.kind.name() != image.kind {
        return Ok(format!("its type is {}, not {}", mounted.mount.kind, image.kind));
    }
    if mounted.mount.source != image.source {
        return Ok(format!("its source is {}, not {}", mounted.mount.source, image.source));
    }
    let machine = Machine::here()?;
    let options = completed(&image.kind, &image.options, other.map(|other| &*other.options), machine);
    let unmet = Demand::of(&image.kind, &options, machine).unmet(&Effect::of(&mounted.directory)?);
    Ok(unmet.join("; "))
}

/// Why a mount could not be changed.
#[derive(Debug)]
pub enum MountTrouble {
    /// It is in use: files in it are open. Nothing was changed.
    Busy,
    /// It holds this, which would be lost with it: `it holds 3 files, first: queue.db`. Nothing was changed.
    Holds(String),
    /// A directory that is to go is the mount point of something. Nothing was changed.
    MountPoint,
    /// Anything else.
    Other(Trouble),
}

impl From<Trouble> for MountTrouble {
    fn from(trouble: Trouble) -> Self {
        Self::Other(trouble)
    }
}

/// Mounts, mounts again with other options, or unmounts.
///
/// Only with `Care::Overwrite` is unmounted what holds something, or has other options than in `before`. What is mounted
/// over the mount that is meant, or has another type or source, is never unmounted.
///
/// # Errors
/// What the system refuses; nothing is changed then.
pub fn make(
    target: &str,
    before: Option<&MountImage>,
    after: Option<&MountImage>,
    care: Care,
) -> Result<(), MountTrouble> {
    match (before, after) {
        (None, None) => Ok(()),
        (None, Some(image)) => mount_new(target, image),
        (Some(before), Some(after)) => remount::remount(target, before, after),
        (Some(image), None) => unmount::unmount(target, image, care),
    }
}

fn mount_new(target: &str, image: &MountImage) -> Result<(), MountTrouble> {
    let what = format!("mount {} at {target}", image.kind);
    let place = Place::hold(target).map_err(|trouble| unusable(&what, target, trouble))?;
    let directory = free_to_mount(&what, target, &place)?;
    let split = Split::of(&image.options);
    mount(
        Some(image.source.as_str()),
        by_handle(directory.as_fd()).as_str(),
        Some(image.kind.as_str()),
        split.set,
        Some(split.text().as_str()),
    )
    .map_err(|errno| refused(&what, errno, &image.kind, &image.options))?;
    let unmet = came_out(target, image, None);
    drop(directory);
    match unmet {
        Ok(()) => Ok(()),
        Err(reason) => {
            let trouble = Trouble::new(what, format!("it came out otherwise: {reason}"));
            Err(match umount2(place.by_parent().as_str(), MntFlags::UMOUNT_NOFOLLOW) {
                Ok(()) => trouble,
                Err(_) => trouble.with_hint(format!("umount {}   # it is still mounted", quoted(target))),
            }
            .into())
        }
    }
}

/// The directory, where nothing is mounted on it and it holds nothing that a mount would hide.
fn free_to_mount(what: &str, target: &str, place: &Place) -> Result<OwnedFd, Trouble> {
    if let Some(there) = place.mounted().map_err(|trouble| unusable(what, target, trouble))? {
        let hint = format!("findmnt --mountpoint {}", quoted(target));
        return Err(Trouble::new(what, format!("a {} is mounted there already", there.mount.kind)).with_hint(hint));
    }
    let directory = place.open().map_err(|trouble| unusable(what, target, trouble))?;
    match is_empty(&directory) {
        Ok(true) => Ok(directory),
        Ok(false) => Err(Trouble::new(what, "the directory is not empty, and a mount would hide what is in it")
            .with_hint(format!("ls -A {}", quoted(target)))),
        Err(errno) => Err(failed(what, errno)),
    }
}

/// Looks from `/` down whether what is mounted now is what the image says.
fn came_out(target: &str, image: &MountImage, other: Option<&MountImage>) -> Result<(), String> {
    let mounted = Place::hold(target).and_then(|place| place.mounted()).map_err(PlaceTrouble::reason)?;
    let mounted = mounted.ok_or("nothing is mounted there")?;
    match difference(&mounted, image, other) {
        Ok(difference) if difference.is_empty() => Ok(()),
        Ok(difference) => Err(difference),
        Err(errno) => Err(words(errno)),
    }
}

/// What is mounted at the target, which must be of this type.
fn there(what: &str, target: &str, kind: &str) -> Result<Mounted, Trouble> {
    let place = Place::hold(target).map_err(|trouble| unusable(what, target, trouble))?;
    let mounted = place.mounted().map_err(|trouble| unusable(what, target, trouble))?;
    let mounted = mounted.ok_or_else(|| Trouble::new(what, "nothing is mounted there"))?;
    if mounted.mount.kind.name() == kind {
        return Ok(mounted);
    }
    let hint = format!("findmnt --mountpoint {}", quoted(target));
    Err(Trouble::new(what, format!("a {} is mounted there, no {kind}", mounted.mount.kind)).with_hint(hint))
}

fn unusable(what: &str, target: &str, trouble: PlaceTrouble) -> Trouble {
    let with_reason = Trouble::new(what, trouble.reason());
    match trouble {
        PlaceTrouble::Missing => with_reason.with_hint(format!("mkdir -p {}", quoted(target))),
        PlaceTrouble::NotDirectory => {
            with_reason.with_hint(format!("namei -l {}   # shows what it leads to", quoted(target)))
        }
        PlaceTrouble::NotPlain | PlaceTrouble::System(_) => with_reason,
    }
}

fn failed(what: &str, errno: Errno) -> Trouble {
    Trouble::new(what, words(errno))
}

#[cfg(test)]
mod tests;
