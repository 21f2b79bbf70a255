//! Copies of files in `/var/lib/gtune/backup/ID`, for people who have to put one back by hand.

use super::spot::LONGEST_NAME;
use super::state_directory::{StateDirectory, is_there};
use crate::host::{Root, told};
use crate::plan::{FileImage, Trouble};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid, fchmod, fchown, fsync, openat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

/// Making a file that is not there yet.
const NEW: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Keeps what was there before the transaction. The first image of a file counts; a second change of the same file is
/// gtune's own.
pub(super) fn keep(state: &StateDirectory, id: &str, path: &str, image: &FileImage) -> Result<(), Trouble> {
    let directory = state.make_below(&format!("backup/{id}"))?;
    let name = name(path, "");
    if is_there(&directory, &name) {
        return Ok(());
    }
    copy(&directory, &name, image).map_err(|error| trouble(state, id, &name, &error))
}

/// Keeps what somebody else has written and `--force` is about to replace: `etc%2Ffstab.forced-1`, numbered, so that no
/// copy replaces another.
pub(super) fn keep_forced(root: &Root, id: &str, path: &str, image: &FileImage) -> Result<(), Trouble> {
    let state = StateDirectory::make(root)?;
    let directory = state.make_below(&format!("backup/{id}"))?;
    for number in 1u32.. {
        let name = name(path, &format!(".forced-{number}"));
        match copy(&directory, &name, image) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            copied => return copied.map_err(|error| trouble(&state, id, &name, &error)),
        }
    }
    Ok(())
}

fn trouble(state: &StateDirectory, id: &str, name: &str, error: &std::io::Error) -> Trouble {
    Trouble::new(format!("write {}", state.shown(&format!("backup/{id}/{name}"))), told(error))
}

/// One name for a path: `etc%2Ffstab`. Of a path that is too long for a name its end is kept.
fn name(path: &str, suffix: &str) -> String {
    let name = path.trim_start_matches('/').replace('%', "%25").replace('/', "%2F");
    let start = (name.len() + suffix.len()).saturating_sub(LONGEST_NAME);
    let start = (start..=name.len()).find(|at| name.is_char_boundary(*at)).unwrap_or(name.len());
    name.get(start..).unwrap_or_default().to_owned() + suffix
}

/// Writes a copy that is not there yet; where that fails, nothing is left.
fn copy(directory: &OwnedFd, name: &str, image: &FileImage) -> std::io::Result<()> {
    let file = File::from(openat(directory, name, NEW, Mode::RUSR | Mode::WUSR)?);
    let filled = fill(file, image).and_then(|()| Ok(fsync(directory)?));
    if filled.is_err() {
        let _ = unlinkat(directory, name, AtFlags::empty());
    }
    filled
}

fn fill(mut file: File, image: &FileImage) -> std::io::Result<()> {
    file.write_all(&image.content.0)?;
    let owned = fchown(&file, Some(Uid::from_raw(image.owner.uid)), Some(Gid::from_raw(image.owner.gid)));
    // Only root may give a file away; the journal holds whose it was.
    if !matches!(owned, Ok(()) | Err(Errno::PERM | Errno::INVAL)) {
        owned?;
    }
    // Without the bits that make a program run as somebody else.
    fchmod(&file, Mode::from_raw_mode(image.mode & 0o777))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_replaced_by_force_is_kept_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let long = format!("/etc/{}", "n".repeat(255));
        for path in ["/etc/fstab", &long] {
            for text in ["one", "two", "one"] {
                keep_forced(&root, "4c1d9e", path, &FileImage::configuration(text)).unwrap();
            }
            let kept = |number: u32| {
                let name = name(path, &format!(".forced-{number}"));
                fs::read_to_string(directory.path().join("var/lib/gtune/backup/4c1d9e").join(name)).unwrap()
            };
            assert_eq!([kept(1), kept(2), kept(3)], ["one", "two", "one"]);
        }
    }

    #[test]
    fn a_name_is_never_longer_than_a_name_may_be() {
        let path = format!("/{}ü/x", "a/".repeat(200));
        assert!(name(&path, "").ends_with("ü%2Fx"));
        for cut in 0..9 {
            let name = name(path.get(cut..).unwrap(), &".forced-12345"[..13 - cut]);
            assert!(name.len() <= LONGEST_NAME, "{name}");
        }
    }
}
