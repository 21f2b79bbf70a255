//! Directories.

use super::mount::MountTrouble;
use super::refused::errno;
use super::spot::Spot;
use super::temporary::{attach, own};
use crate::host::ground::Seen;
use crate::host::{Last, Root};
use crate::plan::{DirectoryImage, Standing, Trouble};
use crate::units::quoted;
use nix::errno::Errno;
use nix::unistd::geteuid;
use rustix::fs::{
    AtFlags, Dir, Mode, OFlags, StatxAttributes, StatxFlags, fchmod, fsync, mkdirat, openat, statx, unlinkat,
};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

/// How a directory stands to a change from `before` to `after`.
///
/// It is told by mode and owner: one that has others was made again, or changed, by somebody else. One that a killed run
/// has left half made counts as made. What lies below a mount point cannot be looked at, and is taken to be as it was
/// left.
///
/// # Errors
/// Where it could not be looked at.
pub fn standing(
    root: &Root,
    path: &str,
    before: Option<&DirectoryImage>,
    after: Option<&DirectoryImage>,
) -> Result<Standing, Trouble> {
    let spot = Spot::find(root, path, Last::Itself, "", "look at")?;
    let is_hidden = spot.as_ref().is_some_and(is_mount_point);
    let is_so = |image: Option<&DirectoryImage>, seen| match (before, after) {
        (None, _) | (_, None) if is_hidden => image.is_some(),
        _ => image == Some(seen),
    };
    let Some(spot) = spot else { return Ok(of_nothing(before, after)) };
    Ok(match spot.look()? {
        Seen::Nothing => of_nothing(before, after),
        Seen::Directory(image) if is_so(after, &image) => Standing::After,
        Seen::Directory(image) if before.is_none() && after.is_some_and(|after| is_half_made(&spot, &image, after)) => {
            Standing::After
        }
        Seen::Directory(image) if is_so(before, &image) => Standing::Before,
        Seen::Directory(image) => {
            Standing::Other(format!("its mode is {:04o}, of {}:{}", image.mode, image.owner.uid, image.owner.gid))
        }
        Seen::File(_) => Standing::Other("a regular file is there".into()),
        Seen::Else(what) => Standing::Other(format!("{what} is there")),
    })
}

fn of_nothing(before: Option<&DirectoryImage>, after: Option<&DirectoryImage>) -> Standing {
    match (before, after) {
        (_, None) => Standing::After,
        (None, _) => Standing::Before,
        (Some(_), Some(_)) => Standing::Other("it is gone".into()),
    }
}

/// Whether it is as [`create`] has it before its owner and mode: for who runs gtune alone, and empty.
fn is_half_made(spot: &Spot<'_>, seen: &DirectoryImage, wanted: &DirectoryImage) -> bool {
    let is_own = [wanted.owner.uid, geteuid().as_raw()].contains(&seen.owner.uid);
    is_own && seen.mode & 0o077 == 0 && first_name(spot).is_none()
}

/// Makes it so. One that is to go and holds something is an error that says what: `it holds lost+found`. One that is to
/// be made and is there already is an error too, so that taking back never removes what somebody else has made.
///
/// # Errors
/// What the system refuses, and [`MountTrouble::MountPoint`] of one that is to go and has something mounted on it; nothing
/// is changed then.
pub fn make(
    root: &Root,
    path: &str,
    before: Option<&DirectoryImage>,
    after: Option<&DirectoryImage>,
) -> Result<(), MountTrouble> {
    match (before, after) {
        (None, None) => Ok(()),
        (None, Some(image)) => {
            let spot = Spot::open(root, path, Last::Itself, "", "make directory")?;
            create(&spot, image)?;
            Ok(spot.sync()?)
        }
        (Some(_), Some(image)) => {
            let spot = Spot::open(root, path, Last::Itself, "", "change directory")?;
            let handle = open(&spot).map_err(|errno| spot.refused(errno))?;
            Ok(dress(root, &handle, image).map_err(|errno| spot.refused(errno))?)
        }
        (Some(_), None) => match Spot::find(root, path, Last::Itself, "", "remove directory")? {
            Some(spot) => remove(&spot),
            None => Ok(()),
        },
    }
}

