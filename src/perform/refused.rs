//! What the system says when it refuses, in the operator's words and with the command that shows why.

use crate::host;
use crate::plan::Trouble;
use crate::units::quoted;
use nix::errno::Errno;
use nix::unistd::geteuid;

/// Somebody else wrote between the plan and its step, or at the very moment of the step.
pub fn meanwhile(what: &str) -> Trouble {
    Trouble::new(what, "somebody else changed it meanwhile").with_hint("run it again")
}

/// A refusal of the system for `path` in `directory`, both as the operator knows them.
pub fn refused(what: &str, errno: Errno, path: &str, directory: &str) -> Trouble {
    let trouble = Trouble::new(what, reason(errno));
    match hint(errno, path, directory) {
        Some(hint) => trouble.with_hint(hint),
        None => trouble,
    }
}

fn reason(errno: Errno) -> String {
    match errno {
        Errno::EFBIG => "too large for configuration: the bound is 4 MiB".into(),
        Errno::EAGAIN => "it keeps changing".into(),
        Errno::EBUSY => "it is a mount of its own".into(),
        Errno::UnknownErrno => "the system gave no reason".into(),
        other => host::words(other),
    }
}

fn hint(errno: Errno, path: &str, directory: &str) -> Option<String> {
    let (path, directory) = (quoted(path), quoted(directory));
    Some(match errno {
        Errno::ENOSPC => format!("df -h {directory}; df -i {directory}"),
        Errno::EDQUOT => format!("quota -v; df -h {directory}"),
        Errno::EROFS => format!("findmnt -T {directory}   # it is mounted read-only"),
        Errno::EACCES | Errno::EPERM if !geteuid().is_root() => "run it as root".into(),
        // Root is refused by attributes (chattr), by a security module, or in a container for want of a capability.
        Errno::EACCES | Errno::EPERM => format!("lsattr -d {path} {directory}   # i: immutable, a: append-only"),
        Errno::EBUSY => format!("findmnt {path}"),
        Errno::EAGAIN => "run it again".into(),
        _ => return None,
    })
}

/// The words of an error number of rustix.
pub fn words(error: rustix::io::Errno) -> String {
    host::words(errno(error))
}

/// The errno of rustix as nix has it, which knows its words.
pub fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}
