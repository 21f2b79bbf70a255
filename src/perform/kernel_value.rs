//! Numbers below `/proc/sys`.

use super::hint::not_allowed;
use super::mount::errno_of;
use super::pinned::{pin, reason};
use crate::host::words;
use crate::plan::{NetworkOf, Standing, Trouble};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::thread;

/// How the live value stands to a change.
///
/// # Errors
/// Where it could not be read, or the process whose network is meant has ended.
pub fn standing(key: &str, network: NetworkOf, before: u64, after: u64) -> Result<Standing, Trouble> {
    let what = format!("read {key}");
    let path = path(&what, key)?;
    let seen = within(&what, network, || read(&path).map_err(|misread| misread.trouble(&what, key)))??;
    Ok(match seen {
        seen if seen == after => Standing::After,
        seen if seen == before => Standing::Before,
        seen => Standing::Other(format!("it is {seen}")),
    })
}

/// Writes it and reads it back.
///
/// # Errors
/// What the kernel refuses; nothing is changed then.
pub fn make(key: &str, network: NetworkOf, after: u64) -> Result<(), Trouble> {
    let what = format!("set {key} to {after}");
    let path = path(&what, key)?;
    within(&what, network, || write_and_look(&what, key, &path, after))?
}

/// The file of a key. As in sysctl(8) a slash in a key stands for a dot in a name: `net.ipv4.conf.eth0/1.arp_filter`.
fn path(what: &str, key: &str) -> Result<String, Trouble> {
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    let path: String = key.chars().map(swap).collect();
    let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    if path.split('/').all(is_name) {
        Ok(format!("/proc/sys/{path}"))
    } else {
        Err(Trouble::new(what, "that is no key of a kernel value"))
    }
}

/// Asks inside a network namespace. A thread of its own enters it and ends there; what is below `/proc/sys/net` is that
/// of the thread that opens it (`net_ctl_header_lookup` in net/sysctl_net.c).
fn within<T: Send>(what: &str, network: NetworkOf, ask: impl FnOnce() -> T + Send) -> Result<T, Trouble> {
    let Some(namespace) = other_namespace(what, network)? else { return Ok(ask()) };
    let entered = || match setns(namespace, CloneFlags::CLONE_NEWNET) {
        Ok(()) => Ok(ask()),
        Err(Errno::EPERM) => Err(not_allowed(what, "CAP_SYS_ADMIN", "run gtune on the host, outside the container")),
        Err(other) => Err(Trouble::new(what, format!("its network cannot be entered: {}", words(other)))),
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("netns".to_owned()).spawn_scoped(scope, entered);
        match thread.map(|thread| thread.join()) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(Trouble::new(what, "no thread could be started")),
        }
    })
}

/// The network namespace that is meant; nothing where this thread is in it already.
fn other_namespace(what: &str, network: NetworkOf) -> Result<Option<File>, Trouble> {
    let NetworkOf::Process(process) = network else { return Ok(None) };
    let of_process = |reason: String| Trouble::new(what, format!("pid {}: {reason}", process.pid));
    let handle = pin(what, process)?.ok_or_else(|| of_process("it has ended".to_owned()))?;
    let theirs = handle.open_relative("ns/net").map_err(|error| of_process(reason(&error)))?;
    let identity = |file: &File| file.metadata().map(|found| (found.dev(), found.ino())).ok();
    let own = File::open("/proc/thread-self/ns/net").ok();
    let is_own = own.and_then(|own| identity(&own)).is_some_and(|own| Some(own) == identity(&theirs));
    Ok((!is_own).then_some(theirs))
}

/// Why a value cannot be read.
enum Misread {
    System(Errno),
    /// What is there instead of a number.
    NoNumber(String),
}

impl Misread {
    fn trouble(self, what: &str, key: &str) -> Trouble {
        match self {
            Self::System(errno) => refused(what, key, None, errno),
            Self::NoNumber(text) => Trouble::new(what, format!("it is no number: {}", text.escape_debug())),
        }
    }
}

fn read(path: &str) -> Result<u64, Misread> {
    let text = fs::read_to_string(path).map_err(|error| Misread::System(errno_of(&error)))?;
    text.trim().parse().map_err(|_| Misread::NoNumber(text))
}

fn write_and_look(what: &str, key: &str, path: &str, after: u64) -> Result<(), Trouble> {
    let before = read(path).map_err(|misread| misread.trouble(what, key))?;
    write(path, after).map_err(|errno| refused(what, key, Some(after), errno))?;
    let seen = read(path).map_err(|misread| misread.trouble(what, key))?;
    if seen == after {
        return Ok(());
    }
    let trouble = Trouble::new(what, format!("the kernel took it and made {seen} of it"));
    Err(match write(path, before) {
        Ok(()) => trouble,
        Err(_) => trouble.with_hint(format!("sysctl -w {key}={before}   # as it was")),
    })
}

fn write(path: &str, value: u64) -> Result<(), Errno> {
    // Without O_TRUNC and O_CREAT: nothing but the file of the kernel is ever written to.
    let file = OpenOptions::new().write(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path);
    // The whole number in one write: the kernel takes each write for a value.
    file.and_then(|mut file| file.write_all(format!("{value}\n").as_bytes())).map_err(|error| errno_of(&error))
}

fn refused(what: &str, key: &str, value: Option<u64>, errno: Errno) -> Trouble {
    let number = value.map_or_else(|| "N".to_owned(), |value| value.to_string());
    let in_container = format!("in a container it is set by who starts it: docker run --sysctl {key}={number} …");
    match errno {
        Errno::EROFS => Trouble::new(what, "/proc/sys is read-only here").with_hint(in_container),
        Errno::EACCES | Errno::EPERM => not_allowed(what, "leave to change kernel values", &in_container),
        Errno::ENOENT => Trouble::new(what, "this kernel has no such value, or not in this network namespace")
            .with_hint(format!(
                "ls /proc/sys/{}",
                key.rsplit_once('.').map_or("", |(above, _)| above).replace('.', "/")
            )),
        Errno::EINVAL | Errno::ERANGE => Trouble::new(what, "the kernel does not allow this number"),
        other => Trouble::new(what, words(other)),
    }
}

#[cfg(test)]
mod tests;
