//! What the sysctl files will set at the next boot, as each of the two loaders reads them.
//!
//! The rules were taken from sysctl.d(5) and sysctl(8) and proved against systemd 252 and procps 4.0.2; `tests.rs`
//! holds the table of what both did. procps before 4.0 knew no patterns.

mod assignment;
mod pattern;
mod procps;
mod systemd;
#[cfg(test)]
mod tests;

use crate::facts::Fact;
use serde::Serialize;
use std::collections::BTreeMap;

/// One file of `sysctl.d`, or `/etc/sysctl.conf`, as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SysctlFile {
    /// Path below the root, for example `/etc/sysctl.d/99-sysctl.conf`.
    pub path: String,
    /// Its bytes; empty for a link to `/dev/null`, which masks files of the same name.
    pub content: Fact<Vec<u8>>,
}

/// The assignment that wins for one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assignment {
    /// The value as written.
    pub value: String,
    /// The file that wins.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
}

/// The prediction for one key. The loaders differ in whether and when they read `/etc/sysctl.conf`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prediction {
    /// What `systemd-sysctl.service` sets at boot; absent where no file names the key.
    pub systemd: Fact<Assignment>,
    /// What `sysctl --system` of procps sets (sysv boot, or run by hand or by a package).
    pub procps: Fact<Assignment>,
}

/// Predictions for the keys gtune cares for, by dotted name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SysctlStore {
    /// `net.core.somaxconn`, `fs.file-max`, `fs.nr_open`, …
    pub keys: BTreeMap<String, Prediction>,
}

impl SysctlStore {
    /// Predicts what each loader leaves in `keys` (dotted names).
    ///
    /// `files` are all `*.conf` of the directories of sysctl.d(5), in any order; `sysctl_conf` is `/etc/sysctl.conf`.
    /// A file that could not be read makes a prediction unreadable if what it holds could win.
    pub fn predict(keys: &[&str], files: &[SysctlFile], sysctl_conf: Fact<Vec<u8>>) -> Self {
        let in_order = loading_order(files);
        let sysctl_conf = SysctlFile { path: "/etc/sysctl.conf".to_owned(), content: sysctl_conf };
        let predict = |key: &str| Prediction {
            systemd: systemd::predict(key, &in_order),
            procps: procps::predict(key, &in_order, &sysctl_conf),
        };
        Self { keys: keys.iter().map(|key| ((*key).to_owned(), predict(key))).collect() }
    }
}

/// The directories of sysctl.d(5), first wins. procps 4 has the same order; old ones take /run before /etc.
const DIRECTORIES: [&str; 5] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];

/// The files that are read, in the order they are: one of each name, by name and not by directory.
///
/// A name in an earlier directory masks it in the later ones, be the file empty, unreadable or a link to nowhere.
fn loading_order(files: &[SysctlFile]) -> Vec<&SysctlFile> {
    let mut by_name: BTreeMap<&str, (usize, &SysctlFile)> = BTreeMap::new();
    for file in files {
        let (directory, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let rank = DIRECTORIES.iter().position(|d| *d == directory).unwrap_or(DIRECTORIES.len());
        let best = by_name.entry(name).or_insert((rank, file));
        if rank < best.0 {
            *best = (rank, file);
        }
    }
    by_name.into_values().map(|(_, file)| file).collect()
}

impl SysctlFile {
    /// Its name without the directory.
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Why it could not be read, with its path; none where it was read or is a link to nowhere.
    fn hidden(&self) -> Option<Fact<Assignment>> {
        let Fact::Unreadable(reason) = &self.content else { return None };
        let reason = reason.to_string();
        let named = if reason.contains(&self.path) { reason } else { format!("{reason}: {}", self.path) };
        Some(Fact::unreadable(named))
    }
}
