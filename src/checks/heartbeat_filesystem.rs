//! `heartbeat-filesystem`: whether the heartbeat files lie in memory.

use super::at_start::{ToldDirectory, ToldIn, in_memory_at_boot, told_directory};
use super::heartbeat_place::{self, MEMORY_DIRECTORY, Medium, Place, medium};
use super::{Area, Check, Columns, InForce, Judge, Judgement, Remedy, Seen, Severity, Verdict, by_hand, steps};
use crate::facts::{DefaultHeartbeat, Fact, Facts, Reason, Service, Unit, mount_of};
use crate::units::{Pid, quoted};

/// Whether the heartbeat files lie in memory.
pub const CHECK: Check = Check {
    id: "heartbeat-filesystem",
    area: Area::Heartbeat,
    title: "Heartbeat files in memory",
    looks_at: "The deleted wgunicorn-* file that each worker holds open (/proc/<worker>/fd) and the type of\n\
               the file system it lies on (fstatfs, /proc/<worker>/mountinfo). Without a running Gunicorn,\n\
               the directory Python would choose for temporary files, normally /tmp.",
    why: "Every worker touches its heartbeat file once a second, or once in half the timeout, and the\n\
          master kills a worker that does not. On a disk that touch waits when the disk does: a stall\n\
          stops every worker at the same moment, the master takes them all for hung, and the log says\n\
          \"Perhaps out of memory?\" although memory had no part in it. In memory the touch never waits.\n\
          The file holds no data: it costs one inode a worker and nothing else.",
    changes: "gtune apply --tmpfs DIR makes the directory, stores the mount in /etc/fstab (or as a mount\n\
              unit) and mounts it; with --unit it also adds the drop-in that makes the service use it. The\n\
              service must be restarted (--restart does it).",
    by_hand: &[
        "df --output=fstype /tmp   # tmpfs: nothing to do",
        "simplest: start Gunicorn with --worker-tmp-dir /dev/shm, which is in memory on every Linux, also in containers",
        "mkdir /mem   # or a mount of its own",
        "echo 'tmpfs /mem tmpfs defaults,size=64m,nr_inodes=4k,mode=1777,noatime,nosuid,nodev,noexec,nofail,comment=for-gunicorn 0 0' >> /etc/fstab",
        "mount /mem, then start Gunicorn with --worker-tmp-dir /mem",
    ],
    references: &["Gunicorn settings: worker_tmp_dir", "Gunicorn FAQ: blocking in os.fchmod", "tmpfs(5)", "fstab(5)"],
    judge: Judge::Service { each, fresh },
};

const WANTED: &str = "tmpfs or ramfs";

fn each(facts: &Facts, service: &Service) -> Judgement {
    if service.workers.is_empty() {
        return Err(heartbeat_place::no_worker());
    }
    let (places, mut hidden): (Vec<_>, Vec<_>) = service.workers.iter().map(known_place).partition(Result::is_ok);
    let places: Vec<Place> = places.into_iter().flatten().collect();
    let worst = places.iter().map(|place| medium(place.filesystem)).filter_map(harm).max();
    match (worst, hidden.pop()) {
        (Some(harm), hidden) => Ok(finding(facts, service, &places, harm, hidden.and_then(Result::err))),
        (None, Some(Err(reason))) => Err(reason),
        (None, _) => Ok(Verdict::Healthy(seen(service, &places))),
    }
}

/// The place of a worker's file, on a file system gtune can judge.
fn known_place(worker: &crate::facts::Worker) -> Result<Place<'_>, Reason> {
    let place = heartbeat_place::place(worker)?;
    match medium(place.filesystem) {
        Medium::Unsure => Err(Reason::new(format!(
            "pid {}: {}: not known whether this type lies in memory",
            place.pid,
            place.shown()
        ))),
        _ => Ok(place),
    }
}

/// What a place does to a worker, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    Disk,
    Far,
}

fn harm(medium: Medium) -> Option<Harm> {
    match medium {
        Medium::Disk => Some(Harm::Disk),
        Medium::Far => Some(Harm::Far),
        Medium::Memory | Medium::Unsure => None,
    }
}

fn finding(facts: &Facts, service: &Service, places: &[Place], harm: Harm, hidden: Option<Reason>) -> Verdict {
    let mut seen = seen(service, places);
    seen.evidence.extend(hidden.map(|reason| format!("could not look: {reason}")));
    let remedy = waits_for_restart(facts, service, places).unwrap_or_else(|| Remedy {
        command: heartbeat_place::tmpfs_command(facts, service),
        by_hand: heartbeat_place::into_memory(service),
        restart: true,
    });
    Verdict::finding(Severity::Warning, seen, consequence(harm), remedy)
}

