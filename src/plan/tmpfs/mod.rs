//! `--tmpfs DIR`: a directory in memory for heartbeat files, mounted now and stored for boot.
//!
//! What is right already is left alone. Others' mounts, lines and units are changed only with `--adopt`, and directories
//! of the system (`/dev/shm`, `/run`, `/tmp`) never.

mod container;
mod directory;
mod line;
mod live;
mod stored;
mod system;
#[cfg(test)]
mod tests;
mod unit;
mod unit_file;
mod wish;

pub use directory::check_directory;

use super::{Ground, Places, Refusal, Request, Topic};
use crate::facts::Facts;
use std::collections::BTreeSet;
use wish::{Lowering, Wish};

/// The table of mounts for boot (fstab(5)).
const FSTAB: &str = "/etc/fstab";

/// Where the topic looks: the directory, `/etc/fstab`, and the mount unit of that directory with the link that enables
/// it, whatever `--backend` says: each of the two can stand in the way of the other.
pub fn places(_facts: &Facts, request: &Request) -> Places {
    let directory = request.tmpfs.as_ref().and_then(|asked| check_directory(&asked.directory).ok());
    let Some(directory) = directory else { return Places::default() };
    Places {
        files: [FSTAB.to_owned(), unit_file::file_of(&directory)].into(),
        links: [unit_file::link_of(&directory)].into(),
        directories: [directory].into(),
    }
}

/// What a request for a tmpfs comes to.
pub fn draft(facts: &Facts, ground: &Ground, request: &Request) -> Topic {
    let Some(asked) = &request.tmpfs else { return Topic::default() };
    let directory = match check_directory(&asked.directory) {
        Ok(directory) => directory,
        Err(reason) => {
            let what = format!("mount a tmpfs at {}", asked.directory);
            return Topic::refused(Refusal::new(what, reason, "choose a directory of its own, such as /mem"));
        }
    };
    let lowering = if request.force { Lowering::Meant } else { Lowering::NotMeant };
    let wish = Wish { facts, ground, asked, adopt: request.adopt, lowering, directory: &directory };
    system::draft(&wish).or_else(|| container::draft(&wish)).unwrap_or_else(|| own_mount(&wish))
}

/// A mount of its own: the directory, the live mount, and what mounts it at boot, in this order.
fn own_mount(wish: &Wish<'_>) -> Topic {
    let mut topic = Topic { refused: directory::refusals(wish), ..Topic::default() };
    let stored = stored::draft(wish);
    let live = live::draft(wish, stored.as_ref().ok());
    if live.as_ref().is_ok_and(|live| !live.is_there) {
        topic.changes = directory::make(wish);
    }
    match live {
        Ok(live) => topic.absorb(live.topic),
        Err(refusal) => topic.refused.push(refusal),
    }
    match stored {
        Ok(stored) => topic.absorb(stored.topic),
        Err(refusal) => topic.refused.push(refusal),
    }
    topic.warnings.extend(wish.too_large(&topic));
    // What is stored is mostly as what is mounted, and so is what is to be said of it.
    topic.rehearsals.dedup();
    let mut said = BTreeSet::new();
    topic.warnings.retain(|warning| said.insert(warning.clone()));
    if !topic.refused.is_empty() {
        // A plan with a refusal is not performed, so what would be done beside it is of no interest.
        topic.changes.clear();
        topic.rehearsals.clear();
    }
    topic
}
