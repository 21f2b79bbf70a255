//! What the sysctl files will set at the next boot, as each of the two loaders reads them.

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
