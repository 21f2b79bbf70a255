//! A control group of one's own that bounds memory, to have the kernel kill in it.

use super::{Result, eventually};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A control group with the memory controller. It is removed when it is dropped, so its processes must have ended.
// Not every test program has laws that need it.
#[allow(dead_code)]
pub struct MemoryCgroup(PathBuf);

static NUMBER: AtomicU32 = AtomicU32::new(0);

#[allow(dead_code)]
impl MemoryCgroup {
    /// Makes one with this limit in bytes, and no swap.
    pub fn new(limit: u64) -> Result<Self> {
        let parent = parent().ok_or("no control group with the memory controller")?;
        let name = format!("bed-memory-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let group = parent.join(name);
        fs::create_dir(&group).map_err(|e| format!("cannot make {}: {e}", group.display()))?;
        let group = Self(group);
        let limits =
            ["memory.max", "memory.limit_in_bytes"].map(|file| fs::write(group.0.join(file), limit.to_string()));
        if limits.iter().all(std::result::Result::is_err) {
            return Err(format!("no memory controller in {}", group.0.display()).into());
        }
        // Either is there or not, by version and by how the kernel was built.
        drop(fs::write(group.0.join("memory.swap.max"), "0"));
        drop(fs::write(group.0.join("memory.memsw.limit_in_bytes"), limit.to_string()));
        Ok(group)
    }

    /// What is missing to make one.
    pub fn missing() -> Option<String> {
        let reason = Self::new(32 << 20).err()?.message()?.to_owned();
        Some(format!("{reason}; run: sudo -E tests/run"))
    }

    /// Moves a process, and those it will start, into the group.
    pub fn enter(&self) -> [String; 4] {
        let line = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", self.0.display());
        ["sh".to_owned(), "-euc".to_owned(), line, "sh".to_owned()]
    }

    /// The last part of its path.
    pub fn name(&self) -> &str {
        self.0.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }
}

impl Drop for MemoryCgroup {
    fn drop(&mut self) {
        drop(eventually("an empty control group", || fs::remove_dir(&self.0).ok()));
    }
}

/// Version 1 has a tree for the controller. In version 2 only a group without processes of its own hands controllers
/// down, and the root is always one that may.
fn parent() -> Option<PathBuf> {
    let (one, two) = (Path::new("/sys/fs/cgroup/memory"), Path::new("/sys/fs/cgroup"));
    let of_one = one.join("memory.limit_in_bytes").exists().then(|| one.to_owned());
    of_one.or_else(|| {
        let handed_down = fs::read_to_string(two.join("cgroup.subtree_control")).ok()?;
        handed_down.split_whitespace().any(|controller| controller == "memory").then(|| two.to_owned())
    })
}
