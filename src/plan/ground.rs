//! The ground a plan is drafted on: what is at every place that it may touch, and what stands in the way there.

use super::{Change, DirectoryImage, FileImage};
use crate::facts::{Fact, SysctlFile};
use crate::units::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Places that a request may touch, to be looked at before the plan is drafted. Absolute paths below the root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// Regular files, there or not. The directories above them are looked at as well.
    pub files: BTreeSet<String>,
    /// Directories, there or not. The directories above them are looked at as well.
    pub directories: BTreeSet<String>,
    /// Symbolic links, there or not. The directories above them are looked at as well.
    pub links: BTreeSet<String>,
}

/// What was seen at these places.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ground {
    /// Files, by the path that was asked for.
    pub files: BTreeMap<String, Place<FileImage>>,
    /// Directories, and all that lie above files, directories and links that were asked for; `/` among them.
    pub directories: BTreeMap<String, Place<DirectoryImage>>,
    /// The text of symbolic links; absent where nothing or no link is there.
    pub links: BTreeMap<String, Fact<String>>,
    /// Directories of `directories` that are there and hold something.
    pub not_empty: BTreeSet<String>,
    /// All `*.conf` of the directories of sysctl.d(5).
    pub sysctl_files: Vec<SysctlFile>,
    /// `/etc/sysctl.conf`.
    pub sysctl_conf: Fact<Vec<u8>>,
    /// Why the values below `/proc/sys` cannot be written, as inside most containers.
    pub kernel_values: Option<Obstacle>,
    /// When each process of a service started, in clock ticks since boot.
    pub started: BTreeMap<Pid, u64>,
}

/// One place.
#[derive(Debug, Clone, PartialEq)]
pub struct Place<T> {
    /// What is there.
    pub image: Fact<T>,
    /// Where that is when links are followed; the place itself where nothing is there.
    pub path: String,
    /// Why nothing can, or should, be written there.
    pub obstacle: Option<Obstacle>,
}

/// What keeps gtune from writing at a place. Displays as a clause that follows the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Its file system is mounted read-only.
    ReadOnly,
    /// `chattr +i`.
    Immutable,
    /// `chattr +a`.
    AppendOnly,
    /// A file that is a mount of its own, as container runtimes bind them: it cannot be replaced.
    MountedFile,
    /// A file with several names, of which the others would keep the old content.
    HardLinks(u64),
    /// A link that leads nowhere.
    DanglingLink(String),
    /// A link that leads out of `/etc`.
    LeadsOutside(String),
    /// Something else than the file or directory that was looked for: `a directory`, `a FIFO`, `a symbolic link to /srv`.
    NotRegular(String),
    /// A directory above it that somebody else than root (or who runs gtune) can change: it could be swapped.
    OthersCanSwap(String),
    /// Who runs gtune may not write there.
    NotPermitted,
}

impl<T> Place<T> {
    /// A place where nothing is and nothing stands in the way.
    pub fn free(path: impl Into<String>) -> Self {
        Self { image: Fact::Absent, path: path.into(), obstacle: None }
    }

    /// A place where this is.
    #[cfg(test)]
    pub fn holding(path: impl Into<String>, image: T) -> Self {
        Self { image: Fact::Known(image), path: path.into(), obstacle: None }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadOnly => f.write_str("lies on a file system that is mounted read-only"),
            Self::Immutable => f.write_str("has the immutable attribute"),
            Self::AppendOnly => f.write_str("has the append-only attribute"),
            Self::MountedFile => f.write_str("is a mount of its own and cannot be replaced"),
            Self::HardLinks(count) => write!(f, "has {count} names, and the others would keep the old content"),
            Self::DanglingLink(target) => write!(f, "is a link to {target}, which is not there"),
            Self::LeadsOutside(target) => write!(f, "is a link to {target}, outside /etc"),
            Self::NotRegular(what) => write!(f, "is {what}"),
            Self::OthersCanSwap(directory) => write!(f, "lies below {directory}, which another user can change"),
            Self::NotPermitted => f.write_str("may not be written"),
        }
    }
}

