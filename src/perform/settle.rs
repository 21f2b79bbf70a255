//! Settling what a run that was killed left beside a file.
//!
//! A run from X to Y may have been the change itself or its undo, so X and Y are `before` and `after` in either order.
//! What it may have left, and what becomes of it:
//!
//! | killed                                           | the file      | the temporary file  | what is done              |
//! |--------------------------------------------------|---------------|---------------------|---------------------------|
//! | before it wrote                                  | X             | –                   | nothing                   |
//! | while it wrote                                   | X, or foreign | a part of Y         | removed                   |
//! | before the swap                                  | X, or foreign | Y                   | removed                   |
//! | after the swap                                   | Y             | X                   | removed                   |
//! | after a swap that displaced a foreign file       | Y             | foreign             | swapped back, Y removed   |
//! | after it had swapped that back                   | foreign       | Y                   | removed                   |
//! | making a file (X is nothing), before its name    | –             | Y, or a part        | removed                   |
//! | removing a file (Y is nothing), after put aside  | –             | X                   | put back if X is `before` |
//! | removing what turned out to be foreign           | –             | foreign             | put back                  |
//! | one of these, and somebody saved the file since  | foreign       | foreign             | left, and said            |
//!
//! "A file that was there before the transaction and has been put aside" and "a file that was to be made" look alike;
//! both ends of the change are sound states, and of these the one in which nothing has vanished is taken. In all rows
//! the file is X, Y or foreign in the end, and every foreign file is still there.

use super::spot::{Spot, same};
use crate::host::ground::{Seen, SeenFile};
use crate::host::{Last, Root};
use crate::plan::{FileImage, Trouble};
use crate::units::quoted;
use nix::errno::Errno;
use nix::unistd::geteuid;

/// What the journal says of a file.
pub struct Journalled<'a> {
    pub before: Option<&'a FileImage>,
    pub after: Option<&'a FileImage>,
    /// What the change, and its inverse, make of a file that has drifted; nothing for whole files.
    pub edited: &'a dyn Fn(&FileImage) -> Vec<FileImage>,
}

impl Journalled<'_> {
    fn is_known(&self, image: &FileImage) -> bool {
        [self.before, self.after].into_iter().flatten().any(|known| same(known, image))
    }

    /// Whether a temporary file is of no worth to anybody: gtune wrote it, or displaced it and replaced it as planned.
    fn is_spent(&self, temporary: &FileImage, file: Option<&FileImage>) -> bool {
        let edited = file.map(self.edited).unwrap_or_default();
        let written = || [self.before, self.after].into_iter().flatten().chain(&edited);
        let displaced = || (self.edited)(temporary).iter().any(|edited| file.is_some_and(|file| same(edited, file)));
        written().any(|image| same(image, temporary) || is_part(temporary, image)) || displaced()
    }
}

/// Whether a file is one that was being written to become the image: it has the beginning of its bytes, and the mode it
/// was created with, which it keeps until all bytes are in it.
fn is_part(temporary: &FileImage, image: &FileImage) -> bool {
    let own = temporary.owner.uid == geteuid().as_raw() || temporary.owner == image.owner;
    let mode_is_ours =
        temporary.mode & !0o600 == 0 || (temporary.mode == image.mode && temporary.content == image.content);
    own && mode_is_ours && image.content.0.starts_with(&temporary.content.0)
}

/// Settles it, by the table above.
pub fn settle(root: &Root, path: &str, journalled: &Journalled<'_>, mark: &str) -> Result<(), Trouble> {
    let Some(spot) = Spot::find(root, path, Last::Followed, mark, "settle")? else { return Ok(()) };
    let temporary = match spot.look_at_temporary()? {
        Seen::Nothing => return Ok(()),
        Seen::File(file) => file,
        Seen::Directory(_) | Seen::Else(_) => return Err(saved_by_others(&spot)),
    };
    let file = match spot.look()? {
        Seen::File(file) => Some(file.image),
        Seen::Nothing => None,
        Seen::Directory(_) | Seen::Else(_) => return Err(saved_by_others(&spot)),
    };
    let was_put_aside = journalled.after.is_none() && journalled.before.is_some_and(|b| same(b, &temporary.image));
    match &file {
        None if was_put_aside => put_back(&spot)?,
        _ if journalled.is_spent(&temporary.image, file.as_ref()) => discard(&spot)?,
        None => put_back(&spot)?,
        Some(file) if journalled.is_known(file) => swap_back(&spot, &temporary, journalled)?,
        Some(_) => return Err(saved_by_others(&spot)),
    }
    spot.sync()
}

fn put_back(spot: &Spot<'_>) -> Result<(), Trouble> {
    spot.put_in_place().map_err(|errno| match errno {
        Errno::EEXIST => saved_by_others(spot),
        other => spot.refused(other),
    })
}

fn discard(spot: &Spot<'_>) -> Result<(), Trouble> {
    spot.discard().map_err(|errno| spot.refused(errno))
}

/// Puts somebody else's file where gtune's is; gtune's, which the journal holds as well, goes.
fn swap_back(spot: &Spot<'_>, foreign: &SeenFile, journalled: &Journalled<'_>) -> Result<(), Trouble> {
    spot.exchange().map_err(|errno| spot.refused(errno))?;
    match spot.look_at_temporary()? {
        Seen::File(file) if file.id != foreign.id && journalled.is_known(&file.image) => discard(spot),
        // Somebody saved the file in this very moment: the newest belongs in its place.
        _ => {
            spot.exchange().map_err(|errno| spot.refused(errno))?;
            Err(saved_by_others(spot))
        }
    }
}

/// Two files of somebody else and one name: only they can tell which is to be kept.
pub fn saved_by_others(spot: &Spot<'_>) -> Trouble {
    let temporary = spot.shown_temporary();
    let reason = format!("{temporary} holds what somebody else had saved, and the file has been changed again since");
    let (temporary, path) = (quoted(&temporary), quoted(&spot.root.shown(&spot.site.path)));
    Trouble::new(&spot.what, reason).with_hint(format!("diff -u {temporary} {path}; rm {temporary}"))
}

#[cfg(test)]
mod tests;
