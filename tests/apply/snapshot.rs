//! All that can be said of every path below a directory, and how two such pictures differ.

use crate::support::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Where gtune keeps its own state: no part of the host it looks after.
const OWN: &str = "var/lib/gtune";

/// The directory that holds it: its time stamp moves when gtune first runs.
const ABOVE_OWN: &str = "var/lib";

/// What tells the next gtune that one is at work, and which: signed anew each time, and of no meaning afterwards.
const LOCK: &str = "var/lib/gtune/lock";

/// A picture of a tree.
#[derive(Debug, Clone)]
pub struct Snapshot(BTreeMap<PathBuf, Entry>);

/// What is at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is and what it holds.
    pub kind: Kind,
    /// Permission bits, user, group.
    pub rights: (u32, u32, u32),
    /// Inode number and the time of the last modification, which move when somebody writes.
    touched: (u64, i64, i64),
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file, with its bytes.
    File(Vec<u8>),
    /// A symbolic link, with its text.
    Link(PathBuf),
    /// A FIFO, a socket, a device.
    Other,
}

/// How closely two pictures are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closely {
    /// Bytes, kinds, permission bits, owners: what a rollback restores.
    Restored,
    /// Also inodes and time stamps: what only an untouched tree keeps.
    Untouched,
}

impl Snapshot {
    /// The tree without gtune's own state.
    pub fn of(root: &Path) -> Result<Self> {
        let mut whole = Self::whole(root)?;
        whole.0.retain(|path, _| !path.starts_with(OWN));
        Ok(whole)
    }

    /// The tree with gtune's own state, its lock apart.
    pub fn whole(root: &Path) -> Result<Self> {
        let mut entries = BTreeMap::new();
        gather(root, Path::new(""), &mut entries).map_err(|e| format!("cannot read {}: {e}", root.display()))?;
        entries.remove(Path::new(LOCK));
        Ok(Self(entries))
    }

    /// What is at each path.
    pub fn entries(&self) -> &BTreeMap<PathBuf, Entry> {
        &self.0
    }

    /// What is at a path.
    pub fn get(&self, path: impl AsRef<Path>) -> Option<&Entry> {
        self.0.get(path.as_ref())
    }

    /// The differences from what was before to this one, a line each; none where they are the same.
    pub fn differences(&self, before: &Self, closely: Closely) -> Vec<String> {
        let paths: BTreeSet<&PathBuf> = self.0.keys().chain(before.0.keys()).collect();
        let lines = paths.into_iter().filter_map(|path| {
            let told = match (before.0.get(path), self.0.get(path)) {
                (Some(old), Some(new)) => old.difference(new, closely, path == Path::new(ABOVE_OWN))?,
                (Some(_), None) => "is gone".to_owned(),
                (None, _) => "is new".to_owned(),
            };
            Some(format!("{} {told}", path.display()))
        });
        lines.collect()
    }

    /// An error that shows the differences, where there are any.
    pub fn must_be(&self, before: &Self, closely: Closely) -> Result {
        match self.differences(before, closely) {
            none if none.is_empty() => Ok(()),
            some => Err(format!("the tree is not what it was:\n  {}", some.join("\n  ")).into()),
        }
    }
}

impl Entry {
    fn read(path: &Path) -> std::io::Result<Self> {
        let status = fs::symlink_metadata(path)?;
        let kind = match status.file_type() {
            kind if kind.is_dir() => Kind::Directory,
            kind if kind.is_symlink() => Kind::Link(fs::read_link(path)?),
            kind if kind.is_fifo() || kind.is_socket() || !kind.is_file() => Kind::Other,
            _ => Kind::File(fs::read(path)?),
        };
        Ok(Self {
            kind,
            rights: (status.mode() & 0o7777, status.uid(), status.gid()),
            touched: (status.ino(), status.mtime(), status.mtime_nsec()),
        })
    }

    fn difference(&self, new: &Self, closely: Closely, stamps_may_move: bool) -> Option<String> {
        if self.kind != new.kind {
            return Some(self.kind.difference(&new.kind));
        }
        if self.rights != new.rights {
            let told = |(mode, uid, gid): (u32, u32, u32)| format!("{mode:04o} {uid}:{gid}");
            return Some(format!("had {}, has {}", told(self.rights), told(new.rights)));
        }
        let moved = closely == Closely::Untouched && self.touched != new.touched && !stamps_may_move;
        moved.then(|| format!("was touched (inode, seconds, nanoseconds): {:?}, {:?}", self.touched, new.touched))
    }
}

impl Kind {
    fn difference(&self, new: &Self) -> String {
        match (self, new) {
            (Self::File(old), Self::File(new)) => {
                let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
                let from = old[..same].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
                format!("differs from byte {same} on: had {}, has {}", excerpt(&old[from..]), excerpt(&new[from..]))
            }
            (old, new) => format!("was {}, is {}", old.told(), new.told()),
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Directory => "a directory".to_owned(),
            Self::File(bytes) => format!("a file, {}", excerpt(bytes)),
            Self::Link(text) => format!("a link to {}", text.display()),
            Self::Other => "something else".to_owned(),
        }
    }
}

/// As much as one wants to read in a failure.
fn excerpt(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]))
}

fn gather(root: &Path, below: &Path, entries: &mut BTreeMap<PathBuf, Entry>) -> std::io::Result<()> {
    let path = if below.as_os_str().as_bytes().is_empty() { root.to_owned() } else { root.join(below) };
    let entry = Entry::read(&path)?;
    let is_directory = entry.kind == Kind::Directory;
    entries.insert(below.to_owned(), entry);
    if is_directory {
        for child in fs::read_dir(&path)? {
            gather(root, &below.join(child?.file_name()), entries)?;
        }
    }
    Ok(())
}
