//! Whose deaths are told: `--unit` and `--pid`.

use super::super::scope::runs_in;
use crate::facts::{Fact, Facts, Manager, Service, Unit};
use crate::triage::{Death, Triage};
use crate::units::Pid;
use std::collections::{BTreeMap, BTreeSet};

/// Whose deaths are told.
#[derive(Debug, Default)]
pub struct Scope {
    /// Units; all where there is none.
    units: Vec<String>,
    /// Whether a death that no unit is told of may be meant.
    takes_unitless: bool,
    process: Option<Process>,
}

/// Units whose journals are read.
#[derive(Debug, PartialEq, Eq)]
pub struct Units {
    /// Of the system.
    pub system: BTreeSet<String>,
    /// Of users, by user id.
    pub users: BTreeMap<u32, BTreeSet<String>>,
}

/// A process that was asked for.
#[derive(Debug)]
struct Process {
    pid: Pid,
    /// What it is, where it runs now.
    running: Option<Running>,
}

/// What a process is that runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Running {
    /// The master of a service, with its unit.
    Master { unit: Option<String> },
    /// A worker of the service of this name.
    Worker { service: String },
}

impl Scope {
    /// Of logs that were named: a plain log says of no unit, so it is taken to be what was asked for.
    pub fn of_logs(units: &[String], pid: Option<Pid>) -> Self {
        let process = pid.map(|pid| Process { pid, running: None });
        Self { units: units.to_vec(), takes_unitless: true, process }
    }

    /// Of a host, whose facts are narrowed to what is meant, so that nobody speaks of other services.
    pub fn of_host(units: &[String], pid: Option<Pid>, facts: &mut Facts) -> Self {
        if !units.is_empty() {
            keep_services(facts, |service| units.iter().any(|unit| runs_in(service, unit)));
            facts.stopped_units.retain(|unit| units.contains(&unit.name));
        }
        let process = pid.map(|pid| Process { pid, running: running(facts, pid) });
        if let Some(Process { pid, running: Some(_) }) = process {
            keep_services(facts, |service| holds(service, pid));
            facts.stopped_units.clear();
        }
        Self { units: units.to_vec(), takes_unitless: units.is_empty(), process }
    }

    /// The units whose journals tell of them: those of the services, and those that were named, which may be of a service
    /// that cannot be told from its files.
    pub fn units_of(&self, facts: &Facts) -> Units {
        let mut units = Units { system: self.units.iter().cloned().collect(), users: BTreeMap::new() };
        for service in facts.services.known().into_iter().flatten() {
            match &service.manager {
                Manager::UserUnit { unit, uid } => {
                    units.system.remove(unit);
                    units.users.entry(*uid).or_default().insert(unit.clone());
                }
                _ => units.system.extend(service.unit.known().map(|unit| unit.name.clone())),
            }
        }
        units.system.extend(facts.stopped_units.iter().map(|unit| unit.name.clone()));
        units
    }

    /// Those units that were asked for and are neither a service's nor stored as one.
    pub fn unknown_units(&self, facts: &Facts) -> Vec<String> {
        let known = |unit: &Unit, name: &String| unit.name == *name;
        let is_stored = |name: &String| facts.stopped_units.iter().any(|unit| known(unit, name));
        let runs = |name: &String| facts.services.known().into_iter().flatten().any(|service| runs_in(service, name));
        self.units.iter().filter(|name| !is_stored(name) && !runs(name)).cloned().collect()
    }

    /// The unit that was asked for, where it is one.
    pub fn only_unit(&self) -> Option<&str> {
        match self.units.as_slice() {
            [unit] => Some(unit),
            _ => None,
        }
    }

    /// The process that was asked for.
    pub fn pid(&self) -> Option<Pid> {
        self.process.as_ref().map(|process| process.pid)
    }

    /// The service that the process which was asked for is a living worker of.
    pub fn lives_in(&self) -> Option<&str> {
        match self.process.as_ref()?.running.as_ref()? {
            Running::Worker { service } => Some(service),
            Running::Master { .. } => None,
        }
    }

    /// Whether a process was asked for that is none of the Gunicorns that run now.
    pub fn is_unseen(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.running.is_none())
    }

    /// Leaves out the deaths of others.
    pub fn narrow(&self, triage: &mut Triage) {
        triage.deaths.retain(|death| self.holds(death));
    }

    fn holds(&self, death: &Death) -> bool {
        let is_of_unit = match &death.unit {
            _ if self.units.is_empty() => true,
            Some(unit) => self.units.contains(unit),
            None => self.takes_unitless,
        };
        is_of_unit && self.process.as_ref().is_none_or(|process| process.is_meant_by(death))
    }
}

impl Process {
    /// A master is meant with its workers, and one that runs with all deaths of its unit, under whatever master.
    fn is_meant_by(&self, death: &Death) -> bool {
        let named = [death.pid, death.host_pid, death.master_pid].contains(&Some(self.pid));
        let among = death.candidates.iter().chain(&death.workers).any(|pid| *pid == self.pid);
        let unit = match &self.running {
            Some(Running::Master { unit }) => unit.as_ref(),
            _ => None,
        };
        named || among || (unit.is_some() && death.unit.as_ref() == unit)
    }
}

