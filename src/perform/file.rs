//! Whole files, replaced atomically.
//!
//! The new file is written beside the old one and the two swap names in one step. The old one then has the temporary
//! name, so that what was really displaced can be compared with what was expected: what somebody else saved in the last
//! moment is put back and not lost.

use super::hint::gtune;
use super::spot::{Spot, same};
use super::{Care, backup, settle, temporary};
use crate::host::ground::{Seen, SeenFile};
use crate::host::{Last, Root};
use crate::plan::{FileImage, Standing, Trouble};
use crate::units::FileId;
use nix::errno::Errno;

/// How a file stands to a change from `before` to `after`.
///
/// Bytes, mode and owner count, and those extended attributes that the image has; times do not.
///
/// # Errors
/// Where it could not be looked at.
pub fn standing(
    root: &Root,
    path: &str,
    before: Option<&FileImage>,
    after: Option<&FileImage>,
) -> Result<Standing, Trouble> {
    let Some(spot) = Spot::find(root, path, Last::Followed, "", "look at")? else {
        return Ok(of_image(None, before, after));
    };
    Ok(match spot.look()? {
        Seen::Nothing => match root.link_target(path).known() {
            Some(target) => Standing::Other(format!("a link to {target} is there, which leads nowhere")),
            None => of_image(None, before, after),
        },
        Seen::File(file) => of_image(Some(&file.image), before, after),
        Seen::Directory(_) => Standing::Other("a directory is there".into()),
        Seen::Else(what) => Standing::Other(format!("{what} is there")),
    })
}

/// How what is there stands to a change; `After` where the change would make no difference.
pub(super) fn of_image(now: Option<&FileImage>, before: Option<&FileImage>, after: Option<&FileImage>) -> Standing {
    if fits(after, now) {
        Standing::After
    } else if fits(before, now) {
        Standing::Before
    } else {
        Standing::Other(difference(now, before, after))
    }
}

fn fits(image: Option<&FileImage>, now: Option<&FileImage>) -> bool {
    match (image, now) {
        (None, None) => true,
        (Some(image), Some(now)) => same(image, now),
        _ => false,
    }
}

/// What is there, in so far as it is not what gtune left or found.
fn difference(now: Option<&FileImage>, before: Option<&FileImage>, after: Option<&FileImage>) -> String {
    let Some(now) = now else { return "it is gone".into() };
    let alike = [after, before].into_iter().flatten().find(|image| image.content == now.content);
    let Some(image) = alike else { return "its content was changed".into() };
    let (owner, mode) = (now.owner, now.mode);
    if owner != image.owner {
        format!("it belongs to {}:{} now", owner.uid, owner.gid)
    } else if mode != image.mode {
        format!("its mode is {mode:04o} now")
    } else {
        "its extended attributes are others now".into()
    }
}

/// Makes it so. `mark` names the transaction, and with it the temporary file.
///
/// With `Care::Overwrite` whatever file is there is replaced, after a copy of it was kept in the backup directory of the
/// transaction; with any other care only one that is as in `before`.
///
/// # Errors
/// What the system refuses, or that somebody else changed the file meanwhile; it is as it was then, or as somebody else
/// saved it. What is no regular file is never replaced.
pub fn make(
    root: &Root,
    path: &str,
    before: Option<&FileImage>,
    after: Option<&FileImage>,
    mark: &str,
    care: Care,
) -> Result<(), Trouble> {
    let verb = match (before, after) {
        (_, None) => "remove",
        (None, _) => "make",
        (Some(_), Some(_)) => "replace",
    };
    if after.is_none() && Spot::find(root, path, Last::Followed, mark, verb)?.is_none() {
        return Ok(());
    }
    let spot = Spot::open(root, path, Last::Followed, mark, verb)?;
    let now = spot.file()?;
    let seen = now.as_ref().map(|file| &file.image);
    let expected = fits(before, seen);
    if !expected && fits(after, seen) {
        return Ok(());
    }
    if !expected && care != Care::Overwrite {
        return Err(spot.meanwhile());
    }
    if let (Some(now), false) = (seen, expected) {
        backup::keep_forced(root, mark, path, now)?;
    }
    match (now, after) {
        (None, None) => return Ok(()),
        (None, Some(after)) => put(&spot, after)?,
        (Some(now), Some(after)) => replace(&spot, &now, &with_own_attributes(&now.image, before, after), care)?,
        (Some(now), None) => remove(&spot, &now, care)?,
    }
    spot.sync()?;
    spot.verify(after)
}

