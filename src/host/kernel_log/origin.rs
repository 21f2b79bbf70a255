//! A source that the operator named: a file, a pipe, standard input, the live buffer.

use super::{Reading, Search, Unread, file, kmsg, stored};
use crate::host::{printable, told};
use crate::kernel_log::Sink;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, major, minor};
use nix::sys::statfs::{PROC_SUPER_MAGIC, Statfs, fstatfs, statfs};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

const STANDARD_INPUT: &str = "standard input";

/// The null device, which is an empty log.
const NULL: (u64, u64) = (1, 3);

/// Reads what is at a path; `-` is standard input. Pipes are read to their end, however long that takes.
///
/// # Errors
/// Where nothing of it can be read, with what would help.
pub fn named(path: &Path, search: &Search, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    if path == Path::new("-") {
        return standard_input(search, sink);
    }
    let name = &printable(&path.to_string_lossy());
    let status = path.metadata().map_err(|error| refused(name, &error, None))?;
    if kmsg::is_kmsg(status.mode(), status.rdev()) {
        return kmsg::at(path, name, sink);
    }
    if status.file_type().is_socket() {
        return Err(Unread::new(name, "is a socket"));
    }
    let is_proc_kmsg = is_of_kmsg(path, &status) && statfs(path).is_ok_and(|system| is_proc(&system));
    refuse_others(name, &status, is_proc_kmsg, is_terminal(&status)).map_err(|unread| match status.is_dir() {
        true => unread.hint(format!("gtune oom {name}/*")),
        false => unread,
    })?;
    let file = opened(path).map_err(|error| refused(name, &error, Some(&status)))?;
    file::read(name, file, search, sink)
}

/// Standard input is judged as if it had been named: a shell opens anything.
fn standard_input(search: &Search, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    let handle = io::stdin().as_fd().try_clone_to_owned().map_err(|error| Unread::system(STANDARD_INPUT, &error))?;
    handle_of(STANDARD_INPUT, File::from(handle), search, sink)
}

/// Reads what somebody else has opened.
pub(super) fn handle_of(name: &str, file: File, search: &Search, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    let status = file.metadata().map_err(|error| Unread::system(name, &error))?;
    let link = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    if kmsg::is_kmsg(status.mode(), status.rdev()) {
        // Opened anew: the handle waits for the next message where the last was read.
        return kmsg::at(&link, name, sink);
    }
    let is_proc_kmsg = is_of_kmsg(&link, &status) && fstatfs(&file).is_ok_and(|system| is_proc(&system));
    refuse_others(name, &status, is_proc_kmsg, file.is_terminal())?;
    file::read(name, file, search, sink)
}

/// Refuses what is no log before it is opened: that alone has effects with some devices.
fn refuse_others(name: &str, status: &Metadata, is_proc_kmsg: bool, is_terminal: bool) -> Result<(), Unread> {
    let kind = status.file_type();
    if kind.is_dir() {
        return Err(Unread::new(name, "is a directory"));
    }
    if is_proc_kmsg {
        // Each line is handed out once, to whoever comes first (proc(5)): the logger would miss it.
        return Err(
            Unread::new(name, "reading it would take the messages away from the logger").hint("gtune oom /dev/kmsg")
        );
    }
    let is_device = kind.is_block_device() || kind.is_char_device();
    match is_device && !is_terminal && number(status) != NULL {
        true => Err(Unread::new(name, "is a device, not a log")),
        false => Ok(()),
    }
}

/// Opens what was found to be no other device; a terminal does not become that of gtune.
fn opened(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    Ok(File::from(open(path, flags, Mode::empty())?))
}

/// The number of a device (the kernel's admin-guide/devices.txt).
fn number(status: &Metadata) -> (u64, u64) {
    (major(status.rdev()), minor(status.rdev()))
}

/// Whether a device is a console or a terminal of a window. Serial lines are not: opening one may wait for a modem.
fn is_terminal(status: &Metadata) -> bool {
    status.file_type().is_char_device() && matches!(number(status), (4, 0..=63) | (5, 0 | 1) | (136..=143, _))
}

fn is_of_kmsg(path: &Path, status: &Metadata) -> bool {
    let name = path.canonicalize().ok();
    status.is_file() && status.len() == 0 && name.is_some_and(|name| name.ends_with("kmsg"))
}

fn is_proc(system: &Statfs) -> bool {
    system.filesystem_type() == PROC_SUPER_MAGIC
}

/// Why a file cannot be opened, with the group that may where there is one.
fn refused(name: &str, error: &io::Error, status: Option<&Metadata>) -> Unread {
    let unread = Unread::new(name, told(error));
    match (error.kind(), status) {
        (ErrorKind::PermissionDenied, Some(status)) => {
            let groups = std::fs::read("/etc/group").unwrap_or_default();
            unread.hint(stored::who_may(&groups, status.mode(), status.gid()))
        }
        (ErrorKind::PermissionDenied, None) => unread.hint("needs root"),
        _ => unread,
    }
}