fn keep_services(facts: &mut Facts, keep: impl Fn(&Service) -> bool) {
    if let Fact::Known(services) = &mut facts.services {
        services.retain(keep);
    }
}

fn running(facts: &Facts, pid: Pid) -> Option<Running> {
    let service = facts.services.known()?.iter().find(|service| holds(service, pid))?;
    if service.master.pid == pid {
        return Some(Running::Master { unit: service.unit.known().map(|unit| unit.name.clone()) });
    }
    Some(Running::Worker { service: service.name.clone() })
}

fn holds(service: &Service, pid: Pid) -> bool {
    service.master.pid == pid || service.workers.iter().chain(&service.dirty).any(|worker| worker.process.pid == pid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{host_with_gunicorn, process, service, unit};
    use crate::render::triage_sample::death;

    fn two_services() -> Facts {
        let mut facts = host_with_gunicorn();
        let mut second = service();
        second.name = "pid 900".into();
        second.master = process(900, 1, 0);
        second.manager = Manager::Nobody;
        second.unit = Fact::Absent;
        second.workers.clear();
        facts.services = Fact::Known(vec![service(), second]);
        facts
    }

    fn names(facts: &Facts) -> Vec<&str> {
        facts.services.known().unwrap().iter().map(|service| service.name.as_str()).collect()
    }

    fn told(scope: &Scope, deaths: Vec<Death>) -> usize {
        let mut triage = Triage { deaths, ..Triage::default() };
        scope.narrow(&mut triage);
        triage.deaths.len()
    }

    #[test]
    fn a_unit_narrows_the_host_to_its_service() {
        let mut facts = two_services();
        let scope = Scope::of_host(&["gunicorn.service".into()], None, &mut facts);
        assert_eq!(names(&facts), ["gunicorn.service"]);
        assert_eq!(scope.units_of(&facts).system, BTreeSet::from(["gunicorn.service".to_owned()]));
        let other = Death { unit: Some("api.service".into()), ..death(700) };
        let nobody = Death { unit: None, ..death(701) };
        assert_eq!(told(&scope, vec![death(815), other, nobody]), 1);
    }

    #[test]
    fn a_unit_that_does_not_run_is_the_very_case() {
        let mut facts = two_services();
        facts.services = Fact::Known(vec![]);
        facts.stopped_units = vec![unit()];
        let scope = Scope::of_host(&["gunicorn.service".into()], None, &mut facts);
        assert_eq!(scope.unknown_units(&facts), Vec::<String>::new());
        assert_eq!(facts.stopped_units.len(), 1);
        let scope = Scope::of_host(&["app.service".into()], None, &mut facts);
        assert_eq!(scope.unknown_units(&facts), ["app.service"], "its journal is asked for all the same");
        assert_eq!(scope.units_of(&facts).system, BTreeSet::from(["app.service".to_owned()]));
    }

    #[test]
    fn a_unit_of_a_user_has_its_own_journal() {
        let mut facts = two_services();
        if let Fact::Known(services) = &mut facts.services {
            services[0].manager = Manager::UserUnit { unit: "gunicorn.service".into(), uid: 1000 };
        }
        let scope = Scope::of_host(&["gunicorn.service".into()], None, &mut facts);
        let users = BTreeMap::from([(1000, BTreeSet::from(["gunicorn.service".to_owned()]))]);
        assert_eq!(scope.units_of(&facts), Units { system: BTreeSet::new(), users });
    }

    #[test]
    fn a_living_master_stands_for_its_service_and_a_living_worker_for_itself() {
        let mut facts = two_services();
        let scope = Scope::of_host(&[], Some(Pid(812)), &mut facts);
        assert!(!scope.is_unseen());
        assert_eq!(names(&facts), ["gunicorn.service"]);
        let earlier = Death { master_pid: Some(Pid(600)), ..death(601) };
        let other = Death { master_pid: Some(Pid(900)), unit: None, ..death(901) };
        assert_eq!(told(&scope, vec![death(815), earlier, other]), 2);

        let scope = Scope::of_host(&[], Some(Pid(815)), &mut two_services());
        assert_eq!(scope.lives_in(), Some("gunicorn.service"));
        assert_eq!(told(&scope, vec![death(815), death(816)]), 1);
    }

    #[test]
    fn a_dead_process_is_known_by_any_of_its_numbers() {
        let mut facts = two_services();
        let scope = Scope::of_host(&[], Some(Pid(7)), &mut facts);
        assert_eq!(names(&facts).len(), 2, "it may have been of any service");
        let inner = Death { host_pid: Some(Pid(7)), ..death(1) };
        let master = Death { master_pid: Some(Pid(7)), ..death(2) };
        let either = Death { pid: None, candidates: vec![Pid(7), Pid(8)], ..death(3) };
        assert_eq!(told(&scope, vec![inner, master, either, death(4)]), 3);
    }

    #[test]
    fn a_plain_log_that_was_named_is_of_the_unit_that_was_named() {
        let scope = Scope::of_logs(&["web.service".into()], None);
        assert_eq!(scope.only_unit(), Some("web.service"));
        let plain = Death { unit: None, ..death(1) };
        assert_eq!(told(&scope, vec![plain, death(2)]), 1, "a journal tells of other units too");
    }
}
