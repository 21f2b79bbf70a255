//! Who started a Gunicorn, the container it runs in, and the unit that bounds it.

use super::ancestors::{Relatives, session, supervisor};
use super::homes::directory;
use super::processes::ProcessHandle;
use super::stored::{Scope, unit};
use super::{Root, systemd};
use crate::facts::{CgroupOwner, CgroupPaths, Container, Fact, Host, LoadedUnit, Manager, Unit, unit_of_cgroup_path};
use crate::units::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::BorrowedFd;

/// Container runtimes name containers by 64 hexadecimal digits; an operator types the first twelve.
const SHORT_ID: usize = 12;

/// What a master belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Who started it.
    pub manager: Manager,
    /// The container it runs in, gtune's own included.
    pub container: Option<Container>,
    /// The name of that container, where it is another than gtune's.
    foreign: Option<String>,
    unit: Option<UnitName>,
}

/// A unit and whose manager runs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct UnitName {
    name: String,
    user: Option<u32>,
}

/// What an owner is told from.
pub struct Clues<'a> {
    /// All processes.
    pub relatives: &'a Relatives,
    /// `/proc`.
    pub proc: BorrowedFd<'a>,
    /// Gtune's own pid namespace.
    pub own_namespace: Fact<u64>,
    /// The host.
    pub host: &'a Host,
}

impl Owner {
    /// Of a master.
    pub fn of(master: &ProcessHandle, clues: &Clues<'_>) -> Self {
        let paths = master.read("cgroup").map(|bytes| CgroupPaths::parse(&bytes)).known().cloned().unwrap_or_default();
        let group = owner_of(&paths);
        let is_foreign = is_foreign(master, &clues.own_namespace);
        let container = container(&group, is_foreign, clues.host);
        let unit = unit_name(&group).filter(|_| !is_foreign);
        let by_group = match (&group, is_foreign) {
            (CgroupOwner::Container(_), _) | (_, true) => Some(Manager::Container),
            (CgroupOwner::SystemUnit(name), false) => Some(Manager::SystemUnit(name.clone())),
            (CgroupOwner::UserUnit { unit, uid }, false) => Some(Manager::UserUnit { unit: unit.clone(), uid: *uid }),
            (CgroupOwner::Session(id), false) => Some(Manager::Session(id.clone())),
            (CgroupOwner::None, false) => None,
        };
        // Namespaces alone are no runtime that could be asked to start it again.
        let of_runtime = container.as_ref().filter(|container| container.runtime != "namespace");
        let inside_container = || of_runtime.map(|_| Manager::Container);
        let manager = supervisor(master.pid, clues.relatives, clues.proc)
            .or(by_group)
            .or_else(|| session(master.pid, clues.relatives))
            .or_else(inside_container)
            .unwrap_or(Manager::Nobody);
        let foreign = container.as_ref().filter(|_| is_foreign).and_then(short_name);
        Self { manager, container, foreign, unit }
    }

    /// What the operator calls the service.
    pub fn name(&self, master: Pid) -> String {
        let unit = self.unit.as_ref().map(|unit| unit.name.clone());
        unit.or_else(|| self.foreign.clone()).unwrap_or_else(|| format!("pid {master}"))
    }
}

/// The first path that tells of an owner: of systemd's hierarchy, then of the unified one, then of any controller's,
/// for runtimes without systemd make groups there.
fn owner_of(paths: &CgroupPaths) -> CgroupOwner {
    let all = paths.lines.iter().map(|line| line.path.as_str());
    let ordered = paths.systemd().into_iter().chain(paths.unified()).chain(all);
    ordered.map(unit_of_cgroup_path).find(|owner| *owner != CgroupOwner::None).unwrap_or(CgroupOwner::None)
}

/// Every runtime gives its containers a pid namespace. Who may not look at it can still count the numbers in `NSpid`:
/// one for each level below the reader's (proc_pid_status(5)).
fn is_foreign(master: &ProcessHandle, own_namespace: &Fact<u64>) -> bool {
    match (master.namespace("pid"), own_namespace) {
        (Fact::Known(theirs), Fact::Known(own)) => theirs != *own,
        _ => {
            let status = master.read_text("status").known().cloned().unwrap_or_default();
            status
                .lines()
                .find_map(|line| line.strip_prefix("NSpid:"))
                .is_some_and(|pids| pids.split_whitespace().count() > 1)
        }
    }
}

