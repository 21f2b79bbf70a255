//! Directories.

use super::refused::errno;
use super::spot::Spot;
use super::temporary::{attach, own};
use crate::host::ground::Seen;
use crate::host::{Last, Root};
use crate::plan::{DirectoryImage, Standing, Trouble};
use crate::units::quoted;
use nix::errno::Errno;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, fchmod, fsync, mkdirat, openat, unlinkat};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

/// How a directory stands to a change from `before` to `after`.
///
/// One that is to be made, or to go, is told by whether it is there: with another mode it is no less in the way, and no
/// less of use. One that is to be changed is told by mode and owner.
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
    let is_so = |image: Option<&DirectoryImage>, seen| match (before, after) {
        (Some(_), Some(_)) => image == Some(seen),
        _ => image.is_some(),
    };
    Ok(match spot.map_or(Ok(Seen::Nothing), |spot| spot.look())? {
        Seen::Nothing if after.is_none() => Standing::After,
        Seen::Nothing if before.is_none() => Standing::Before,
        Seen::Nothing => Standing::Other("it is gone".into()),
        Seen::Directory(image) if is_so(after, &image) => Standing::After,
        Seen::Directory(image) if is_so(before, &image) => Standing::Before,
        Seen::Directory(image) => {
            Standing::Other(format!("its mode is {:04o}, of {}:{}", image.mode, image.owner.uid, image.owner.gid))
        }
        Seen::File(_) => Standing::Other("a regular file is there".into()),
        Seen::Else(what) => Standing::Other(format!("{what} is there")),
    })
}

/// Makes it so. One that is to go and holds something is an error that says what: `it holds lost+found`. One that is to
/// be made and is there already is an error too, so that taking back never removes what somebody else has made.
///
/// # Errors
/// What the system refuses; nothing is changed then.
pub fn make(
    root: &Root,
    path: &str,
    before: Option<&DirectoryImage>,
    after: Option<&DirectoryImage>,
) -> Result<(), Trouble> {
    match (before, after) {
        (None, None) => Ok(()),
        (None, Some(image)) => {
            let spot = Spot::open(root, path, Last::Itself, "", "make directory")?;
            create(&spot, image)?;
            spot.sync()
        }
        (Some(_), Some(image)) => {
            let spot = Spot::open(root, path, Last::Itself, "", "change directory")?;
            let handle = open(&spot).map_err(|errno| spot.refused(errno))?;
            dress(root, &handle, image).map_err(|errno| spot.refused(errno))
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

fn remove(spot: &Spot<'_>) -> Result<(), Trouble> {
    match unlinkat(&spot.site.directory, &spot.site.name, AtFlags::REMOVEDIR).map_err(errno) {
        Ok(()) => spot.sync(),
        Err(Errno::ENOENT) => Ok(()),
        Err(Errno::ENOTEMPTY | Errno::EEXIST) => {
            let held = first_name(spot).unwrap_or_else(|| "something".into());
            let shown = quoted(&spot.root.shown(&spot.site.path));
            Err(Trouble::new(&spot.what, format!("it holds {held}")).with_hint(format!("ls -A {shown}")))
        }
        Err(errno) => Err(spot.refused(errno)),
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
    use crate::plan::Owner;
    use std::fs;
    use std::os::unix::fs::symlink;

    const OF_ROOT: Option<&DirectoryImage> = Some(&DirectoryImage::OF_ROOT);

    fn image() -> (tempfile::TempDir, Root) {
        let place = tempfile::tempdir().unwrap();
        let root = Root::open(place.path()).unwrap();
        (place, root)
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
        let trouble = make(&root, "/mem", None, OF_ROOT).unwrap_err();
        assert_eq!(trouble.reason, "somebody else made it meanwhile");
        assert!(place.path().join("mem").is_dir());
    }

    #[test]
    fn one_that_holds_something_stays_and_says_what() {
        let (place, root) = image();
        fs::create_dir_all(place.path().join("mem/theirs")).unwrap();
        let trouble = make(&root, "/mem", OF_ROOT, None).unwrap_err();
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
        let reason = make(&root, "/no/mem", None, OF_ROOT).unwrap_err().reason;
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
}
