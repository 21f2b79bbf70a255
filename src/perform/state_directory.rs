//! `/var/lib/gtune`: where journals and before-images are kept, for root alone.

use super::hint;
use super::refused::words;
use crate::host::ground::swappable;
use crate::host::{Last, Root, Site, told};
use crate::plan::Trouble;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fchmod, fstat, fsync, mkdirat, openat, statat};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

/// Below the root that is changed.
const PLACE: &str = "/var/lib/gtune";

/// A journal larger than this is not read: it holds the images of a few files, each at most 4 MiB, as text.
pub(super) const LARGEST_JOURNAL: u64 = 64 << 20;

/// A handle that can be listed and flushed.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The directory, known to belong to who runs gtune and to be writable by nobody else.
#[derive(Debug)]
pub struct StateDirectory {
    directory: OwnedFd,
    shown: String,
    /// How gtune is called for the root it lies below.
    gtune: String,
}

impl StateDirectory {
    /// The directory, where there is one.
    ///
    /// # Errors
    /// It may not be read, or others could have written what is in it, or put another in its place.
    pub fn find(root: &Root) -> Result<Option<Self>, Trouble> {
        match root.site(PLACE, Last::Itself) {
            Err(nix::errno::Errno::ENOENT | nix::errno::Errno::ENOTDIR) => Ok(None),
            Err(errno) => Err(Trouble::new("read the journal", root.reason(PLACE, errno).to_string())),
            Ok(site) => Self::open(root, &site),
        }
    }

    /// The directory, made where there is none yet.
    ///
    /// # Errors
    /// As [`StateDirectory::find`], and what the system refuses.
    pub fn make(root: &Root) -> Result<Self, Trouble> {
        let what = format!("make {}", root.shown(PLACE));
        let ends = PLACE.match_indices('/').skip(1).map(|(at, _)| at).chain([PLACE.len()]);
        for path in ends.filter_map(|end| PLACE.get(..end)) {
            let site = root.site(path, Last::Itself);
            let site = site.map_err(|errno| Trouble::new(&what, root.reason(path, errno).to_string()))?;
            refuse_swappable(root, &site)?;
            let name = path.rsplit('/').next().unwrap_or(path);
            if !is_there(&site.directory, name) {
                // What lies above belongs to the distribution, and is for all to enter.
                let mode = if path == PLACE { Mode::RWXU } else { Mode::from_raw_mode(0o755) };
                make_directory(&site.directory, name, mode)
                    .map_err(|errno| cannot("make", &root.shown(path), errno))?;
            }
        }
        Self::find(root)?.ok_or_else(|| Trouble::new(what, "somebody else removed it meanwhile"))
    }

