//! One pass over `/proc`: each process is pinned by a handle on its directory, so that a number which is given to
//! another process in the meantime can never mix two of them up.

use super::patience::patiently;
use super::words::words;
use crate::facts::{Fact, ProcessState, Reason};
use crate::units::Pid;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstatat};
use nix::unistd::read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// The largest file of `/proc/<pid>` that is read; a mountinfo of 20,000 mounts is about 4 MiB.
const LARGEST_PROC_FILE: usize = 16 << 20;

/// Files that are read out of the memory of the process, or whose reading walks over it; they wait for its `mmap_lock`.
const IN_MEMORY: [&str; 4] = ["cmdline", "environ", "maps", "smaps_rollup"];

/// Open descriptors that gtune needs besides its handles on processes.
const HANDLES_BEFORE_RAISING_THE_LIMIT: usize = 128;

/// A process, pinned by its directory below `/proc`. Once it has ended, every read through this fails; the kernel
/// never lets the directory show a later process of the same number (proc(5)).
#[derive(Debug)]
pub struct ProcessHandle {
    /// Its number in gtune's pid namespace.
    pub pid: Pid,
    directory: OwnedFd,
    state: ProcessState,
}

impl ProcessHandle {
    /// Pins a process.
    pub fn open(proc: BorrowedFd<'_>, pid: Pid) -> Result<Self, Errno> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = openat(proc, pid.0.to_string().as_str(), flags, Mode::empty())?;
        Ok(Self { pid, directory, state: ProcessState('R') })
    }

    /// The directory, for what resolves paths from it.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Tells the handle what the process is doing: the memory of a blocked one is asked for with patience only.
    pub fn is_doing(&mut self, state: ProcessState) {
        self.state = state;
    }

    /// Reads a file of this process into `buffer`, which is emptied first.
    pub fn read_into(&self, name: &str, buffer: &mut Vec<u8>) -> Result<(), Errno> {
        if self.state.is_blocked() && IN_MEMORY.contains(&name) {
            *buffer = self.read_patiently(name.to_owned())?;
            return Ok(());
        }
        self.read_now(name, buffer)
    }

    fn read_patiently(&self, name: String) -> Result<Vec<u8>, Errno> {
        let handle = self.duplicate().map_err(|_| Errno::EMFILE)?;
        let asked = patiently(move || {
            let mut buffer = Vec::with_capacity(4096);
            handle.read_now(&name, &mut buffer).map(|()| buffer)
        });
        asked.unwrap_or(Err(Errno::ETIMEDOUT))
    }

    fn read_now(&self, name: &str, buffer: &mut Vec<u8>) -> Result<(), Errno> {
        // O_NONBLOCK costs nothing and keeps a surprise (a FIFO where a file should be) from blocking.
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let file = openat(&self.directory, name, flags, Mode::empty())?;
        read_whole(file.as_fd(), buffer)
    }

    /// Reads a file of this process.
    pub fn read(&self, name: &str) -> Fact<Vec<u8>> {
        let mut buffer = Vec::with_capacity(4096);
        match self.read_into(name, &mut buffer) {
            Ok(()) => Fact::Known(buffer),
            Err(errno) => self.missing(name, errno),
        }
    }

