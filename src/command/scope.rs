//! Which of the services that run are meant: `--unit` and `--pid`.
//!
//! Rows are chosen after assessing, not facts before it: a service is judged beside all others of its host, because
//! they may share its sockets, its control socket and its memory.

use super::{ExitCode, Failure};
use crate::checks::Row;
use crate::facts::{Fact, Facts, Manager, Service, Unit};
use crate::units::Pid;

/// The services that are meant.
pub struct Scope<'a> {
    /// Them.
    pub services: Fact<Vec<&'a Service>>,
    others: Vec<&'a str>,
}

impl<'a> Scope<'a> {
    /// Those that run in one of these units or under this master; all of them where neither is given.
    ///
    /// # Errors
    /// Where one of them is not among the services of the host, or services could not be looked at.
    pub fn choose(facts: &'a Facts, units: &[String], master: Option<Pid>) -> Result<Self, Failure> {
        if units.is_empty() && master.is_none() {
            return Ok(Self { services: facts.services.as_ref().map(|all| all.iter().collect()), others: vec![] });
        }
        let all = running(facts, units, master)?;
        for unit in units {
            named(all, &facts.stopped_units, unit)?;
        }
        if let Some(pid) = master {
            mastered(all, pid)?;
        }
        let is_meant =
            |service: &Service| master == Some(service.master.pid) || units.iter().any(|unit| runs_in(service, unit));
        let (meant, others): (Vec<_>, Vec<_>) = all.iter().partition(|service| is_meant(service));
        Ok(Self { services: Fact::Known(meant), others: others.iter().map(|service| service.name.as_str()).collect() })
    }

    /// The rows of these services, and those of the host.
    pub fn keep(&self, rows: Vec<Row>) -> Vec<Row> {
        rows.into_iter().filter(|row| !self.others.contains(&row.subject.as_str())).collect()
    }
}

fn running<'a>(facts: &'a Facts, units: &[String], master: Option<Pid>) -> Result<&'a [Service], Failure> {
    let thing = match (units.first(), master) {
        (Some(unit), _) => format!("unit {unit}"),
        (None, Some(pid)) => format!("master {pid}"),
        (None, None) => "services".to_owned(),
    };
    match facts.services.needed("running Gunicorn") {
        Ok(all) => Ok(all),
        Err(why) if facts.host.live => Err(Failure::new(ExitCode::CouldNotLook, format!("find {thing}: {why}"))),
        Err(why) => Err(Failure::new(ExitCode::Usage, format!("find {thing}: {why}"))
            .with_hint("leave out --unit and --pid to judge what is stored")),
    }
}

fn named(all: &[Service], stopped: &[Unit], unit: &str) -> Result<(), Failure> {
    if all.iter().any(|service| runs_in(service, unit)) {
        return Ok(());
    }
    if let Some(loaded) = stopped.iter().find(|one| one.name == unit).and_then(|one| one.loaded.known()) {
        let (state, result) = (&loaded.active_state, &loaded.result);
        // A service that was asked for by name and is down needs attention, whatever the checks would say.
        return Err(Failure::new(
            ExitCode::Attention,
            format!("judge unit {unit}: it does not run: {state} ({result})"),
        )
        .with_hint(format!("systemctl status {unit}; without --unit the host is judged for it")));
    }
    Err(Failure::new(ExitCode::Usage, format!("find unit {unit}: no running Gunicorn belongs to it"))
        .with_hint(found(all)))
}

fn mastered(all: &[Service], pid: Pid) -> Result<(), Failure> {
    if all.iter().any(|service| service.master.pid == pid) {
        return Ok(());
    }
    let mut children =
        all.iter().filter(|service| service.workers.iter().chain(&service.dirty).any(|w| w.process.pid == pid));
    let failure = Failure::new(
        ExitCode::Usage,
        match children.clone().next() {
            Some(_) => format!("find master {pid}: it is a worker"),
            None => format!("find master {pid}: no running Gunicorn has it"),
        },
    );
    Err(failure.with_hint(match children.next() {
        Some(service) => format!("its master is --pid {}", service.master.pid),
        None => found(all),
    }))
}