    /// Opens it by its name alone: a link would let whoever can change what it leads to say what was done.
    fn open(root: &Root, site: &Site) -> Result<Option<Self>, Trouble> {
        let shown = root.shown(PLACE);
        let directory = match openat(&site.directory, site.name.as_os_str(), DIRECTORY, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::ACCESS) => return Err(Trouble::new(format!("read {shown}"), "permission denied (needs root)")),
            // Both O_DIRECTORY and O_NOFOLLOW refuse a link.
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let reason = "it is a symbolic link, or no directory";
                return Err(Trouble::new(format!("trust {shown}"), reason).with_hint(format!("ls -ld {shown}")));
            }
            Err(errno) => return Err(cannot("open", &shown, errno)),
        };
        refuse_swappable(root, site)?;
        let stat = fstat(&directory).map_err(|errno| cannot("look at", &shown, errno))?;
        trusted(&stat, &shown)?;
        Ok(Some(Self { directory, shown, gtune: hint::gtune(root, "") }))
    }

    /// The directory as the operator knows it, with a path below it.
    pub fn shown(&self, below: &str) -> String {
        format!("{}/{below}", self.shown)
    }

    /// A command of gtune's for the root that it lies below, as it can be pasted.
    pub(super) fn gtune(&self, words: &str) -> String {
        format!("{}{words}", self.gtune)
    }

    /// Its handle.
    pub(super) fn handle(&self) -> &OwnedFd {
        &self.directory
    }

    /// A directory in it, where there is one.
    pub(super) fn below(&self, name: &str) -> Result<Option<OwnedFd>, Trouble> {
        match openat(&self.directory, name, DIRECTORY, Mode::empty()) {
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(cannot("open", &self.shown(name), errno)),
            Ok(directory) => {
                let stat = fstat(&directory).map_err(|errno| cannot("look at", &self.shown(name), errno))?;
                trusted(&stat, &self.shown(name))?;
                Ok(Some(directory))
            }
        }
    }

    /// A directory in it, made where there is none yet; `backup/4c1d9e` is two.
    pub(super) fn make_below(&self, path: &str) -> Result<OwnedFd, Trouble> {
        let wrong = |errno| cannot("make", &self.shown(path), errno);
        let mut above = openat(&self.directory, ".", DIRECTORY, Mode::empty()).map_err(wrong)?;
        for name in path.split('/') {
            make_directory(&above, name, Mode::RWXU).map_err(wrong)?;
            above = openat(&above, name, DIRECTORY, Mode::empty()).map_err(wrong)?;
            trusted(&fstat(&above).map_err(wrong)?, &self.shown(path))?;
        }
        Ok(above)
    }

    /// Names of the journals, oldest first.
    pub(super) fn journal_names(&self) -> Result<Vec<String>, Trouble> {
        let Some(directory) = self.below("journal")? else { return Ok(vec![]) };
        let wrong = |errno| cannot("list", &self.shown("journal"), errno);
        let mut names = vec![];
        for entry in Dir::read_from(&directory).map_err(wrong)? {
            let name = entry.map_err(wrong)?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".jsonl") && !name.starts_with('.') {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The bytes of a journal; a clause where they cannot be read.
    pub(super) fn journal(&self, name: &str) -> Result<Vec<u8>, String> {
        let directory = self.below("journal").map_err(|trouble| trouble.reason)?.ok_or("it went away")?;
        // A FIFO would keep gtune waiting without O_NONBLOCK.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&directory, name, flags, Mode::empty()).map_err(words)?;
        let stat = fstat(&file).map_err(words)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err("it is not a regular file".into());
        }
        let mut bytes = vec![];
        let read = File::from(file).take(LARGEST_JOURNAL + 1).read_to_end(&mut bytes);
        read.map_err(|error| told(&error))?;
        if bytes.len() as u64 > LARGEST_JOURNAL {
            return Err(format!("it is larger than {}", crate::units::Bytes(LARGEST_JOURNAL)));
        }
        Ok(bytes)
    }
}

/// Makes a directory; one that is there already is looked at by who opens it.
fn make_directory(above: &OwnedFd, name: &str, mode: Mode) -> Result<(), Errno> {
    match mkdirat(above, name, mode) {
        Err(Errno::EXIST) => return Ok(()),
        other => other?,
    }
    let made = openat(above, name, DIRECTORY, Mode::empty())?;
    // The umask of who runs gtune must not decide who may enter.
    fchmod(&made, mode)?;
    fsync(&made)?;
    fsync(openat(above, ".", DIRECTORY, Mode::empty())?)
}

/// Refuses a place that somebody else could put another directory in, with journals of their own.
fn refuse_swappable(root: &Root, site: &Site) -> Result<(), Trouble> {
    let Some(directory) = swappable(root, &site.passed) else { return Ok(()) };
    let owner = site.passed.iter().find(|passed| passed.path == directory).map_or(0, |passed| passed.uid);
    let is_foreign = owner != 0 && owner != nix::unistd::geteuid().as_raw();
    let shown = root.shown(&directory);
    let hint = match (is_foreign, root.is_live()) {
        (true, true) => format!("chown root {shown}   # once you know that nobody has changed what is below it"),
        (true, false) => format!("run it as the owner of the image: sudo -u '#{owner}' gtune …"),
        (false, _) => format!("chmod go-w {shown}   # once you know that nobody has changed what is below it"),
    };
    let reason = format!("it lies below {shown}, which another user can change");
    Err(Trouble::new(format!("trust {}", root.shown(PLACE)), reason).with_hint(hint))
}

/// Refuses a directory in which somebody else could have planted a journal: rolling it back would write as root what
/// that user says.
fn trusted(stat: &Stat, shown: &str) -> Result<(), Trouble> {
    let trouble = |reason: String, hint: String| Err(Trouble::new(format!("trust {shown}"), reason).with_hint(hint));
    let user = nix::unistd::geteuid().as_raw();
    if stat.st_uid != user && stat.st_uid != 0 {
        let reason = format!("it belongs to uid {}, who could have planted a journal", stat.st_uid);
        return trouble(reason, format!("mv {shown} {shown}.foreign   # once you know how it came there"));
    }
    if stat.st_mode & 0o022 != 0 {
        let reason = format!("others may write there (mode {:04o})", stat.st_mode & 0o7777);
        return trouble(reason, format!("chmod 700 {shown}   # once you know that nobody has changed what is in it"));
    }
    Ok(())
}

