//! A mount tried where nobody sees it: in a mount namespace of its own.

use super::mount::{Demand, Effect, Machine, Split, refused};
use crate::host::words;
use crate::plan::{MountImage, Trouble};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, futimens};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;

/// Directories of which every host has one; in a namespace of one's own any of them may be covered.
const PLACES: [&str; 5] = ["/mnt", "/media", "/srv", "/tmp", "/run"];

/// The name of the file that is made in it; a heartbeat file is named and used much the same.
const FILE: &str = "gtune-rehearsal";

/// Mounts it in a mount namespace of its own, looks whether it came to be what its options say, and does with a file in
/// it what a worker does with its heartbeat. Nothing of it is seen outside, and nothing is left.
///
/// # Errors
/// Where the kernel refuses the options, or makes something else of them; or where it could not be tried.
pub fn rehearse(image: &MountImage) -> Result<(), Trouble> {
    let what = format!("mount a {} for a trial", image.kind);
    thread::scope(|scope| {
        // The namespace belongs to this thread alone (unshare(2)), and goes with it.
        let trial = thread::Builder::new().name("rehearsal".to_owned()).spawn_scoped(scope, || alone(&what, image));
        match trial.map(|thread| thread.join()) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(Trouble::new(&what, "no thread could be started")),
        }
    })
}

/// Runs in a thread that ends afterwards.
fn alone(what: &str, image: &MountImage) -> Result<(), Trouble> {
    let place = PLACES.into_iter().find(|place| Path::new(place).is_dir());
    let place = place.ok_or_else(|| Trouble::new(what, format!("there is none of {}", PLACES.join(" "))))?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| no_namespace(what, errno))?;
    // A slave sees what others unmount meanwhile, so that the trial keeps nothing in use; nothing goes the other way.
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>)
        .map_err(|errno| no_namespace(what, errno))?;
    try_at(place, image, &image.options).map_err(|errno| no_mount(what, place, image, errno))?;
    let outcome = look(what, place, image);
    // The kernel would do it when the thread is gone, which is a moment later than the thread is waited for.
    let _ = umount2(place, MntFlags::MNT_DETACH);
    outcome
}

fn try_at(place: &str, image: &MountImage, options: &[String]) -> Result<(), Errno> {
    let split = Split::of(options);
    let (source, kind) = (image.source.as_str(), image.kind.as_str());
    mount(Some(source), place, Some(kind), split.set, Some(split.text().as_str()))
}

fn look(what: &str, place: &str, image: &MountImage) -> Result<(), Trouble> {
    let otherwise = |reason: String| Trouble::new(what, reason);
    let failed = |errno: Errno| Trouble::new(what, words(errno));
    let directory = open(place, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).map_err(failed)?;
    let machine = Machine::here().map_err(failed)?;
    let demand = Demand::of(&image.kind, &image.options, machine);
    let unmet = demand.unmet(&Effect::of(&directory).map_err(failed)?);
    if !unmet.is_empty() {
        return Err(otherwise(format!("the kernel made something else of it: {}", unmet.join("; "))));
    }
    use_a_file(&directory).map_err(|errno| match errno {
        Errno::ENOSPC => otherwise("no file can be made in it: it has no room or no inode left".to_owned())
            .with_hint("a tmpfs needs one inode for its directory and one for each worker: nr_inodes=4k"),
        other => otherwise(format!("no file can be made in it: {}", words(other))),
    })
}

/// What a worker does: makes a file, takes its name away, sets its times (`WorkerTmp` in gunicorn/workers/workertmp.py).
fn use_a_file(directory: &OwnedFd) -> Result<(), Errno> {
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let file = openat(directory, FILE, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
    unlinkat(directory, FILE, UnlinkatFlags::NoRemoveDir)?;
    futimens(&file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW)
}

fn no_namespace(what: &str, errno: Errno) -> Trouble {
    match errno {
        Errno::EPERM | Errno::EACCES => refused(what, Errno::EPERM, "", &[]),
        // unshare(2): the kernel has no mount namespaces, or user.max_mnt_namespaces is reached.
        Errno::ENOSPC => Trouble::new(what, "there are as many mount namespaces as the kernel allows")
            .with_hint("sysctl user.max_mnt_namespaces"),
        other => Trouble::new(what, words(other)),
    }
}

/// Why it was not mounted. mount(2) does not say which option it minds, so each one is tried alone.
fn no_mount(what: &str, place: &str, image: &MountImage, errno: Errno) -> Trouble {
    let minded = |option: &String| match try_at(place, image, std::slice::from_ref(option)) {
        Ok(()) => {
            let _ = umount2(place, MntFlags::MNT_DETACH);
            false
        }
        Err(refusal) => refusal == errno,
    };
    let culprits: Vec<String> = match errno {
        Errno::EINVAL => image.options.iter().filter(|option| minded(option)).cloned().collect(),
        _ => vec![],
    };
    refused(what, errno, &image.kind, if culprits.is_empty() { &image.options } else { &culprits })
}

#[cfg(test)]
mod tests;
