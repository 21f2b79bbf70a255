//! What is true inside a host, seen without gtune: the tests' own reading of `/proc`.

use super::Host;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A process inside.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its number in the host.
    pub pid: i32,
    /// Its parent's number there.
    pub parent: i32,
    /// Its state letter.
    pub state: char,
    /// Its working directory.
    pub directory: PathBuf,
    /// The heartbeat files it holds.
    pub heartbeats: Vec<SeenHeartbeat>,
}

/// A heartbeat file.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenHeartbeat {
    /// Device and inode.
    pub file: (u64, u64),
    /// Whether a worker has beaten. Up to 21.2 a beat sets the mode to 0 or 1; since 22 it sets the time stamp to a
    /// monotonic clock, which is small.
    pub beaten: bool,
}

impl Host {
    /// All processes inside.
    pub fn processes(&self) -> Vec<Seen> {
        let Ok(entries) = fs::read_dir(self.seen_from_outside("/proc")) else { return Vec::new() };
        entries.flatten().filter_map(|entry| see(&entry.path())).collect()
    }
}

fn see(proc: &Path) -> Option<Seen> {
    let pid = proc.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(proc.join("stat")).ok()?;
    // The command name stands in brackets and may hold anything, brackets too.
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let directory = fs::read_link(proc.join("cwd")).unwrap_or_default();
    Some(Seen { pid, parent, state, directory, heartbeats: heartbeats(proc) })
}

fn heartbeats(proc: &Path) -> Vec<SeenHeartbeat> {
    let Ok(descriptors) = fs::read_dir(proc.join("fd")) else { return Vec::new() };
    let mut found: Vec<_> = descriptors.flatten().filter_map(|entry| heartbeat(&entry.path())).collect();
    found.sort_by_key(|heartbeat| heartbeat.file);
    found
}

fn heartbeat(descriptor: &Path) -> Option<SeenHeartbeat> {
    let target = fs::read_link(descriptor).ok()?;
    let name = target.file_name()?.to_str()?;
    if !(name.starts_with("wgunicorn-") && name.ends_with(" (deleted)")) {
        return None;
    }
    let status = fs::metadata(descriptor).ok()?;
    let beaten = status.mtime() < 1_000_000_000 || matches!(status.mode() & 0o777, 0 | 1);
    Some(SeenHeartbeat { file: (status.dev(), status.ino()), beaten })
}