/// Whether a name is taken in a directory.
pub(super) fn is_there(directory: impl AsFd, name: &str) -> bool {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// Trouble with a path.
pub(super) fn cannot(verb: &str, shown: &str, errno: Errno) -> Trouble {
    Trouble::new(format!("{verb} {shown}"), words(errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    fn mode(path: &std::path::Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn looking_makes_nothing_and_making_makes_it_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        assert!(StateDirectory::find(&root).unwrap().is_none());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        StateDirectory::make(&root).unwrap().make_below("journal").unwrap();
        assert_eq!(mode(&directory.path().join("var/lib")), 0o755);
        assert_eq!(mode(&directory.path().join("var/lib/gtune")), 0o700);
        assert_eq!(mode(&directory.path().join("var/lib/gtune/journal")), 0o700);
        assert!(StateDirectory::find(&root).unwrap().unwrap().journal_names().unwrap().is_empty());
    }

    #[test]
    fn a_directory_that_others_could_write_to_is_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        StateDirectory::make(&root).unwrap().make_below("journal").unwrap();
        let state = directory.path().join("var/lib/gtune");
        for planted in [state.join("journal"), state.clone()] {
            fs::set_permissions(&planted, fs::Permissions::from_mode(0o720)).unwrap();
            let trouble = StateDirectory::find(&root).and_then(|state| state.unwrap().journal_names()).unwrap_err();
            assert!(trouble.reason.contains("others may write there"), "{trouble}");
            fs::set_permissions(&planted, fs::Permissions::from_mode(0o700)).unwrap();
        }
        if chown(&state, Some(12345), None).is_ok() {
            assert!(StateDirectory::make(&root).unwrap_err().reason.contains("belongs to uid 12345"));
        }
    }

    #[test]
    fn a_way_that_others_can_change_is_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let way = directory.path().join("var/lib");
        fs::create_dir_all(&way).unwrap();
        fs::set_permissions(&way, fs::Permissions::from_mode(0o777)).unwrap();
        let trouble = StateDirectory::make(&root).unwrap_err();
        assert!(trouble.reason.ends_with("/var/lib, which another user can change"), "{trouble}");
        assert_eq!(fs::read_dir(&way).unwrap().count(), 0);
        fs::set_permissions(&way, fs::Permissions::from_mode(0o755)).unwrap();
        StateDirectory::make(&root).unwrap();
        fs::set_permissions(&way, fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(StateDirectory::find(&root).unwrap_err().hint.unwrap().starts_with("chmod go-w "));
        fs::set_permissions(&way, fs::Permissions::from_mode(0o755)).unwrap();
        if chown(directory.path(), Some(12345), None).is_ok() {
            let hint = StateDirectory::find(&root).unwrap_err().hint.unwrap();
            assert!(hint.contains("sudo -u '#12345'"), "{hint}");
        }
    }

    #[test]
    fn a_state_directory_that_is_a_link_is_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("var/lib")).unwrap();
        fs::create_dir(directory.path().join("elsewhere")).unwrap();
        symlink("/elsewhere", directory.path().join("var/lib/gtune")).unwrap();
        let root = Root::open(directory.path()).unwrap();
        for trouble in [StateDirectory::find(&root).unwrap_err(), StateDirectory::make(&root).unwrap_err()] {
            assert_eq!(trouble.reason, "it is a symbolic link, or no directory");
        }
        assert_eq!(fs::read_dir(directory.path().join("elsewhere")).unwrap().count(), 0);
    }

    #[test]
    fn a_link_leads_no_further_than_the_root_and_a_fifo_is_no_journal() {
        let directory = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("var/lib")).unwrap();
        symlink(outside.path(), directory.path().join("var/lib/gtune")).unwrap();
        let root = Root::open(directory.path()).unwrap();
        assert!(StateDirectory::make(&root).is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        fs::remove_file(directory.path().join("var/lib/gtune")).unwrap();
        let state = StateDirectory::make(&root).unwrap();
        state.make_below("journal").unwrap();
        let fifo = directory.path().join("var/lib/gtune/journal/x.jsonl");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(state.journal("x.jsonl"), Err("it is not a regular file".into()));
    }
}
