//! `tmpfs-mount`: whether the mount made for the heartbeat is there and is a careful one.

use super::heartbeat_place::{self, Place, mounted_at};
use super::{Area, Check, Columns, Judge, Judgement, Remedy, Seen, Severity, Verdict, by_hand, steps};
use crate::facts::{Fact, Facts, Service};
use crate::units::quoted;

/// Whether the mount made for the heartbeat is there and is a careful one.
pub const CHECK: Check = Check {
    id: "tmpfs-mount",
    area: Area::Heartbeat,
    title: "Mount of the heartbeat",
    looks_at: "The directory that worker_tmp_dir names, and the mount there (/proc/<worker>/mountinfo):\n\
               whether it is a mount of its own, and its options. Without a running Gunicorn: mounts stored\n\
               as made for it.",
    why: "A directory meant as a mount that is not mounted is a plain directory on disk, and Gunicorn\n\
          uses it without a word. Gunicorn's files there are empty and never executed, so the mount can\n\
          do without programs, devices and set-user-id files; a size and a number of inodes keep anyone\n\
          who may write there from taking the host's memory.",
    changes: "gtune apply --tmpfs DIR stores a line with size=, nr_inodes=, nosuid, nodev and noexec, and\n\
              mounts it. A line of somebody else's is changed only with --adopt.",
    by_hand: &[
        "findmnt DIR   # nothing: not mounted",
        "echo 'tmpfs DIR tmpfs defaults,size=64m,nr_inodes=4k,mode=1777,noatime,nosuid,nodev,noexec,nofail,comment=for-gunicorn 0 0' >> /etc/fstab",
        "mount DIR   # or, where it is mounted with other options: mount -o remount DIR",
        "reload Gunicorn (HUP): new workers make their files in the new mount",
    ],
    references: &["tmpfs(5)", "mount(8)", "fstab(5)", "Gunicorn settings: worker_tmp_dir"],
    judge: Judge::Service { each, fresh },
};

/// What a mount that holds nothing but empty files can do without (mount(8)). Gunicorn 23 to 27 run on such a mount.
const UNNEEDED: [&str; 3] = ["nosuid", "nodev", "noexec"];

const WANTED: &str = "a tmpfs of its own with nosuid, nodev, noexec, size= and nr_inodes=";

fn each(facts: &Facts, service: &Service) -> Judgement {
    let places = heartbeat_place::places(service)?;
    match places.iter().find(|place| !place.filesystem.kind.in_memory()) {
        Some(on_disk) => not_mounted(facts, service, on_disk),
        None => Ok(options_of(facts, service, &places[0])),
    }
}

/// A heartbeat on disk: a fault of the mount only where a directory was named that is meant as one.
fn not_mounted(facts: &Facts, service: &Service, place: &Place) -> Judgement {
    let told = match service.settings.worker_tmp_dir() {
        Fact::Known(told) if !heartbeat_place::is_shared(&told.value) => told,
        Fact::Unreadable(reason) => return Err(reason),
        Fact::Known(_) | Fact::Absent => {
            return Ok(Verdict::not_applicable(format!(
                "no mount is made for the heartbeat: it is at {}",
                place.directory()
            )));
        }
    };
    let mounts = service.mounts.needed("list of mounts")?;
    let mounted_since = mounted_at(mounts, &told.value).is_some_and(|mount| mount.kind.in_memory());
    let columns = Columns { configured: heartbeat_place::configured(service), ..Columns::default() };
    let mut seen = Seen { wanted: WANTED.into(), evidence: vec![place.evidence()], columns, ..Seen::default() };
    let directory = &told.value;
    if mounted_since {
        seen.observed = format!("{directory} was mounted after these workers started");
        seen.evidence.push(format!("/proc/{}/mountinfo: tmpfs at {directory}", service.master.pid));
        let consequence = "The heartbeat stays on the disk below the mount until new workers replace these.";
        let command = Some(format!("gtune signal reload{}", by_hand::whom(service)));
        let remedy = Remedy { command, by_hand: vec![by_hand::reload(service)], restart: false };
        return Ok(Verdict::finding(Severity::Warning, seen, consequence, remedy));
    }
    seen.observed = format!("{directory} is not mounted: {}", place.shown());
    let consequence = "A plain directory on disk took the place of the mount, so a stalled disk freezes every worker.";
    Ok(Verdict::finding(Severity::Warning, seen, consequence, mount_it(facts, service, directory)))
}

fn mount_it(facts: &Facts, service: &Service, directory: &str) -> Remedy {
    let quoted = quoted(directory);
    if by_hand::mounts_reach(facts, service) {
        let mut by_hand = heartbeat_place::mount_steps(&quoted);
        by_hand.push(by_hand::reload(service));
        return Remedy { command: heartbeat_place::tmpfs_command(facts, service), by_hand, restart: false };
    }
    let mount = match service.container.as_ref().map(|container| container.runtime.as_str()) {
        Some("kubernetes") => format!("in the pod, an emptyDir with medium: Memory, mounted at {quoted}"),
        Some("podman") => format!("podman run --tmpfs {quoted} …"),
        _ => format!("docker run --tmpfs {quoted} …"),
    };
    let by_hand =
        vec![mount, "or --worker-tmp-dir /dev/shm, which is in memory already".into(), steps::restart(service)];
    Remedy { command: None, by_hand, restart: true }
}

