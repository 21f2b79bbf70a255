//! The ground a plan is drafted on.

mod attributes;
mod obstacle;
mod seen;
#[cfg(test)]
mod tests;

pub use attributes::attributes;
pub use obstacle::swappable;
pub use seen::{Seen, SeenFile, id, look, on_disk};

use super::processes::ProcessHandle;
use super::root::{Last, Passed, Site};
use super::{Root, stored};
use crate::facts::{Fact, Facts, SysctlFile, parse_start_ticks};
use crate::plan::{DirectoryImage, FileImage, Ground, Obstacle, Place, Places};
use crate::units::Pid;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, fstat};
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;
use std::path::Path;

/// Looks at every place that a plan may touch.
pub fn ground(root: &Root, facts: &Facts, places: &Places) -> Ground {
    let asked = places.files.iter().chain(&places.directories).chain(&places.links);
    let above = asked.flat_map(|path| Path::new(path).ancestors().skip(1)).filter_map(Path::to_str);
    let mut directories: BTreeSet<String> = above.map(str::to_owned).collect();
    directories.extend(places.directories.iter().cloned());
    let directories: BTreeMap<_, _> =
        directories.into_iter().map(|path| (path.clone(), directory(root, &path))).collect();
    let is_there = |place: &Place<DirectoryImage>| place.image.known().is_some();
    let there = directories.iter().filter(|(_, place)| is_there(place)).map(|(path, _)| path);
    Ground {
        files: places.files.iter().map(|path| (path.clone(), file(root, path))).collect(),
        links: places.links.iter().map(|path| (path.clone(), root.link(path))).collect(),
        not_empty: there.filter(|path| holds_something(root, path)).cloned().collect(),
        directories,
        sysctl_files: sysctl_files(root),
        sysctl_conf: root.read("/etc/sysctl.conf"),
        kernel_values: if root.is_live() { obstacle::of_kernel_values() } else { None },
        started: if root.is_live() { started(facts) } else { BTreeMap::new() },
    }
}

fn file(root: &Root, path: &str) -> Place<FileImage> {
    place(root, path, |seen| match seen {
        Seen::Nothing => Ok((Fact::Absent, None)),
        Seen::File(file) => {
            let several = (file.names > 1).then_some(Obstacle::HardLinks(file.names));
            Ok((Fact::Known(file.image), several))
        }
        Seen::Directory(_) => Err("a directory"),
        Seen::Else(what) => Err(what),
    })
}

fn directory(root: &Root, path: &str) -> Place<DirectoryImage> {
    let place = place(root, path, |seen| match seen {
        Seen::Nothing => Ok((Fact::Absent, None)),
        Seen::Directory(image) => Ok((Fact::Known(image), None)),
        Seen::File(_) => Err("a regular file"),
        Seen::Else(what) => Err(what),
    });
    if place.image.known().is_some() { without_parents(root, path, place) } else { place }
}

/// One that is there need not be written, only what is to come into it; that its parent is read-only, say, is nothing
/// to it. That others can change it, or swap it, is.
fn without_parents(root: &Root, path: &str, place: Place<DirectoryImage>) -> Place<DirectoryImage> {
    let leads_outside = matches!(place.obstacle, Some(Obstacle::LeadsOutside(_)));
    let swapped = || root.site(path, Last::Followed).ok().and_then(|site| swappable_with_itself(root, &site));
    let obstacle = if leads_outside { place.obstacle } else { swapped().map(Obstacle::OthersCanSwap) };
    Place { obstacle, ..place }
}

