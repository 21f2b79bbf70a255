//! The heartbeat files of a process: which file, on what file system, and how long ago it was touched.

use super::descriptors::HeartbeatLink;
use super::filesystems::room;
use super::patience::patiently;
use super::processes::ProcessHandle;
use crate::facts::{Fact, Filesystem, Heartbeat, Mount, Reason, Room, mount_by_id, parse_fdinfo_mount_id};
use crate::units::{DeviceId, FileId, Seconds};
use nix::errno::Errno;
use nix::sys::stat::FileStat;
use nix::time::{ClockId, clock_gettime};
use std::collections::HashMap;
use std::rc::Rc;

/// No host has been up for 31 years: a modification time above this is the wall clock, one below it is the
/// CLOCK_MONOTONIC that Gunicorn writes since 22.0.
const WALL_CLOCK_SINCE: f64 = 1e9;

/// How far a monotonic time may lie ahead of now: the two are read one after the other, by different processes.
const CLOCK_TOLERANCE: f64 = 1.0;

/// The mounts that a process sees, shared by all who see the same.
type MountTable = Rc<Fact<Vec<Mount>>>;

/// The mounts of each mount namespace that was met, and what was learnt about the file systems on them.
#[derive(Debug, Default)]
pub struct Mounts {
    tables: HashMap<(u64, Vec<u8>), MountTable>,
    room: HashMap<u64, Fact<Room>>,
    own_time_namespace: Option<Fact<u64>>,
}

impl Mounts {
    /// The mounts a process sees. Read once for each mount namespace and root directory in it.
    pub fn of(&mut self, process: &ProcessHandle) -> MountTable {
        let read = || Rc::new(process.read("mountinfo").map(|bytes| Mount::parse_all(&bytes)));
        match (process.namespace("mnt"), process.link("root")) {
            (Fact::Known(namespace), Fact::Known(root)) => {
                self.tables.entry((namespace, root)).or_insert_with(read).clone()
            }
            _ => read(),
        }
    }
}

/// Looks at one heartbeat file through the descriptor of a process.
pub fn look(process: &ProcessHandle, link: &HeartbeatLink, mounts: &mut Mounts) -> Fact<Heartbeat> {
    let mount = mount_of_descriptor(process, link.descriptor, mounts);
    let stat = match &mount {
        Fact::Known(mount) if mount.kind.may_hang() => ask_patiently(process, link, mount),
        _ => process.stat(&format!("fd/{}", link.descriptor)).map_err(|errno| process.reason("fd", errno)),
    };
    let stat = match stat {
        Ok(stat) => stat,
        Err(reason) => return Fact::Unreadable(reason),
    };
    let beat = Beat::of(&stat, Clocks::now(), mounts.shares_clock(process));
    Fact::Known(Heartbeat {
        seen_in: process.pid,
        descriptor: link.descriptor,
        path: link.path.clone(),
        file: FileId { device: DeviceId(stat.st_dev), inode: stat.st_ino },
        filesystem: mount.map(|mount| mounts.filesystem(process, link, mount, &stat)),
        age_seconds: Seconds(beat.age),
        never_beaten: beat.never,
    })
}

/// The mount a descriptor was opened through: its fdinfo names it, whatever has been mounted over it since.
fn mount_of_descriptor(process: &ProcessHandle, descriptor: i32, mounts: &mut Mounts) -> Fact<Mount> {
    let name = format!("fdinfo/{descriptor}");
    let id = process.read(&name).and_then(|text| match parse_fdinfo_mount_id(&text) {
        Some(id) => Fact::Known(id),
        None => Fact::unreadable(format!("no mnt_id: /proc/{}/{name}", process.pid)),
    });
    id.and_then(|id| match &*mounts.of(process) {
        Fact::Known(table) => match mount_by_id(table, id) {
            Some(mount) => Fact::Known(mount.clone()),
            None => Fact::unreadable(format!("mount {id} is not in /proc/{}/mountinfo", process.pid)),
        },
        Fact::Absent => Fact::unreadable(format!("no /proc/{}/mountinfo", process.pid)),
        Fact::Unreadable(reason) => Fact::Unreadable(reason.clone()),
    })
}

impl Mounts {
    fn filesystem(
        &mut self,
        process: &ProcessHandle,
        link: &HeartbeatLink,
        mount: Mount,
        stat: &FileStat,
    ) -> Filesystem {
        let room = if mount.kind.may_hang() {
            Fact::unreadable(format!("not asked: {} may not answer", mount.kind))
        } else {
            self.room.entry(stat.st_dev).or_insert_with(|| room_behind(process, link.descriptor)).clone()
        };
        Filesystem {
            kind: mount.kind,
            device: DeviceId(stat.st_dev),
            mount_point: mount.mount_point,
            source: mount.source,
            options: mount.options,
            room,
        }
    }

    /// Whether the monotonic clock of a process is gtune's (time_namespaces(7), since Linux 5.6).
    fn shares_clock(&mut self, process: &ProcessHandle) -> ClockOf {
        let own = self.own_time_namespace.get_or_insert_with(own_time_namespace);
        match (&*own, process.namespace("time")) {
            (Fact::Known(own), Fact::Known(theirs)) if *own == theirs => ClockOf::BothAlike,
            (Fact::Absent, _) | (_, Fact::Absent) => ClockOf::BothAlike,
            _ => ClockOf::Another,
        }
    }
}