/// The remedy where the files of the unit name a directory in memory already, and the service was started before that.
fn waits_for_restart(facts: &Facts, service: &Service, places: &[Place<'_>]) -> Option<Remedy> {
    let unit = service.unit.known().filter(|unit| !unit.of_user)?;
    let told = told_directory(unit).ok()??;
    let is_harmed = |place: &Place<'_>| harm(medium(place.filesystem)).is_some();
    let is_there = places.iter().any(|place| is_harmed(place) && place.directory() == told.directory);
    if is_there || !by_hand::mounts_reach(facts, service) || lies_in_memory(facts, &told.directory).is_none() {
        return None;
    }
    let reload = unit.loaded.known().is_some_and(|loaded| loaded.need_daemon_reload);
    let reload = if reload { "systemctl daemon-reload && " } else { "" };
    let restart = format!("{reload}{}   # its files already name {}", steps::restart(service), told.directory);
    Some(Remedy { command: None, by_hand: vec![restart], restart: true })
}

fn consequence(harm: Harm) -> &'static str {
    match harm {
        Harm::Disk => {
            "When that disk stalls, every worker freezes in its heartbeat and the master kills them all as if they hung."
        }
        Harm::Far => {
            "When the other machine or program behind it does not answer, every worker freezes in its heartbeat at \
             once, cannot even be killed, and the server is down until it answers again."
        }
    }
}

fn seen(service: &Service, places: &[Place]) -> Seen {
    let in_force = |p: &Place| InForce { subject: format!("pid {}", p.pid), value: p.shown() };
    let columns = Columns {
        configured: heartbeat_place::configured(service),
        in_force: places.iter().map(in_force).collect(),
        ..Columns::default()
    };
    let evidence = places.iter().map(Place::evidence).collect();
    Seen { observed: observed(places), wanted: WANTED.into(), evidence, columns }
}

/// `ext4 at /tmp`, or each place with the workers that have it.
fn observed(places: &[Place]) -> String {
    let mut groups: Vec<(String, Vec<Pid>)> = Vec::new();
    for place in places {
        let shown = place.shown();
        match groups.iter_mut().find(|(name, _)| *name == shown) {
            Some((_, pids)) => pids.push(place.pid),
            None => groups.push((shown, vec![place.pid])),
        }
    }
    match groups.as_slice() {
        [(only, _)] => only.clone(),
        _ => {
            let named = |(name, pids): &(String, Vec<Pid>)| format!("{}: {name}", heartbeat_place::pids(pids));
            groups.iter().map(named).collect::<Vec<_>>().join("; ")
        }
    }
}

fn fresh(facts: &Facts) -> Judgement {
    if let Some(seen) = all_told(facts)? {
        return Ok(Verdict::Healthy(seen));
    }
    let default = match &facts.default_heartbeat {
        Fact::Known(default) => default,
        Fact::Unreadable(reason) => return Err(reason.clone()),
        Fact::Absent => return Ok(nowhere(facts)),
    };
    let filesystem = default
        .filesystem
        .needed("file system to be mounted there at boot")
        .map_err(|reason| Reason::new(format!("{}: {reason} ({})", default.directory, default.because)))?;
    let observed = format!("{} at {}", filesystem.kind, default.directory);
    let evidence = vec![format!("{}: {}: {}", default.directory, filesystem.kind, default.because)];
    let seen = Seen { observed, wanted: WANTED.into(), evidence, ..Seen::default() };
    match medium(filesystem) {
        Medium::Memory => Ok(Verdict::Healthy(seen)),
        Medium::Unsure => Err(Reason::new(format!("{}: not known whether this type lies in memory", seen.observed))),
        Medium::Disk | Medium::Far => Ok(beside_own_mount(facts, seen, default)),
    }
}

/// What is seen where every stored unit tells its Gunicorn to use a directory in memory.
fn all_told(facts: &Facts) -> Result<Option<Seen>, Reason> {
    let mut seen = Seen { wanted: WANTED.into(), ..Seen::default() };
    for unit in &facts.stopped_units {
        let Some(told) = told_directory(unit)? else { return Ok(None) };
        let Some(because) = lies_in_memory(facts, &told.directory) else { return Ok(None) };
        let place = match told.place {
            ToldIn::CommandLine => "ExecStart=".to_owned(),
            ToldIn::Environment(line) => line,
        };
        let observed = format!("{} is told to use {}", unit.name, told.directory);
        seen.evidence.push(format!("{observed} ({place}), which lies in memory: {because}"));
    }
    seen.observed = match facts.stopped_units.as_slice() {
        [] => return Ok(None),
        [unit] => format!("{} is told to use a directory in memory", unit.name),
        units => format!("{} units are told to use directories in memory", units.len()),
    };
    Ok(Some(seen))
}