fn swappable_with_itself(root: &Root, site: &Site) -> Option<String> {
    let handle = openat(&site.directory, site.name.as_os_str(), OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
    let stat = handle.and_then(fstat).ok()?;
    let itself = Passed { path: site.path.clone(), uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode };
    obstacle::swappable(root, &site.passed).or_else(|| obstacle::swappable(root, &[itself]))
}

/// What is at a path, where that is, and what stands in the way. `image` takes what was seen for what was looked for, or
/// says what it is instead.
fn place<T>(
    root: &Root,
    path: &str,
    image: impl FnOnce(Seen) -> Result<(Fact<T>, Option<Obstacle>), &'static str>,
) -> Place<T> {
    let site = match root.site(path, Last::Followed) {
        Ok(site) => site,
        Err(errno) => return without_directory(root, path, errno),
    };
    let dangling = |seen: &Seen| if *seen == Seen::Nothing { dangling(root, path) } else { None };
    let seen = match look(root, site.directory.as_fd(), &site.name) {
        Ok(seen) => seen,
        Err(errno) => {
            let obstacle = obstacle::of_site(root, &site);
            return Place { image: Fact::Unreadable(root.reason(path, errno)), path: site.path, obstacle };
        }
    };
    let (dangling, leads_outside) = (dangling(&seen), obstacle::outside_etc(root, path, &site.path));
    match image(seen) {
        Ok((image, own)) => {
            let obstacle = dangling.or(leads_outside).or_else(|| obstacle::of_site(root, &site)).or(own);
            Place { image, path: site.path, obstacle }
        }
        Err(what) => {
            let reason = format!("is {what}: {}", root.shown(path));
            Place {
                image: Fact::unreadable(reason),
                path: site.path,
                obstacle: Some(Obstacle::NotRegular(what.into())),
            }
        }
    }
}

/// A place whose directory is not there: what stands in the way is what stands in the way of the first directory that
/// has to be made.
fn without_directory<T>(root: &Root, path: &str, errno: Errno) -> Place<T> {
    if !matches!(errno, Errno::ENOENT | Errno::ENOTDIR) {
        let obstacle = (errno == Errno::EACCES).then_some(Obstacle::NotPermitted);
        return Place { image: Fact::Unreadable(root.reason(path, errno)), path: path.to_owned(), obstacle };
    }
    let mut place = Place { obstacle: dangling(root, path), ..Place::free(path) };
    let Some((above, site)) = nearest_site(root, path) else { return place };
    let rest = path.strip_prefix(above.as_str()).unwrap_or_default();
    place.path = format!("{}{rest}", site.path);
    let in_the_way = || match look(root, site.directory.as_fd(), &site.name) {
        Ok(Seen::File(_)) => Some(Obstacle::NotRegular(format!("below {above}, which is a regular file"))),
        Ok(Seen::Else(what)) => Some(Obstacle::NotRegular(format!("below {above}, which is {what}"))),
        Ok(Seen::Nothing | Seen::Directory(_)) | Err(_) => None,
    };
    let outside = || obstacle::outside_etc(root, path, &place.path);
    let obstacle = place.obstacle.or_else(in_the_way).or_else(outside);
    Place { obstacle: obstacle.or_else(|| obstacle::of_site(root, &site)), ..place }
}

/// The nearest directory above a path whose own directory is there.
fn nearest_site(root: &Root, path: &str) -> Option<(String, Site)> {
    let mut above = Path::new(path).ancestors().skip(1).filter_map(Path::to_str);
    above.find_map(|above| Some((above.to_owned(), root.site(above, Last::Followed).ok()?)))
}

/// Where a link leads at which nothing is.
fn dangling(root: &Root, path: &str) -> Option<Obstacle> {
    root.link_target(path).known().map(|target| Obstacle::DanglingLink(target.clone()))
}

/// Whether a directory holds anything; also where it cannot be listed, so that nothing is hidden by mistake.
fn holds_something(root: &Root, path: &str) -> bool {
    let Fact::Known(handle) = root.open_handle(path) else { return true };
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(mut listing) = Dir::openat(&handle, ".", flags, Mode::empty()) else { return true };
    let is_own = |name: &[u8]| matches!(name, b"." | b"..");
    listing.iter().any(|entry| entry.is_ok_and(|entry| !is_own(entry.file_name().to_bytes())))
}

/// Where a directory cannot be listed it stands among them as a file that cannot be read: it may hold the one that wins.
fn sysctl_files(root: &Root) -> Vec<SysctlFile> {
    stored::sysctl_files(root).unwrap_or_else(|reason| {
        vec![SysctlFile { path: "/etc/sysctl.d".to_owned(), content: Fact::Unreadable(reason) }]
    })
}

/// When each process of a service started; of one that has ended meanwhile nothing is said.
fn started(facts: &Facts) -> BTreeMap<Pid, u64> {
    let Ok(proc) = open("/proc", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()) else {
        return BTreeMap::new();
    };
    let services = facts.services.known().map(Vec::as_slice).unwrap_or_default();
    let pids = services.iter().flat_map(|service| {
        service.processes().chain(service.dirty.iter().map(|worker| &worker.process)).map(|process| process.pid)
    });
    pids.filter_map(|pid| {
        let stat = ProcessHandle::open(proc.as_fd(), pid).ok()?.read("stat");
        Some((pid, parse_start_ticks(stat.known()?)?))
    })
    .collect()
}
