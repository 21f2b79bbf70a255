//! A mount point, held by a handle on the directory above it, so that nobody can put something else in its place between
//! the look and the mount.

use crate::facts::{Mount, mount_by_id};
use crate::host::words;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// No link is followed: where one leads can be changed. `O_PATH` touches nothing and waits for nothing.
const HANDLE: OFlag =
    OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC).union(OFlag::O_NONBLOCK);

/// A directory that something is, or shall be, mounted at.
#[derive(Debug)]
pub(in crate::perform) struct Place {
    path: String,
    parent: OwnedFd,
    name: String,
}

/// What is mounted at a place; the topmost where several are.
#[derive(Debug)]
pub(in crate::perform) struct Mounted {
    /// Its root directory. While it is held, the mount is in use.
    pub directory: OwnedFd,
    /// Its line in mountinfo.
    pub mount: Mount,
}

impl Mounted {
    /// Whether it hides another mount at the same mount point. An automount (systemd.automount(5)) is no other: what it
    /// mounts lies over it.
    pub fn is_over_another(&self) -> Result<bool, Errno> {
        let (mounts, mount) = (mounts()?, &self.mount);
        let below = mount_by_id(&mounts, mount.parent).filter(|_| mount.parent != mount.id);
        Ok(below.is_some_and(|below| below.mount_point == mount.mount_point && below.kind.name() != "autofs"))
    }
}

/// Why a place cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::perform) enum PlaceTrouble {
    /// It is no absolute path of plain names.
    NotPlain,
    /// It, or a directory above it, is not there.
    Missing,
    /// It, or something above it, is a symbolic link or a file.
    NotDirectory,
    /// Anything else.
    System(Errno),
}

impl From<Errno> for PlaceTrouble {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT => Self::Missing,
            // Both O_DIRECTORY and O_NOFOLLOW refuse a link; the first is the one that open(2) speaks of.
            Errno::ENOTDIR | Errno::ELOOP => Self::NotDirectory,
            other => Self::System(other),
        }
    }
}

impl PlaceTrouble {
    /// As a clause.
    pub fn reason(self) -> String {
        match self {
            Self::NotPlain => "it is no absolute path of plain names".to_owned(),
            Self::Missing => "there is no such directory".to_owned(),
            Self::NotDirectory => "it, or something above it, is a symbolic link or no directory".to_owned(),
            Self::System(errno) => words(errno),
        }
    }
}

impl Place {
    /// Walks to it from `/`, one name after the other.
    pub fn hold(path: &str) -> Result<Self, PlaceTrouble> {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
        let Some((name, above)) = names.split_last().filter(|_| path.starts_with('/') && !names.contains(&"..")) else {
            return Err(PlaceTrouble::NotPlain);
        };
        let mut parent = open("/", HANDLE, Mode::empty())?;
        for name in above {
            parent = openat(&parent, *name, HANDLE, Mode::empty())?;
        }
        Ok(Self { path: format!("/{}", names.join("/")), parent, name: (*name).to_owned() })
    }

    /// The directory as it is seen now.
    pub fn open(&self) -> Result<OwnedFd, PlaceTrouble> {
        Ok(openat(&self.parent, self.name.as_str(), HANDLE, Mode::empty())?)
    }

    /// What is mounted there; nothing where it is a directory like others, or is not there.
    pub fn mounted(&self) -> Result<Option<Mounted>, PlaceTrouble> {
        let directory = match self.open() {
            Err(PlaceTrouble::Missing) => return Ok(None),
            other => other?,
        };
        let mount = mount_behind(directory.as_fd())?;
        Ok(mount.filter(|mount| mount.mount_point == self.path).map(|mount| Mounted { directory, mount }))
    }

    /// A path to it for umount2(2), through the handle. A handle on the mount itself would keep it in use.
    pub fn by_parent(&self) -> String {
        format!("{}/{}", by_handle(self.parent.as_fd()), self.name)
    }
}

