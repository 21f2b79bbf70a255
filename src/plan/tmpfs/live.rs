//! The mount as it is now.

use super::stored::{self, Stored};
use super::wish::Wish;
use crate::facts::{Fact, Mount};
use crate::plan::mount_options::{TmpfsOptions, kernel_options};
use crate::plan::{Change, MountImage, Refusal, Topic};
use crate::units::quoted;

/// What the live side of the wish comes to.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub topic: Topic,
    /// Whether something is mounted there already.
    pub is_there: bool,
}

/// The live mount that the wish needs; nothing of an image is mounted. `stored` is what will mount it at the next boot.
pub(super) fn draft(wish: &Wish<'_>, stored: Option<&Stored>) -> Result<Live, Refusal> {
    if !wish.facts.host.live {
        return Ok(Live::default());
    }
    if let Fact::Unreadable(reason) = &wish.facts.mounts {
        return Err(wish.refuse(format!("what is mounted there could not be seen: {reason}"), vec![]));
    }
    match (wish.mount(), stored) {
        (Some(mount), stored) => Ok(Live { topic: mounted(wish, mount, stored)?, is_there: true }),
        (None, Some(stored)) => Ok(Live { topic: not_mounted(wish, stored)?, is_there: false }),
        (None, None) => Ok(Live::default()),
    }
}

/// It is mounted as it will be at the next boot.
fn not_mounted(wish: &Wish<'_>, stored: &Stored) -> Result<Topic, Refusal> {
    if let Some(option) = TmpfsOptions::read(&stored.options).named_account() {
        let reason = format!("{option} names an account, which only mount(8) can look up");
        return Err(wish.refuse(reason, vec![format!("mount {}", quoted(wish.directory))]));
    }
    let change = Change::Mount { target: wish.directory.to_owned(), before: None, after: Some(stored.image()) };
    Ok(Topic { changes: vec![change], rehearsals: vec![stored.image()], ..Topic::default() })
}

fn mounted(wish: &Wish<'_>, mount: &Mount, stored: Option<&Stored>) -> Result<Topic, Refusal> {
    let directory = wish.directory;
    if mount.kind.name() != "tmpfs" {
        let reason = format!("{} is mounted there ({})", mount.kind, mount.source);
        let hint = format!("choose another directory, or first: umount {}", quoted(directory));
        return Err(wish.refuse(reason, vec![hint]));
    }
    // The kernel prints the flags of the mount and of the file system: either of two `ro` makes it so.
    let is_read_only = mount.options.iter().any(|option| option == "ro");
    let options: Vec<String> =
        mount.options.iter().filter(|option| !(is_read_only && *option == "rw")).cloned().collect();
    let read = TmpfsOptions::read(&options);
    let caps = wish.caps(stored.map(|stored| TmpfsOptions::read(&stored.options)).as_ref());
    let lacks = wish.lacks(&read, caps);
    let mut topic = Topic { warnings: wish.remarks(&read), ..Topic::default() };
    let kept = wish.kept_size(&format!("{directory} is mounted"), &read);
    kept.into_iter().for_each(|kept| topic.already(kept));
    if lacks.is_empty() {
        topic.already(format!("{directory} is mounted: tmpfs, {}", mount.options.join(",")));
        topic.warnings.extend(unlike_stored(wish, &read, stored));
        return Ok(topic);
    }
    may_be_changed(wish, mount, &read, &lacks)?;
    let image = |options| MountImage { kind: "tmpfs".to_owned(), source: mount.source.clone(), options };
    let after = image(kernel_options(&wish.mended(&options, caps)));
    topic.rehearsals.push(after.clone());
    let before = Some(image(mount.options.clone()));
    topic.changes.push(Change::Mount { target: directory.to_owned(), before, after: Some(after) });
    Ok(topic)
}

/// Why a mount that lacks something cannot, or may not, be mounted with other options.
fn may_be_changed(wish: &Wish<'_>, mount: &Mount, read: &TmpfsOptions, lacks: &[String]) -> Result<(), Refusal> {
    let umount = || format!("umount {0} && {1}", quoted(wish.directory), wish.again(""));
    if let Some(other) = elsewhere(wish, mount) {
        let reason = format!("the tmpfs there lacks {}, and is also {other}", lacks.join(", "));
        return Err(wish.refuse(reason, vec!["choose a directory of its own, such as /mem".to_owned()]));
    }
    // Seen on Linux 6.18: a remount that bounds what was mounted without a bound is EINVAL.
    let unbounded = (read.size.is_some() && !read.bounds_size()) || read.inodes == Some(0);
    if unbounded {
        let reason = "the tmpfs there was mounted without a bound, and the kernel sets one only at a new mount";
        return Err(wish.refuse(reason, vec![umount()]));
    }
    if wish.adopt || stored::is_own(wish) {
        return Ok(());
    }
    let reason = format!("a tmpfs that gtune did not make is mounted there and lacks {}", lacks.join(", "));
    Err(wish.refuse(reason, vec![format!("{}   # mounts it with these options too", wish.again(" --adopt"))]))
}

/// Where else the same file system can be seen: a remount would change it there as well.
fn elsewhere(wish: &Wish<'_>, mount: &Mount) -> Option<String> {
    let mounts = wish.facts.mounts.known()?;
    let other = mounts.iter().find(|other| other.device == mount.device && other.mount_point != mount.mount_point);
    match other {
        Some(other) => Some(format!("mounted at {}", other.mount_point)),
        None => (mount.root != "/").then(|| format!("only a part of one ({})", mount.root)),
    }
}

/// A word on a live mount of another size than the stored one, where neither was asked to change.
fn unlike_stored(wish: &Wish<'_>, live: &TmpfsOptions, stored: Option<&Stored>) -> Option<String> {
    let size = TmpfsOptions::read(&stored?.options).bound()?;
    (!live.is_size(size, wish.memory())).then(|| {
        format!(
            "The next boot mounts {} with size={}; give --size to have both alike.",
            wish.directory,
            crate::plan::mount_options::size_value(size)
        )
    })
}
