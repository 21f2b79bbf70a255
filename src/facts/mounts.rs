//! Mounts of a mount namespace, and mount units stored for boot.

use crate::facts::FsKind;
use serde::Serialize;

/// One line of `/proc/<pid>/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Mount id; the `mnt_id` of a descriptor's fdinfo names it.
    pub id: u64,
    /// Mount id of the parent.
    pub parent: u64,
    /// Device number as `major:minor`.
    pub device: String,
    /// The directory of the file system that forms the root of this mount.
    pub root: String,
    /// Where it is mounted, relative to the process's root, octal escapes decoded.
    pub mount_point: String,
    /// Type of the file system.
    pub kind: FsKind,
    /// Source field, octal escapes decoded.
    pub source: String,
    /// Options of the mount, then those of the file system.
    pub options: Vec<String>,
}

/// A `.mount` unit stored for boot, or one that the distribution switches on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MountUnit {
    /// `Where=`.
    pub mount_point: String,
    /// `Type=`.
    pub kind: FsKind,
    /// `Options=`.
    pub options: Vec<String>,
    /// The file it is read from.
    pub file: String,
    /// Whether something wants it at boot (`*.wants/` link) and nothing masks it.
    pub enabled: bool,
}