/// What stat(2) says of a heartbeat file on a file system that may hang.
fn ask_patiently(process: &ProcessHandle, link: &HeartbeatLink, mount: &Mount) -> Result<FileStat, Reason> {
    let name = format!("fd/{}", link.descriptor);
    let handle = process.duplicate().map_err(|_| process.reason(&name, Errno::EMFILE))?;
    match patiently(move || handle.stat(&name)) {
        Some(stat) => stat.map_err(|errno| process.reason("fd", errno)),
        None => Err(Reason::new(format!("{} at {} does not answer", mount.kind, mount.mount_point))),
    }
}

fn own_time_namespace() -> Fact<u64> {
    let own = std::fs::metadata("/proc/self/ns/time");
    own.map_or(Fact::Absent, |metadata| Fact::Known(std::os::unix::fs::MetadataExt::ino(&metadata)))
}

/// Room on the file system behind a descriptor, which is only opened as a path: a frozen one answers that too.
fn room_behind(process: &ProcessHandle, descriptor: i32) -> Fact<Room> {
    match process.open_path(&format!("fd/{descriptor}")) {
        Ok(file) => room(file),
        Err(errno) => Fact::Unreadable(process.reason("fd", errno)),
    }
}

/// Whether a process lives by the same monotonic clock as gtune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClockOf {
    BothAlike,
    Another,
}

/// The two clocks, read at one moment, in seconds.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    monotonic: f64,
    wall: f64,
}

impl Clocks {
    fn now() -> Self {
        let read = |clock| clock_gettime(clock).map_or(0.0, |t| t.tv_sec() as f64 + t.tv_nsec() as f64 / 1e9);
        Self { monotonic: read(ClockId::CLOCK_MONOTONIC), wall: read(ClockId::CLOCK_REALTIME) }
    }
}

/// How long ago a heartbeat file was touched.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Beat {
    age: f64,
    never: bool,
}

impl Beat {
    /// Up to 21.2 a beat is a chmod(2) between 000 and 001, seen in the ctime; since 22.0 it is an utime(2) with
    /// CLOCK_MONOTONIC, seen in the mtime. The file is made with mode 0600 and the wall clock in its mtime.
    fn of(stat: &FileStat, now: Clocks, clock: ClockOf) -> Self {
        let modified = stat.st_mtime as f64 + stat.st_mtime_nsec as f64 / 1e9;
        let changed = stat.st_ctime as f64 + stat.st_ctime_nsec as f64 / 1e9;
        let never = modified > WALL_CLOCK_SINCE && stat.st_mode & 0o777 == 0o600;
        let by_monotonic = now.monotonic - modified;
        // The monotonic clock is immune to a step of the wall clock, unless the worker has another one.
        let monotonic_counts =
            modified <= WALL_CLOCK_SINCE && clock == ClockOf::BothAlike && by_monotonic > -CLOCK_TOLERANCE;
        let age = if monotonic_counts { by_monotonic } else { now.wall - changed };
        Self { age: age.max(0.0), never }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Clocks = Clocks { monotonic: 5000.0, wall: 1.8e9 };

    /// A file as 22.0 and later leaves it, beaten 4 s ago.
    fn beaten() -> FileStat {
        let mut stat = nix::sys::stat::stat("/").unwrap();
        (stat.st_mode, stat.st_mtime, stat.st_mtime_nsec) = (0o100_600, 4996, 0);
        (stat.st_ctime, stat.st_ctime_nsec) = (1_799_999_996, 0);
        stat
    }

    #[test]
    fn the_age_is_the_same_by_either_clock() {
        let stat = beaten();
        assert_eq!(Beat::of(&stat, NOW, ClockOf::BothAlike), Beat { age: 4.0, never: false });
        assert_eq!(Beat::of(&stat, NOW, ClockOf::Another), Beat { age: 4.0, never: false });
    }

    #[test]
    fn a_step_of_the_wall_clock_ages_no_worker_of_22_and_later() {
        let stepped = Clocks { wall: NOW.wall + 86_400.0, ..NOW };
        assert_eq!(Beat::of(&beaten(), stepped, ClockOf::BothAlike).age, 4.0);
    }

    #[test]
    fn a_worker_in_another_time_namespace_is_judged_by_the_wall_clock() {
        let mut stat = beaten();
        stat.st_mtime = 900_000;
        assert_eq!(Beat::of(&stat, NOW, ClockOf::Another).age, 4.0);
        assert_eq!(Beat::of(&stat, NOW, ClockOf::BothAlike).age, 4.0);
    }

    #[test]
    fn a_fresh_file_has_never_beaten() {
        let mut stat = beaten();
        stat.st_mtime = stat.st_ctime;
        assert_eq!(Beat::of(&stat, NOW, ClockOf::BothAlike), Beat { age: 4.0, never: true });
    }

    #[test]
    fn a_flipped_mode_is_a_beat_of_the_old_scheme() {
        for mode in [0o100_000, 0o100_001] {
            let mut stat = beaten();
            (stat.st_mode, stat.st_mtime) = (mode, stat.st_ctime - 100);
            assert_eq!(Beat::of(&stat, NOW, ClockOf::BothAlike), Beat { age: 4.0, never: false });
        }
    }

    #[test]
    fn a_clock_that_runs_behind_gives_no_negative_age() {
        let mut stat = beaten();
        stat.st_ctime += 100;
        assert_eq!(Beat::of(&stat, NOW, ClockOf::Another).age, 0.0);
    }
}
