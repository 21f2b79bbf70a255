//! Where a Gunicorn without `worker_tmp_dir` would put its heartbeat file: on the live host now, in an image at boot.

use super::{of_path, without_asking};
use crate::facts::{
    DefaultHeartbeat, Fact, Filesystem, FsKind, Fstab, FstabEntry, Mount, MountUnit, mount_of, unit_name_of_path,
};
use crate::host::{Root, stored};
use crate::units::DeviceId;
use nix::sys::stat::SFlag;
use std::os::fd::AsFd;

/// Where Python's tempfile module looks, in order, when `TMPDIR`, `TEMP` and `TMP` are not set. A service that is yet
/// to be started has an environment nobody can see, so those do not count here.
const CANDIDATES: [&str; 3] = ["/tmp", "/var/tmp", "/usr/tmp"];

/// The directory Python would choose and its file system; absent where it would find none.
pub fn default_heartbeat(
    root: &Root,
    mounts: &Fact<Vec<Mount>>,
    fstab: &Fact<Fstab>,
    mount_units: &[MountUnit],
) -> Fact<DefaultHeartbeat> {
    if root.is_live() { now(root, mounts) } else { Fact::Known(at_boot(root, fstab, mount_units)) }
}

fn now(root: &Root, mounts: &Fact<Vec<Mount>>) -> Fact<DefaultHeartbeat> {
    let Fact::Known(mounts) = mounts else {
        let filesystem = mounts.as_ref().and_then(|_| Fact::Absent);
        return Fact::Known(chosen(CANDIDATES[0], filesystem, "Python looks there first"));
    };
    CANDIDATES.iter().find_map(|directory| usable(root, mounts, directory)).into()
}

fn chosen(directory: &str, filesystem: Fact<Filesystem>, because: impl Into<String>) -> DefaultHeartbeat {
    DefaultHeartbeat { directory: directory.to_owned(), filesystem, because: because.into() }
}

/// The directory where it is one that every user may write to; Python tries the next one otherwise.
fn usable(root: &Root, mounts: &[Mount], directory: &str) -> Option<DefaultHeartbeat> {
    if let Some(far) = mount_of(mounts, directory).filter(|mount| mount.kind.may_hang()) {
        let filesystem = Fact::Known(without_asking(far));
        return Some(chosen(directory, filesystem, format!("{} is mounted there", far.kind)));
    }
    let stat = root.stat(directory);
    let stat = stat.known()?;
    let is_open = stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits() && stat.st_mode & 0o002 != 0;
    let filesystem = root.open_handle(directory).and_then(|handle| of_path(mounts, directory, handle.as_fd()));
    let is_read_only = filesystem.known().is_some_and(|f| f.has_option("ro"));
    let because = "the first directory Python looks at that every user may write to";
    (is_open && !is_read_only).then(|| chosen(directory, filesystem, because))
}

/// What the image says will be mounted at `/tmp`.
fn at_boot(root: &Root, fstab: &Fact<Fstab>, mount_units: &[MountUnit]) -> DefaultHeartbeat {
    let directory = CANDIDATES[0];
    let place = root.link_target(directory).known().cloned().unwrap_or_else(|| directory.to_owned());
    let (filesystem, because) = stored_at(root, &place, fstab, mount_units);
    chosen(directory, filesystem, because)
}

/// The rules of systemd's search path: a mask hides everything, a unit in `/etc` hides the one made from fstab, and
/// that one hides the vendor's.
fn stored_at(root: &Root, place: &str, fstab: &Fact<Fstab>, units: &[MountUnit]) -> (Fact<Filesystem>, String) {
    let unit = units.iter().find(|unit| unit.mount_point == place);
    let operators = unit.filter(|unit| unit.file.starts_with("/etc/"));
    if let Some(unit) = operators.filter(|unit| unit.enabled) {
        return by_unit(root, unit);
    }
    let entries = match fstab {
        Fact::Known(fstab) => fstab.entries.as_slice(),
        Fact::Absent => &[],
        Fact::Unreadable(reason) => return (Fact::Unreadable(reason.clone()), "fstab could not be read".to_owned()),
    };
    let is_masked = stored::is_masked(root, &mount_unit_name(place));
    let own_line = entries.iter().rfind(|entry| at_start(entry) && entry.target == place).filter(|_| !is_masked);
    match (own_line, operators, unit.filter(|unit| unit.enabled && !is_masked)) {
        // The line pulls the unit in, and the unit says what is mounted.
        (Some(_), Some(unit), _) | (None, _, Some(unit)) => by_unit(root, unit),
        (Some(line), None, _) => by_line(root, line),
        (None, _, None) => match above(entries, place) {
            Some(line) => by_line(root, line),
            None => (Fact::Absent, format!("nothing stored for boot mounts {place} or a directory above it")),
        },
    }
}

