//! `heartbeat-space`: whether the file system of the heartbeat files has inodes left for the next workers.

use super::heartbeat_place::{self, Place, mounted_at};
use super::{Area, Check, Columns, Judge, Judgement, Remedy, Seen, Severity, Verdict};
use crate::facts::{Fact, Facts, Reason, Room, Service};
use crate::units::quoted;

/// Whether the file system of the heartbeat files has inodes left for the next workers.
pub const CHECK: Check = Check {
    id: "heartbeat-space",
    area: Area::Heartbeat,
    title: "Room for heartbeat files",
    looks_at: "Free inodes (f_favail of fstatfs) of the file system that holds the heartbeat files, against\n\
               the number of workers. Free bytes are not judged: the files are empty, and a tmpfs without a\n\
               free block still takes them.",
    why: "The master makes one file for each worker it starts. Where no inode is free that fails with\n\
          \"No space left on device\" in the master itself, and the whole server exits with 255. A respawn\n\
          needs one inode, a reload (HUP) as many as there are workers, before the old workers give\n\
          theirs back.",
    changes: "Nothing: what fills the file system is somebody's. A mount made by gtune apply --tmpfs has\n\
              inodes for a thousand workers.",
    by_hand: &[
        "df -i DIR   # IFree",
        "find DIR -xdev | wc -l   # who took them",
        "mount -o remount,nr_inodes=8192 DIR   # a tmpfs takes more at once; change its line in /etc/fstab too",
    ],
    references: &["statvfs(3)", "tmpfs(5), nr_inodes", "Gunicorn settings: worker_tmp_dir"],
    judge: Judge::Service { each, fresh },
};

/// Reloads that must fit before the old workers have gone. One reload holds the files of old and new workers for up to
/// graceful_timeout (30 s); a deployment that reloads again within it needs as many once more.
const RELOADS: u64 = 2;

/// Workers a fresh host should have room for: Gunicorn's design notes say 4 to 12 serve thousands of requests a second.
const USUAL_WORKERS: u64 = 12;

fn each(facts: &Facts, service: &Service) -> Judgement {
    let places = heartbeat_place::places(service)?;
    let workers = workers(service);
    let tight = places.iter().map(room).collect::<Result<Vec<_>, _>>()?;
    let Some((place, room)) = places.iter().zip(tight).min_by_key(|(_, room)| available(room)) else {
        return Err(heartbeat_place::no_worker());
    };
    let seen = seen(place, &room, workers);
    Ok(match shortage(&room, workers) {
        None => Verdict::Healthy(seen),
        Some((severity, consequence)) => Verdict::finding(severity, seen, consequence, remedy(facts, service, place)),
    })
}

/// Workers a reload starts: as many as are configured, or as are running where TTIN has added some.
fn workers(service: &Service) -> u64 {
    let configured = service.settings.workers().known().map_or(0, |found| found.value.max(0) as u64);
    configured.max(service.workers.len() as u64)
}

fn room(place: &Place) -> Result<Room, Reason> {
    let told = |reason: Reason| Reason::new(format!("{}: {reason}", place.shown()));
    place.filesystem.room.needed("count of inodes").copied().map_err(told)
}

/// Inodes free; no bound where the file system makes them as needed.
fn available(room: &Room) -> u64 {
    if room.total_inodes == 0 { u64::MAX } else { room.available_inodes }
}

/// What a lack of inodes does to this many workers.
fn shortage(room: &Room, workers: u64) -> Option<(Severity, String)> {
    match available(room) {
        0 => {
            Some((Severity::Critical, "The next worker that is started takes the whole server down (exit 255).".into()))
        }
        free if free < workers => Some((
            Severity::Warning,
            format!("The next reload needs {workers} inodes at once: the server exits with 255 instead."),
        )),
        free if free < RELOADS * workers => Some((
            Severity::Warning,
            "A second reload, while the old workers of the first still finish, takes the server down (exit 255)."
                .into(),
        )),
        _ => None,
    }
}

fn seen(place: &Place, room: &Room, workers: u64) -> Seen {
    let columns = Columns { live: Some(count(room)), ..Columns::default() };
    Seen {
        observed: format!("{} on {}", count(room), place.shown()),
        wanted: format!("{} free, for {RELOADS} reloads of {}", RELOADS * workers, counted(workers)),
        evidence: vec![
            place.evidence(),
            evidence(&format!("/proc/{}/fd/{}", place.pid, place.heartbeat.descriptor), room),
        ],
        columns,
    }
}

fn counted(workers: u64) -> String {
    if workers == 1 { "1 worker".into() } else { format!("{workers} workers") }
}

fn count(room: &Room) -> String {
    match room.total_inodes {
        0 => "no bound on inodes".into(),
        total => format!("{} of {total} inodes free", room.available_inodes),
    }
}

fn evidence(path: &str, room: &Room) -> String {
    format!("fstatfs {path}: {}, {} of {} free", count(room), room.available_bytes, room.total_bytes)
}

