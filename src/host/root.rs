//! A root directory, and the only way to read configuration below it: resolved beneath a directory handle, so that no
//! link, swapped directory, FIFO or device can lead gtune elsewhere or make it wait.

mod beneath;
#[cfg(test)]
mod tests;

use crate::facts::{Fact, Reason};
use crate::host::words;
use crate::units::Bytes;
use beneath::Beneath;
pub use beneath::{Last, Passed, Site};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, major, minor};
use nix::sys::statfs::{self, FsType, fstatfs};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, absolute};

/// Files larger than this are not configuration; the largest real fstab seen had 10,000 lines, below 1 MiB.
pub const LARGEST_CONFIGURATION: u64 = 4 << 20;

/// Directories with more names than this hold no configuration; `/usr/lib/systemd/system` of a full desktop has some
/// 600.
pub const LARGEST_DIRECTORY: usize = 65_536;

/// A directory handle that is only for resolving paths: opening it reads nothing and triggers nothing (open(2)).
const HANDLE: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);

/// Opening for reading that neither waits for the far end of a FIFO nor takes a terminal.
const READ: OFlag = OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// File systems whose files the kernel makes up. Reading some of them has effects: `/proc/kmsg` hands each line out
/// once, so a link to it in a foreign root must not be read as if it were configuration.
const MADE_BY_KERNEL: [FsType; 7] = [
    statfs::PROC_SUPER_MAGIC,
    statfs::SYSFS_MAGIC,
    statfs::DEBUGFS_MAGIC,
    statfs::TRACEFS_MAGIC,
    statfs::SECURITYFS_MAGIC,
    statfs::CGROUP_SUPER_MAGIC,
    statfs::CGROUP2_SUPER_MAGIC,
];

/// A directory that is judged as a host: `/`, an image below `--root`, or the root of another process.
#[derive(Debug)]
pub struct Root {
    beneath: Beneath,
    shown_as: String,
    live: bool,
}

