//! File systems by what they mean to a heartbeat file: memory, disk, or the far end of a network.

use crate::facts::Fact;
use crate::units::{Bytes, DeviceId};
use serde::Serialize;
use std::fmt;

/// A type of file system.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct FsKind(String);

impl FsKind {
    /// By the name mountinfo gives it (`ext4`, `tmpfs`, `fuse.sshfs`).
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as mountinfo writes it.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether its inodes live in memory, so that touching a file there never waits for a disk.
    pub fn in_memory(&self) -> bool {
        matches!(self.0.as_str(), "tmpfs" | "ramfs" | "rootfs" | "devtmpfs")
    }

    /// Whether asking it for anything may wait for another machine or another program.
    pub fn may_hang(&self) -> bool {
        let name = self.0.as_str();
        name.starts_with("nfs")
            || name.starts_with("fuse")
            || matches!(
                name,
                "cifs"
                    | "smb3"
                    | "smbfs"
                    | "9p"
                    | "ceph"
                    | "afs"
                    | "autofs"
                    | "virtiofs"
                    | "glusterfs"
                    | "lustre"
                    | "gpfs"
                    | "ocfs2"
                    | "gfs2"
                    | "coda"
                    | "ncpfs"
                    | "orangefs"
            )
    }
}

impl fmt::Display for FsKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Room on a file system (statvfs(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Size of the whole.
    pub total_bytes: Bytes,
    /// Free for ordinary users (`f_bavail`).
    pub available_bytes: Bytes,
    /// Inodes in all; 0 where the file system makes them as needed (btrfs) or has no limit (`nr_inodes=0`).
    pub total_inodes: u64,
    /// Inodes free for ordinary users (`f_favail`).
    pub available_inodes: u64,
}

/// The file system a path or descriptor lies on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filesystem {
    /// Its type.
    pub kind: FsKind,
    /// Its device number.
    pub device: DeviceId,
    /// Where it is mounted, as seen in the mount namespace of the process that uses it.
    pub mount_point: String,
    /// Its source field in mountinfo.
    pub source: String,
    /// Options of the mount and of the file system, as the kernel prints them.
    pub options: Vec<String>,
    /// Room left; not asked of file systems that may hang.
    pub room: Fact<Room>,
}

impl Filesystem {
    /// Whether the kernel lists this option.
    pub fn has_option(&self, option: &str) -> bool {
        self.options.iter().any(|o| o == option)
    }
}

/// Where a Gunicorn without `worker_tmp_dir` would put its heartbeat file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DefaultHeartbeat {
    /// The directory Python's tempfile module would choose.
    pub directory: String,
    /// Its file system now; absent under `--root` where nothing stored for boot says.
    pub filesystem: Fact<Filesystem>,
    /// Why it is judged to be so, for an image: `fstab line 4: tmpfs`, `tmp.mount is on by default`.
    pub because: String,
}
