//! The directories that should be mounted in memory at the next boot, for the sake of a heartbeat.

use super::heartbeat_place::{self, mounted_at};
use super::{Judgement, by_hand};
use crate::facts::{Fact, Facts, Fstab, Reason, Service};
use std::collections::BTreeSet;

/// Mounts that systemd or the boot scripts make without being told (file-hierarchy(7)).
const MADE_BY_THE_SYSTEM: &[&str] = &["/dev", "/dev/shm", "/run", "/run/lock", "/run/shm"];

/// A directory that should be mounted in memory at boot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    /// The directory.
    pub directory: String,
    /// Why: `holds the heartbeat of gunicorn.service`.
    pub because: String,
    /// ` --unit gunicorn.service` for the command that stores it.
    pub unit: String,
    /// Units that ask for it with RequiresMountsFor=, which mounts even what is `noauto` or not enabled.
    pub required: bool,
}

/// The directories that should be stored, and the looks that could not be had.
pub(super) fn directories(facts: &Facts, fstab: &Fstab) -> (Vec<Wanted>, Vec<Judgement>) {
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut looks = Vec::new();
    let services = match &facts.services {
        Fact::Unreadable(reason) if facts.host.live => {
            looks.push(Err(reason.clone()));
            &[][..]
        }
        services => services.known().map(Vec::as_slice).unwrap_or_default(),
    };
    for service in services.iter().filter(|service| by_hand::mounts_reach(facts, service)) {
        match heartbeat_mounts(facts, service) {
            Ok(found) => wanted.extend(found),
            Err(reason) => looks.push(Err(reason)),
        }
    }
    wanted.extend(marked(facts, fstab));
    let mut seen = BTreeSet::new();
    wanted.retain(|one| seen.insert(one.directory.clone()));
    (wanted, looks)
}

/// The mounts in memory that hold the heartbeat of a service and are not made by the system or by its own sandbox.
fn heartbeat_mounts(facts: &Facts, service: &Service) -> Result<Vec<Wanted>, Reason> {
    let places = heartbeat_place::places(service)?;
    let in_memory = places.iter().map(|place| place.filesystem).filter(|filesystem| filesystem.kind.in_memory());
    let mut wanted = Vec::new();
    for directory in in_memory.map(|filesystem| filesystem.mount_point.clone()) {
        if MADE_BY_THE_SYSTEM.contains(&directory.as_str()) || directory.starts_with("/run/user/") {
            continue;
        }
        // What only the service sees is made by its unit at each start: PrivateTmp=disconnected, TemporaryFileSystem=.
        let mounts = facts.mounts.needed("list of mounts")?;
        if mounted_at(mounts, &directory).is_some_and(|mount| mount.kind.in_memory()) {
            wanted.push(Wanted {
                because: format!("holds the heartbeat of {}", service.name),
                unit: by_hand::unit_option(service),
                required: requires(service, &directory),
                directory,
            });
        }
    }
    Ok(wanted)
}

/// Whether the unit names the mount in `RequiresMountsFor=` (systemd.unit(5)).
fn requires(service: &Service, directory: &str) -> bool {
    let stored = service.unit.known().and_then(|unit| unit.stored.get("Unit.RequiresMountsFor"));
    let mut paths = stored.into_iter().flatten().flat_map(|assignment| assignment.value.split_whitespace());
    paths.any(|path| path.trim_end_matches('/') == directory || path.starts_with(&format!("{directory}/")))
}

/// Directories stored as made for Gunicorn, whether one runs or not.
fn marked(facts: &Facts, fstab: &Fstab) -> Vec<Wanted> {
    let lines = fstab.entries.iter().map(|line| (&line.target, &line.options));
    let units = facts.mount_units.iter().map(|unit| (&unit.mount_point, &unit.options));
    let marked = lines.chain(units).filter(|(_, options)| heartbeat_place::made_for_gunicorn(options));
    let wanted = |(directory, _): (&String, _)| Wanted {
        directory: directory.clone(),
        because: "was made for Gunicorn".into(),
        unit: String::new(),
        required: false,
    };
    marked.map(wanted).collect()
}