impl Obstacle {
    /// The command or step that takes it out of the way.
    pub fn hint(&self, path: &str) -> String {
        match self {
            Self::ReadOnly => {
                "on an image-based system use its own way to change /etc; else: mount -o remount,rw /".into()
            }
            Self::Immutable => format!("chattr -i {path}"),
            Self::AppendOnly => format!("chattr -a {path}"),
            Self::MountedFile => format!("findmnt {path}   # change it where it is mounted from"),
            Self::HardLinks(_) => format!("cp -p {path} {path}.new && mv {path}.new {path}   # a file of its own"),
            Self::DanglingLink(_) => format!("ls -l {path}"),
            Self::LeadsOutside(target) => format!("change {target} by hand, or make {path} a file of its own"),
            Self::NotRegular(_) => format!("stat {path}"),
            Self::OthersCanSwap(_) => "choose a directory that only root can change, such as /mem".into(),
            Self::NotPermitted => "run it as root".into(),
        }
    }
}

impl Ground {
    /// The directories above a path that are not there yet, the uppermost first. The path itself is not among them.
    pub fn missing_above(&self, path: &str) -> Vec<String> {
        let mut missing: Vec<String> = ancestors(path)
            .filter(|directory| self.directories.get(directory).is_some_and(|place| place.image == Fact::Absent))
            .collect();
        missing.reverse();
        missing
    }

    /// The changes that make the missing directories above a path.
    pub fn make_above(&self, path: &str) -> Vec<Change> {
        let make = |path| Change::Directory { path, before: None, after: Some(DirectoryImage::OF_ROOT) };
        self.missing_above(path).into_iter().map(make).collect()
    }

    /// The ground as it will be after a change, so that the next request of the same plan sees it.
    pub fn after(&mut self, change: &Change) {
        match change {
            Change::Directory { path, after, .. } => {
                let place = self.directories.entry(path.clone()).or_insert_with(|| Place::free(path));
                place.image = (*after).into();
            }
            Change::File { path, after, .. } | Change::Line { path, after, .. } => {
                let place = self.files.entry(path.clone()).or_insert_with(|| Place::free(path));
                place.image = after.clone().into();
                self.keep_sysctl(path, after.as_ref());
            }
            Change::Link { path, after, .. } => {
                self.links.insert(path.clone(), after.clone().into());
            }
            Change::Mount { .. } | Change::KernelValue { .. } | Change::ProcessLimit { .. } => {}
        }
    }

    fn keep_sysctl(&mut self, path: &str, after: Option<&FileImage>) {
        let content = || Fact::from(after.map(|file| file.content.0.clone()));
        if path == "/etc/sysctl.conf" {
            self.sysctl_conf = content();
        }
        if path.starts_with("/etc/sysctl.d/") {
            self.sysctl_files.retain(|file| file.path != path);
            if after.is_some() {
                self.sysctl_files.push(SysctlFile { path: path.to_owned(), content: content() });
            }
        }
    }
}

/// The directories above an absolute path, the nearest first, `/` last.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = String> {
    let mut rest = path.trim_end_matches('/').to_owned();
    std::iter::from_fn(move || {
        let at = rest.rfind('/')?;
        rest.truncate(at);
        Some(if rest.is_empty() { "/".to_owned() } else { rest.clone() })
    })
}

impl Places {
    /// The places of both.
    pub fn and(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.directories.extend(other.directories);
        self.links.extend(other.links);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_that_are_missing_are_made_from_the_top() {
        let mut ground = Ground::default();
        ground.directories.insert("/".into(), Place::holding("/", DirectoryImage::OF_ROOT));
        for missing in ["/etc", "/etc/a"] {
            ground.directories.insert(missing.into(), Place::free(missing));
        }
        assert_eq!(ground.missing_above("/etc/a/b.conf"), ["/etc", "/etc/a"]);
        for change in ground.make_above("/etc/a/b.conf") {
            ground.after(&change);
        }
        assert!(ground.missing_above("/etc/a/b.conf").is_empty());
    }

    #[test]
    fn a_path_lies_below_every_directory_up_to_the_root() {
        assert_eq!(ancestors("/etc/a/b").collect::<Vec<_>>(), ["/etc/a", "/etc", "/"]);
        assert_eq!(ancestors("/mem").collect::<Vec<_>>(), ["/"]);
        assert_eq!(ancestors("/").count(), 0);
    }

    #[test]
    fn a_sysctl_file_that_is_planned_is_seen_by_the_next_request() {
        let mut ground = Ground { sysctl_conf: Fact::Absent, ..Ground::default() };
        let path = "/etc/sysctl.d/99-zz-gtune.conf";
        let file = FileImage::configuration("net.core.somaxconn = 8192\n");
        ground.after(&Change::File { path: path.into(), before: None, after: Some(file) });
        assert_eq!(ground.sysctl_files.len(), 1);
        ground.after(&Change::File { path: path.into(), before: None, after: None });
        assert!(ground.sysctl_files.is_empty());
    }
}
