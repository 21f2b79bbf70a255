//! Writing the temporary file: all of it, and its owner, attributes and mode, before it gets its name.

use super::hint::gtune;
use super::refused::errno;
use super::spot::Spot;
use crate::host::Root;
use crate::host::ground::{attributes, id, on_disk};
use crate::plan::{Content, FileImage, Owner, Trouble};
use crate::units::FileId;
use nix::errno::Errno;
use nix::sys::stat::fstat;
use rustix::fs::{Gid, Mode, OFlags, Uid, XattrFlags, fchmod, fchown, fremovexattr, fsetxattr, fsync, openat};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};

/// The access list of a file (acl(5)); a new file gets one from its directory's default without being asked.
const ACCESS_LIST: &str = "system.posix_acl_access";

/// Writes the temporary file and says which file it is. On trouble it is gone again.
pub fn write(spot: &Spot<'_>, image: &FileImage) -> Result<FileId, Trouble> {
    // Nobody else may read it before it has its owner and mode.
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(&spot.site.directory, &spot.temporary, flags, Mode::RUSR | Mode::WUSR).map_err(errno);
    let file = match opened {
        Err(Errno::EEXIST) => {
            let left = format!("an earlier run left {}", spot.shown_temporary());
            return Err(Trouble::new(&spot.what, left).with_hint(gtune(spot.root, "rollback   # settles it")));
        }
        other => other.map_err(|errno| spot.refused(errno))?,
    };
    fill(spot.root, File::from(file), image).map_err(|refusal| {
        // The first trouble is told; a temporary file that cannot be removed either is settled by a rollback.
        let _ = spot.discard();
        spot.refused(refusal)
    })
}

fn fill(root: &Root, mut file: File, image: &FileImage) -> Result<FileId, Errno> {
    file.write_all(&image.content.0).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
    own(root, file.as_fd(), image.owner)?;
    attach(file.as_fd(), &image.attributes)?;
    // After chown(2), which clears the set-id bits, and after the access list, whose mask is the group's bits.
    fchmod(&file, Mode::from_raw_mode(image.mode)).map_err(errno)?;
    fsync(&file).map_err(errno)?;
    Ok(id(&fstat(&file)?))
}

/// Gives a file or directory its owner. One who may not need not where it has the owner already.
pub fn own(root: &Root, file: BorrowedFd<'_>, owner: Owner) -> Result<(), Errno> {
    let (wanted, stat) = (on_disk(root, owner), fstat(file)?);
    if (stat.st_uid, stat.st_gid) == (wanted.uid, wanted.gid) {
        return Ok(());
    }
    fchown(file, Some(Uid::from_raw(wanted.uid)), Some(Gid::from_raw(wanted.gid))).map_err(errno)
}

/// Sets those attributes that the file does not have yet: a security label is often the right one from the start, and
/// setting it again may need a right that gtune has not.
pub fn attach(file: BorrowedFd<'_>, wanted: &BTreeMap<String, Content>) -> Result<(), Errno> {
    let present = attributes(file)?;
    for (name, value) in wanted.iter().filter(|(name, value)| present.get(*name) != Some(value)) {
        fsetxattr(file, name.as_str(), &value.0, XattrFlags::empty()).map_err(errno)?;
    }
    if present.contains_key(ACCESS_LIST) && !wanted.contains_key(ACCESS_LIST) {
        fremovexattr(file, ACCESS_LIST).map_err(errno)?;
    }
    Ok(())
}
