//! Extended attributes: which belong to a file and go with its content, and which do not.

use crate::plan::Content;
use nix::errno::Errno;
use rustix::fs::{fgetxattr, flistxattr};
use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

/// As long as the list of names, and one value, can be (xattr(7), Limits: 64 KiB each).
const LARGEST: usize = 64 << 10;

/// Attributes of an open file by name, those that are to go with it when it is replaced or restored. A file system that
/// has none yields none.
///
/// # Errors
/// What flistxattr(2) and fgetxattr(2) say.
pub fn attributes(file: BorrowedFd<'_>) -> Result<BTreeMap<String, Content>, Errno> {
    let mut buffer = vec![0; LARGEST];
    let names = match flistxattr(file, buffer.as_mut_slice()) {
        Ok(length) => buffer.get(..length).unwrap_or_default().to_vec(),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Vec::new(),
        Err(error) => return Err(Errno::from_raw(error.raw_os_error())),
    };
    let mut found = BTreeMap::new();
    for name in names.split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok()) {
        if goes_along(name) {
            match fgetxattr(file, name, buffer.as_mut_slice()) {
                Ok(length) => {
                    found.insert(name.to_owned(), Content(buffer.get(..length).unwrap_or_default().to_vec()));
                }
                // Taken away since the names were listed.
                Err(rustix::io::Errno::NODATA) => {}
                Err(error) => return Err(Errno::from_raw(error.raw_os_error())),
            }
        }
    }
    Ok(found)
}

/// Whether an attribute is to go with the file. Left out is what vouches for the old bytes (`security.ima`,
/// `security.evm`), what the kernel clears whenever a file is written (`security.capability`), and what file systems
/// keep for themselves, which cannot be set from outside (`trusted.overlay.*`, `btrfs.*`, `ceph.*`, `system.nfs4_acl`).
fn goes_along(name: &str) -> bool {
    let own_affair =
        ["trusted.overlay.", "user.overlay.", "trusted.SGI_"].iter().any(|prefix| name.starts_with(prefix));
    let of_the_bytes = ["security.ima", "security.evm", "security.capability"].contains(&name);
    let known = ["user.", "trusted.", "security."].iter().any(|prefix| name.starts_with(prefix));
    name == "system.posix_acl_access" || (known && !own_affair && !of_the_bytes)
}

#[cfg(test)]
mod tests {
    use super::goes_along;

    #[test]
    fn labels_and_access_lists_go_along_and_signatures_stay() {
        for name in ["security.selinux", "security.SMACK64", "system.posix_acl_access", "user.note", "trusted.note"] {
            assert!(goes_along(name), "{name}");
        }
        for name in ["security.ima", "security.evm", "security.capability", "trusted.overlay.opaque", "btrfs.x", ""] {
            assert!(!goes_along(name), "{name}");
        }
    }
}