/// The image with those extended attributes that the file has got since, whoever gave them: a change that does not know
/// of an attribute does not take it away.
fn with_own_attributes(now: &FileImage, before: Option<&FileImage>, after: &FileImage) -> FileImage {
    let is_known = |name: &str| [before, Some(after)].into_iter().flatten().any(|i| i.attributes.contains_key(name));
    let own = now.attributes.iter().filter(|(name, _)| !is_known(name));
    let mut with = after.clone();
    with.attributes.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    with
}

/// Puts a new file where nothing is.
fn put(spot: &Spot<'_>, after: &FileImage) -> Result<(), Trouble> {
    temporary::write(spot, after)?;
    spot.put_in_place().map_err(|errno| {
        let _ = spot.discard();
        if errno == Errno::EEXIST { spot.meanwhile() } else { spot.refused(errno) }
    })
}

fn replace(spot: &Spot<'_>, now: &SeenFile, after: &FileImage, care: Care) -> Result<(), Trouble> {
    let ours = temporary::write(spot, after)?;
    match spot.exchange() {
        Ok(()) => {}
        Err(Errno::EINVAL | Errno::ENOSYS) => return replace_unseen(spot, now, care),
        Err(errno) => {
            let _ = spot.discard();
            return Err(if errno == Errno::ENOENT { spot.meanwhile() } else { spot.refused(errno) });
        }
    }
    if !spot.look_at_temporary().is_ok_and(|displaced| is_expected(&displaced, now, care)) {
        return Err(take_back(spot, ours));
    }
    spot.discard().map_err(|errno| {
        take_back(spot, ours);
        spot.refused(errno)
    })
}

/// Whether what was displaced is what was there a moment before. Its inode is not asked for: on overlayfs the rename
/// itself may give a file another one, and a file that is equal in all else is no loss.
fn is_expected(displaced: &Seen, now: &SeenFile, care: Care) -> bool {
    matches!(displaced, Seen::File(file) if care == Care::Overwrite || file.image == now.image)
}

/// Swaps back what was displaced and removes what gtune had put in its place. Says why.
fn take_back(spot: &Spot<'_>, ours: FileId) -> Trouble {
    let is_ours = || matches!(spot.look_at_temporary(), Ok(Seen::File(file)) if file.id == ours);
    match spot.exchange() {
        Ok(()) if is_ours() => {
            let _ = spot.discard();
        }
        // Somebody saved once more over gtune's file: that is the newest and belongs in its place. What was saved
        // before it stays under the temporary name.
        Ok(()) => {
            let _ = spot.exchange();
            return settle::saved_by_others(spot);
        }
        // gtune's file has been removed by somebody: then what they saved before is theirs to keep.
        Err(_) => {
            if spot.put_in_place().is_err() {
                return settle::saved_by_others(spot);
            }
        }
    }
    let _ = spot.sync();
    spot.meanwhile()
}

/// Replaces where the file system cannot exchange (FUSE, NFS): looks a last time just before.
fn replace_unseen(spot: &Spot<'_>, now: &SeenFile, care: Care) -> Result<(), Trouble> {
    let outcome = match spot.look() {
        Ok(seen) if is_expected(&seen, now, care) => spot.rename_over().map_err(|errno| spot.refused(errno)),
        Ok(_) => Err(spot.meanwhile()),
        Err(trouble) => Err(trouble),
    };
    if outcome.is_err() {
        let _ = spot.discard();
    }
    outcome
}

fn remove(spot: &Spot<'_>, now: &SeenFile, care: Care) -> Result<(), Trouble> {
    spot.put_aside().map_err(|errno| match errno {
        Errno::EEXIST => Trouble::new(&spot.what, format!("an earlier run left {}", spot.shown_temporary()))
            .with_hint(gtune(spot.root, "rollback   # settles it")),
        Errno::ENOENT => spot.meanwhile(),
        other => spot.refused(other),
    })?;
    let put_back = || if spot.put_in_place().is_ok() { None } else { Some(settle::saved_by_others(spot)) };
    if !spot.look_at_temporary().is_ok_and(|aside| is_expected(&aside, now, care)) {
        return Err(put_back().unwrap_or_else(|| spot.meanwhile()));
    }
    spot.discard().map_err(|errno| put_back().unwrap_or_else(|| spot.refused(errno)))
}

/// Settles what a run that was killed left beside the file: its temporary file goes, and what somebody else had saved in
/// the last moment, and was exchanged against it, is put back. Holds for a run that made the change as well as for one
/// that took it back.
///
/// # Errors
/// What the system refuses; and where somebody else's file lies under the temporary name and has no place to go back to.
pub fn settle(
    root: &Root,
    path: &str,
    before: Option<&FileImage>,
    after: Option<&FileImage>,
    mark: &str,
) -> Result<(), Trouble> {
    settle::settle(root, path, &settle::Journalled { before, after, edited: &|_| vec![] }, mark)
}

#[cfg(test)]
mod tests;