fn remedy(facts: &Facts, service: &Service, place: &Place) -> Remedy {
    let mount_point = quoted(&place.filesystem.mount_point);
    let view = view(facts, service, place);
    let mut by_hand =
        vec![format!("{view}find {mount_point} -xdev | wc -l   # what takes them; delete what nobody needs")];
    if place.filesystem.kind.name() == "tmpfs" {
        by_hand.push(format!("{view}mount -o remount,nr_inodes={ENOUGH} {mount_point}   # at once, without a restart"));
        by_hand.push("the same nr_inodes= where the mount is stored for boot".into());
    }
    Remedy { command: None, by_hand, restart: false }
}

/// What leads a command into the mount namespace of a service, where that has mounts of its own.
fn view(facts: &Facts, service: &Service, place: &Place) -> String {
    let device = place.filesystem.device.to_string();
    let own = facts.mounts.known().and_then(|mounts| mounted_at(mounts, &place.filesystem.mount_point));
    match own {
        Some(mount) if mount.device == device => String::new(),
        _ => format!("nsenter -t {} -m ", service.master.pid),
    }
}

/// Inodes to give a tmpfs: a few MiB of memory at most, and room for thousands of workers.
const ENOUGH: u64 = 8192;

fn fresh(facts: &Facts) -> Judgement {
    let default = facts.default_heartbeat.needed("usable directory for temporary files")?;
    let filesystem = default
        .filesystem
        .needed("file system to be mounted there at boot")
        .map_err(|reason| Reason::new(format!("{}: {reason} ({})", default.directory, default.because)))?;
    let room = match &filesystem.room {
        Fact::Absent if !facts.host.live => return Ok(Verdict::not_applicable("an image has no inodes in use yet")),
        room => room.needed("count of inodes")?,
    };
    let seen = Seen {
        observed: format!("{} on {} at {}", count(room), filesystem.kind, default.directory),
        wanted: format!("{} free", RELOADS * USUAL_WORKERS),
        evidence: vec![evidence(&default.directory, room)],
        columns: Columns { live: Some(count(room)), ..Columns::default() },
    };
    if available(room) >= RELOADS * USUAL_WORKERS {
        return Ok(Verdict::Healthy(seen));
    }
    let consequence = "A Gunicorn started here without --worker-tmp-dir exits with 255 when the inodes run out.";
    let find = format!("find {} -xdev | wc -l   # what takes them", quoted(&filesystem.mount_point));
    let by_hand = vec![find, "or start Gunicorn with --worker-tmp-dir /dev/shm".into()];
    Ok(Verdict::finding(Severity::Warning, seen, consequence, Remedy { by_hand, ..Remedy::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::*;
    use crate::checks::judged::*;

    fn with_free_inodes(free: u64, total: u64) -> Facts {
        with_service(|s| {
            for worker in &mut s.workers {
                let Fact::Known(heartbeat) = &mut worker.heartbeat else { panic!() };
                let Fact::Known(filesystem) = &mut heartbeat.filesystem else { panic!() };
                let Fact::Known(room) = &mut filesystem.room else { panic!() };
                (room.available_inodes, room.total_inodes) = (free, total);
            }
        })
    }

    #[test]
    fn inodes_for_two_reloads_are_enough() {
        let seen = healthy(judged(&host_with_gunicorn(), each));
        assert_eq!(seen.observed, "4090 of 4096 inodes free on tmpfs at /mem");
        healthy(judged(&with_free_inodes(4, 4096), each));
    }

    #[test]
    fn the_fewer_inodes_the_graver() {
        for (free, severity, words) in [
            (3, Severity::Warning, "second reload"),
            (1, Severity::Warning, "next reload needs 2 inodes"),
            (0, Severity::Critical, "takes the whole server down"),
        ] {
            let finding = found(judged(&with_free_inodes(free, 4096), each));
            assert_eq!(finding.severity, severity);
            assert!(finding.consequence.contains(words), "{}", finding.consequence);
            assert!(finding.remedy.by_hand[1].contains("remount,nr_inodes="));
        }
    }

    #[test]
    fn a_file_system_without_a_bound_never_runs_out() {
        let seen = healthy(judged(&with_free_inodes(0, 0), each));
        assert!(seen.observed.contains("no bound"));
    }

    #[test]
    fn room_that_could_not_be_seen_is_not_healthy() {
        cannot_tell(judged(&with_service(|s| hide(&mut s.workers[1].heartbeat)), each));
        let facts = with_service(|s| {
            let Fact::Known(heartbeat) = &mut s.workers[1].heartbeat else { panic!() };
            let Fact::Known(filesystem) = &mut heartbeat.filesystem else { panic!() };
            hide(&mut filesystem.room);
        });
        cannot_tell(judged(&facts, each));
        cannot_tell(judged(&with_service(|s| s.workers.clear()), each));
    }

    #[test]
    fn a_fresh_host_is_judged_by_the_room_in_its_tmp() {
        let mut facts = fresh_host();
        healthy(fresh(&facts));
        let Fact::Known(default) = &mut facts.default_heartbeat else { panic!() };
        let Fact::Known(filesystem) = &mut default.filesystem else { panic!() };
        filesystem.room = Fact::Known(Room {
            total_bytes: crate::units::Bytes(1 << 30),
            available_bytes: crate::units::Bytes(1 << 30),
            total_inodes: 4096,
            available_inodes: 0,
        });
        assert_eq!(found(fresh(&facts)).severity, Severity::Warning);
        hide(&mut facts.default_heartbeat);
        cannot_tell(fresh(&facts));
    }
}