/// The options of a mount made for the heartbeat; other places in memory are the system's.
fn options_of(facts: &Facts, service: &Service, place: &Place) -> Verdict {
    let mount_point = &place.filesystem.mount_point;
    if heartbeat_place::is_shared(mount_point) || !by_hand::mounts_reach(facts, service) {
        return Verdict::not_applicable(format!("{mount_point} is in memory and not made for Gunicorn alone"));
    }
    let columns = Columns {
        configured: heartbeat_place::configured(service),
        live: Some(place.filesystem.options.join(",")),
        ..Columns::default()
    };
    let seen = Seen { evidence: vec![place.evidence()], columns, ..Seen::default() };
    careful(facts, mount_point, &place.filesystem.options, seen, by_hand::unit_option(service))
}

/// Hygiene: what the options of a heartbeat mount lack.
fn careful(facts: &Facts, mount_point: &str, options: &[String], mut seen: Seen, unit: String) -> Verdict {
    seen.wanted = WANTED.into();
    seen.evidence.push(format!("mountinfo: {mount_point}: {}", options.join(",")));
    let missing = missing(options);
    if missing.is_empty() {
        seen.observed = format!("tmpfs at {mount_point} with all of them");
        return Verdict::Healthy(seen);
    }
    seen.observed = format!("{mount_point} lacks {}", missing.join(", "));
    let consequence = "Whoever may write there may keep programs or take more memory there than heartbeats need.";
    let quoted = quoted(mount_point);
    // Whoever mounted it chose these options, so leave to change them is asked for.
    let command = format!("{} apply --tmpfs {quoted}{unit} --adopt", by_hand::gtune(facts));
    let by_hand = vec![
        format!("mount -o remount,size=64m,nr_inodes=4k,nosuid,nodev,noexec {quoted}   # at once, without a restart"),
        "the same options where the mount is stored for boot".into(),
    ];
    Verdict::finding(Severity::Info, seen, consequence, Remedy { command: Some(command), by_hand, restart: false })
}

/// The options a heartbeat mount should have and has not. The kernel prints sizes only where they were given.
fn missing(options: &[String]) -> Vec<&'static str> {
    let flags = UNNEEDED.iter().filter(|flag| !options.iter().any(|option| option == *flag)).copied();
    let caps = ["size=", "nr_inodes="].into_iter().filter(|cap| !options.iter().any(|option| option.starts_with(cap)));
    flags.chain(caps).collect()
}