fn create(spot: &Spot<'_>, image: &DirectoryImage) -> Result<(), Trouble> {
    // Nobody else may enter it before it has its owner and mode.
    match mkdirat(&spot.site.directory, &spot.site.name, Mode::RWXU).map_err(errno) {
        Ok(()) => {}
        Err(Errno::EEXIST) => {
            return Err(Trouble::new(&spot.what, "somebody else made it meanwhile").with_hint("run it again"));
        }
        Err(errno) => return Err(spot.refused(errno)),
    }
    let dressed = open(spot).and_then(|handle| dress(spot.root, &handle, image));
    dressed.map_err(|errno| {
        // It is empty still, or somebody else's already and stays.
        let _ = unlinkat(&spot.site.directory, &spot.site.name, AtFlags::REMOVEDIR);
        spot.refused(errno)
    })
}

fn open(spot: &Spot<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(&spot.site.directory, &spot.site.name, flags, Mode::empty()).map_err(errno)
}

fn dress(root: &Root, handle: &OwnedFd, image: &DirectoryImage) -> Result<(), Errno> {
    own(root, handle.as_fd(), image.owner)?;
    attach(handle.as_fd(), &BTreeMap::new())?;
    fchmod(handle, Mode::from_raw_mode(image.mode)).map_err(errno)?;
    fsync(handle).map_err(errno)
}

/// Whether something is mounted on it (statx(2), Linux 5.8; before that rmdir(2) says so).
fn is_mount_point(spot: &Spot<'_>) -> bool {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let seen = statx(&spot.site.directory, &spot.site.name, flags, StatxFlags::TYPE);
    seen.is_ok_and(|seen| (seen.stx_attributes & seen.stx_attributes_mask).contains(StatxAttributes::MOUNT_ROOT))
}

fn remove(spot: &Spot<'_>) -> Result<(), MountTrouble> {
    match unlinkat(&spot.site.directory, &spot.site.name, AtFlags::REMOVEDIR).map_err(errno) {
        Ok(()) => Ok(spot.sync()?),
        Err(Errno::EBUSY) => Err(MountTrouble::MountPoint),
        Err(Errno::ENOENT) => Ok(()),
        Err(Errno::ENOTEMPTY | Errno::EEXIST) => {
            let held = first_name(spot).unwrap_or_else(|| "something".into());
            let shown = quoted(&spot.root.shown(&spot.site.path));
            Err(Trouble::new(&spot.what, format!("it holds {held}")).with_hint(format!("ls -A {shown}")).into())
        }
        Err(errno) => Err(spot.refused(errno).into()),
    }
}

