//! From groups of processes to services: everything that surrounds a master is gathered here.

use super::candidates::{Candidate, Pass};
use super::cgroups::Hierarchies;
use super::figures::{Closeness, Moment, process};
use super::gunicorns::{Group, HeartbeatKey};
use super::heartbeats::Mounts;
use super::homes::{User, home};
use super::installed::{Origins, installed};
use super::listeners::{Holder, Listening};
use super::networks::{Networks, Watch};
use super::owners::Owner;
use super::patience::patient_fact;
use super::root::Root;
use super::settings::Started;
use crate::facts::{
    Cgroup, Fact, Heartbeat, Home, InstalledVersion, ListenerOrigin, LoadedUnit, Mount, Reason, Service, Unit, Worker,
};
use crate::gunicorn::{SettingInputs, Settings, Source, Sourced, WorkerClass, is_retitled};
use crate::units::Pid;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Workers whose pages are added up: beyond these the figure is the same again, and each costs the kernel a walk over
/// its page tables.
const WORKERS_WITH_PAGES: usize = 64;

/// What is the same for all services of one look.
pub struct Around<'a> {
    /// The host's root.
    pub root: &'a Root,
    /// When the look is made.
    pub moment: Moment,
    /// The control groups that can be read.
    pub hierarchies: Hierarchies<'a>,
}

/// A group on its way to a service.
pub struct Draft<'a> {
    /// Who plays which part.
    pub group: Group,
    /// Its master.
    pub master: &'a Candidate,
    /// Counters of its network at the begin of the look.
    pub watch: Watch,
    /// Who started it and what it runs in.
    pub owner: Owner,
    /// Its unit, where there is one.
    pub unit: Fact<Unit>,
}

/// The candidates of a pass by number.
pub struct Members<'a>(HashMap<Pid, &'a Candidate>);

impl<'a> Members<'a> {
    /// Of one pass.
    pub fn of(pass: &'a Pass) -> Self {
        Self(pass.candidates.iter().map(|candidate| (candidate.handle.pid, candidate)).collect())
    }

    /// The candidate of this number.
    pub fn get(&self, pid: Pid) -> Option<&'a Candidate> {
        self.0.get(&pid).copied()
    }
}

/// The whole service; nothing where its master ended during the look.
pub fn service(
    draft: Draft<'_>,
    members: &Members<'_>,
    around: &Around<'_>,
    mounts: &mut Mounts,
    networks: &mut Networks,
) -> Option<Service> {
    let Draft { group, master, watch, owner, unit } = draft;
    let root = root_of(master);
    let loaded = unit.known().and_then(|unit| unit.loaded.known());
    let started =
        Started { master: &master.handle, arguments: &master.arguments, root: &root, unit: loaded, host: around.root };
    let inputs = started.inputs();
    let settings = Settings::resolve(&inputs);
    let workers = workers(&group, master, members, around);
    let (network, sockets) = networks.of(&master.handle, &watch);
    let listening_workers: Vec<Holder> =
        group.workers.iter().filter_map(|(pid, _)| members.get(*pid)).map(holder).collect();
    let listening = Listening {
        sockets: &sockets,
        master: holder(master),
        workers: &listening_workers,
        settings: &settings,
        origin: origin(master, &inputs, loaded),
    };
    let (listeners, control_socket) = (listening.listeners(), listening.control_socket());
    let seen_mounts = mounts.of(&master.handle);
    let user = user(&workers, master);
    let home = root.as_ref().and_then(|root| patient_home(root, &seen_mounts, user));
    let version = version(master, &root, &inputs, loaded, &home, around);
    let described = Service {
        name: owner.name(master.handle.pid),
        identity: group.identity,
        class: class(&settings, &group, members),
        master: process(master, &around.moment, Closeness::Master),
        dirty: dirty(&group, members, around),
        workers,
        upgrade: group.upgrade,
        version,
        retitled: is_retitled(&master.arguments),
        settings,
        listeners,
        control_socket,
        network,
        mounts: Fact::clone(&seen_mounts),
        cgroup: cgroup(master, around),
        manager: owner.manager,
        unit,
        container: owner.container,
        home,
    };
    master.handle.is_alive().then_some(described)
}

fn holder(candidate: &Candidate) -> Holder<'_> {
    Holder { pid: candidate.handle.pid, files: &candidate.files }
}

fn cgroup(master: &Candidate, around: &Around<'_>) -> Fact<Cgroup> {
    around.hierarchies.cgroup(&master.handle)
}

/// The root directory of the master, so that paths mean what they mean to it.
fn root_of(master: &Candidate) -> Fact<Arc<Root>> {
    let shown = format!("/proc/{}/root", master.handle.pid);
    match Root::of_process(master.handle.directory(), &shown) {
        Ok(root) => Fact::Known(Arc::new(root)),
        Err(error) => {
            let errno = nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or_default());
            Fact::Unreadable(master.handle.reason("root", errno))
        }
    }
}

/// The workers that are still there at the end of their look.
fn workers(group: &Group, master: &Candidate, members: &Members<'_>, around: &Around<'_>) -> Vec<Worker> {
    let mut found = Vec::new();
    for (pid, key) in &group.workers {
        let Some(candidate) = members.get(*pid) else { continue };
        let closeness = if found.len() < WORKERS_WITH_PAGES { Closeness::WithPages } else { Closeness::Plain };
        let heartbeat = heartbeat(candidate, key.as_ref(), group, master);
        let worker = Worker { process: process(candidate, &around.moment, closeness), heartbeat };
        if candidate.handle.is_alive() {
            found.push(worker);
        }
    }
    found
}

