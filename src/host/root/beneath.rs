//! Opening a path beneath a directory: the directory is `/` for absolute links and for `..`.
//!
//! openat2(2) of Linux 5.6 does this in the kernel. Where it is not there, or a seccomp filter does not know it, the
//! path is walked component by component; both give the same answers.

mod walk;

pub use walk::{Passed, Site};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use walk::Walk;

/// openat2(2) gives up with EAGAIN when a rename crosses a `..`; one that fails this often is being raced on purpose.
const MOST_TRIES: usize = 64;

const HANDLE: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// What to do where the last component is a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// Go where it leads.
    Followed,
    /// Open the link itself.
    Itself,
}

/// How paths are resolved on this kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Kernel,
    Walk,
}

/// A directory that paths are resolved beneath.
#[derive(Debug)]
pub struct Beneath {
    directory: OwnedFd,
    by: By,
}

impl Beneath {
    /// Resolves beneath this directory, by openat2(2) where the kernel lets gtune use it.
    pub fn of(directory: OwnedFd) -> Self {
        let tried = by_kernel(directory.as_fd(), "/", Last::Followed, HANDLE);
        // ENOSYS: before Linux 5.6. EPERM: filters written before that, such as those of old container runtimes.
        let by = if matches!(tried, Err(Errno::ENOSYS | Errno::EPERM)) { By::Walk } else { By::Kernel };
        Self { directory, by }
    }

    /// The same, without openat2(2).
    #[cfg(test)]
    pub fn walking(self) -> Self {
        Self { by: By::Walk, ..self }
    }

    /// The directory.
    pub fn handle(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Finds the directory that a path ends in and the name it has there, which need not be there itself.
    pub fn site(&self, path: &str, last: Last) -> Result<Site, Errno> {
        // By the walk on every kernel: openat2(2) does not tell which directories it went through.
        Walk::new(self.handle(), path, last)?.site()
    }

    /// Opens a path; relative ones count from the directory too.
    pub fn open(&self, path: &str, last: Last, flags: OFlag) -> Result<OwnedFd, Errno> {
        match self.by {
            By::Kernel => by_kernel(self.handle(), path, last, flags),
            By::Walk => Walk::new(self.handle(), path, last)?.run(flags),
        }
    }
}

fn by_kernel(directory: BorrowedFd<'_>, path: &str, last: Last, flags: OFlag) -> Result<OwnedFd, Errno> {
    let nofollow = if last == Last::Itself { OFlag::O_NOFOLLOW } else { OFlag::empty() };
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(flags | nofollow).resolve(resolve);
    for _ in 0..MOST_TRIES {
        match openat2(directory, path, how) {
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            other => return other,
        }
    }
    Err(Errno::EAGAIN)
}
