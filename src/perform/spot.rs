//! The spot where a file is changed: its directory, pinned beneath the root, its name there, and the temporary name
//! beside it. The directory is resolved once; nothing that is renamed later leads a write elsewhere.

use super::refused::{errno, meanwhile, refused};
use crate::host::ground::{Seen, SeenFile, look};
use crate::host::{Last, Root, Site};
use crate::plan::{FileImage, Trouble};
use crate::units::quoted;
use nix::errno::Errno;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, fsync, linkat, openat, renameat, renameat_with, unlinkat};
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The longest name of a file (NAME_MAX of limits.h).
pub const LONGEST_NAME: usize = 255;

/// A name in a directory, and the temporary name beside it.
pub struct Spot<'a> {
    pub root: &'a Root,
    pub site: Site,
    pub temporary: OsString,
    /// What is being done, for messages: `replace /etc/fstab`.
    pub what: String,
    path: &'a str,
}

impl<'a> Spot<'a> {
    /// Resolves a path beneath the root. None where its directory is not there.
    pub fn find(root: &'a Root, path: &'a str, last: Last, mark: &str, verb: &str) -> Result<Option<Self>, Trouble> {
        let what = format!("{verb} {}", root.shown(path));
        match root.site(path, last) {
            Ok(site) => {
                let temporary = temporary(&site.name, mark);
                Ok(Some(Self { root, site, temporary, what, path }))
            }
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(errno) => Err(refused(&what, errno, &root.shown(path), &root.shown(directory_of(path)))),
        }
    }

    /// The same where the directory must be there.
    pub fn open(root: &'a Root, path: &'a str, last: Last, mark: &str, verb: &str) -> Result<Self, Trouble> {
        Self::find(root, path, last, mark, verb)?.ok_or_else(|| {
            let directory = root.shown(directory_of(path));
            Trouble::new(
                format!("{verb} {}", root.shown(path)),
                format!("{directory} is not a directory that is there"),
            )
            .with_hint("run it again")
        })
    }

    /// What the system's refusal means here.
    pub fn refused(&self, errno: Errno) -> Trouble {
        let directory = self.root.shown(directory_of(&self.site.path));
        refused(&self.what, errno, &self.root.shown(&self.site.path), &directory)
    }

    pub fn meanwhile(&self) -> Trouble {
        meanwhile(&self.what)
    }

    /// What is at the name now.
    pub fn look(&self) -> Result<Seen, Trouble> {
        self.look_at(&self.site.name).map_err(|errno| self.refused(errno))
    }

    /// What is at the temporary name now.
    pub fn look_at_temporary(&self) -> Result<Seen, Trouble> {
        match self.look_at(&self.temporary) {
            // Some file systems take less than 255 bytes. What cannot be named was never made.
            Err(Errno::ENAMETOOLONG) => Ok(Seen::Nothing),
            seen => seen.map_err(|errno| self.refused(errno)),
        }
    }

    fn look_at(&self, name: &OsStr) -> Result<Seen, Errno> {
        look(self.root, self.site.directory.as_fd(), name)
    }

    /// The file at the name now, none where nothing is; trouble where something else is, or a link leads nowhere.
    pub fn file(&self) -> Result<Option<SeenFile>, Trouble> {
        match self.look()? {
            Seen::File(file) => Ok(Some(file)),
            Seen::Nothing => match self.root.link_target(self.path).known() {
                None => Ok(None),
                Some(target) => Err(self.in_the_way(&format!("a link to {target}, which is not there"))),
            },
            Seen::Directory(_) => Err(self.in_the_way("a directory")),
            Seen::Else(what) => Err(self.in_the_way(what)),
        }
    }

    pub fn in_the_way(&self, what: &str) -> Trouble {
        Trouble::new(&self.what, format!("{what} is there"))
            .with_hint(format!("stat {}", quoted(&self.root.shown(self.path))))
    }

    /// The temporary file as the operator knows it.
    pub fn shown_temporary(&self) -> String {
        let directory = directory_of(&self.site.path).trim_end_matches('/');
        self.root.shown(&format!("{directory}/{}", self.temporary.to_string_lossy()))
    }

    /// Swaps what the two names stand for, in one step that cannot be seen half done.
    pub fn exchange(&self) -> Result<(), Errno> {
        let directory = &self.site.directory;
        let flags = RenameFlags::EXCHANGE;
        renameat_with(directory, &self.temporary, directory, &self.site.name, flags).map_err(errno)
    }

    /// Gives the temporary file the name, if nothing has it.
    pub fn put_in_place(&self) -> Result<(), Errno> {
        self.move_to_free(&self.temporary, &self.site.name)
    }

    /// Gives the file the temporary name, if nothing has it.
    pub fn put_aside(&self) -> Result<(), Errno> {
        self.move_to_free(&self.site.name, &self.temporary)
    }

