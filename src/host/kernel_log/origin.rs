//! A source that the operator named: a file, a pipe, standard input, the live buffer.

use super::{Reading, Search, Unread, file, kmsg, stored};
use crate::host::{printable, told};
use crate::kernel_log::Sink;
use nix::sys::stat::{major, minor};
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

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
    if status.file_type().is_char_device() && is_device(&status, 1, 11) {
        return kmsg::at(path, name, sink);
    }
    if status.is_dir() {
        return Err(Unread::new(name, "is a directory").hint(format!("gtune oom {name}/*")));
    }
    if status.file_type().is_socket() {
        return Err(Unread::new(name, "is a socket"));
    }
    if is_proc_kmsg(path, &status) {
        // Each line is handed out once, to whoever comes first (proc(5)): the logger would miss it.
        return Err(
            Unread::new(name, "reading it would take the messages away from the logger").hint("gtune oom /dev/kmsg")
        );
    }
    let file = File::open(path).map_err(|error| refused(name, &error, Some(&status)))?;
    let is_other_device = status.file_type().is_block_device() || status.file_type().is_char_device();
    if is_other_device && !file.is_terminal() && !is_device(&status, 1, 3) {
        return Err(Unread::new(name, "is a device, not a log"));
    }
    file::read(name, file, search, sink)
}

fn standard_input(search: &Search, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    let name = "standard input";
    let handle = io::stdin().as_fd().try_clone_to_owned().map_err(|error| Unread::system(name, &error))?;
    file::read(name, File::from(handle), search, sink)
}

fn is_device(status: &Metadata, number: u64, unit: u64) -> bool {
    (major(status.rdev()), minor(status.rdev())) == (number, unit)
}

fn is_proc_kmsg(path: &Path, status: &Metadata) -> bool {
    let is_of_proc = || statfs(path).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC);
    let name = path.canonicalize().ok();
    status.is_file() && status.len() == 0 && name.is_some_and(|name| name.ends_with("kmsg")) && is_of_proc()
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
