//! One look at a name in a directory, links not followed: what it is, and all of it that a change would have to restore.

use super::attributes::attributes;
use crate::host::Root;
use crate::host::root::{LARGEST_CONFIGURATION, is_made_by_kernel, kind_in_words};
use crate::plan::{Content, DirectoryImage, FileImage, Owner};
use crate::units::{DeviceId, FileId};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::{getegid, geteuid};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const HANDLE: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Reading that neither waits for the far end of a FIFO nor takes a terminal.
const READ: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_NOFOLLOW).union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// A name that is given to another file between two looks so often is being raced on purpose.
const MOST_TRIES: usize = 16;

/// What is at a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing.
    Nothing,
    /// A regular file.
    File(SeenFile),
    /// A directory.
    Directory(DirectoryImage),
    /// Something else: `a FIFO`, `a symbolic link`.
    Else(&'static str),
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFile {
    /// All that a change would have to restore.
    pub image: FileImage,
    /// Which file it is.
    pub id: FileId,
    /// How many names it has.
    pub names: u64,
}

/// Looks at a name in a directory. A link is seen itself.
///
/// # Errors
/// What open(2) and read(2) say; `EFBIG` for a file too large for configuration, `EAGAIN` where the name keeps changing.
pub fn look(root: &Root, directory: BorrowedFd<'_>, name: &OsStr) -> Result<Seen, Errno> {
    for _ in 0..MOST_TRIES {
        let handle = match openat(directory, name, HANDLE, Mode::empty()) {
            Err(Errno::ENOENT) => return Ok(Seen::Nothing),
            other => other?,
        };
        let stat = fstat(&handle)?;
        match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
            // Reading some of these has effects: `/proc/kmsg` hands each line out once.
            SFlag::S_IFREG if is_made_by_kernel(&handle) => return Ok(Seen::Else("a file of the kernel")),
            SFlag::S_IFREG => {}
            SFlag::S_IFDIR => return Ok(Seen::Directory(directory_image(root, &stat))),
            other => return Ok(Seen::Else(kind_in_words(other))),
        }
        if stat.st_size as u64 > LARGEST_CONFIGURATION {
            return Err(Errno::EFBIG);
        }
        match openat(directory, name, READ, Mode::empty()) {
            Ok(file) if id(&fstat(&file)?) == id(&stat) => return read(root, file).map(Seen::File),
            // Replaced between the two, or by a link (ELOOP) or nothing.
            Ok(_) | Err(Errno::ENOENT | Errno::ELOOP | Errno::ENXIO) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::EAGAIN)
}

fn read(root: &Root, file: OwnedFd) -> Result<SeenFile, Errno> {
    let attributes = attributes(file.as_fd())?;
    let mut content = Vec::new();
    let mut file = File::from(file);
    let read = (&mut file).take(LARGEST_CONFIGURATION + 1).read_to_end(&mut content);
    read.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
    if content.len() as u64 > LARGEST_CONFIGURATION {
        return Err(Errno::EFBIG);
    }
    // After reading, so that a change of mode or owner meanwhile is not missed.
    let stat = fstat(&file)?;
    let owner = owner(root, &stat);
    let image = FileImage { content: Content(content), mode: stat.st_mode & 0o7777, owner, attributes };
    Ok(SeenFile { image, id: id(&stat), names: stat.st_nlink })
}

/// What makes a file the same file.
pub fn id(stat: &FileStat) -> FileId {
    FileId { device: DeviceId(stat.st_dev), inode: stat.st_ino }
}

fn directory_image(root: &Root, stat: &FileStat) -> DirectoryImage {
    DirectoryImage { mode: stat.st_mode & 0o7777, owner: owner(root, stat) }
}

/// Whose a file counts as. In an image that somebody without root's rights builds, what is theirs stands for root's, as
/// under fakeroot(1): they can make no file that is root's, and the same plan must fit the same image.
fn owner(root: &Root, stat: &FileStat) -> Owner {
    let seen = Owner { uid: stat.st_uid, gid: stat.st_gid };
    if seen == on_disk(root, Owner::ROOT) { Owner::ROOT } else { seen }
}

/// The owner a file must be given so that it counts as this one's.
pub fn on_disk(root: &Root, owner: Owner) -> Owner {
    if owner == Owner::ROOT && !root.is_live() && !geteuid().is_root() {
        Owner { uid: geteuid().as_raw(), gid: getegid().as_raw() }
    } else {
        owner
    }
}