    /// Where the file system knows no rename that replaces nothing, link(2), which never replaces, does the same in two
    /// steps.
    fn move_to_free(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        let directory = &self.site.directory;
        match renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE).map_err(errno) {
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                linkat(directory, from, directory, to, AtFlags::empty()).map_err(errno)?;
                unlinkat(directory, from, AtFlags::empty()).map_err(errno)
            }
            other => other,
        }
    }

    /// Gives the temporary file the name, whatever has it.
    pub fn rename_over(&self) -> Result<(), Errno> {
        let directory = &self.site.directory;
        renameat(directory, &self.temporary, directory, &self.site.name).map_err(errno)
    }

    /// Removes the temporary file; one that is not there is no trouble.
    pub fn discard(&self) -> Result<(), Errno> {
        match unlinkat(&self.site.directory, &self.temporary, AtFlags::empty()).map_err(errno) {
            Err(Errno::ENOENT) => Ok(()),
            other => other,
        }
    }

    /// Makes the names of the directory lasting (fsync(2) of a file does not do that).
    pub fn sync(&self) -> Result<(), Trouble> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(&self.site.directory, ".", flags, Mode::empty());
        match directory.and_then(fsync).map_err(errno) {
            // Some file systems have no fsync for directories; theirs are written at once, or never surely.
            Ok(()) | Err(Errno::EINVAL) => Ok(()),
            Err(errno) => Err(self.refused(errno)),
        }
    }

    /// Looks at the path anew, from the root: whether what it leads to is as it was meant to become.
    pub fn verify(&self, wanted: Option<&FileImage>) -> Result<(), Trouble> {
        let found = Self::find(self.root, self.path, Last::Followed, "", "read again")?;
        let now = found.map_or(Ok(Seen::Nothing), |spot| spot.look())?;
        let is_so = match (&now, wanted) {
            (Seen::Nothing, None) => true,
            (Seen::File(file), Some(wanted)) => same(wanted, &file.image),
            _ => false,
        };
        let trouble = || Trouble::new(&self.what, "it was done, and somebody else changed it again at once");
        if is_so { Ok(()) } else { Err(trouble().with_hint("run it again")) }
    }
}

/// Whether a file is as an image says. Attributes that the image does not have are not asked for: file systems and
/// security modules add their own.
pub fn same(image: &FileImage, seen: &FileImage) -> bool {
    let has = |(name, value)| seen.attributes.get(name) == Some(value);
    (&image.content, image.mode, image.owner) == (&seen.content, seen.mode, seen.owner)
        && image.attributes.iter().all(has)
}

/// A name beside the file that no reader of its directory takes for configuration: hidden, and with an end that none
/// of them knows. Of two transactions none finds the other's. Of a name that would become too long only the beginning is
/// in it; then a number made of all of it keeps it apart from others that begin alike.
fn temporary(name: &OsStr, mark: &str) -> OsString {
    let whole = format!(".gtune-{mark}");
    let (beginning, end) = match LONGEST_NAME.checked_sub(1 + name.len() + whole.len()) {
        Some(_) => (name.as_bytes(), whole),
        None => {
            let cut = format!(".{:016x}{whole}", number_of(name.as_bytes()));
            (beginning(name.as_bytes(), LONGEST_NAME.saturating_sub(1 + cut.len())), cut)
        }
    };
    OsString::from_vec([b".", beginning, end.as_bytes()].concat())
}

/// At most so many bytes of a name, without a part of a character at its end.
fn beginning(name: &[u8], most: usize) -> &[u8] {
    let goes_on = |at: &usize| name.get(*at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    let end = (0..=most).rev().find(|at| !goes_on(at)).unwrap_or(0);
    name.get(..end).unwrap_or(name)
}

/// FNV-1a: the same on every machine and in every version, as whoever settles a killed run needs it.
fn number_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |number, byte| (number ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn directory_of(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((directory, _)) => directory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_temporary_name_tells_the_file_and_the_transaction() {
        assert_eq!(temporary(OsStr::new("fstab"), "4c1d9e"), ".fstab.gtune-4c1d9e");
    }

    proptest! {
        #[test]
        fn a_temporary_name_is_a_name_for_every_file_and_for_no_other(
            start in "[a-zü€]{0,150}", one in "[a-zü€😀]{1,30}", other in "[a-zü€😀]{1,30}",
        ) {
            let named = |end: &str| temporary(OsStr::new(&format!("{start}{end}")), "4c1d9e");
            let name = named(&one);
            prop_assert!(name.len() <= LONGEST_NAME && name.to_str().is_some_and(|name| name.ends_with(".gtune-4c1d9e")));
            prop_assert_eq!(name == named(&other), one == other);
        }

        #[test]
        fn no_bytes_panic(name in prop::collection::vec(any::<u8>(), 0..300), mark in "[a-z]{0,300}") {
            temporary(OsStr::from_bytes(&name), &mark);
        }
    }
}
