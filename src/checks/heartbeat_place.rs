//! Where heartbeat files lie, for all checks that ask.

use super::by_hand::{self, GunicornOption};
use super::steps;
use crate::facts::{Fact, Facts, Filesystem, Heartbeat, Mount, Reason, Service, Worker};
use crate::gunicorn::Source;
use crate::units::Pid;

/// What a file system means to a heartbeat file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    /// Touching a file never waits.
    Memory,
    /// Touching a file may wait for a disk.
    Disk,
    /// Touching a file may wait for another machine or program.
    Far,
    /// A type gtune does not know.
    Unsure,
}

/// A worker, its heartbeat file, and what that lies on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The worker.
    pub pid: Pid,
    /// Its file.
    pub heartbeat: &'a Heartbeat,
    /// What the file lies on.
    pub filesystem: &'a Filesystem,
}

impl Place<'_> {
    /// The directory of the file, as the worker sees it.
    pub fn directory(&self) -> &str {
        directory_of(&self.heartbeat.path)
    }

    /// `ext4 at /tmp`.
    pub fn shown(&self) -> String {
        format!("{} at {}", self.filesystem.kind, self.directory())
    }

    /// `/proc/815/fd/7 -> /tmp/wgunicorn-x (deleted): ext4, mounted at /`.
    pub fn evidence(&self) -> String {
        let Heartbeat { seen_in, descriptor, path, .. } = self.heartbeat;
        let Filesystem { kind, mount_point, .. } = self.filesystem;
        format!("/proc/{seen_in}/fd/{descriptor} -> {path} (deleted): {kind}, mounted at {mount_point}")
    }
}

/// The directory part of a path.
fn directory_of(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((directory, _)) => directory,
        None => ".",
    }
}

/// Where a worker's heartbeat file lies, or why that could not be seen.
pub(super) fn place(worker: &Worker) -> Result<Place<'_>, Reason> {
    let pid = worker.process.pid;
    let told = |reason: Reason| Reason::new(format!("pid {pid}: {reason}"));
    let heartbeat = worker.heartbeat.needed("heartbeat file").map_err(told)?;
    let filesystem = heartbeat.filesystem.needed("file system of the heartbeat file").map_err(told)?;
    Ok(Place { pid, heartbeat, filesystem })
}

/// The places of all workers; the first that could not be seen ends it.
pub(super) fn places(service: &Service) -> Result<Vec<Place<'_>>, Reason> {
    if service.workers.is_empty() {
        return Err(no_worker());
    }
    service.workers.iter().map(place).collect()
}

/// Why a service without workers cannot be judged by its heartbeat.
pub(super) fn no_worker() -> Reason {
    Reason::new("no worker is running, so there is no heartbeat file to look at")
}

/// What this file system means to a heartbeat file.
pub(super) fn medium(filesystem: &Filesystem) -> Medium {
    let kind = &filesystem.kind;
    // A disk file system on a block device that is itself memory never waits for a disk.
    let memory_device = ["/dev/zram", "/dev/ram"].iter().any(|device| filesystem.source.starts_with(device));
    if kind.in_memory() || memory_device {
        Medium::Memory
    } else if kind.may_hang() {
        Medium::Far
    } else if filesystem.source.starts_with("/dev/") || ON_DISK.contains(&kind.name()) {
        Medium::Disk
    } else {
        Medium::Unsure
    }
}

/// File systems that keep inodes on a disk though their source field need not name a device. overlay counts as one:
/// container runtimes keep its upper layer on a disk.
const ON_DISK: &[&str] = &[
    "ext2",
    "ext3",
    "ext4",
    "xfs",
    "btrfs",
    "zfs",
    "f2fs",
    "bcachefs",
    "jfs",
    "reiserfs",
    "nilfs2",
    "vfat",
    "exfat",
    "overlay",
    "overlayfs",
    "aufs",
    "unionfs",
    "ecryptfs",
    "squashfs",
    "ubifs",
    "jffs2",
];

/// The `configured` column: what Gunicorn was told and where.
pub(super) fn configured(service: &Service) -> Option<String> {
    match service.settings.worker_tmp_dir() {
        Fact::Known(told) => Some(format!("worker_tmp_dir {} ({})", told.value, told.source)),
        Fact::Absent => Some("worker_tmp_dir not set: Python's directory for temporary files".into()),
        Fact::Unreadable(_) => None,
    }
}

/// The last mount on exactly this directory: the one that is seen.
pub(super) fn mounted_at<'a>(mounts: &'a [Mount], directory: &str) -> Option<&'a Mount> {
    mounts.iter().rfind(|mount| mount.mount_point == directory)
}

/// Directories that hold many programs' files: no mount is made there for Gunicorn's sake.
const SHARED: &[&str] = &["/", "/tmp", "/var/tmp", "/usr/tmp", "/dev", "/dev/shm", "/run", "/var/run", "/run/shm"];

/// Whether a directory belongs to the system and not to Gunicorn alone.
pub(crate) fn is_shared(directory: &str) -> bool {
    SHARED.contains(&directory) || directory.starts_with("/run/") || directory.starts_with("/var/run/")
}

/// Where the remedy keeps heartbeat files, when nothing better is configured: the directory of Gunicorn's own FAQ.
pub(super) const MEMORY_DIRECTORY: &str = "/mem";

