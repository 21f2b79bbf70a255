//! What an operator names: judged before it is opened, which alone has effects with some devices.

use super::{Unread, who_may};
use crate::host::{printable, told};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, major, minor};
use nix::sys::statfs::{PROC_SUPER_MAGIC, Statfs, fstatfs, statfs};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What `-` is called.
pub const STANDARD_INPUT: &str = "standard input";

/// The null device, which is an empty log.
const NULL: (u64, u64) = (1, 3);

/// What hints call the command that reads.
#[derive(Debug, Clone, Copy)]
pub struct Wording {
    /// Reads standard input: `gtune oom -`.
    pub reader: &'static str,
    /// Reads files whose names are put behind it: `gtune oom`.
    pub reads: &'static str,
    /// What it needs of journalctl(1): `-k -o json`.
    pub journal: &'static str,
    /// Reads the kernel's buffer.
    pub kernel: &'static str,
}

/// Opens what is at a path, unless it is no log.
///
/// # Errors
/// Where it is none or may not be opened, with what would help.
pub fn open_named(path: &Path, wording: &Wording) -> Result<File, Unread> {
    let name = &printable(&path.to_string_lossy());
    let status = path.metadata().map_err(|error| refused(name, &error, None))?;
    if status.file_type().is_socket() {
        return Err(Unread::new(name, "is a socket"));
    }
    let is_proc_kmsg = is_of_kmsg(path, &status) && statfs(path).is_ok_and(|system| is_proc(&system));
    refuse_others(name, &status, Odd { is_proc_kmsg, is_terminal: is_terminal(&status) }, wording).map_err(
        |unread| match status.is_dir() {
            true => unread.hint(format!("{} {name}/*", wording.reads)),
            false => unread,
        },
    )?;
    opened(path).map_err(|error| refused(name, &error, Some(&status)))
}

/// Standard input, not judged yet.
///
/// # Errors
/// Where it is closed.
pub fn standard_input() -> Result<File, Unread> {
    let handle = io::stdin().as_fd().try_clone_to_owned().map_err(|error| Unread::system(STANDARD_INPUT, &error))?;
    Ok(File::from(handle))
}

/// Judges what somebody else has opened as if it had been named: a shell opens anything.
///
/// # Errors
/// Where it is no log.
pub fn judge(name: &str, file: &File, wording: &Wording) -> Result<(), Unread> {
    let status = file.metadata().map_err(|error| Unread::system(name, &error))?;
    let link = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let is_proc_kmsg = is_of_kmsg(&link, &status) && fstatfs(file).is_ok_and(|system| is_proc(&system));
    refuse_others(name, &status, Odd { is_proc_kmsg, is_terminal: file.is_terminal() }, wording)
}

/// The number of a device (the kernel's admin-guide/devices.txt).
fn number(status: &Metadata) -> (u64, u64) {
    (major(status.rdev()), minor(status.rdev()))
}

/// What the mode of a file does not tell.
#[derive(Debug, Clone, Copy)]
struct Odd {
    is_proc_kmsg: bool,
    is_terminal: bool,
}

fn refuse_others(name: &str, status: &Metadata, odd: Odd, wording: &Wording) -> Result<(), Unread> {
    let kind = status.file_type();
    if kind.is_dir() {
        return Err(Unread::new(name, "is a directory"));
    }
    if odd.is_proc_kmsg {
        // Each line is handed out once, to whoever comes first (proc(5)): the logger would miss it.
        let reason = "reading it would take the messages away from the logger";
        return Err(Unread::new(name, reason).hint(wording.kernel));
    }
    let is_device = kind.is_block_device() || kind.is_char_device();
    match is_device && !odd.is_terminal && number(status) != NULL {
        true => Err(Unread::new(name, "is a device, not a log")),
        false => Ok(()),
    }
}

/// Opens what was found to be no other device; a terminal does not become that of gtune.
fn opened(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    Ok(File::from(open(path, flags, Mode::empty())?))
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
            unread.hint(who_may(&groups, status.mode(), status.gid()))
        }
        (ErrorKind::PermissionDenied, None) => unread.hint("needs root"),
        _ => unread,
    }
}
