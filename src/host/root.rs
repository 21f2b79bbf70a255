//! A root directory, and the only way to read configuration below it: resolved beneath a directory handle, so that no
//! link, swapped directory, FIFO or device can lead gtune elsewhere or make it wait.

use crate::facts::Fact;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// Files larger than this are not configuration; the largest real fstab seen had 10,000 lines, below 1 MiB.
pub const LARGEST_CONFIGURATION: u64 = 4 << 20;

/// A directory that is judged as a host: `/`, an image below `--root`, or the root of another process.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    shown_as: String,
}

impl Root {
    /// Opens a directory as a root.
    pub fn open(_directory: &Path) -> io::Result<Self> {
        unimplemented!()
    }

    /// The root directory of another process, from a handle on its `/proc/<pid>` directory.
    pub fn of_process(_process: BorrowedFd<'_>, _shown_as: &str) -> io::Result<Self> {
        unimplemented!()
    }

    /// Whether this is the live host's own `/`.
    pub fn is_live(&self) -> bool {
        unimplemented!()
    }

    /// The bytes of a regular file, at most [`LARGEST_CONFIGURATION`]; links are followed beneath the root only.
    pub fn read(&self, _path: &str) -> Fact<Vec<u8>> {
        unimplemented!()
    }

    /// Names in a directory, sorted by bytes; names that are not UTF-8 are left out.
    pub fn list(&self, _directory: &str) -> Fact<Vec<String>> {
        unimplemented!()
    }

    /// What stat(2) says, links followed beneath the root.
    pub fn stat(&self, _path: &str) -> Fact<nix::sys::stat::FileStat> {
        unimplemented!()
    }

    /// The text of a symbolic link itself; absent where the path is no link.
    pub fn link(&self, _path: &str) -> Fact<String> {
        unimplemented!()
    }
}
