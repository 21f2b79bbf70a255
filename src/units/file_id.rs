//! What makes a file the same file: device and inode, never its name.

use serde::Serialize;
use std::fmt;

/// A device number as stat(2) gives it (`st_dev`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DeviceId(pub u64);

/// The identity of a file on this host while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FileId {
    /// Device the file lies on.
    pub device: DeviceId,
    /// Inode number on that device.
    pub inode: u64,
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The encoding of dev_t in glibc and the kernel's new_encode_dev (makedev(3)).
        let major = ((self.0 >> 8) & 0xfff) | ((self.0 >> 32) & !0xfff);
        let minor = (self.0 & 0xff) | ((self.0 >> 12) & !0xff & 0xffff_ffff);
        write!(f, "{major}:{minor}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_reads_as_mountinfo_writes_it() {
        assert_eq!(DeviceId(0xfe00).to_string(), "254:0");
        assert_eq!(DeviceId(0x1b).to_string(), "0:27");
    }
}
