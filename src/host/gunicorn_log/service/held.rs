//! The files that a master holds open.

use super::log_file::file_id;
use crate::facts::{Process, Reason, parse_start_ticks};
use crate::host::figures::Moment;
use crate::host::patience::patiently;
use crate::host::processes::ProcessHandle;
use crate::units::FileId;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

/// What the kernel puts behind the name of a file that is gone (proc_pid_fd(5)).
const DELETED: &str = " (deleted)";

/// Reading a regular file does not wait, but another may be put in its place.
const READ: OFlag = OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// Ages of one process, told twice, differ by clock ticks; those of two by more.
const SAME_AGE: f64 = 1.0;

/// A descriptor of a master.
#[derive(Debug)]
pub struct Held {
    master: Arc<ProcessHandle>,
    /// Its number: 2 is standard error.
    pub number: i32,
    /// What it leads to: a path in the mounts of the master, `pipe:[812]`, `socket:[813]`.
    pub link: String,
    /// Whether that path is gone.
    pub is_deleted: bool,
}

/// Pins a master, unless its number is another process's by now.
pub fn master(process: &Process) -> Result<Arc<ProcessHandle>, Reason> {
    let proc = open("/proc", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
    let handle = proc.and_then(|proc| ProcessHandle::open(proc.as_fd(), process.pid));
    let ended = || Reason::new(format!("process {} has ended", process.pid));
    let handle = handle.map_err(|_| ended())?;
    let mut stat = Vec::new();
    handle.read_into("stat", &mut stat).map_err(|_| ended())?;
    let age = parse_start_ticks(&stat).map(|ticks| Moment::now().since(ticks));
    let is_same = age.is_some_and(|age| age + SAME_AGE >= process.age_seconds.0);
    if is_same { Ok(Arc::new(handle)) } else { Err(ended()) }
}

/// What a master holds, lowest number first.
///
/// # Errors
/// Without the right to trace it (ptrace(2)).
pub fn held_by(master: &Arc<ProcessHandle>) -> Result<Vec<Arc<Held>>, Reason> {
    let unseen = |errno| master.reason("fd", errno);
    let mut directory = master.list("fd").map_err(unseen)?;
    let mut numbers: Vec<i32> = Vec::new();
    for entry in directory.iter() {
        numbers.extend(entry.map_err(unseen)?.file_name().to_str().ok().and_then(|name| name.parse::<i32>().ok()));
    }
    numbers.sort_unstable();
    let held = numbers.into_iter().filter_map(|number| {
        // One that cannot be read was closed since.
        let link = readlinkat(directory.as_fd(), number.to_string().as_str()).ok()?.into_vec();
        let link = String::from_utf8_lossy(&link).into_owned();
        let is_deleted = link.starts_with('/') && link.ends_with(DELETED);
        let link = if is_deleted { link.strip_suffix(DELETED).unwrap_or(&link).to_owned() } else { link };
        Some(Arc::new(Held { master: Arc::clone(master), number, link, is_deleted }))
    });
    Ok(held.collect())
}

impl Held {
    /// Whether it is open for writing at the end of the file, as loggers and `append:` do (proc_pid_fdinfo(5)).
    pub fn appends(&self) -> bool {
        let info = self.master.read_text(&format!("fdinfo/{}", self.number));
        let flags =
            info.known().and_then(|info| info.lines().find_map(|line| line.strip_prefix("flags:")).map(str::to_owned));
        let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok()).map(OFlag::from_bits_retain);
        flags.is_some_and(|flags| flags.contains(OFlag::O_APPEND) && (flags & OFlag::O_ACCMODE != OFlag::O_RDONLY))
    }

    /// What stat(2) says of a regular file; none for anything else, and where its server does not answer.
    pub fn file(&self) -> Option<FileStat> {
        if !self.link.starts_with('/') {
            return None;
        }
        let (master, name) = (Arc::clone(&self.master), self.name());
        let status = patiently(move || master.stat(&name))?.ok()?;
        is_regular(&status).then_some(status)
    }

    /// Opens the file anew, at its beginning.
    ///
    /// # Errors
    /// Where it may not be opened, or the descriptor is of another file by now.
    pub fn open(&self, expected: FileId) -> Result<File, Reason> {
        let unread = |errno| self.master.reason(&self.name(), errno);
        let handle = openat(self.master.directory(), self.name().as_str(), READ, Mode::empty()).map_err(unread)?;
        let status = fstat(&handle).map_err(unread)?;
        if is_regular(&status) && file_id(&status) == expected {
            Ok(File::from(handle))
        } else {
            Err(unread(Errno::ENOENT))
        }
    }

    fn name(&self) -> String {
        format!("fd/{}", self.number)
    }
}

/// Whether it is a file that can be read without waiting for anybody.
pub fn is_regular(status: &FileStat) -> bool {
    status.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits()
}
