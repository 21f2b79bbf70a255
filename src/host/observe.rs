//! One look at a host.

use super::blind_spots::blind_spots;
use super::candidates::{Candidate, Pass, pass};
use super::cgroups::Hierarchies;
use super::figures::{Closeness, Moment, process};
use super::gunicorns::{Group, Grouping, Seen, group};
use super::heartbeats::Mounts;
use super::networks::{Networks, Watch};
use super::oom_log::oom_log;
use super::owners::{Clues, Owner, units};
use super::processes::ProcessHandle;
use super::services::{Around, Draft, Members, known_mounts, make_names_unique, service};
use super::words::words;
use super::{Root, filesystems, machine, stored, systemd};
use crate::facts::{Fact, Facts, Host, Mount, Network, Process, Reason, Service, Unit};
use crate::units::Pid;
use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};

/// Looks at a host. Of an image only what is stored for boot can be told.
pub fn observe(root: &Root) -> Facts {
    let observed_at = Timestamp::now();
    let host = machine::machine(root);
    let live = if root.is_live() { Live::look(root, &host) } else { Live::of_image(root) };
    let (fstab, mount_units) = (stored::fstab(root), stored::mount_units(root));
    Facts {
        observed_at,
        stopped_units: stopped_units(root, &live.services),
        services: live.services,
        orphans: live.orphans,
        default_heartbeat: filesystems::default_heartbeat(root, &live.mounts, &fstab, &mount_units),
        fstab,
        mount_units,
        sysctl_store: stored::sysctl_store(root),
        limits_conf: stored::limits_conf(root),
        network: live.network,
        mounts: live.mounts,
        oom_log: oom_log(root, &host),
        blind_spots: live.blind_spots,
        host,
    }
}

/// Units that start a Gunicorn and do not run. Their state is the manager's to tell; without one no unit can run.
fn stopped_units(root: &Root, services: &Fact<Vec<Service>>) -> Vec<Unit> {
    let runs = |unit: &Unit| {
        let mut running = services.known().into_iter().flatten().filter_map(|service| service.unit.known());
        running.any(|theirs| theirs.name == unit.name)
    };
    let mut units: Vec<Unit> = stored::gunicorn_units(root).into_iter().filter(|unit| !runs(unit)).collect();
    if !root.is_live() {
        return units;
    }
    let names: Vec<String> = units.iter().map(|unit| unit.name.clone()).collect();
    let mut loaded = if names.is_empty() { BTreeMap::new() } else { systemd::show(&names) };
    units.retain_mut(|unit| {
        unit.loaded = loaded.remove(&unit.name).unwrap_or(Fact::Absent);
        unit.loaded.known().is_some_and(|loaded| !["active", "reloading"].contains(&loaded.active_state.as_str()))
    });
    units
}

/// Units that start a Gunicorn and are in neither list of the facts: their Gunicorn is being started, or has just gone, or
/// cannot be seen.
pub fn units_between(root: &Root, facts: &Facts) -> Vec<Unit> {
    let running = facts.services.known().into_iter().flatten().filter_map(|service| service.unit.known());
    let there: BTreeSet<&str> = running.chain(&facts.stopped_units).map(|unit| unit.name.as_str()).collect();
    stored::gunicorn_units(root).into_iter().filter(|unit| !there.contains(unit.name.as_str())).collect()
}

/// What only a live kernel shows.
struct Live {
    services: Fact<Vec<Service>>,
    orphans: Vec<Process>,
    mounts: Fact<Vec<Mount>>,
    network: Network,
    blind_spots: Vec<Reason>,
}

impl Live {
    fn of_image(root: &Root) -> Self {
        let hidden = |what: &str| Reason::new(format!("{} is an image: only a live kernel shows {what}", root.name()));
        Self {
            services: Fact::Unreadable(hidden("processes")),
            orphans: vec![],
            mounts: Fact::Unreadable(hidden("mounts")),
            network: no_network(&hidden("its network")),
            blind_spots: vec![],
        }
    }

    fn look(root: &Root, host: &Host) -> Self {
        match open_proc() {
            Ok((proc, gtune)) => looked(root, host, &proc, gtune),
            Err(errno) => Self::blind(&Reason::new(format!("cannot read /proc: {}", words(errno)))),
        }
    }

    fn blind(reason: &Reason) -> Self {
        Self {
            services: Fact::Unreadable(reason.clone()),
            orphans: vec![],
            mounts: Fact::Unreadable(reason.clone()),
            network: no_network(reason),
            blind_spots: vec![reason.clone()],
        }
    }
}