fn mount_unit_name(mount_point: &str) -> String {
    format!("{}.mount", unit_name_of_path(mount_point))
}

fn at_start(entry: &FstabEntry) -> bool {
    !entry.options.iter().any(|option| option == "noauto")
}

/// The line for the nearest directory above; of several for one directory the last lies on top.
fn above<'a>(entries: &'a [FstabEntry], place: &str) -> Option<&'a FstabEntry> {
    let covers = |entry: &&FstabEntry| {
        let below = place.strip_prefix(entry.target.trim_end_matches('/'));
        at_start(entry) && entry.target != place && below.is_some_and(|rest| rest.starts_with('/'))
    };
    entries.iter().filter(covers).max_by_key(|entry| entry.target.len())
}

fn by_unit(root: &Root, unit: &MountUnit) -> (Fact<Filesystem>, String) {
    let because = format!("{} is mounted at boot: {}", mount_unit_name(&unit.mount_point), unit.file);
    (stored_filesystem(root, &unit.kind, &unit.mount_point, unit.kind.name(), &unit.options, &unit.file), because)
}

fn by_line(root: &Root, line: &FstabEntry) -> (Fact<Filesystem>, String) {
    let because = format!("/etc/fstab line {}: {} at {}", line.line, line.kind, line.target);
    let kind = FsKind::named(line.kind.clone());
    (stored_filesystem(root, &kind, &line.target, &line.source, &line.options, "/etc/fstab"), because)
}

