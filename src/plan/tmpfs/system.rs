//! Directories of the system: they lie in memory without gtune, or they are not for gtune to mount on.

use super::wish::Wish;
use crate::checks::is_shared;
use crate::facts::mount_of;
use crate::plan::Topic;

/// What the wish comes to at a directory that the system makes itself; none where it is another.
///
/// Nothing is stored there, and nothing is mounted again: its options serve other programs as well.
pub(super) fn draft(wish: &Wish<'_>) -> Option<Topic> {
    if !is_shared(wish.directory) {
        return None;
    }
    let refuse = |reason: String, hint: &str| Some(Topic::refused(wish.refuse(reason, vec![hint.to_owned()])));
    let (directory, lies_on) = (wish.directory, lies_on(wish));
    let is_there = || wish.ground.directories.get(directory).is_none_or(|place| place.image.known().is_some());
    match lies_on {
        Some(LiesOn::Memory(_)) if made_by_services(directory) && !is_there() => refuse(
            "it is not there, and what is made below /run is gone after a reboot".to_owned(),
            "let the service make it: RuntimeDirectory=NAME in its unit; or: gtune apply --tmpfs /mem",
        ),
        Some(LiesOn::Memory(because)) => {
            let mut topic = Topic::default();
            topic.already(format!("{directory} lies in memory: {because}"));
            if wish.asked.size.is_some() {
                topic.warnings.push(format!("--size is not applied: {directory} serves other programs as well."));
            }
            Some(topic)
        }
        Some(LiesOn::Other(what)) => {
            refuse(format!("it serves other programs as well and lies on {what}"), "gtune apply --tmpfs /mem")
        }
        None => refuse("what it lies on could not be seen".to_owned(), "gtune apply --tmpfs /mem"),
    }
}

enum LiesOn {
    /// In memory, and how that is known.
    Memory(String),
    Other(String),
}

fn lies_on(wish: &Wish<'_>) -> Option<LiesOn> {
    if !wish.facts.host.live {
        return Some(at_boot(wish));
    }
    let mount = mount_of(wish.facts.mounts.known()?, wish.directory)?;
    let shown = format!("{} at {}", mount.kind, mount.mount_point);
    let writable = !mount.options.iter().any(|option| option == "ro");
    Some(match (mount.kind.in_memory(), writable) {
        (true, true) => LiesOn::Memory(shown),
        (true, false) => LiesOn::Other(format!("{shown}, mounted read-only")),
        (false, _) => LiesOn::Other(shown),
    })
}

/// What it will lie on when the image is booted: systemd makes `/run` and `/dev/shm` itself (file-hierarchy(7)).
fn at_boot(wish: &Wish<'_>) -> LiesOn {
    let directory = wish.directory;
    if directory == "/dev/shm"
        || directory == "/run"
        || directory.starts_with("/run/")
        || directory.starts_with("/var/run")
    {
        return LiesOn::Memory("the system makes it so at boot".to_owned());
    }
    let units = &wish.facts.mount_units;
    let unit = units.iter().find(|unit| unit.enabled && unit.mount_point == directory && unit.kind.in_memory());
    let line = wish.facts.fstab.known().and_then(|fstab| fstab.targets(directory).pop());
    match (unit, line) {
        (Some(unit), _) => LiesOn::Memory(unit.file.clone()),
        (_, Some(line)) if line.kind == "tmpfs" => LiesOn::Memory(format!("/etc/fstab, line {}", line.line)),
        _ => LiesOn::Other("the disk after boot".to_owned()),
    }
}

/// Whether it is one of the directories that services keep below `/run`.
fn made_by_services(directory: &str) -> bool {
    let below = directory.strip_prefix("/run/").or_else(|| directory.strip_prefix("/var/run/"));
    below.is_some_and(|below| below != "shm" && below != "lock")
}
