//! A control group of one's own, to bound the tasks of a Gunicorn.

use super::{Result, eventually};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A control group with the pids controller. It is removed when it is dropped, so its processes must have ended.
pub struct PidsCgroup(PathBuf);

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl PidsCgroup {
    /// Makes one below the group this process is in.
    pub fn new() -> Result<Self> {
        let parent = own_group().ok_or("no control group with the pids controller")?;
        let name = format!("gtune-bed-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let group = parent.join(name);
        fs::create_dir(&group).map_err(|e| format!("cannot make {}: {e}", group.display()))?;
        let group = Self(group);
        // On version 2 a controller may be there and yet not be handed down.
        fs::metadata(group.0.join("pids.max")).map_err(|e| format!("{}/pids.max: {e}", group.0.display()))?;
        Ok(group)
    }

    /// What is missing to make one.
    pub fn missing() -> Option<String> {
        let reason = Self::new().err()?.message()?.to_owned();
        Some(format!("{reason}; run: sudo -E tests/run"))
    }

    /// Moves a process, by its number outside, and those it will start, into the group.
    pub fn enter(&self) -> [String; 4] {
        let line = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", self.0.display());
        ["sh".to_owned(), "-euc".to_owned(), line, "sh".to_owned()]
    }

    /// Tasks in it now.
    pub fn current(&self) -> Result<u64> {
        Ok(fs::read_to_string(self.0.join("pids.current"))?.trim().parse()?)
    }

    /// Bounds its tasks.
    pub fn limit(&self, tasks: u64) -> Result {
        Ok(fs::write(self.0.join("pids.max"), tasks.to_string())?)
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.0
    }
}

impl Drop for PidsCgroup {
    fn drop(&mut self) {
        drop(eventually("an empty control group", || fs::remove_dir(&self.0).ok()));
    }
}

/// The directory of the pids controller (version 1), or of the unified hierarchy, for this process's own group.
fn own_group() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = |wanted: &str| {
        groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            (controllers == wanted).then(|| path.trim_start_matches('/').to_owned())
        })
    };
    match group("pids") {
        Some(path) => Some(Path::new("/sys/fs/cgroup/pids").join(path)),
        None => Some(Path::new("/sys/fs/cgroup").join(group("")?)),
    }
}