fn fresh(facts: &Facts) -> Judgement {
    let fstab = match &facts.fstab {
        Fact::Unreadable(reason) => return Err(reason.clone()),
        fstab => fstab.known().map(|fstab| fstab.entries.as_slice()).unwrap_or_default(),
    };
    let lines = fstab.iter().map(|line| (&line.target, &line.options, format!("/etc/fstab, line {}", line.line)));
    let units = facts.mount_units.iter().map(|unit| (&unit.mount_point, &unit.options, unit.file.clone()));
    let Some((directory, _, stored)) =
        lines.chain(units).find(|(_, options, _)| heartbeat_place::made_for_gunicorn(options))
    else {
        return Ok(Verdict::not_applicable("no Gunicorn runs, and no mount is stored for one"));
    };
    let mounts = facts.mounts.needed("list of mounts")?;
    let mut seen = Seen { wanted: WANTED.into(), evidence: vec![stored], ..Seen::default() };
    match mounted_at(mounts, directory) {
        Some(mount) if mount.kind.in_memory() => Ok(careful(facts, directory, &mount.options, seen, String::new())),
        _ => {
            seen.observed = format!("{directory} is stored for boot and not mounted");
            seen.evidence.push(format!("/proc/self/mountinfo: no tmpfs at {directory}"));
            let consequence = "A Gunicorn started with it as --worker-tmp-dir keeps its heartbeat on disk.";
            let quoted = quoted(directory);
            let command = Some(format!("{} apply --tmpfs {quoted}", by_hand::gtune(facts)));
            let remedy = Remedy { command, by_hand: vec![format!("mount {quoted}")], restart: false };
            Ok(Verdict::finding(Severity::Warning, seen, consequence, remedy))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{fresh_host, host_with_gunicorn, mount, settings, with_service};
    use crate::checks::judged::*;
    use crate::facts::{Container, Filesystem, FsKind};
    use crate::gunicorn::Value;

    fn with_filesystem(change: impl Fn(&mut Filesystem) + Copy) -> Facts {
        with_service(|s| {
            s.settings = settings(&[("worker_tmp_dir", Value::Text("/mem".into()))]);
            for worker in &mut s.workers {
                let Fact::Known(heartbeat) = &mut worker.heartbeat else { panic!() };
                let Fact::Known(filesystem) = &mut heartbeat.filesystem else { panic!() };
                change(filesystem);
            }
        })
    }

    fn on_disk(filesystem: &mut Filesystem) {
        (filesystem.kind, filesystem.mount_point) = (FsKind::named("ext4"), "/".into());
    }

    #[test]
    fn a_careful_mount_is_healthy() {
        assert_eq!(healthy(judged(&host_with_gunicorn(), each)).observed, "tmpfs at /mem with all of them");
    }

    #[test]
    fn what_the_options_lack_is_hygiene() {
        let facts = with_filesystem(|f| f.options = ["rw", "noatime", "size=65536k"].map(str::to_owned).to_vec());
        let finding = found(judged(&facts, each));
        assert_eq!(finding.severity, Severity::Info);
        assert_eq!(finding.seen.observed, "/mem lacks nosuid, nodev, noexec, nr_inodes=");
        assert!(!finding.remedy.restart);
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --tmpfs /mem --unit gunicorn.service --adopt"));
    }

    #[test]
    fn a_place_of_the_system_is_not_judged() {
        for shared in ["/dev/shm", "/run", "/tmp", "/run/user/33"] {
            let reason = not_applicable(judged(&with_filesystem(|f| f.mount_point = shared.into()), each));
            assert!(reason.contains(shared));
        }
    }

    #[test]
    fn a_named_directory_on_disk_was_meant_as_a_mount() {
        let mut facts = with_filesystem(on_disk);
        let Fact::Known(services) = &mut facts.services else { panic!() };
        services[0].mounts = Fact::Known(vec![mount("/", "ext4", &["rw"])]);
        let finding = found(judged(&facts, each));
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.seen.observed.starts_with("/mem is not mounted"));
        assert!(finding.remedy.by_hand.iter().any(|step| step.contains("/etc/fstab")));
    }

    #[test]
    fn in_a_container_its_runtime_makes_the_mount() {
        let mut facts = with_filesystem(on_disk);
        service(&mut facts).mounts = Fact::Known(vec![mount("/", "overlay", &["rw"])]);
        for (runtime, words) in [("docker", "docker run --tmpfs /mem"), ("kubernetes", "emptyDir")] {
            let because = "cgroup path".into();
            service(&mut facts).container = Some(Container { runtime: runtime.into(), id: None, because });
            let finding = found(judged(&facts, each));
            assert_eq!(finding.remedy.command, None);
            assert!(finding.remedy.by_hand[0].contains(words), "{:?}", finding.remedy.by_hand);
        }
    }

    #[test]
    fn a_mount_made_after_the_start_needs_a_reload_only() {
        let finding = found(judged(&with_filesystem(on_disk), each));
        assert!(finding.seen.observed.contains("was mounted after these workers started"));
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune signal reload --unit gunicorn.service"));
        assert!(!finding.remedy.restart);
    }

    #[test]
    fn a_heartbeat_that_was_never_given_a_directory_has_no_mount_to_judge() {
        let mut facts = with_filesystem(on_disk);
        let Fact::Known(services) = &mut facts.services else { panic!() };
        services[0].settings = settings(&[]);
        not_applicable(judged(&facts, each));
        services_blind(&mut facts);
        cannot_tell(judged(&facts, each));
    }

    fn services_blind(facts: &mut Facts) {
        let Fact::Known(services) = &mut facts.services else { panic!() };
        services[0].settings.blind = Some(crate::facts::Reason::new("permission denied"));
    }

    #[test]
    fn what_could_not_be_seen_is_not_judged() {
        cannot_tell(judged(&with_service(|s| hide(&mut s.workers[0].heartbeat)), each));
        let mut facts = with_filesystem(on_disk);
        let Fact::Known(services) = &mut facts.services else { panic!() };
        hide(&mut services[0].mounts);
        cannot_tell(judged(&facts, each));
        let mut facts = fresh_host();
        hide(&mut facts.fstab);
        cannot_tell(fresh(&facts));
    }

    #[test]
    fn a_fresh_host_is_asked_for_the_mount_it_has_stored() {
        let mut facts = fresh_host();
        not_applicable(fresh(&facts));
        facts.fstab = Fact::Known(fstab(&["tmpfs /mem tmpfs size=64m,comment=for-gunicorn"]));
        assert_eq!(found(fresh(&facts)).severity, Severity::Warning);
        let Fact::Known(mounts) = &mut facts.mounts else { panic!() };
        mounts.push(mount("/mem", "tmpfs", &["rw", "size=65536k"]));
        let finding = found(fresh(&facts));
        assert_eq!(finding.severity, Severity::Info);
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --tmpfs /mem --adopt"));
        hide(&mut facts.mounts);
        cannot_tell(fresh(&facts));
    }
}
