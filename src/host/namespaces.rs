//! What is read inside the network namespace of a service: `net.core.somaxconn` and the listening sockets.
//!
//! A thread of its own enters the namespace and ends there; the rest of gtune never leaves its own (setns(2)).

use super::processes::ProcessHandle;
use super::sockets::{ListeningSocket, listening};
use super::words::{told, words};
use crate::facts::{Fact, Reason};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::thread;

/// What a network namespace shows to a thread inside it.
#[derive(Debug, Clone)]
pub struct Inside {
    /// `net.core.somaxconn`.
    pub somaxconn: Fact<u64>,
    /// `net.ipv4.tcp_syncookies`.
    pub tcp_syncookies: Fact<u64>,
    /// All listening sockets.
    pub sockets: Fact<Vec<ListeningSocket>>,
}

/// Reads the namespace this thread is in; `whose` names it in reasons.
pub fn inside(whose: &str) -> Inside {
    Inside {
        somaxconn: setting("/proc/sys/net/core/somaxconn"),
        tcp_syncookies: setting("/proc/sys/net/ipv4/tcp_syncookies"),
        sockets: match listening() {
            Ok(sockets) => Fact::Known(sockets),
            Err(error) => Fact::unreadable(format!("cannot list the listening sockets of {whose}: {}", told(&error))),
        },
    }
}

/// The inode of the network namespace gtune runs in (namespaces(7)).
pub fn own_network() -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self/ns/net").ok().map(|namespace| namespace.ino())
}

/// Reads the network namespace of another process.
pub fn inside_of(process: &ProcessHandle) -> Inside {
    let whose = format!("process {}", process.pid);
    let namespace = match process.open_read("ns/net") {
        Ok(namespace) => namespace,
        Err(errno) => return hidden(process.reason("ns/net", errno)),
    };
    match thread::Builder::new().name("netns".to_owned()).spawn(move || entered(namespace, &whose)).map(|t| t.join()) {
        Ok(Ok(Ok(inside))) => inside,
        Ok(Ok(Err(errno))) => hidden(cannot_enter(process, errno)),
        Ok(Err(_)) | Err(_) => hidden(Reason::new("cannot start a thread to look into a network namespace")),
    }
}

fn entered(namespace: OwnedFd, whose: &str) -> Result<Inside, Errno> {
    setns(namespace, CloneFlags::CLONE_NEWNET)?;
    Ok(inside(whose))
}

fn cannot_enter(process: &ProcessHandle, errno: Errno) -> Reason {
    let path = format!("/proc/{}/ns/net", process.pid);
    match errno {
        Errno::EPERM => Reason::new(format!("permission denied: cannot enter {path} (needs root with CAP_SYS_ADMIN)")),
        other => Reason::new(format!("cannot enter {path}: {}", words(other))),
    }
}

fn hidden(reason: Reason) -> Inside {
    Inside {
        somaxconn: Fact::Unreadable(reason.clone()),
        tcp_syncookies: Fact::Unreadable(reason.clone()),
        sockets: Fact::Unreadable(reason),
    }
}

/// A number below `/proc/sys/net`, which always shows the namespace of the thread that reads.
fn setting(path: &str) -> Fact<u64> {
    match fs::read_to_string(path) {
        Ok(text) => match text.trim().parse() {
            Ok(value) => Fact::Known(value),
            Err(_) => Fact::unreadable(format!("no number: {path}")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Fact::Absent,
        Err(error) => Fact::unreadable(format!("{}: {path}", told(&error))),
    }
}