fn stored_filesystem(
    root: &Root,
    kind: &FsKind,
    mount_point: &str,
    source: &str,
    options: &[String],
    file: &str,
) -> Fact<Filesystem> {
    let is_bind = options.iter().any(|option| matches!(option.as_str(), "bind" | "rbind"));
    if is_bind || kind.name() == "auto" {
        return Fact::unreadable(format!("the type of file system is not stored: {}", root.shown(file)));
    }
    Fact::Known(Filesystem {
        kind: kind.clone(),
        // It is not mounted, so it has no number yet; 0:0 is never given to a file system.
        device: DeviceId(0),
        mount_point: mount_point.to_owned(),
        source: source.to_owned(),
        options: options.to_vec(),
        room: Fact::unreadable(root.no_live_kernel()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    const TMP_MOUNT: &str = "usr/lib/systemd/system/tmp.mount";

    /// Debian 13 as it is installed: root on ext4, and `tmp.mount` switched on by its package.
    fn trixie() -> tempfile::TempDir {
        let image = tempfile::tempdir().unwrap();
        write(&image, "etc/fstab", "UUID=1 / ext4 errors=remount-ro 0 1\n");
        let unit = "[Mount]\nWhat=tmpfs\nWhere=/tmp\nType=tmpfs\nOptions=mode=1777,size=50%%,nr_inodes=1m\n";
        write(&image, TMP_MOUNT, unit);
        write(&image, "usr/lib/systemd/system/local-fs.target.wants/.keep", "");
        link(&image, "../tmp.mount", "usr/lib/systemd/system/local-fs.target.wants/tmp.mount");
        write(&image, "etc/systemd/system/.keep", "");
        image
    }

    fn write(image: &tempfile::TempDir, path: &str, text: &str) {
        let path = image.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn link(image: &tempfile::TempDir, target: &str, path: &str) {
        symlink(target, image.path().join(path)).unwrap();
    }

    /// Kind, mount point and reason.
    fn judged(image: &tempfile::TempDir) -> (String, String) {
        let root = Root::open(image.path()).unwrap();
        let units = stored::mount_units(&root);
        let heartbeat = default_heartbeat(&root, &Fact::Absent, &stored::fstab(&root), &units);
        let heartbeat = heartbeat.known().unwrap().clone();
        let place = match heartbeat.filesystem {
            Fact::Known(f) => format!("{} at {}", f.kind, f.mount_point),
            Fact::Absent => "absent".to_owned(),
            Fact::Unreadable(_) => "unreadable".to_owned(),
        };
        (place, heartbeat.because)
    }

    #[test]
    fn debian_13_mounts_tmp_in_memory() {
        let (place, because) = judged(&trixie());
        assert_eq!(place, "tmpfs at /tmp");
        assert_eq!(because, format!("tmp.mount is mounted at boot: /{TMP_MOUNT}"));
    }

    #[test]
    fn debian_12_keeps_tmp_on_the_root_file_system() {
        let image = trixie();
        std::fs::remove_file(image.path().join(TMP_MOUNT)).unwrap();
        let because = "/etc/fstab line 1: ext4 at /".to_owned();
        assert_eq!(judged(&image), ("ext4 at /".to_owned(), because));
    }

    #[test]
    fn a_mask_keeps_tmp_on_disk_and_hides_an_fstab_line_too() {
        let image = trixie();
        link(&image, "/dev/null", "etc/systemd/system/tmp.mount");
        assert_eq!(judged(&image).0, "ext4 at /");
        write(&image, "etc/fstab", "tmpfs /tmp tmpfs defaults 0 0\n/dev/vda1 / xfs defaults 0 1\n");
        assert_eq!(judged(&image).0, "xfs at /");
    }

    #[test]
    fn an_fstab_line_hides_the_vendors_unit() {
        let image = trixie();
        write(&image, "etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n/dev/vda2 /tmp xfs defaults 0 0\n");
        assert_eq!(judged(&image), ("xfs at /tmp".to_owned(), "/etc/fstab line 2: xfs at /tmp".to_owned()));
    }

    #[test]
    fn an_fstab_line_that_waits_for_a_hand_mounts_nothing_at_boot() {
        let image = trixie();
        write(&image, "etc/fstab", "/dev/vda2 /tmp xfs noauto 0 0\n");
        assert_eq!(judged(&image).0, "tmpfs at /tmp");
    }

    #[test]
    fn an_operators_unit_hides_the_fstab_line() {
        let image = trixie();
        write(&image, "etc/fstab", "tmpfs /tmp tmpfs defaults 0 0\n");
        write(&image, "etc/systemd/system/tmp.mount", "[Mount]\nWhat=/dev/vdb\nWhere=/tmp\nType=ext4\n");
        assert_eq!(judged(&image).0, "ext4 at /tmp");
    }

    #[test]
    fn a_link_masks_the_vendors_link_that_pulls_the_unit_in() {
        let image = trixie();
        write(&image, "etc/systemd/system/local-fs.target.wants/.keep", "");
        link(&image, "/dev/null", "etc/systemd/system/local-fs.target.wants/tmp.mount");
        assert_eq!(judged(&image).0, "ext4 at /");
    }

    #[test]
    fn an_image_that_stores_nothing_tells_nothing() {
        let image = tempfile::tempdir().unwrap();
        assert_eq!(judged(&image).0, "absent");
    }

    #[test]
    fn a_bind_mount_is_of_no_known_type() {
        let image = trixie();
        write(&image, "etc/fstab", "/srv/tmp /tmp none bind 0 0\n");
        assert_eq!(judged(&image).0, "unreadable");
    }

    #[test]
    fn a_tmp_that_is_a_link_is_judged_where_it_leads() {
        let image = trixie();
        link(&image, "var/tmp", "tmp");
        write(&image, "etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n/dev/vda2 /var xfs defaults 0 0\n");
        assert_eq!(judged(&image).0, "xfs at /var");
    }

    #[test]
    fn the_live_host_says_what_is_mounted_now() {
        let root = Root::open(Path::new("/")).unwrap();
        let mounts = Mount::parse_all(&std::fs::read("/proc/self/mountinfo").unwrap());
        let found = default_heartbeat(&root, &Fact::Known(mounts), &Fact::Absent, &[]);
        let found = found.known().unwrap();
        assert!(CANDIDATES.contains(&found.directory.as_str()));
        assert!(found.filesystem.known().is_some());
    }
}