/// What makes a directory lie in memory: on a live host its mount, of an image what is stored.
fn lies_in_memory(facts: &Facts, directory: &str) -> Option<String> {
    if !facts.host.live {
        return in_memory_at_boot(facts, directory);
    }
    let mount = mount_of(facts.mounts.known()?, directory).filter(|mount| mount.kind.in_memory())?;
    let is_writable = !mount.options.iter().any(|option| option == "ro");
    is_writable.then(|| format!("{} at {}", mount.kind, mount.mount_point))
}

/// A directory made for Gunicorn makes the host right, whatever /tmp is: what is left is the option. In an image the
/// units that are stored there would be started without it.
fn beside_own_mount(facts: &Facts, mut seen: Seen, default: &DefaultHeartbeat) -> Verdict {
    let own = own_mount(facts).filter(|_| facts.host.live || facts.stopped_units.is_empty());
    if let Some((directory, evidence)) = own {
        seen.observed = format!("tmpfs at {directory}, made for Gunicorn ({})", seen.observed);
        seen.wanted = format!("{WANTED}; start Gunicorn with --worker-tmp-dir {directory}");
        seen.evidence.push(evidence);
        return Verdict::Healthy(seen);
    }
    let consequence = format!(
        "A Gunicorn started here without --worker-tmp-dir would keep its heartbeat in {}: when that disk stalls, every \
         worker freezes and the master kills them all as if they hung.",
        default.directory
    );
    Verdict::finding(Severity::Warning, seen, consequence, fresh_remedy(facts))
}

/// A directory that is stored as made for Gunicorn and is mounted in memory now, and how that is known. Nothing of an
/// image is mounted, so there it is enough that it will be.
fn own_mount(facts: &Facts) -> Option<(&str, String)> {
    let lines = facts.fstab.known().map(|fstab| fstab.entries.as_slice()).unwrap_or_default();
    let by_line = lines.iter().map(|line| (line.target.as_str(), line.options.as_slice()));
    let by_unit = facts.mount_units.iter().map(|unit| (unit.mount_point.as_str(), unit.options.as_slice()));
    let made = by_line.chain(by_unit).filter(|(_, options)| heartbeat_place::made_for_gunicorn(options));
    let in_memory = |directory: &str| match facts.host.live {
        false => in_memory_at_boot(facts, directory).map(|file| format!("{file}: {directory} is stored")),
        true => heartbeat_place::mounted_at(facts.mounts.known()?, directory)
            .filter(|mount| mount.kind.in_memory())
            .map(|_| format!("/proc/self/mountinfo: {directory} is mounted")),
    };
    made.map(|(directory, _)| directory).find_map(|directory| Some((directory, in_memory(directory)?)))
}

fn fresh_remedy(facts: &Facts) -> Remedy {
    let contained = facts.host.container.as_ref().is_some_and(by_hand::holds_one_application);
    let command = (!contained).then(|| {
        let directory = own_mount(facts).map_or(MEMORY_DIRECTORY, |(directory, _)| directory);
        let units: String =
            facts.stopped_units.iter().filter(|unit| is_to_be_told(facts, unit)).map(unit_word).collect();
        format!("{} apply --tmpfs {}{units}", by_hand::gtune(facts), quoted(directory))
    });
    Remedy { command, by_hand: vec!["start Gunicorn with --worker-tmp-dir /dev/shm".into()], restart: false }
}

fn unit_word(unit: &Unit) -> String {
    format!(" --unit {}", quoted(&unit.name))
}

/// Whether a drop-in of gtune's can, and has to, tell a unit the directory: an option on the command line would win.
fn is_to_be_told(facts: &Facts, unit: &Unit) -> bool {
    let lies_on_disk =
        |told: ToldDirectory| told.place != ToldIn::CommandLine && lies_in_memory(facts, &told.directory).is_none();
    !unit.of_user && told_directory(unit).is_ok_and(|told| told.is_none_or(lies_on_disk))
}