fn no_network(reason: &Reason) -> Network {
    Network {
        namespace: Fact::Unreadable(reason.clone()),
        is_gtunes: Fact::Unreadable(reason.clone()),
        somaxconn: Fact::Unreadable(reason.clone()),
        tcp_syncookies: Fact::Unreadable(reason.clone()),
        overflows: Fact::Unreadable(reason.clone()),
    }
}

/// `/proc` and gtune's own directory in it, by `self`: its number there may be of another pid namespace.
fn open_proc() -> Result<(OwnedFd, ProcessHandle), Errno> {
    let proc = open("/proc", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let own = nix::fcntl::readlinkat(&proc, "self")?;
    let pid = own.to_str().and_then(|pid| pid.parse().ok()).ok_or(Errno::ESRCH)?;
    let gtune = ProcessHandle::open(proc.as_fd(), Pid(pid))?;
    Ok((proc, gtune))
}

fn looked(root: &Root, host: &Host, proc: &OwnedFd, gtune: ProcessHandle) -> Live {
    let own_watch = Watch::begin(&gtune);
    let mut mounts = Mounts::default();
    let own_mounts = mounts.of(&gtune);
    let mut networks = Networks::of_gtune(gtune);
    let pass = match pass(proc.as_fd(), &mut mounts) {
        Ok(pass) => pass,
        Err(errno) => return Live::blind(&Reason::new(format!("cannot list /proc: {}", words(errno)))),
    };
    let seen: Vec<Seen> = pass.candidates.iter().map(Candidate::seen).collect();
    let Grouping { groups, orphans } = group(&seen);
    let around = Around { root, moment: Moment::now(), hierarchies: Hierarchies::of(known_mounts(&own_mounts)) };
    let members = Members::of(&pass);
    let drafts = drafts(groups, &members, &pass, proc, host, &networks, root);
    let mut services: Vec<Service> =
        drafts.into_iter().filter_map(|draft| service(draft, &members, &around, &mut mounts, &mut networks)).collect();
    make_names_unique(&mut services);
    let lost = orphans.iter().filter_map(|pid| members.get(*pid)).filter(|lost| lost.handle.is_alive());
    let blind_spots = blind_spots(&pass, &own_mounts);
    Live {
        orphans: lost.map(|lost| process(lost, &around.moment, Closeness::Plain)).collect(),
        services: none_or_hidden(services, &blind_spots),
        network: networks.own(&own_watch),
        blind_spots,
        mounts: Fact::clone(&own_mounts),
    }
}

/// That none runs may be said only by who could see all that runs.
fn none_or_hidden(services: Vec<Service>, blind_spots: &[Reason]) -> Fact<Vec<Service>> {
    match blind_spots.first() {
        Some(reason) if services.is_empty() => Fact::unreadable(format!("no Gunicorn seen, but {reason}")),
        _ => Fact::Known(services),
    }
}

/// Finds out who owns each group, and asks the service managers for all their units at once.
fn drafts<'a>(
    groups: Vec<Group>,
    members: &Members<'a>,
    pass: &Pass,
    proc: &OwnedFd,
    host: &Host,
    networks: &Networks,
    root: &Root,
) -> Vec<Draft<'a>> {
    let own_namespace = networks.gtune().namespace("pid");
    let clues = Clues { relatives: &pass.relatives, proc: proc.as_fd(), own_namespace, host };
    let owned: Vec<(Group, &Candidate, Owner)> = groups
        .into_iter()
        .filter_map(|group| members.get(group.master).map(|master| (group, master)))
        .map(|(group, master)| {
            let owner = Owner::of(&master.handle, &clues);
            (group, master, owner)
        })
        .collect();
    let units = units(root, owned.iter().map(|(_, _, owner)| owner));
    let drafts = owned.into_iter().zip(units);
    drafts
        .map(|((group, master, owner), unit)| Draft { group, master, watch: Watch::begin(&master.handle), owner, unit })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_runs_is_said_only_where_everybody_was_seen() {
        assert_eq!(none_or_hidden(vec![], &[]), Fact::Known(vec![]));
        let hidden = [Reason::new("processes of other users are hidden")];
        let said = none_or_hidden(vec![], &hidden);
        assert_eq!(said, Fact::unreadable("no Gunicorn seen, but processes of other users are hidden"));
    }
}
