//! Directories of the system: they lie in memory without gtune, or they are not for gtune to mount on.

use super::wish::Wish;
use crate::checks::at_start::in_memory_at_boot;
use crate::checks::by_hand::gtune;
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
    let refuse = |reason: String, hint: String| Some(Topic::refused(wish.refuse(reason, vec![hint])));
    let of_its_own = format!("{} apply --tmpfs /mem", gtune(wish.facts));
    let (directory, lies_on) = (wish.directory, lies_on(wish));
    let is_there = || wish.ground.directories.get(directory).is_none_or(|place| place.image.known().is_some());
    match lies_on {
        Some(LiesOn::Memory(_)) if made_by_services(directory) && !is_there() => refuse(
            "it is not there, and what is made below /run is gone after a reboot".to_owned(),
            format!("{of_its_own}   # or let the service make it: RuntimeDirectory=NAME in its unit"),
        ),
        Some(LiesOn::Memory(because)) => {
            let mut topic = Topic::default();
            topic.already(format!("{directory} lies in memory: {because}"));
            if wish.asked.size.is_some() {
                topic.warnings.push(format!("--size is not applied: {directory} serves other programs as well."));
            }
            Some(topic)
        }
        Some(LiesOn::Other(what)) => refuse(format!("it serves other programs as well and lies on {what}"), of_its_own),
        None => refuse("what it lies on could not be seen".to_owned(), of_its_own),
    }
}

enum LiesOn {
    /// In memory, and how that is known.
    Memory(String),
    Other(String),
}

fn lies_on(wish: &Wish<'_>) -> Option<LiesOn> {
    if !wish.facts.host.live {
        let disk = || LiesOn::Other("the disk after boot".to_owned());
        return Some(in_memory_at_boot(wish.facts, wish.directory).map_or_else(disk, LiesOn::Memory));
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

/// Whether it is one of the directories that services keep below `/run`.
fn made_by_services(directory: &str) -> bool {
    let below = directory.strip_prefix("/run/").or_else(|| directory.strip_prefix("/var/run/"));
    below.is_some_and(|below| below != "shm" && below != "lock")
}
