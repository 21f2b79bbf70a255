//! Laws of the logs of services.

mod running;
mod stopped;

use super::super::service_logs;
use super::*;
use crate::checks::healthy;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const LINE: &str = "[2026-11-20 19:14:07 +0000] [7] [INFO] Booting worker with pid: 7\n";

/// A directory of logs below a root.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("var/log/web")).unwrap();
        Self { root }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.root.path().join("var/log/web").join(name)
    }

    /// A file that was written so many hours ago.
    fn put(&self, name: &str, text: &[u8], hours: u64) {
        fs::write(self.log(name), text).unwrap();
        let time = SystemTime::now() - Duration::from_secs(hours * 3600);
        File::options().write(true).open(self.log(name)).unwrap().set_modified(time).unwrap();
    }

    fn root(&self) -> Root {
        Root::open(self.root.path()).unwrap()
    }
}

fn names(log: &ServiceLog) -> Vec<&str> {
    log.files.iter().map(|file| file.name.rsplit_once('/').unwrap().1).collect()
}

fn paths(logs: &[ServiceLog]) -> Vec<&str> {
    logs.iter().map(|log| Path::new(&log.path).file_name().unwrap().to_str().unwrap()).collect()
}

fn texts(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(Reason::to_string).collect()
}

/// How many lines a file of a log tells.
fn told(root: &Root, log: &ServiceLog, file: &LogFile) -> Result<usize, Unread> {
    let mut count = 0;
    log.read(root, file, &TimeZone::UTC, &mut |_| count += 1).map(|_| count)
}
