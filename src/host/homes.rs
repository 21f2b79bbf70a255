//! The home directory of a service's user, where Gunicorn 25.2 and later puts its control socket.

use super::root::Root;
use crate::facts::{Fact, Home, Mount, mount_of};

/// A user whose home is asked for.
#[derive(Debug, Clone, Copy)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
}

/// The home directory that `passwd` names for the user, and whether the user may write there.
pub fn home(root: &Root, mounts: &Fact<Vec<Mount>>, user: User) -> Fact<Home> {
    directory(root, user.uid).map(|directory| Home { writable: writable(root, mounts, &directory, user), directory })
}

/// The home directory that `passwd` names for the user.
pub fn directory(root: &Root, uid: u32) -> Fact<String> {
    root.read("/etc/passwd").and_then(|passwd| home_of(&passwd, uid).into())
}

/// The sixth field of the first line with that user id (passwd(5)).
fn home_of(passwd: &[u8], uid: u32) -> Option<String> {
    let text = String::from_utf8_lossy(passwd);
    let line = text
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.get(2).and_then(|field| field.parse::<u32>().ok()) == Some(uid))?;
    line.get(5).map(|directory| (*directory).to_owned()).filter(|directory| directory.starts_with('/'))
}

fn writable(root: &Root, mounts: &Fact<Vec<Mount>>, directory: &str, user: User) -> Fact<bool> {
    match (root.stat(directory), mounts) {
        (Fact::Absent, _) => Fact::Known(false),
        (Fact::Unreadable(reason), _) => Fact::Unreadable(reason),
        (Fact::Known(_), Fact::Unreadable(reason)) => Fact::Unreadable(reason.clone()),
        (Fact::Known(_), Fact::Absent) => Fact::Absent,
        (Fact::Known(stat), Fact::Known(mounts)) => {
            let read_only =
                mount_of(mounts, directory).is_some_and(|mount| mount.options.iter().any(|option| option == "ro"));
            Fact::Known(!read_only && may_write(&stat, user))
        }
    }
}

/// Owner, then group, then all others: the first that fits decides (path_resolution(7)). Root may always.
fn may_write(stat: &nix::sys::stat::FileStat, user: User) -> bool {
    let bit = match user {
        User { uid: 0, .. } => return true,
        User { uid, .. } if uid == stat.st_uid => 0o200,
        User { gid, .. } if gid == stat.st_gid => 0o020,
        _ => 0o002,
    };
    stat.st_mode & bit != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::mount;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn a_home_is_the_sixth_field_of_the_users_line() {
        let passwd =
            b"root:x:0:0:root:/root:/bin/sh\nbroken\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\nnone:x:7:7::\n";
        assert_eq!(home_of(passwd, 33).as_deref(), Some("/var/www"));
        assert_eq!(home_of(passwd, 7), None);
        assert_eq!(home_of(passwd, 34), None);
        assert_eq!(home_of(b"\xff:\xff", 0), None);
    }

    #[test]
    fn a_home_is_writable_by_its_owner_on_a_writable_mount() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("etc")).unwrap();
        fs::create_dir_all(place.path().join("home/app")).unwrap();
        let owner = fs::metadata(place.path()).unwrap();
        let (uid, gid) = (owner.uid() + 1, owner.gid() + 1);
        fs::write(place.path().join("etc/passwd"), format!("app:x:{uid}:{gid}::/home/app:/bin/sh\n")).unwrap();
        let root = Root::open(place.path()).unwrap();
        let writable = |options: &[&str]| {
            let mounts = Fact::Known(vec![mount("/", "ext4", options)]);
            home(&root, &mounts, User { uid, gid }).known().unwrap().writable.clone()
        };
        let mode = |mode| fs::set_permissions(place.path().join("home/app"), fs::Permissions::from_mode(mode)).unwrap();
        mode(0o755);
        assert_eq!(writable(&["rw"]), Fact::Known(false));
        mode(0o777);
        assert_eq!(writable(&["rw"]), Fact::Known(true));
        assert_eq!(writable(&["ro"]), Fact::Known(false));
        fs::remove_dir(place.path().join("home/app")).unwrap();
        assert_eq!(writable(&["rw"]), Fact::Known(false));
    }
}