/// A path to an open directory. Resolving it ends at the directory itself, wherever it has been moved meanwhile.
pub(in crate::perform) fn by_handle(handle: BorrowedFd<'_>) -> String {
    format!("/proc/thread-self/fd/{}", handle.as_raw_fd())
}

/// Whether a directory holds nothing.
pub(in crate::perform) fn is_empty(directory: &OwnedFd) -> Result<bool, Errno> {
    Ok(held(directory)?.is_none())
}

/// What a directory holds, as a clause: `it holds 3 files, first: queue.db`; none where nothing.
pub(in crate::perform) fn held(directory: &OwnedFd) -> Result<Option<String>, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut names = vec![];
    for entry in Dir::openat(directory, ".", flags, Mode::empty())?.iter() {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(held_names(&names))
}

/// Names in a directory as a clause; none where there are none.
pub(in crate::perform) fn held_names(names: &[String]) -> Option<String> {
    let first = names.iter().min()?.escape_debug();
    Some(match names.len() {
        1 => format!("it holds {first}"),
        count => format!("it holds {count} files, first: {first}"),
    })
}

/// All mounts that this thread sees. That of the process would be its first thread's.
pub(in crate::perform) fn mounts() -> Result<Vec<Mount>, Errno> {
    let text = fs::read("/proc/thread-self/mountinfo").map_err(|error| errno_of(&error))?;
    Ok(Mount::parse_all(&text))
}

/// The mount an open file lies on: `mnt_id` of its fdinfo (proc_pid_fdinfo(5), Linux 3.15).
fn mount_behind(handle: BorrowedFd<'_>) -> Result<Option<Mount>, Errno> {
    let path = format!("/proc/thread-self/fdinfo/{}", handle.as_raw_fd());
    let text = fs::read_to_string(path).map_err(|error| errno_of(&error))?;
    let id = text.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    let mounts = mounts()?;
    Ok(id.and_then(|id| mount_by_id(&mounts, id)).cloned())
}

/// The number of an error of the standard library.
pub(in crate::perform) fn errno_of(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_plain_absolute_paths_are_held() {
        for path in ["", "/", "mem", "/srv/../mem", "//", "/."] {
            assert_eq!(Place::hold(path).unwrap_err(), PlaceTrouble::NotPlain, "{path}");
        }
        assert_eq!(Place::hold("//proc/./").unwrap().path, "/proc");
    }

    #[test]
    fn no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        fs::create_dir(path("real")).unwrap();
        fs::create_dir(path("real/mem")).unwrap();
        symlink("real", path("link")).unwrap();
        assert!(Place::hold(&path("real/mem")).unwrap().open().is_ok());
        assert_eq!(Place::hold(&path("link/mem")).unwrap_err(), PlaceTrouble::NotDirectory);
        assert_eq!(Place::hold(&path("link")).unwrap().open().unwrap_err(), PlaceTrouble::NotDirectory);
        assert_eq!(Place::hold(&path("none/mem")).unwrap_err(), PlaceTrouble::Missing);
    }

    #[test]
    fn a_mount_is_seen_and_a_directory_is_none() {
        let proc = Place::hold("/proc").unwrap().mounted().unwrap().unwrap();
        assert_eq!(proc.mount.kind.name(), "proc");
        assert!(Place::hold("/proc/sys/net").unwrap().mounted().unwrap().is_none());
        assert!(Place::hold("/no-such-directory").unwrap().mounted().unwrap().is_none());
    }

    #[test]
    fn a_directory_with_anything_in_it_is_not_empty() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::hold(directory.path().to_str().unwrap()).unwrap();
        assert_eq!(is_empty(&place.open().unwrap()), Ok(true));
        fs::write(directory.path().join(".hidden"), "").unwrap();
        assert_eq!(is_empty(&place.open().unwrap()), Ok(false));
    }
}