pub(super) fn runs_in(service: &Service, unit: &str) -> bool {
    let managed = match &service.manager {
        Manager::SystemUnit(name) | Manager::UserUnit { unit: name, .. } => name == unit,
        _ => false,
    };
    managed || service.name == unit || service.unit.known().is_some_and(|loaded| loaded.name == unit)
}

/// The services there are, as options that would find them.
fn found(all: &[Service]) -> String {
    if all.is_empty() {
        return "no Gunicorn runs here; without --unit and --pid the host is judged for one".to_owned();
    }
    let options: Vec<String> = all.iter().map(option_for).collect();
    format!("found {}", options.join(", "))
}

pub(super) fn option_for(service: &Service) -> String {
    match &service.manager {
        Manager::SystemUnit(unit) | Manager::UserUnit { unit, .. } => format!("--unit {unit}"),
        _ => format!("--pid {}", service.master.pid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;
    use crate::checks::healthy::{fresh_host, host_with_gunicorn, process, service, unit};

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

    fn names(scope: &Scope<'_>) -> Vec<String> {
        scope.services.known().unwrap().iter().map(|service| service.name.clone()).collect()
    }

    #[test]
    fn without_a_choice_every_service_is_meant() {
        let facts = two_services();
        assert_eq!(names(&Scope::choose(&facts, &[], None).unwrap()), ["gunicorn.service", "pid 900"]);
    }

    #[test]
    fn a_unit_or_a_master_chooses_its_service() {
        let facts = two_services();
        assert_eq!(names(&Scope::choose(&facts, &["gunicorn.service".into()], None).unwrap()), ["gunicorn.service"]);
        assert_eq!(names(&Scope::choose(&facts, &[], Some(Pid(900))).unwrap()), ["pid 900"]);
    }

    #[test]
    fn rows_of_other_services_go_and_rows_of_the_host_stay() {
        let facts = two_services();
        let scope = Scope::choose(&facts, &[], Some(Pid(900))).unwrap();
        let row = |subject: &str| Row {
            check: &crate::render::sample::HEARTBEAT,
            subject: subject.into(),
            outcome: Outcome::Skipped,
        };
        let kept = scope.keep(vec![row("host"), row("gunicorn.service"), row("pid 900")]);
        assert_eq!(kept.iter().map(|row| row.subject.as_str()).collect::<Vec<_>>(), ["host", "pid 900"]);
    }

    #[test]
    fn a_unit_that_is_not_there_is_answered_with_those_that_are() {
        let facts = two_services();
        let failure = Scope::choose(&facts, &["api.service".into()], None).err().unwrap();
        assert_eq!(failure.to_string(), "cannot find unit api.service: no running Gunicorn belongs to it");
        assert_eq!(failure.hint(), Some("found --unit gunicorn.service, --pid 900"));
        assert_eq!(failure.code(), ExitCode::Usage);
    }

    #[test]
    fn a_unit_that_is_down_is_said_to_be_down() {
        let mut facts = fresh_host();
        facts.stopped_units = vec![unit()];
        let failure = Scope::choose(&facts, &["gunicorn.service".into()], None).err().unwrap();
        assert_eq!(failure.to_string(), "cannot judge unit gunicorn.service: it does not run: active (success)");
        assert_eq!(failure.code(), ExitCode::Attention);
    }

    #[test]
    fn a_worker_is_answered_with_its_master() {
        let facts = two_services();
        let failure = Scope::choose(&facts, &[], Some(Pid(815))).err().unwrap();
        assert_eq!(failure.to_string(), "cannot find master 815: it is a worker");
        assert_eq!(failure.hint(), Some("its master is --pid 812"));
    }

    #[test]
    fn a_host_that_hides_its_processes_is_not_a_usage_error() {
        let mut facts = fresh_host();
        facts.services = Fact::unreadable("permission denied: /proc");
        let failure = Scope::choose(&facts, &[], Some(Pid(815))).err().unwrap();
        assert_eq!(failure.code(), ExitCode::CouldNotLook);
        assert_eq!(failure.to_string(), "cannot find master 815: permission denied: /proc");
        facts.host.live = false;
        assert_eq!(Scope::choose(&facts, &[], Some(Pid(815))).err().unwrap().code(), ExitCode::Usage);
    }
}
