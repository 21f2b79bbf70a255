//! The running service that a log is of.

use crate::facts::{CgroupMemory, Fact, Manager, Service};
use crate::triage::Material;
use crate::units::Pid;

/// A service that runs now, as the one whose process ended some time ago.
#[derive(Debug, Clone, Copy)]
pub struct Running<'a> {
    /// It.
    pub service: &'a Service,
    /// Whether its master is still the one that the log tells of: what is seen now was so then.
    pub is_same_master: bool,
}

impl<'a> Running<'a> {
    /// The service of this unit; or, where the log has no unit, the one whose master has this number.
    pub fn of(material: &'a Material, unit: Option<&str>, master: Option<Pid>) -> Option<Self> {
        let services = material.facts.as_ref()?.services.known()?;
        let is_master = |service: &Service| Some(service.master.inner_pid) == master;
        let of_unit = |service: &&Service| unit.is_some() && unit_of(service) == unit;
        let named = services.iter().filter(of_unit).max_by_key(|service| is_master(service));
        let numbered = || services.iter().filter(|_| unit.is_none()).find(|service| is_master(service));
        let service = named.or_else(numbered)?;
        Some(Self { service, is_same_master: is_master(service) })
    }

    /// Memory of its control group.
    pub fn memory(&self) -> Option<&'a CgroupMemory> {
        self.service.cgroup.known()?.memory.known()
    }

    /// Seconds without a heartbeat after which its master kills.
    pub fn timeout_seconds(&self) -> Option<i64> {
        let timeout = self.service.settings.timeout();
        timeout.known().map(|timeout| timeout.value).filter(|seconds| self.is_same_master && *seconds > 0)
    }

    /// Whether all heartbeat files it has lie on a disk (true) or in memory (false); none where they could not be seen.
    pub fn heartbeats_on_disk(&self) -> Option<bool> {
        let kinds = self.service.workers.iter().filter_map(|worker| match &worker.heartbeat {
            Fact::Known(heartbeat) => heartbeat.filesystem.known().map(|filesystem| !filesystem.kind.in_memory()),
            Fact::Absent | Fact::Unreadable(_) => None,
        });
        let kinds: Vec<bool> = kinds.collect();
        let first = kinds.first().copied().filter(|_| self.is_same_master)?;
        kinds.iter().all(|kind| *kind == first).then_some(first)
    }
}

/// The unit that runs a service.
fn unit_of(service: &Service) -> Option<&str> {
    match &service.manager {
        Manager::SystemUnit(unit) | Manager::UserUnit { unit, .. } => Some(unit),
        _ => service.unit.known().map(|unit| unit.name.as_str()),
    }
}
