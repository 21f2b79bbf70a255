//! The directory that is to be a mount point.

use super::wish::Wish;
use crate::checks::by_hand::gtune;
use crate::facts::Fact;
use crate::plan::{Change, DirectoryImage, Obstacle, Refusal};
use crate::units::quoted;

/// A directory as it is given on the command line, normalised: no doubled, no trailing slash, no `.`.
///
/// # Errors
/// Why no tmpfs can be mounted there on any host, as a clause.
pub fn check_directory(given: &str) -> Result<String, String> {
    if !given.starts_with('/') {
        return Err("it does not begin with /".to_owned());
    }
    if given.chars().any(char::is_control) {
        return Err("its name holds a control character, such as a line end".to_owned());
    }
    let parts: Vec<&str> = given.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let directory = format!("/{}", parts.join("/"));
    // PATH_MAX and NAME_MAX of linux/limits.h, the final NUL counted.
    if directory.len() >= 4096 || parts.iter().any(|part| part.len() > 255) {
        return Err("its name is longer than Linux allows".to_owned());
    }
    match parts.as_slice() {
        [] => Err("that would hide the whole system".to_owned()),
        parts if parts.contains(&"..") => Err("it holds `..`".to_owned()),
        ["dev", "shm"] => Ok(directory),
        [top @ ("proc" | "sys" | "dev"), ..] => Err(format!("what lies below /{top} is the kernel's")),
        _ => Ok(directory),
    }
}

/// What stands in the way at the directory, and above it.
pub(super) fn refusals(wish: &Wish<'_>) -> Vec<Refusal> {
    let Some(place) = wish.ground.directories.get(wish.directory) else { return vec![] };
    // Who may write in the directory, as all may in a mount with mode 1777, cannot put another in its place.
    let is_open = Obstacle::OthersCanSwap(wish.directory.to_owned());
    let obstacle = place.obstacle.as_ref().filter(|obstacle| **obstacle != is_open);
    if let Some(obstacle) = obstacle.filter(|obstacle| hinders(obstacle, &place.image)) {
        let hint = match obstacle {
            Obstacle::NotRegular(_) => "choose a directory of its own, such as /mem".to_owned(),
            obstacle => obstacle.hint(wish.directory),
        };
        return vec![wish.refuse(format!("it {obstacle}"), vec![hint])];
    }
    match &place.image {
        Fact::Unreadable(reason) => vec![wish.refuse(reason.to_string(), vec![])],
        Fact::Absent => above(wish).into_iter().collect(),
        Fact::Known(_) if place.obstacle == Some(is_open) && above(wish).is_some() => above(wish).into_iter().collect(),
        Fact::Known(_) if place.path != wish.directory => vec![by_link(wish, &place.path)],
        Fact::Known(_) if wish.mount().is_none() && wish.ground.not_empty.contains(wish.directory) => {
            let look =
                format!("ls -A {}   # move away what is there, or choose another directory", quoted(wish.directory));
            vec![wish.refuse("it holds files, and a mount would hide them", vec![look])]
        }
        Fact::Known(_) => vec![],
    }
}

/// Whether an obstacle matters: nothing is written into a directory that is there, only mounted on it.
fn hinders(obstacle: &Obstacle, image: &Fact<DirectoryImage>) -> bool {
    match obstacle {
        Obstacle::ReadOnly
        | Obstacle::Immutable
        | Obstacle::AppendOnly
        | Obstacle::HardLinks(_)
        | Obstacle::NotPermitted => *image == Fact::Absent,
        _ => true,
    }
}

/// What stands in the way at the nearest directory that is there.
fn above(wish: &Wish<'_>) -> Option<Refusal> {
    let places = &wish.ground.directories;
    let mut there =
        super::super::ground::ancestors(wish.directory).filter_map(|above| Some((places.get(&above)?, above)));
    let (place, above) = there.find(|(place, _)| place.image != Fact::Absent)?;
    if let Some(obstacle) = &place.obstacle {
        return Some(wish.refuse(format!("{above} {obstacle}"), vec![obstacle.hint(&above)]));
    }
    let below = wish.directory.strip_prefix(&above)?.trim_start_matches('/');
    (place.path != above).then(|| by_link(wish, &format!("{}/{below}", place.path.trim_end_matches('/'))))
}

/// A directory that a link leads to: the kernel, and systemd, know the mount by where it really is.
fn by_link(wish: &Wish<'_>, really: &str) -> Refusal {
    let hint = format!("{} apply --tmpfs {}", gtune(wish.facts), quoted(really));
    wish.refuse(format!("a symbolic link leads to it, and it is {really}"), vec![hint])
}

/// The changes that make the directory and those above it, where they are missing.
pub(super) fn make(wish: &Wish<'_>) -> Vec<Change> {
    let is_there = wish.ground.directories.get(wish.directory).is_some_and(|place| place.image != Fact::Absent);
    if is_there {
        return vec![];
    }
    let mut changes = wish.ground.make_above(wish.directory);
    let path = wish.directory.to_owned();
    changes.push(Change::Directory { path, before: None, after: Some(DirectoryImage::OF_ROOT) });
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_directory_is_the_same_however_it_is_written() {
        for (given, normal) in
            [("/mem", "/mem"), ("//srv/./my mem//", "/srv/my mem"), ("/dev/shm/", "/dev/shm"), ("/devel", "/devel")]
        {
            assert_eq!(check_directory(given).as_deref(), Ok(normal));
        }
    }

    #[test]
    fn what_can_never_be_a_mount_point_is_told_without_a_look_at_the_host() {
        let long = format!("/{}", "x".repeat(256));
        for given in
            ["", "mem", "/", "//./", "/srv/../etc", "/proc/x", "/sys", "/dev", "/dev/shm/x", "/a\nb", "/a\0", &long]
        {
            assert!(check_directory(given).is_err(), "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn no_name_panics_and_what_is_normal_stays(given in "/?(?s).{0,30}") {
            if let Ok(directory) = check_directory(&given) {
                prop_assert_eq!(check_directory(&directory), Ok(directory));
            }
        }
    }
}