/// A worker's own heartbeat file; where its descriptors are hidden, the one of the master's that no other worker has.
fn heartbeat(worker: &Candidate, key: Option<&HeartbeatKey>, group: &Group, master: &Candidate) -> Fact<Heartbeat> {
    if let Some(found) = key.and_then(|key| worker.heartbeat(key)) {
        return found.clone();
    }
    match worker.blind() {
        Some(reason) => only_one_left(group, master).unwrap_or_else(|| Fact::Unreadable(reason.clone())),
        None if worker.heartbeats.is_empty() => Fact::Absent,
        None => Fact::Unreadable(Reason::new(format!(
            "process {} still holds the heartbeat files of its siblings: it was forked a moment ago",
            worker.handle.pid
        ))),
    }
}

fn only_one_left(group: &Group, master: &Candidate) -> Option<Fact<Heartbeat>> {
    let without = group.workers.iter().filter(|(_, key)| key.is_none()).count();
    let taken = |key: &HeartbeatKey| group.workers.iter().any(|(_, own)| own.as_ref() == Some(key));
    let mut free = master.heartbeats.iter().filter(|(key, _)| !taken(key));
    match (without, free.next(), free.next()) {
        (1, Some((_, heartbeat)), None) => Some(heartbeat.clone()),
        _ => None,
    }
}

fn dirty(group: &Group, members: &Members<'_>, around: &Around<'_>) -> Vec<Worker> {
    let candidates = group.dirty.iter().filter_map(|pid| members.get(*pid));
    candidates
        .map(|candidate| Worker {
            process: process(candidate, &around.moment, Closeness::Plain),
            heartbeat: dirty_heartbeat(candidate, group),
        })
        .collect()
}

/// A dirty worker keeps the files of its older siblings: the youngest it holds is its own, the last it was given. The
/// arbiter has none of its own.
fn dirty_heartbeat(candidate: &Candidate, group: &Group) -> Fact<Heartbeat> {
    if group.dirty.first() == Some(&candidate.handle.pid) {
        return Fact::Absent;
    }
    match candidate.blind() {
        Some(reason) => Fact::Unreadable(reason.clone()),
        None => candidate.heartbeats.last().map_or(Fact::Absent, |(_, heartbeat)| heartbeat.clone()),
    }
}

/// Sockets were handed over where the environment says so to this very process; where a title hides the environment,
/// its unit's being started by a socket tells.
fn origin(master: &Candidate, inputs: &SettingInputs, unit: Option<&LoadedUnit>) -> ListenerOrigin {
    let handed = match &inputs.variables {
        Fact::Known(variables) if !is_retitled(&master.arguments) => has_handed_sockets(variables, master),
        _ => unit.is_some_and(|unit| !unit.socket_units.is_empty()),
    };
    if handed { ListenerOrigin::SocketUnit } else { ListenerOrigin::Master }
}

/// `LISTEN_PID` guards against a child that inherited the variables (sd_listen_fds(3)); the successor in an upgrade
/// gets its own number there.
fn has_handed_sockets(variables: &BTreeMap<String, String>, master: &Candidate) -> bool {
    let own = master.status.inner_pid.map_or(master.handle.pid, Pid).to_string();
    let for_this = variables.get("LISTEN_PID").is_some_and(|pid| *pid == own);
    for_this && variables.get("LISTEN_FDS").is_some_and(|count| count != "0")
}

/// The worker class: what settings say, with `threads` above 1 turning sync into gthread; else what workers show.
fn class(settings: &Settings, group: &Group, members: &Members<'_>) -> Fact<Sourced<WorkerClass>> {
    match settings.worker_class() {
        Fact::Known(class) => Fact::Known(class),
        other => {
            let mut workers = group.workers.iter().filter_map(|(pid, _)| members.get(*pid));
            match workers.find_map(Candidate::class_by_sight) {
                Some((class, seen)) => Fact::Known(Sourced { value: class, source: Source::Observed(seen) }),
                None => other,
            }
        }
    }
}

fn patient_home(root: &Arc<Root>, mounts: &Fact<Vec<Mount>>, user: User) -> Fact<Home> {
    let (root, mounts) = (root.clone(), mounts.clone());
    patient_fact("the home directory of the workers' user", move || home(&root, &mounts, user))
}

/// The user the workers run as.
fn user(workers: &[Worker], master: &Candidate) -> User {
    workers.first().map_or(User { uid: master.status.euid, gid: master.status.egid }, |worker| User {
        uid: worker.process.uid,
        gid: worker.process.gid,
    })
}

fn version(
    master: &Candidate,
    root: &Fact<Arc<Root>>,
    inputs: &SettingInputs,
    unit: Option<&LoadedUnit>,
    home: &Fact<Home>,
    around: &Around<'_>,
) -> Fact<InstalledVersion> {
    let environment = inputs.variables.known().cloned().unwrap_or_default();
    let mut origins = Origins::of(&master.handle, &master.arguments, environment, unit);
    origins.home = home.known().map(|home| home.directory.clone());
    let start = around.moment.start(master);
    root.clone().and_then(|root| patient_fact("the gunicorn package", move || installed(&root, &origins, start)))
}

/// Services that share a name get the number of their master behind it.
pub fn make_names_unique(services: &mut [Service]) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    services.iter().for_each(|service| *counts.entry(service.name.clone()).or_default() += 1);
    for service in services.iter_mut().filter(|service| counts[&service.name] > 1) {
        service.name = format!("{} (pid {})", service.name, service.master.pid);
    }
}

/// Mounts that could not be read are no mounts.
pub fn known_mounts(mounts: &Fact<Vec<Mount>>) -> &[Mount] {
    mounts.known().map(Vec::as_slice).unwrap_or_default()
}
