//! What a process holds open, from one readlink(2) a descriptor; nothing is opened, and only a heartbeat file is asked
//! for its attributes. Read of processes that look like a Gunicorn only: it costs a microsecond a descriptor.

use super::processes::ProcessHandle;
use crate::facts::{Descriptors, Fact};
use crate::gunicorn::is_heartbeat_link;
use nix::errno::Errno;
use nix::fcntl::readlinkat;
use std::collections::{BTreeSet, HashMap};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;

/// A descriptor that shows a heartbeat file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatLink {
    /// Its number.
    pub descriptor: i32,
    /// The link without ` (deleted)`.
    pub path: String,
}

/// The open descriptors of one process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenFiles {
    /// Heartbeat files, lowest descriptor first.
    pub heartbeats: Vec<HeartbeatLink>,
    /// Inodes of its sockets.
    pub sockets: BTreeSet<u64>,
    /// How many are open.
    pub count: u64,
    /// The highest number; -1 where none is open.
    pub highest: i32,
    /// How many of each kind.
    pub kinds: HashMap<String, u64>,
}

impl OpenFiles {
    /// The whole as a value for checks.
    pub fn summary(&self) -> Descriptors {
        let mut kinds: Vec<(String, u64)> = self.kinds.iter().map(|(kind, count)| (kind.clone(), *count)).collect();
        kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Descriptors { count: self.count, kinds, highest: self.highest }
    }

    /// Whether it waits with epoll(7).
    pub fn has_eventpoll(&self) -> bool {
        self.kinds.contains_key("anon_inode:[eventpoll]")
    }

    fn take(&mut self, descriptor: i32, link: &[u8]) {
        self.count += 1;
        self.highest = self.highest.max(descriptor);
        if let Some(path) = is_heartbeat_link(link) {
            self.heartbeats.push(HeartbeatLink { descriptor, path: lossy(path) });
        }
        if let Some(inode) = socket_inode(link) {
            self.sockets.insert(inode);
        }
        *self.kinds.entry(kind(link)).or_default() += 1;
    }
}

/// Reads the descriptors of a process.
pub fn open_files(process: &ProcessHandle) -> Fact<OpenFiles> {
    match links(process) {
        Ok(files) => Fact::Known(files),
        Err(errno) => Fact::Unreadable(process.reason("fd", errno)),
    }
}

fn links(process: &ProcessHandle) -> Result<OpenFiles, Errno> {
    let mut directory = process.list("fd")?;
    // Numbers and no entries are kept: a worker may hold a hundred thousand connections.
    let mut numbers: Vec<i32> = Vec::new();
    for entry in directory.iter() {
        numbers.extend(entry?.file_name().to_str().ok().and_then(|name| name.parse::<i32>().ok()));
    }
    numbers.sort_unstable();
    let mut files = OpenFiles { highest: -1, ..OpenFiles::default() };
    for number in numbers {
        match readlinkat(directory.as_fd(), number.to_string().as_str()) {
            Ok(link) => files.take(number, &link.into_vec()),
            // Closed since the directory was read.
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    // An ended process has an empty table; so has a zombie. A Gunicorn always holds something.
    if files.count == 0 && !process.is_alive() { Err(Errno::ESRCH) } else { Ok(files) }
}

/// The inode of `socket:[812]`.
fn socket_inode(link: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The group a descriptor is counted in: what an operator would call it.
fn kind(link: &[u8]) -> String {
    if link.starts_with(b"socket:[") {
        return "socket".to_owned();
    }
    if link.starts_with(b"pipe:[") {
        return "pipe".to_owned();
    }
    if !link.starts_with(b"/") {
        return lossy(link);
    }
    match link.iter().rposition(|&byte| byte == b'/') {
        Some(0) | None => "/".to_owned(),
        Some(end) => lossy(&link[..end]),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(links: &[(i32, &str)]) -> OpenFiles {
        let mut files = OpenFiles { highest: -1, ..OpenFiles::default() };
        links.iter().for_each(|(number, link)| files.take(*number, link.as_bytes()));
        files
    }

    #[test]
    fn descriptors_are_counted_by_what_an_operator_calls_them() {
        let files = of(&[
            (0, "/dev/null"),
            (3, "socket:[77]"),
            (4, "socket:[78]"),
            (5, "pipe:[3]"),
            (6, "anon_inode:[eventpoll]"),
            (1023, "/var/lib/app/a.db"),
        ]);
        let summary = files.summary();
        assert_eq!((summary.count, summary.highest), (6, 1023));
        assert_eq!(summary.kinds[0], ("socket".to_owned(), 2));
        assert!(summary.kinds.contains(&("/var/lib/app".to_owned(), 1)));
        assert_eq!(files.sockets, BTreeSet::from([77, 78]));
        assert!(files.has_eventpoll());
    }

    #[test]
    fn a_deleted_heartbeat_file_is_seen_and_a_living_file_of_that_name_is_not() {
        let files = of(&[(7, "/tmp/wgunicorn-abc_1xyz (deleted)"), (8, "/tmp/wgunicorn-abc_1xyz")]);
        assert_eq!(files.heartbeats, [HeartbeatLink { descriptor: 7, path: "/tmp/wgunicorn-abc_1xyz".into() }]);
    }

    proptest! {
        #[test]
        fn no_descriptor_is_lost_or_counted_twice(links in proptest::collection::vec(any::<Vec<u8>>(), 0..50)) {
            let mut files = OpenFiles::default();
            links.iter().enumerate().for_each(|(number, link)| files.take(number as i32, link));
            prop_assert_eq!(files.summary().kinds.iter().map(|(_, count)| count).sum::<u64>(), links.len() as u64);
        }
    }
}