    /// Reads a text of this process, lossily.
    pub fn read_text(&self, name: &str) -> Fact<String> {
        self.read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The text of a symbolic link of this process.
    pub fn link(&self, name: &str) -> Fact<Vec<u8>> {
        match readlinkat(&self.directory, name) {
            Ok(text) => Fact::Known(text.into_vec()),
            Err(errno) => self.missing(name, errno),
        }
    }

    /// The inode of one of its namespaces, for example `net`: two processes with the same one share it
    /// (namespaces(7)). Absent where the kernel has no such namespace.
    pub fn namespace(&self, kind: &str) -> Fact<u64> {
        let name = format!("ns/{kind}");
        self.link(&name).and_then(|text| match namespace_inode(&text) {
            Some(inode) => Fact::Known(inode),
            None => Fact::unreadable(format!("/proc/{}/{name} names no namespace", self.pid)),
        })
    }

    /// What stat(2) says of the thing behind a link such as `fd/7`; may wait where its file system does.
    pub fn stat(&self, name: &str) -> Result<FileStat, Errno> {
        fstatat(&self.directory, name, AtFlags::empty())
    }

    /// Opens the thing behind a link without touching it (`O_PATH`).
    pub fn open_path(&self, name: &str) -> Result<OwnedFd, Errno> {
        openat(&self.directory, name, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
    }

    /// Opens something of this process for reading, for example `ns/net`.
    pub fn open_read(&self, name: &str) -> Result<OwnedFd, Errno> {
        openat(&self.directory, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
    }

    /// A directory of this process, for example `fd`.
    pub fn list(&self, name: &str) -> Result<Dir, Errno> {
        Dir::openat(&self.directory, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
    }

    /// A second handle on the same process.
    pub fn duplicate(&self) -> std::io::Result<Self> {
        Ok(Self { pid: self.pid, directory: self.directory.try_clone()?, state: self.state })
    }

    /// Whether it is still there and has not become a zombie, which holds nothing any more.
    pub fn is_alive(&self) -> bool {
        let mut stat = Vec::with_capacity(512);
        self.read_into("stat", &mut stat).is_ok()
            && state_letter(&stat).is_some_and(|state| !matches!(state, b'Z' | b'X' | b'x'))
    }

    /// Why something of this process could not be had, in the operator's words.
    pub fn reason(&self, name: &str, errno: Errno) -> Reason {
        let path = format!("/proc/{}/{name}", self.pid);
        match errno {
            Errno::EACCES | Errno::EPERM => Reason::new(format!("permission denied: {path} ({})", self.who_may())),
            Errno::ESRCH => Reason::new(format!("process {} has ended", self.pid)),
            Errno::ETIMEDOUT => Reason::new(format!("no answer: {path} (process {} is blocked)", self.pid)),
            other => Reason::new(format!("{}: {path}", words(other))),
        }
    }

    fn missing<T>(&self, name: &str, errno: Errno) -> Fact<T> {
        match errno {
            // An ended process and a file that this kernel does not have look alike.
            Errno::ENOENT if self.stat("stat").is_ok() => Fact::Absent,
            Errno::ENOENT => Fact::Unreadable(self.reason(name, Errno::ESRCH)),
            other => Fact::Unreadable(self.reason(name, other)),
        }
    }

    fn who_may(&self) -> String {
        let own = nix::unistd::geteuid().as_raw();
        match self.stat("") {
            _ if own == 0 => "needs CAP_SYS_PTRACE".to_owned(),
            // A process that dropped privileges is not dumpable; its directory then belongs to root (proc(5)).
            Ok(stat) if stat.st_uid != 0 && stat.st_uid != own => format!("needs root or uid {}", stat.st_uid),
            _ => "needs root".to_owned(),
        }
    }
}

/// Reads everything from where the descriptor stands, at most [`LARGEST_PROC_FILE`].
fn read_whole(file: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> Result<(), Errno> {
    let mut length = 0;
    loop {
        if buffer.len() < length + 1024 {
            buffer.resize((length + 4096).max(buffer.capacity()), 0);
        }
        match read(file, &mut buffer[length..]) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(Errno::EINTR) => {}
            Err(errno) => {
                buffer.clear();
                return Err(errno);
            }
        }
        if length > LARGEST_PROC_FILE {
            buffer.clear();
            return Err(Errno::EFBIG);
        }
    }
    buffer.truncate(length);
    Ok(())
}

/// The number in `net:[4026531840]`.
fn namespace_inode(link: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(link).ok()?;
    text.split_once(":[")?.1.strip_suffix(']')?.parse().ok()
}

/// The state letter of `/proc/<pid>/stat`: the field after the command name, which may itself hold brackets.
fn state_letter(stat: &[u8]) -> Option<u8> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(end + 2).copied()
}

/// Every process number below `/proc` now, in order. A number may be gone by the time it is looked at.
pub fn pids(proc: BorrowedFd<'_>) -> Result<Vec<Pid>, Errno> {
    let mut directory = Dir::openat(proc, Path::new("."), OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty())?;
    let numbers = directory.iter().filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok());
    let mut pids: Vec<Pid> = numbers.map(Pid).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// Makes room for many handles: a host with a thousand workers has more of them than the usual soft limit of 1024
/// descriptors allows. Nothing is raised on ordinary hosts.
pub fn make_room_for(handles: usize) {
    if handles == HANDLES_BEFORE_RAISING_THE_LIMIT {
        // Without it the reads beyond the limit say so themselves.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_its_number() {
        assert_eq!(namespace_inode(b"net:[4026531840]"), Some(4_026_531_840));
        for broken in [&b"net:[]"[..], b"net", b"\xff:[1]", b"", b"net:[1"] {
            assert_eq!(namespace_inode(broken), None);
        }
    }

    #[test]
    fn the_state_follows_the_last_bracket() {
        assert_eq!(state_letter(b"812 (a) b) S 1 "), Some(b'S'));
        assert_eq!(state_letter(b"812 (a"), None);
        assert_eq!(state_letter(b"812 (a)"), None);
    }

    #[test]
    fn an_ended_process_is_said_to_have_ended() {
        let proc = nix::fcntl::open("/proc", OFlag::O_PATH, Mode::empty()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let handle = ProcessHandle::open(proc.as_fd(), Pid(child.id() as i32)).unwrap();
        assert!(handle.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!handle.is_alive());
        let Fact::Unreadable(reason) = handle.read("status") else { panic!("read a process that has ended") };
        assert_eq!(reason.to_string(), format!("process {} has ended", child.id()));
    }

    #[test]
    fn a_file_the_kernel_does_not_have_is_absent() {
        let proc = nix::fcntl::open("/proc", OFlag::O_PATH, Mode::empty()).unwrap();
        let own = ProcessHandle::open(proc.as_fd(), Pid(std::process::id() as i32)).unwrap();
        assert_eq!(own.read("no-such-file"), Fact::Absent);
    }
}