fn first_name(spot: &Spot<'_>) -> Option<String> {
    let entries = Dir::new(open(spot).ok()?).ok()?;
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    let first = names.filter(|name| name != "." && name != "..").min()?;
    Some(first.escape_debug().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perform::private_host::alone;
    use crate::plan::Owner;
    use nix::mount::{MntFlags, MsFlags, mount, umount2};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    const OF_ROOT: Option<&DirectoryImage> = Some(&DirectoryImage::OF_ROOT);

    fn image() -> (tempfile::TempDir, Root) {
        let place = tempfile::tempdir().unwrap();
        let root = Root::open(place.path()).unwrap();
        (place, root)
    }

    fn refusal(outcome: Result<(), MountTrouble>) -> Trouble {
        match outcome.unwrap_err() {
            MountTrouble::Other(trouble) => trouble,
            other => panic!("{other:?}"),
        }
    }

    fn seen(root: &Root) -> Seen {
        Spot::open(root, "/mem", Last::Itself, "", "").unwrap().look().unwrap()
    }

    #[test]
    fn a_directory_is_made_with_its_mode_whatever_the_umask_and_removed_again() {
        for mode in [0o755, 0o777, 0o1777, 0o700] {
            let (place, root) = image();
            let wanted = DirectoryImage { mode, owner: Owner::ROOT };
            assert_eq!(standing(&root, "/mem", None, Some(&wanted)).unwrap(), Standing::Before);
            make(&root, "/mem", None, Some(&wanted)).unwrap();
            assert_eq!(seen(&root), Seen::Directory(wanted));
            assert_eq!(standing(&root, "/mem", None, Some(&wanted)).unwrap(), Standing::After);
            assert_eq!(standing(&root, "/mem", Some(&wanted), None).unwrap(), Standing::Before);
            make(&root, "/mem", Some(&wanted), None).unwrap();
            assert_eq!(standing(&root, "/mem", Some(&wanted), None).unwrap(), Standing::After);
            assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_directory_that_somebody_else_made_is_not_taken_for_ours() {
        let (place, root) = image();
        fs::create_dir(place.path().join("mem")).unwrap();
        let trouble = refusal(make(&root, "/mem", None, OF_ROOT));
        assert_eq!(trouble.reason, "somebody else made it meanwhile");
        assert!(place.path().join("mem").is_dir());
    }

    #[test]
    fn one_that_holds_something_stays_and_says_what() {
        let (place, root) = image();
        fs::create_dir_all(place.path().join("mem/theirs")).unwrap();
        let trouble = refusal(make(&root, "/mem", OF_ROOT, None));
        assert_eq!(trouble.reason, "it holds theirs");
        assert!(place.path().join("mem/theirs").is_dir());
    }

    #[test]
    fn what_is_no_directory_is_left() {
        let (place, root) = image();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), place.path().join("mem")).unwrap();
        let link = Standing::Other("a symbolic link is there".into());
        assert_eq!(standing(&root, "/mem", OF_ROOT, None).unwrap(), link);
        assert!(make(&root, "/mem", OF_ROOT, None).is_err());
        assert!(make(&root, "/mem", None, OF_ROOT).is_err());
        assert!(outside.path().is_dir());
    }

    #[test]
    fn a_missing_parent_is_said() {
        let (_place, root) = image();
        let reason = refusal(make(&root, "/no/mem", None, OF_ROOT)).reason;
        assert_eq!(reason, format!("{} is not a directory that is there", root.shown("/no")));
        make(&root, "/no/mem", OF_ROOT, None).unwrap();
    }

    #[test]
    fn mode_and_owner_of_one_that_is_there_can_be_changed() {
        let (place, root) = image();
        fs::create_dir(place.path().join("mem")).unwrap();
        let Seen::Directory(before) = seen(&root) else { panic!("made above") };
        let after = DirectoryImage { mode: 0o700, ..before };
        make(&root, "/mem", Some(&before), Some(&after)).unwrap();
        assert_eq!(standing(&root, "/mem", Some(&before), Some(&after)).unwrap(), Standing::After);
    }

    #[test]
    fn one_that_was_made_again_with_another_mode_or_owner_is_somebody_elses() {
        let (place, root) = image();
        make(&root, "/mem", None, OF_ROOT).unwrap();
        fs::set_permissions(place.path().join("mem"), fs::Permissions::from_mode(0o750)).unwrap();
        let said = standing(&root, "/mem", None, OF_ROOT).unwrap();
        assert_eq!(said, Standing::Other("its mode is 0750, of 0:0".into()));
        fs::set_permissions(place.path().join("mem"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(standing(&root, "/mem", None, OF_ROOT).unwrap(), Standing::After, "a killed run leaves it so");
        fs::write(place.path().join("mem/theirs"), "").unwrap();
        let said = standing(&root, "/mem", None, OF_ROOT).unwrap();
        assert_eq!(said, Standing::Other("its mode is 0700, of 0:0".into()));
        fs::set_permissions(place.path().join("mem"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(standing(&root, "/mem", None, OF_ROOT).unwrap(), Standing::After);
        if chown(place.path().join("mem"), Some(12), Some(34)).is_ok() {
            let said = standing(&root, "/mem", None, OF_ROOT).unwrap();
            assert_eq!(said, Standing::Other("its mode is 0755, of 12:34".into()));
        }
    }

    #[test]
    fn one_that_is_a_mount_point_waits_until_it_is_none() {
        alone(|| {
            let (place, root) = image();
            make(&root, "/mem", None, OF_ROOT).unwrap();
            let path = place.path().join("mem");
            mount(Some("x"), &path, Some("tmpfs"), MsFlags::empty(), Some("mode=1777")).unwrap();
            assert_eq!(standing(&root, "/mem", None, OF_ROOT).unwrap(), Standing::After, "what is below is hidden");
            assert!(matches!(make(&root, "/mem", OF_ROOT, None), Err(MountTrouble::MountPoint)));
            umount2(&path, MntFlags::empty()).unwrap();
            make(&root, "/mem", OF_ROOT, None).unwrap();
            assert!(!path.exists());
        });
    }
}