fn container(group: &CgroupOwner, is_foreign: bool, host: &Host) -> Option<Container> {
    match group {
        CgroupOwner::Container(container) if is_foreign || host.container.is_none() => Some(container.clone()),
        _ if is_foreign => Some(Container {
            runtime: "namespace".to_owned(),
            id: None,
            because: "its pid namespace is not gtune's".to_owned(),
        }),
        _ => host.container.clone(),
    }
}

fn short_name(container: &Container) -> Option<String> {
    let id = container.id.as_ref()?;
    let is_number = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(if is_number { id[..SHORT_ID].to_owned() } else { id.clone() })
}

fn unit_name(group: &CgroupOwner) -> Option<UnitName> {
    match group {
        // The scope of pid 1 holds what was started before there were units, and no service.
        CgroupOwner::SystemUnit(name) if name != "init.scope" => Some(UnitName { name: name.clone(), user: None }),
        CgroupOwner::UserUnit { unit, uid } => Some(UnitName { name: unit.clone(), user: Some(*uid) }),
        _ => None,
    }
}

/// The units of these owners, in their order. The managers are asked once each for all of theirs.
pub fn units<'o>(root: &Root, owners: impl Iterator<Item = &'o Owner>) -> Vec<Fact<Unit>> {
    let wanted: Vec<Option<&UnitName>> = owners.map(|owner| owner.unit.as_ref()).collect();
    let loaded = loaded(wanted.iter().flatten().copied());
    let described = |name: &UnitName| {
        let mut unit = unit(root, &name.name, &scope(root, name.user));
        unit.loaded = loaded.get(name).cloned().unwrap_or(Fact::Absent);
        unit
    };
    wanted.into_iter().map(|name| name.map(described).into()).collect()
}

fn loaded<'o>(wanted: impl Iterator<Item = &'o UnitName>) -> BTreeMap<UnitName, Fact<LoadedUnit>> {
    let mut by_user: BTreeMap<Option<u32>, BTreeSet<String>> = BTreeMap::new();
    wanted.for_each(|unit| {
        by_user.entry(unit.user).or_default().insert(unit.name.clone());
    });
    let mut all = BTreeMap::new();
    for (user, names) in by_user {
        let names: Vec<String> = names.into_iter().collect();
        let shown = user.map_or_else(|| systemd::show(&names), |uid| systemd::show_user(uid, &names));
        all.extend(shown.into_iter().map(|(name, unit)| (UnitName { name, user }, unit)));
    }
    all
}

fn scope(root: &Root, user: Option<u32>) -> Scope {
    user.map_or(Scope::System, |uid| Scope::User {
        uid,
        home: directory(root, uid).known().cloned().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn owner(cgroup: &str) -> CgroupOwner {
        owner_of(&CgroupPaths::parse(cgroup.as_bytes()))
    }

    #[test]
    fn systemds_own_hierarchy_tells_first() {
        let hybrid = "5:memory:/other.service\n1:name=systemd:/system.slice/web.service\n0::/\n";
        assert_eq!(owner(hybrid), CgroupOwner::SystemUnit("web.service".into()));
        assert_eq!(owner("4:memory:/x\n1:name=systemd:/\n0::/\n"), CgroupOwner::None);
    }

    #[test]
    fn a_container_of_a_runtime_without_systemd_is_found_in_any_hierarchy() {
        let group = owner(&format!("4:memory:/docker/{ID}\n1:name=systemd:/\n"));
        let found = container(&group, true, &healthy::host()).unwrap();
        assert_eq!(short_name(&found).as_deref(), Some("0123456789ab"));
    }

    #[test]
    fn a_pid_namespace_of_its_own_is_a_container_without_a_name() {
        let found = container(&CgroupOwner::None, true, &healthy::host()).unwrap();
        assert_eq!((found.runtime.as_str(), short_name(&found)), ("namespace", None));
        assert_eq!(container(&CgroupOwner::None, false, &healthy::host()), None);
    }
}