/// The command that puts the heartbeat of this service into memory; none where no mount of gtune's reaches it.
pub(super) fn tmpfs_command(facts: &Facts, service: &Service) -> Option<String> {
    if !by_hand::mounts_reach(facts, service) {
        return None;
    }
    let gtune = by_hand::gtune(facts);
    let unit = by_hand::unit_option(service);
    Some(match service.settings.worker_tmp_dir() {
        Fact::Known(told) if !is_shared(&told.value) && told.value.starts_with('/') => {
            format!("{gtune} apply --tmpfs {}{unit}", told.value)
        }
        // The command line beats a drop-in's environment, so the option can only be changed where it stands.
        Fact::Known(told) if matches!(told.source, Source::CommandLine | Source::ExecStart) => {
            format!("{gtune} apply --tmpfs {MEMORY_DIRECTORY}")
        }
        // So does a file of EnvironmentFile=, which apply leaves to the operator: the mount alone can be made.
        _ if by_hand::arguments_come_from_a_file(service) => format!("{gtune} apply --tmpfs {MEMORY_DIRECTORY}"),
        _ => format!("{gtune} apply --tmpfs {MEMORY_DIRECTORY}{unit}"),
    })
}

/// The steps that put the heartbeat of this service into memory by hand. `/dev/shm` needs no mount; where it is not in
/// memory, the recipe of Gunicorn's FAQ makes one.
pub(super) fn into_memory(service: &Service) -> Vec<String> {
    let shm_is_memory = service.mounts.known().and_then(|mounts| mounted_at(mounts, "/dev/shm"));
    let unusable = shm_is_memory.is_some_and(|shm| !shm.kind.in_memory() || shm.options.iter().any(|o| o == "ro"));
    let (mut steps, directory) =
        if unusable { (mount_steps(MEMORY_DIRECTORY), MEMORY_DIRECTORY) } else { (vec![], "/dev/shm") };
    steps.push(by_hand::give(
        service,
        GunicornOption {
            setting: "worker_tmp_dir",
            option: &format!("--worker-tmp-dir {directory}"),
            assignment: &format!("worker_tmp_dir = \"{directory}\""),
        },
    ));
    steps.push(steps::restart(service));
    steps
}

/// The options a mount made for heartbeats should have. Gunicorn runs with them from 23 to 27; it writes no byte there,
/// so the sizes are only caps: 64m is the FAQ's, 4k inodes are room for a thousand workers through a reload.
const MOUNT_OPTIONS: &str =
    "defaults,size=64m,nr_inodes=4k,mode=1777,noatime,nosuid,nodev,noexec,nofail,comment=for-gunicorn";

/// A mount of its own at this directory, by hand. The name is taken as it stands: quote it for a shell.
pub(super) fn mount_steps(directory: &str) -> Vec<String> {
    vec![
        format!("mkdir -p {directory}"),
        format!("echo 'tmpfs {directory} tmpfs {MOUNT_OPTIONS} 0 0' >> /etc/fstab"),
        format!("systemctl daemon-reload; mount {directory}"),
    ]
}

/// Whether options of an fstab line or a mount unit say that it was made for Gunicorn.
pub(crate) fn made_for_gunicorn(options: &[String]) -> bool {
    options.iter().any(|option| option == "comment=for-gunicorn" || option.starts_with("x-gtune"))
}

/// `pid 815`, `pids 815, 816`; of a long list the first and how many more there are.
pub(super) fn pids(all: &[Pid]) -> String {
    const SHOWN: usize = 5;
    let shown = all.iter().take(SHOWN).map(Pid::to_string).collect::<Vec<_>>().join(", ");
    match all.len() {
        1 => format!("pid {shown}"),
        n if n > SHOWN => format!("pids {shown} and {} more", n - SHOWN),
        _ => format!("pids {shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::facts::FsKind;

    #[test]
    fn only_memory_counts_as_memory() {
        for (kind, source, expected) in [
            ("tmpfs", "tmpfs", Medium::Memory),
            ("ext4", "/dev/zram0", Medium::Memory),
            ("ext4", "/dev/vda1", Medium::Disk),
            ("overlay", "overlay", Medium::Disk),
            ("reiser9", "/dev/sdb", Medium::Disk),
            ("nfs4", "files:/srv", Medium::Far),
            ("fuse.sshfs", "u@h:", Medium::Far),
            ("novel", "novel", Medium::Unsure),
        ] {
            let mut filesystem = healthy::filesystem(kind, "/x");
            (filesystem.kind, filesystem.source) = (FsKind::named(kind), source.into());
            assert_eq!(medium(&filesystem), expected, "{kind} on {source}");
        }
    }

    #[test]
    fn a_directory_is_what_stands_before_the_name() {
        assert_eq!(directory_of("/mem/wgunicorn-x"), "/mem");
        assert_eq!(directory_of("/wgunicorn-x"), "/");
        assert_eq!(directory_of(""), ".");
    }

    #[test]
    fn a_long_list_of_pids_is_cut() {
        let many: Vec<Pid> = (1..=8).map(Pid).collect();
        assert_eq!(pids(&many[..1]), "pid 1");
        assert_eq!(pids(&many[..2]), "pids 1, 2");
        assert_eq!(pids(&many), "pids 1, 2, 3, 4, 5 and 3 more");
    }
}
