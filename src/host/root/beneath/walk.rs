//! Walking a path component by component, as path_resolution(7) has it.

use super::{HANDLE, Last};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::libc::S_IFMT;
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// As many links as the kernel follows in one path (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// A name in a directory. The directory is pinned: whatever others rename, the name is looked up in that one.
#[derive(Debug)]
pub struct Site {
    /// The directory (`O_PATH`).
    pub directory: OwnedFd,
    /// The name in it; `.` for the root itself.
    pub name: OsString,
    /// Where that is below the root, with all links followed.
    pub path: String,
    /// The directories the path went through, the root first, also those that only a link lay in.
    pub passed: Vec<Passed>,
}

/// A directory that a path went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Its path below the root.
    pub path: String,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// `st_mode`.
    pub mode: u32,
}

/// One walk along a path.
pub struct Walk<'a> {
    root: BorrowedFd<'a>,
    last: Last,
    /// The directories entered so far. `..` goes back to the one before, so no rename can lead it outside.
    entered: Vec<Entered>,
    /// Components still to go, the next one at the end.
    ahead: Vec<OsString>,
    links: usize,
    /// Every directory that was entered, also those that only a link lay in.
    passed: Vec<Passed>,
}

/// A directory on the way.
struct Entered {
    name: OsString,
    handle: OwnedFd,
}

impl<'a> Walk<'a> {
    pub fn new(root: BorrowedFd<'a>, path: &str, last: Last) -> Result<Self, Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let mut walk = Self { root, last, entered: Vec::new(), ahead: Vec::new(), links: 0, passed: Vec::new() };
        walk.go_along(OsStr::new(path));
        Ok(walk)
    }

    /// Puts the components of a path before those still to go. A slash at the end asks for a directory, as `.` does.
    fn go_along(&mut self, path: &OsStr) {
        let bytes = path.as_bytes();
        if bytes.starts_with(b"/") {
            self.entered.clear();
        }
        if bytes.ends_with(b"/") {
            self.ahead.push(".".into());
        }
        let components = bytes.split(|b| *b == b'/').filter(|part| !part.is_empty());
        self.ahead.extend(components.rev().map(|part| OsString::from_vec(part.to_vec())));
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.entered.last().map_or(self.root, |directory| directory.handle.as_fd())
    }

    /// Opens what the path leads to.
    pub fn run(mut self, flags: OFlag) -> Result<OwnedFd, Errno> {
        while let Some(name) = self.ahead.pop() {
            match name.as_bytes() {
                b"." => {}
                b".." => drop(self.entered.pop()),
                _ => {
                    if let Some(found) = self.step(&name, flags)? {
                        return Ok(found);
                    }
                }
            }
        }
        openat(self.here(), ".", flags, Mode::empty())
    }

    /// Takes one component; gives the handle where it was the last one.
    fn step(&mut self, name: &OsStr, flags: OFlag) -> Result<Option<OwnedFd>, Errno> {
        let handle = openat(self.here(), name, HANDLE, Mode::empty())?;
        let kind = SFlag::from_bits_truncate(fstat(&handle)?.st_mode & S_IFMT);
        let is_last = self.ahead.is_empty();
        if kind == SFlag::S_IFLNK && !(is_last && self.last == Last::Itself) {
            self.follow(&handle)?;
        } else if is_last {
            return self.arrive(handle, name, flags).map(Some);
        } else if kind == SFlag::S_IFDIR {
            self.entered.push(Entered { name: name.to_owned(), handle });
        } else {
            return Err(Errno::ENOTDIR);
        }
        Ok(None)
    }

    /// The directory and the name that the path ends in.
    pub fn site(mut self) -> Result<Site, Errno> {
        self.note(&fstat(self.root)?);
        while let Some(name) = self.ahead.pop() {
            match name.as_bytes() {
                b"." => {}
                b".." => drop(self.entered.pop()),
                _ if self.goes_on(&name)? => {}
                _ => return self.end_at(name),
            }
        }
        let last = self.entered.pop().map_or_else(|| ".".into(), |last| last.name);
        self.end_at(last)
    }

    /// Enters a directory or follows a link; false where the path ends at this name.
    fn goes_on(&mut self, name: &OsStr) -> Result<bool, Errno> {
        let is_last = self.ahead.is_empty();
        let handle = match openat(self.here(), name, HANDLE, Mode::empty()) {
            Err(Errno::ENOENT) if is_last => return Ok(false),
            other => other?,
        };
        let stat = fstat(&handle)?;
        match SFlag::from_bits_truncate(stat.st_mode & S_IFMT) {
            SFlag::S_IFLNK if !is_last || self.last == Last::Followed => self.follow(&handle)?,
            _ if is_last => return Ok(false),
            SFlag::S_IFDIR => {
                self.entered.push(Entered { name: name.to_owned(), handle });
                self.note(&stat);
            }
            _ => return Err(Errno::ENOTDIR),
        }
        Ok(true)
    }

    fn note(&mut self, stat: &FileStat) {
        self.passed.push(Passed { path: self.path(None), uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode });
    }

    fn end_at(self, name: OsString) -> Result<Site, Errno> {
        let directory = self.here().try_clone_to_owned().map_err(|_| Errno::EMFILE)?;
        let path = if name == "." { "/".to_owned() } else { self.path(Some(&name)) };
        Ok(Site { directory, name, path, passed: self.passed })
    }

    /// The plain path of the directory the walk is in, or of a name there.
    fn path(&self, name: Option<&OsStr>) -> String {
        let names = self.entered.iter().map(|entered| entered.name.as_os_str()).chain(name);
        let path: String = names.map(|name| format!("/{}", name.to_string_lossy())).collect();
        if path.is_empty() { "/".to_owned() } else { path }
    }

    fn follow(&mut self, link: &OwnedFd) -> Result<(), Errno> {
        self.links += 1;
        let target = readlinkat(link, "")?;
        if self.links > MOST_LINKS || is_magic(link, &target) {
            return Err(Errno::ELOOP);
        }
        self.go_along(&target);
        Ok(())
    }

    fn arrive(&self, handle: OwnedFd, name: &OsStr, flags: OFlag) -> Result<OwnedFd, Errno> {
        if flags.contains(OFlag::O_PATH) {
            return Ok(handle);
        }
        openat(self.here(), name, flags | OFlag::O_NOFOLLOW, Mode::empty())
    }
}

/// Whether a link is one of those of `/proc/<pid>` that lead straight to a file (symlink(7)). The plain ones there,
/// such as `/proc/self` and `/proc/mounts`, all begin with `self` or a process number.
fn is_magic(link: &OwnedFd, target: &OsStr) -> bool {
    let plain = target.as_bytes().starts_with(b"self") || target.as_bytes().first().is_some_and(u8::is_ascii_digit);
    !plain && fstatfs(link).is_ok_and(|s| s.filesystem_type() == PROC_SUPER_MAGIC)
}