impl Root {
    /// Opens a directory as a root. It keeps its absolute name, so that commands and scripts that name it mean the same
    /// from anywhere.
    ///
    /// # Errors
    /// What open(2) says: it is not there, no directory, or may not be entered.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let directory = &absolute(directory)?;
        let handle = open(directory, HANDLE | OFlag::O_DIRECTORY, Mode::empty())?;
        // By name and not by inode: `/proc/812/root` may be the same directory with other mounts on it.
        let live = directory == Path::new("/");
        let shown_as = if live { String::new() } else { without_end_slash(&directory.to_string_lossy()) };
        Ok(Self { beneath: Beneath::of(handle), shown_as, live })
    }

    /// The root directory of another process, from a handle on its `/proc/<pid>` directory.
    ///
    /// # Errors
    /// `EACCES` without the right to trace the process (ptrace(2)), `ENOENT` where it has ended.
    pub fn of_process(process: BorrowedFd<'_>, shown_as: &str) -> io::Result<Self> {
        let handle = openat(process, "root", HANDLE | OFlag::O_DIRECTORY, Mode::empty())?;
        Ok(Self { beneath: Beneath::of(handle), shown_as: without_end_slash(shown_as), live: false })
    }

    /// Whether this is the live host's own `/`. The root of another process never is.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// The absolute name of the root, links in it as the operator wrote them; `/` for the live host.
    pub fn name(&self) -> &str {
        if self.shown_as.is_empty() { "/" } else { &self.shown_as }
    }

    /// Why what only a running kernel knows cannot be told of this root.
    pub fn no_live_kernel(&self) -> String {
        format!("only a live kernel can tell, and {} is an image", self.name())
    }

    /// A path below the root as the operator knows it: `DIR/etc/fstab`. Control characters are written as escapes, so
    /// that a hostile name cannot reach the terminal.
    pub fn shown(&self, path: &str) -> String {
        let slash = if path.starts_with('/') { "" } else { "/" };
        printable(&format!("{}{slash}{path}", self.shown_as))
    }

    /// The bytes of a regular file, at most `LARGEST_CONFIGURATION`; links are followed beneath the root only.
    ///
    /// A file that only the kernel makes up is read where `path` itself names `/proc` or `/sys`, and refused where a
    /// link leads there.
    pub fn read(&self, path: &str) -> Fact<Vec<u8>> {
        let names_kernel_file = path.starts_with("/proc/") || path.starts_with("/sys/");
        if names_kernel_file { self.fact(path, self.whole(path)) } else { self.read_stored(path) }
    }

    /// The same for a path that another names, such as the command line of a process: a file that the kernel makes up is
    /// refused whatever leads there, for `/proc/kmsg` would be emptied by who reads it.
    pub fn read_stored(&self, path: &str) -> Fact<Vec<u8>> {
        let stored = self.regular(path).and_then(|handle| match is_made_by_kernel(&handle) {
            true => Err(Trouble::MadeByKernel),
            false => self.content(path, &handle),
        });
        self.fact(path, stored)
    }

    /// A regular file of any size, open for reading at its beginning; one that the kernel makes up is refused.
    pub fn open_stored(&self, path: &str) -> Fact<File> {
        let opened = self.open_beneath(path).and_then(|handle| {
            let kind = SFlag::from_bits_truncate(fstat(&handle)?.st_mode & SFlag::S_IFMT.bits());
            match kind {
                SFlag::S_IFREG if is_made_by_kernel(&handle) => Err(Trouble::MadeByKernel),
                SFlag::S_IFREG => Ok(File::from(self.reopen(path, &handle)?)),
                other => Err(Trouble::NotRegular(other)),
            }
        });
        self.fact(path, opened)
    }

    /// Names in a directory, sorted by bytes; names that are not UTF-8 are left out.
    pub fn list(&self, directory: &str) -> Fact<Vec<String>> {
        self.list_those(directory, |_| true)
    }

    /// The same, of those names alone that are asked for: however many others there are.
    pub fn list_those(&self, directory: &str, asked: impl Fn(&str) -> bool) -> Fact<Vec<String>> {
        self.fact(directory, self.names(directory, asked))
    }

    /// What stat(2) says, links followed beneath the root.
    pub fn stat(&self, path: &str) -> Fact<FileStat> {
        self.fact(path, self.open_beneath(path).and_then(|handle| Ok(fstat(handle)?)))
    }

    /// The text of a symbolic link itself; absent where the path is no link.
    pub fn link(&self, path: &str) -> Fact<String> {
        let text = self.beneath.open(path.trim_end_matches('/'), Last::Itself, HANDLE).and_then(|handle| {
            let text = readlinkat(&handle, "")?;
            text.into_string().map_err(|_| Errno::EILSEQ)
        });
        match text {
            // readlinkat(2) with an empty path says ENOENT for what is no link, and EINVAL for older kernels.
            Err(Errno::EINVAL) => Fact::Absent,
            other => self.fact(path, other.map_err(Trouble::from)),
        }
    }

    /// Where a symbolic link points, as a plain path below the root. By its text alone: whether anything is there, and
    /// whether a directory on the way is a link too, is not looked at.
    pub fn link_target(&self, path: &str) -> Fact<String> {
        self.link(path).map(|text| plain_path(path, &text))
    }

    /// A handle (`O_PATH`) on whatever the path leads to, for fstatfs(2) and the like.
    pub fn open_handle(&self, path: &str) -> Fact<OwnedFd> {
        self.fact(path, self.open_beneath(path))
    }

    /// The directory that a path ends in, pinned, and the name it has there. Nothing need be at that name.
    ///
    /// # Errors
    /// `ENOENT` and `ENOTDIR` where that directory is not there, and what else open(2) says of those on the way.
    pub fn site(&self, path: &str, last: Last) -> Result<Site, Errno> {
        let plain = path.trim_end_matches('/');
        self.beneath.site(if plain.is_empty() { "/" } else { plain }, last)
    }

    /// Why the system did not let gtune look at a path, as a clause that names it.
    pub fn reason(&self, path: &str, errno: Errno) -> Reason {
        Trouble::System(errno).reason(&self.shown(path))
    }

    /// Whether the path leads to `/dev/null`: how systemd masks a unit or a file of the same name. In an image the
    /// device need not be there; then the text of the link tells.
    pub fn is_null(&self, path: &str) -> bool {
        let leads_to_null = self.link_target(path).known().is_some_and(|target| target == "/dev/null");
        leads_to_null || self.stat(path).known().is_some_and(is_null_device)
    }

    fn open_beneath(&self, path: &str) -> Result<OwnedFd, Trouble> {
        Ok(self.beneath.open(path, Last::Followed, HANDLE)?)
    }

    fn whole(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        self.content(path, &self.regular(path)?)
    }

    fn regular(&self, path: &str) -> Result<OwnedFd, Trouble> {
        let handle = self.open_beneath(path)?;
        let stat = fstat(&handle)?;
        let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
        if kind != SFlag::S_IFREG {
            return Err(Trouble::NotRegular(kind));
        }
        if stat.st_size as u64 > LARGEST_CONFIGURATION {
            return Err(Trouble::TooLarge(stat.st_size as u64));
        }
        Ok(handle)
    }

    /// Reads what a handle stands for. The bound holds also for a file that grows meanwhile, and for those of `/proc`,
    /// which all say they are empty.
    fn content(&self, path: &str, handle: &OwnedFd) -> Result<Vec<u8>, Trouble> {
        let mut content = Vec::new();
        let mut file = File::from(self.reopen(path, handle)?).take(LARGEST_CONFIGURATION + 1);
        file.read_to_end(&mut content).map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(0)))?;
        if content.len() as u64 > LARGEST_CONFIGURATION {
            return Err(Trouble::TooLarge(content.len() as u64));
        }
        Ok(content)
    }

    /// Opens for reading the very file the handle stands for. Through `/proc` nothing can come between; where `/proc`
    /// is not mounted, the path is resolved again and the file compared.
    fn reopen(&self, path: &str, handle: &OwnedFd) -> Result<OwnedFd, Trouble> {
        let again = match open(format!("/proc/self/fd/{}", handle.as_raw_fd()).as_str(), READ, Mode::empty()) {
            Err(Errno::ENOENT) => self.beneath.open(path, Last::Followed, READ)?,
            other => other?,
        };
        let (first, second) = (fstat(handle)?, fstat(&again)?);
        if (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino) { Ok(again) } else { Err(Trouble::Replaced) }
    }

    fn names(&self, directory: &str, asked: impl Fn(&str) -> bool) -> Result<Vec<String>, Trouble> {
        let handle = self.open_beneath(directory)?;
        let mut listing = Dir::openat(&handle, ".", READ | OFlag::O_DIRECTORY, Mode::empty())?;
        let mut names = Vec::new();
        for entry in listing.iter() {
            let Ok(name) = entry?.file_name().to_str().map(str::to_owned) else { continue };
            if names.len() > LARGEST_DIRECTORY {
                return Err(Trouble::TooManyNames);
            }
            if name != "." && name != ".." && asked(&name) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn fact<T>(&self, path: &str, outcome: Result<T, Trouble>) -> Fact<T> {
        match outcome {
            Ok(value) => Fact::Known(value),
            // EOPNOTSUPP comes from kernel files whose feature is switched off, such as /proc/pressure with psi=0.
            Err(Trouble::System(Errno::ENOENT | Errno::ENOTDIR | Errno::EOPNOTSUPP)) => Fact::Absent,
            Err(trouble) => Fact::Unreadable(trouble.reason(&self.shown(path))),
        }
    }
}

fn without_end_slash(directory: &str) -> String {
    directory.trim_end_matches('/').to_owned()
}

/// Text without control characters, for what others may have named.
pub fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Whether a handle stands for a file that the kernel makes up, such as those of `/proc`.
pub fn is_made_by_kernel(handle: &OwnedFd) -> bool {
    fstatfs(handle).is_ok_and(|fs| MADE_BY_KERNEL.contains(&fs.filesystem_type()))
}

fn is_null_device(stat: &FileStat) -> bool {
    // Character device 1:3 is the null device (the kernel's admin-guide/devices.txt).
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFCHR.bits() && (major(stat.st_rdev), minor(stat.st_rdev)) == (1, 3)
}

/// The text of a link at `path` as a plain absolute path.
fn plain_path(path: &str, link: &str) -> String {
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let whole = if link.starts_with('/') { link.to_owned() } else { format!("{directory}/{link}") };
    let mut parts = Vec::new();
    for part in whole.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    format!("/{}", parts.join("/"))
}

/// Why a path could not be read.
enum Trouble {
    System(Errno),
    NotRegular(SFlag),
    TooLarge(u64),
    TooManyNames,
    MadeByKernel,
    Replaced,
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl Trouble {
    /// The clause for a fact, with the path as the operator knows it.
    fn reason(&self, shown: &str) -> Reason {
        Reason::new(match self {
            Self::System(errno) => errno_reason(*errno, shown),
            Self::NotRegular(kind) => format!("not a regular file but {}: {shown}", kind_in_words(*kind)),
            Self::TooLarge(size) => {
                let bound = Bytes(LARGEST_CONFIGURATION);
                format!("too large for configuration: {shown} has {}, the bound is {bound}", Bytes(*size))
            }
            Self::TooManyNames => format!("more than {LARGEST_DIRECTORY} names: {shown}"),
            Self::MadeByKernel => format!("leads to a file of the kernel, not to configuration: {shown}"),
            Self::Replaced => format!("was replaced while it was opened: {shown}"),
        })
    }
}

fn errno_reason(errno: Errno, shown: &str) -> String {
    match errno {
        Errno::EACCES | Errno::EPERM if !nix::unistd::geteuid().is_root() => {
            format!("permission denied: {shown} (needs root)")
        }
        Errno::EACCES | Errno::EPERM => format!("permission denied: {shown}"),
        Errno::ELOOP => format!("too many symbolic links: {shown}"),
        Errno::EILSEQ => format!("not UTF-8: {shown}"),
        Errno::EAGAIN => format!("the path keeps changing, or has nothing to read: {shown}"),
        Errno::UnknownErrno => format!("cannot be read: {shown}"),
        other => format!("{}: {shown}", words(other)),
    }
}

/// What a file of a kind is called.
pub fn kind_in_words(kind: SFlag) -> &'static str {
    match kind {
        SFlag::S_IFDIR => "a directory",
        SFlag::S_IFIFO => "a FIFO",
        SFlag::S_IFSOCK => "a socket",
        SFlag::S_IFCHR | SFlag::S_IFBLK => "a device",
        SFlag::S_IFREG => "a regular file",
        SFlag::S_IFLNK => "a symbolic link",
        _ => "something else",
    }
}
