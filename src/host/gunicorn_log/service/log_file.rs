//! One file of a log, and how it is opened.

use super::held::Held;
use crate::facts::{Fact, Reason};
use crate::host::Root;
use crate::host::log_source::{Unread, who_may};
use crate::units::{DeviceId, FileId};
use jiff::Timestamp;
use nix::sys::stat::{FileStat, SFlag};
use std::fs::File;
use std::sync::Arc;

/// What a compressed log is of its text, at most: access lines are much alike.
const PACKED: u64 = 8;

/// What makes a file the same file.
pub fn file_id(status: &FileStat) -> FileId {
    FileId { device: DeviceId(status.st_dev), inode: status.st_ino }
}

/// One file of a log.
#[derive(Debug, Clone)]
pub struct LogFile {
    /// Its path as the operator knows it.
    pub name: String,
    /// When it was written last.
    pub written: Timestamp,
    /// Its size.
    pub bytes: u64,
    place: Place,
    id: FileId,
    mode: u32,
    group: u32,
}

/// Where a file is found.
#[derive(Debug, Clone)]
pub enum Place {
    /// Below the host's root.
    Host(String),
    /// Below the root of the service, which is another: a container, or a unit with files of its own.
    Inside(Arc<Root>, String),
    /// Nowhere any more: it is deleted, and held open.
    Held(Arc<Held>),
}

impl LogFile {
    /// A path below a root, where a regular file is.
    pub fn at(root: &Root, inside: Option<&Arc<Root>>, path: &str) -> Fact<Self> {
        let of = inside.map_or(root, Arc::as_ref);
        let place = match inside {
            Some(inside) => Place::Inside(Arc::clone(inside), path.to_owned()),
            None => Place::Host(path.to_owned()),
        };
        let name = of.shown(path);
        of.stat(path).and_then(|status| Self::of(name.clone(), &status, place).into())
    }

    /// Of what stat(2) says; none where it is no regular file.
    pub fn of(name: String, status: &FileStat, place: Place) -> Option<Self> {
        let is_regular = status.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits();
        let written = Timestamp::new(status.st_mtime, i32::try_from(status.st_mtime_nsec).unwrap_or(0)).ok()?;
        is_regular.then(|| Self {
            name,
            written,
            bytes: u64::try_from(status.st_size).unwrap_or(0),
            place,
            id: file_id(status),
            mode: status.st_mode,
            group: status.st_gid,
        })
    }

    /// Whether it lies below another root than the host's.
    pub fn is_inside(&self) -> bool {
        matches!(self.place, Place::Inside(..))
    }

    /// What makes it the same under another name.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// How much text it has, about.
    pub fn text_bytes(&self) -> u64 {
        let is_packed = [".gz", ".xz", ".zst", ".bz2"].iter().any(|end| self.name.ends_with(end));
        if is_packed { self.bytes.saturating_mul(PACKED) } else { self.bytes }
    }

    /// Opens it. What has been put in its place meanwhile is read only where it is a regular file.
    ///
    /// # Errors
    /// Where it cannot be opened, with the group that may.
    pub fn open(&self, root: &Root) -> Result<File, Unread> {
        let (of, path) = match &self.place {
            Place::Host(path) => (root, path),
            Place::Inside(inside, path) => (inside.as_ref(), path),
            Place::Held(held) => return held.open(self.id).map_err(|reason| self.unread(root, reason)),
        };
        match of.open_stored(path) {
            Fact::Known(file) => Ok(file),
            Fact::Absent => Err(Unread::new(&self.name, "it was taken away just now")),
            Fact::Unreadable(reason) => Err(self.unread(of, reason)),
        }
    }

    fn unread(&self, root: &Root, reason: Reason) -> Unread {
        Unread::below_root(&self.name, reason, || {
            let groups = root.read("/etc/group").known().cloned().unwrap_or_default();
            who_may(&groups, self.mode, self.group)
        })
    }
}