fn nowhere(facts: &Facts) -> Verdict {
    let observed = "no directory for temporary files is usable";
    let evidence = vec!["none of /tmp, /var/tmp, /usr/tmp can be written".into()];
    let seen = Seen { observed: observed.into(), wanted: WANTED.into(), evidence, ..Seen::default() };
    let consequence = "A Gunicorn started here without --worker-tmp-dir falls back to its working directory, or exits \
                       with 255 where that cannot be written either.";
    Verdict::finding(Severity::Warning, seen, consequence, fresh_remedy(facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::*;
    use crate::checks::judged::*;
    use crate::facts::{Container, Filesystem, Worker, parse_unit_file};

    fn on(worker: &mut Worker, kind: &str, directory: &str) {
        let Fact::Known(heartbeat) = &mut worker.heartbeat else { panic!() };
        heartbeat.path = format!("{directory}/wgunicorn-x");
        heartbeat.filesystem = Fact::Known(Filesystem { source: "/dev/vda1".into(), ..filesystem(kind, "/") });
    }

    #[test]
    fn a_heartbeat_in_memory_is_healthy() {
        let facts = host_with_gunicorn();
        let seen = healthy(judged(&facts, each));
        assert_eq!(seen.observed, "tmpfs at /mem");
        assert_eq!(seen.columns.in_force.len(), 2);
        assert!(seen.evidence[0].starts_with("/proc/815/fd/7 -> /mem/wgunicorn-815 (deleted): tmpfs"));
    }

    #[test]
    fn a_heartbeat_on_disk_is_a_warning_with_the_command_that_mends_it() {
        let facts = with_service(|s| s.workers.iter_mut().for_each(|w| on(w, "ext4", "/tmp")));
        let finding = found(judged(&facts, each));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.seen.observed, "ext4 at /tmp");
        assert!(finding.consequence.contains("freezes"));
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --tmpfs /mem --unit gunicorn.service"));
        assert!(finding.remedy.by_hand.iter().any(|s| s.contains("--worker-tmp-dir /dev/shm")));
        assert!(finding.remedy.restart);
    }

    #[test]
    fn a_heartbeat_behind_a_network_is_told_in_stronger_words() {
        let facts = with_service(|s| on(&mut s.workers[1], "nfs4", "/srv/tmp"));
        let finding = found(judged(&facts, each));
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.consequence.contains("cannot even be killed"));
        assert_eq!(finding.seen.observed, "pid 815: tmpfs at /mem; pid 816: nfs4 at /srv/tmp");
    }

    #[test]
    fn what_could_not_be_seen_is_never_healthy() {
        for hide in [
            (|s: &mut Service| s.workers[1].heartbeat = Fact::unreadable("permission denied")) as fn(&mut Service),
            |s| s.workers[1].heartbeat = Fact::Absent,
            |s| s.workers.clear(),
            |s| {
                let Fact::Known(heartbeat) = &mut s.workers[0].heartbeat else { panic!() };
                heartbeat.filesystem = Fact::unreadable("permission denied");
            },
            |s| {
                let Fact::Known(heartbeat) = &mut s.workers[0].heartbeat else { panic!() };
                heartbeat.filesystem = Fact::Known(filesystem("novel", "/mem"));
            },
        ] {
            cannot_tell(judged(&with_service(hide), each));
        }
    }

    #[test]
    fn a_bad_place_is_found_though_another_could_not_be_seen() {
        let facts = with_service(|s| {
            on(&mut s.workers[0], "ext4", "/tmp");
            s.workers[1].heartbeat = Fact::unreadable("permission denied: /proc/816/fd");
        });
        let finding = found(judged(&facts, each));
        assert!(finding.seen.evidence.iter().any(|line| line.contains("permission denied: /proc/816/fd")));
    }

    #[test]
    fn a_container_is_told_of_dev_shm_and_of_no_mount() {
        let facts = with_service(|s| {
            s.workers.iter_mut().for_each(|w| on(w, "overlay", "/tmp"));
            s.container = Some(Container { runtime: "docker".into(), id: None, because: "/.dockerenv".into() });
        });
        let finding = found(judged(&facts, each));
        assert_eq!(finding.remedy.command, None);
        assert!(finding.remedy.by_hand[0].contains("--worker-tmp-dir /dev/shm"));
    }

    #[test]
    fn a_fresh_host_is_judged_by_where_python_would_put_the_file() {
        let mut facts = fresh_host();
        healthy(fresh(&facts));
        let Fact::Known(default) = &mut facts.default_heartbeat else { panic!() };
        default.filesystem = Fact::Known(filesystem("ext4", "/"));
        let finding = found(fresh(&facts));
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.consequence.contains("started here without --worker-tmp-dir"));
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --tmpfs /mem"));
        facts.default_heartbeat = Fact::unreadable("not asked");
        cannot_tell(fresh(&facts));
    }

    /// An image whose /tmp is on a disk, with a unit whose file holds these lines beside `ExecStart=`.
    fn image(units: &[(&str, &str)]) -> Facts {
        let mut facts = fresh_host();
        (facts.host.live, facts.host.root) = (false, "/mnt".into());
        facts.mounts = Fact::unreadable("an image");
        let Fact::Known(default) = &mut facts.default_heartbeat else { panic!() };
        default.filesystem = Fact::Known(filesystem("ext4", "/"));
        facts.stopped_units = units.iter().map(|(name, lines)| stored(name, lines)).collect();
        facts
    }

    fn stored(name: &str, lines: &str) -> Unit {
        let mut unit = Unit { name: name.into(), loaded: Fact::unreadable("an image"), ..unit() };
        unit.stored.clear();
        let content = format!("[Service]\nExecStart=/usr/bin/gunicorn wsgi\n{lines}\n");
        parse_unit_file("/etc/systemd/system/web.service", content.as_bytes(), &mut unit.stored);
        unit
    }

    const TOLD: &str = "Environment=\"GUNICORN_CMD_ARGS=--worker-tmp-dir /mem\"";

    #[test]
    fn an_image_whose_units_are_all_told_of_a_stored_tmpfs_is_healthy() {
        let mut facts = image(&[("web.service", TOLD), ("api.service", TOLD)]);
        found(fresh(&facts));
        facts.fstab = Fact::Known(fstab(&["tmpfs /mem tmpfs size=64m,comment=for-gunicorn"]));
        let seen = healthy(fresh(&facts));
        assert!(seen.evidence[0].contains("/etc/systemd/system/web.service, line 3"), "{:?}", seen.evidence);
        facts.stopped_units = vec![stored("web.service", &format!("{TOLD}\nEnvironmentFile=/etc/default/web"))];
        assert!(cannot_tell(fresh(&facts)).to_string().contains("EnvironmentFile="));
    }

    #[test]
    fn the_command_names_the_stored_units_that_are_to_be_told() {
        let mut facts = image(&[("web.service", ""), ("api.service", ""), ("told.service", TOLD)]);
        facts.fstab = Fact::Known(fstab(&["tmpfs /mem tmpfs size=64m,comment=for-gunicorn"]));
        let command = found(fresh(&facts)).remedy.command;
        assert_eq!(
            command.as_deref(),
            Some("gtune --root /mnt apply --tmpfs /mem --unit web.service --unit api.service")
        );
        facts.stopped_units.clear();
        assert!(healthy(fresh(&facts)).wanted.contains("--worker-tmp-dir /mem"), "there is nobody to be told");
    }

    #[test]
    fn where_the_files_name_the_directory_already_a_restart_is_what_is_left() {
        let waiting = |change: fn(&mut Unit)| {
            let mut facts = with_service(|s| {
                s.workers.iter_mut().for_each(|w| on(w, "ext4", "/tmp"));
                let mut told = Unit { loaded: unit().loaded, ..stored("gunicorn.service", TOLD) };
                change(&mut told);
                s.unit = Fact::Known(told);
            });
            let Fact::Known(mounts) = &mut facts.mounts else { panic!() };
            mounts.push(mount("/mem", "tmpfs", &["rw"]));
            facts
        };
        let remedy = found(judged(&waiting(|_| {}), each)).remedy;
        assert_eq!((remedy.command, remedy.restart), (None, true));
        assert_eq!(remedy.by_hand, ["systemctl restart gunicorn.service   # its files already name /mem"]);
        let unread = waiting(|unit| {
            let Fact::Known(loaded) = &mut unit.loaded else { panic!() };
            loaded.need_daemon_reload = true;
        });
        assert!(found(judged(&unread, each)).remedy.by_hand[0].starts_with("systemctl daemon-reload && "));
        let mut gone = waiting(|_| {});
        let Fact::Known(mounts) = &mut gone.mounts else { panic!() };
        mounts.pop();
        assert!(found(judged(&gone, each)).remedy.command.is_some(), "/mem is not mounted");
    }

    #[test]
    fn a_mount_made_for_gunicorn_makes_a_fresh_host_right() {
        let mut facts = fresh_host();
        let Fact::Known(default) = &mut facts.default_heartbeat else { panic!() };
        default.filesystem = Fact::Known(filesystem("ext4", "/"));
        facts.fstab = Fact::Known(fstab(&["tmpfs /mem tmpfs size=64m,comment=for-gunicorn"]));
        found(fresh(&facts));
        let Fact::Known(mounts) = &mut facts.mounts else { panic!() };
        mounts.push(mount("/mem", "tmpfs", &["rw"]));
        assert!(healthy(fresh(&facts)).wanted.contains("--worker-tmp-dir /mem"));
    }
}
