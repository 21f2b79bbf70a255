//! The kernel's log as a logger keeps it below a root: `kern.log`, `messages` or `syslog`, rotated and compressed.

use super::{Reading, Search, Unread, file};
use crate::facts::Fact;
use crate::host::Root;
use crate::host::log_source::{is_member, who_may};
use crate::kernel_log::Sink;
use jiff::{SignedDuration, Timestamp};
use nix::sys::stat::{FileStat, SFlag};

const DIRECTORY: &str = "/var/log";

/// The names of the log that holds the kernel's messages, best first: Debian's own file for them, what Red Hat and SUSE
/// put everything in, what Debian does.
const FAMILIES: [&str; 3] = ["kern.log", "messages", "syslog"];

/// A file that was last written so long before what is asked for has nothing of it.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// One file of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its path below the root.
    pub path: String,
    /// When it was written last.
    pub written: Timestamp,
    mode: u32,
    group: u32,
}

/// The files of the best log there is, and what others tell since that was written last; without files that were written
/// before `since`. Those written first come first.
///
/// # Errors
/// Where the directory cannot be looked into.
pub fn stored_files(root: &Root, search: &Search) -> Result<Vec<Stored>, Unread> {
    let names = match root.list_those(DIRECTORY, |name| FAMILIES.iter().any(|family| is_member(name, family))) {
        Fact::Known(names) => names,
        Fact::Absent => vec![],
        Fact::Unreadable(reason) => {
            return Err(Unread::below_root(&root.shown(DIRECTORY), reason, || "needs root".to_owned()));
        }
    };
    let since = search.since.and_then(|since| since.checked_sub(MARGIN).ok());
    let mut files = Vec::new();
    for family in FAMILIES {
        let members = members(root, &names, family).into_iter();
        let members = members.filter(|file| since.is_none_or(|since| file.written >= since));
        add_later(&mut files, members.collect());
    }
    files.sort_by(|a, b| (a.written, &b.path).cmp(&(b.written, &a.path)));
    Ok(files)
}

/// Adds the files that tell what those before cannot: those of a log that was still written when the others, left behind
/// by a logger that was told otherwise, were not. A kernel that is silent for long looks the same, and loses nothing.
fn add_later(files: &mut Vec<Stored>, members: Vec<Stored>) {
    let last = |files: &[Stored]| files.iter().map(|file| file.written).max();
    let Some(before) = last(files) else {
        *files = members;
        return;
    };
    let later = before.saturating_add(MARGIN).unwrap_or(before);
    if last(&members).is_some_and(|written| written > later) {
        files.extend(members.into_iter().filter(|file| file.written > before));
    }
}

impl Stored {
    /// Reads the file, below the root it was found in.
    ///
    /// # Errors
    /// Where it cannot be read, with the group that may.
    pub fn read(&self, root: &Root, search: &Search, sink: &mut dyn Sink) -> Result<Reading, Unread> {
        let name = root.shown(&self.path);
        match root.open_stored(&self.path) {
            Fact::Known(handle) => file::read(&name, handle, search, sink),
            Fact::Absent => Err(Unread::new(&name, "it was taken away just now")),
            Fact::Unreadable(reason) => Err(Unread::below_root(&name, reason, || {
                let groups = root.read("/etc/group").known().cloned().unwrap_or_default();
                who_may(&groups, self.mode, self.group)
            })),
        }
    }
}

/// The regular files of a family that are not empty.
fn members(root: &Root, names: &[String], family: &str) -> Vec<Stored> {
    let own = names.iter().filter(|name| is_member(name, family));
    own.filter_map(|name| stored(root, format!("{DIRECTORY}/{name}"))).collect()
}

fn stored(root: &Root, path: String) -> Option<Stored> {
    let status: FileStat = root.stat(&path).known().copied()?;
    let is_regular = status.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits();
    let written = Timestamp::from_second(status.st_mtime).ok()?;
    (is_regular && status.st_size > 0).then_some(Stored { path, written, mode: status.st_mode, group: status.st_gid })
}
