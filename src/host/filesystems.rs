//! File systems that lie under a path or an open file, and the room on them.

mod default_heartbeat;

pub use default_heartbeat::default_heartbeat;

use crate::facts::{Fact, Filesystem, Mount, Room, mount_by_id, mount_of, parse_fdinfo_mount_id};
use crate::host::words;
use crate::units::{Bytes, DeviceId};
use nix::sys::stat::{fstat, makedev};
use nix::sys::statvfs::fstatvfs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Room on the file system of an open file, or of a handle made with `O_PATH` (statvfs(3)). May wait where the file
/// system may hang; ask [`crate::facts::FsKind::may_hang`] first.
pub fn room(file: impl AsFd) -> Fact<Room> {
    let stat = match fstatvfs(file) {
        Ok(stat) => stat,
        Err(errno) => return Fact::unreadable(format!("statvfs: {}", words(errno))),
    };
    let bytes = |blocks: u64| Bytes(blocks.saturating_mul(stat.fragment_size()));
    Fact::Known(Room {
        total_bytes: bytes(stat.blocks()),
        available_bytes: bytes(stat.blocks_available()),
        total_inodes: stat.files(),
        available_inodes: stat.files_available(),
    })
}

/// The file system of an open file. `mounts` are those of the mount namespace that `path` belongs to.
///
/// The mount is found by the id that `/proc/self/fdinfo` gives for the descriptor (Linux 3.15), so links in the path do
/// not matter; the path serves where that mount is not among `mounts`.
pub fn of_path(mounts: &[Mount], path: &str, file: BorrowedFd<'_>) -> Fact<Filesystem> {
    let by_id = mount_id(file).and_then(|id| mount_by_id(mounts, id));
    let Some(mount) = by_id.or_else(|| mount_of(mounts, path)) else {
        return Fact::unreadable(format!("no mount found for {path}"));
    };
    if mount.kind.may_hang() {
        return Fact::Known(without_asking(mount));
    }
    match fstat(file) {
        Ok(stat) => Fact::Known(on(mount, DeviceId(stat.st_dev), room(file))),
        Err(errno) => Fact::unreadable(format!("{}: {path}", words(errno))),
    }
}

/// The file system of a mount that may hang, as mountinfo tells.
fn without_asking(mount: &Mount) -> Filesystem {
    on(mount, DeviceId(device(mount)), Fact::unreadable(format!("not asked for room: {} may hang", mount.kind)))
}

fn on(mount: &Mount, device: DeviceId, room: Fact<Room>) -> Filesystem {
    Filesystem {
        kind: mount.kind.clone(),
        device,
        mount_point: mount.mount_point.clone(),
        source: mount.source.clone(),
        options: mount.options.clone(),
        room,
    }
}

fn device(mount: &Mount) -> u64 {
    let mut numbers = mount.device.split(':').map(|n| n.parse().unwrap_or(0));
    makedev(numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn mount_id(file: BorrowedFd<'_>) -> Option<u64> {
    parse_fdinfo_mount_id(std::fs::read(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn own_mounts() -> Vec<Mount> {
        Mount::parse_all(&std::fs::read("/proc/self/mountinfo").unwrap())
    }

    #[test]
    fn the_mount_is_found_by_the_descriptor_and_not_by_the_path() {
        let proc = File::open("/proc/version").unwrap();
        let found = of_path(&own_mounts(), "/a/link/to/it", proc.as_fd());
        assert_eq!(found.known().map(|f| (f.kind.name(), f.mount_point.as_str())), Some(("proc", "/proc")));
    }

    #[test]
    fn room_is_never_more_than_the_whole() {
        let place = tempfile::tempdir().unwrap();
        let room = room(File::open(place.path()).unwrap());
        let room = room.known().unwrap();
        assert!(room.total_bytes.0 > 0 && room.available_bytes <= room.total_bytes);
        assert!(room.available_inodes <= room.total_inodes);
    }

    #[test]
    fn a_file_system_that_may_hang_is_not_asked_for_room() {
        let text = b"36 25 0:44 / /mnt/far rw,relatime - nfs4 server:/ rw,vers=4.2\n";
        let mounts = Mount::parse_all(text);
        let file = File::open("/proc/version").unwrap();
        let found = of_path(&mounts, "/mnt/far/x", file.as_fd());
        let found = found.known().unwrap();
        assert_eq!(found.device.to_string(), "0:44");
        assert_eq!(found.room, Fact::unreadable("not asked for room: nfs4 may hang"));
    }
}
