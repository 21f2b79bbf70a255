//! `--nofile`: the limit of open files, stored where the service will get it and given to its running processes.

mod running;
mod unit;
mod wanted;

use super::{Ground, Left, Places, Refusal, Request, Target, Topic, login_limits};
use crate::checks::by_hand::{gtune, holds_one_application};
use crate::checks::steps::raise_open_files;
use crate::facts::{Facts, Manager, Service, Unit};
use crate::gunicorn::WorkerClass;
use crate::units::quoted;
pub(in crate::plan) use wanted::Wanted;

/// select(2) has room for descriptors 0 to 1023 (FD_SETSIZE).
const SELECT_REACH: u64 = 1024;

/// The files that may be written.
pub fn places(facts: &Facts, request: &Request) -> Places {
    if request.open_files.is_none() {
        return Places::default();
    }
    let (targets, _) = Target::choose(facts, &request.units);
    let of_target = |target: &Target<'_>| match Way::of(facts, target) {
        Way::Unit(unit) => unit::DROP_IN.places(unit),
        Way::Login(_) => login_limits::places(),
        Way::AtStart(_) | Way::Container(..) | Way::OfUser(..) | Way::Unknown => Places::default(),
    };
    targets.iter().map(of_target).fold(Places::default(), Places::and)
}

/// What `--nofile` comes to.
pub fn draft(facts: &Facts, ground: &Ground, request: &Request) -> Topic {
    let Some(asked) = request.open_files else { return Topic::default() };
    let (targets, refused) = Target::choose(facts, &request.units);
    if targets.is_empty() && request.units.is_empty() {
        return Topic::refused(nobody(facts));
    }
    let mut topic = Topic { refused, ..Topic::default() };
    for target in &targets {
        match wanted::wanted(facts, request, target, asked) {
            Err(refusal) => topic.refused.push(refusal),
            Ok((wanted, warnings)) => {
                let of_target = of_target(facts, ground, request, target, wanted);
                // What is said of a number that changes nothing is no news.
                if !of_target.changes.is_empty() {
                    topic.warnings.extend(warnings);
                }
                topic.absorb(of_target);
            }
        }
    }
    topic
}

/// How a service gets its limit.
enum Way<'a> {
    /// A unit of the system's manager.
    Unit(&'a Unit),
    /// A login: limits.d counts.
    Login(&'a Service),
    /// Whatever started it passes its own limit on.
    AtStart(&'a Service),
    /// A container runtime: its name.
    Container(&'a Service, &'a str),
    /// A unit of a user's manager.
    OfUser(&'a Unit, Option<&'a Service>),
    /// A unit that could not be read.
    Unknown,
}

impl<'a> Way<'a> {
    fn of(facts: &'a Facts, target: &Target<'a>) -> Self {
        let own = facts.host.container.as_ref().filter(|_| facts.host.live);
        if let Some(service) = target.service {
            let runtime = service.container.as_ref().or(own).filter(|container| holds_one_application(container));
            match (runtime, &service.manager) {
                (Some(container), _) => return Self::Container(service, &container.runtime),
                (None, Manager::Container) => return Self::Container(service, "container runtime"),
                _ => {}
            }
        }
        match (target.unit, target.service) {
            (Some(unit), service) if unit.of_user => Self::OfUser(unit, service),
            (_, Some(service)) => match (&service.manager, target.unit) {
                (Manager::SystemUnit(_), Some(unit)) => Self::Unit(unit),
                (Manager::Session(_), _) => Self::Login(service),
                (Manager::Supervisor { .. } | Manager::Nobody, _) => Self::AtStart(service),
                _ => Self::Unknown,
            },
            (Some(unit), None) => Self::Unit(unit),
            (None, None) => Self::Unknown,
        }
    }
}

fn of_target(facts: &Facts, ground: &Ground, request: &Request, target: &Target<'_>, wanted: Wanted) -> Topic {
    let refuse = |reason: String, hints: Vec<String>| {
        let what = format!("set the limit of open files of {} to {}", target.name, wanted.soft);
        Topic::refused(Refusal { what, reason, hints })
    };
    let mut topic = match Way::of(facts, target) {
        Way::Unit(unit) => unit::draft(facts, ground, unit, wanted),
        Way::Login(service) => login_limits::draft(facts, ground, service, wanted),
        Way::AtStart(service) => at_start(service, wanted),
        Way::Container(service, runtime) => {
            let inside = Service { manager: Manager::Container, ..service.clone() };
            return refuse(format!("it runs in a container ({runtime})"), raise_open_files(&inside, wanted.soft));
        }
        Way::OfUser(_, Some(service)) => {
            return refuse("it is a unit of a user's own manager".into(), raise_open_files(service, wanted.soft));
        }
        Way::OfUser(unit, None) => {
            let hint =
                format!("systemctl --user edit {}   # [Service] LimitNOFILE={}", quoted(&unit.name), wanted.soft);
            return refuse("it is a unit of a user's own manager".into(), vec![hint]);
        }
        Way::Unknown => {
            let hint = format!("systemctl show {} -p FragmentPath,DropInPaths", quoted(target.name));
            return refuse("its unit could not be read".into(), vec![hint]);
        }
    };
    if !topic.refused.is_empty() {
        return topic;
    }
    if let Some(service) = target.service {
        topic.absorb(running::draft(ground, request, service, wanted));
        if service.known_class() == Some(&WorkerClass::Sync) && wanted.soft > SELECT_REACH && !topic.changes.is_empty()
        {
            topic.warnings.push(format!(
                "{}: with more than {SELECT_REACH} descriptors open, application code that uses select(2) breaks.",
                service.name
            ));
        }
    }
    topic
}

/// gtune has no file to write for a supervisor, or for whoever started it by hand: it says the step that lasts.
fn at_start(service: &Service, wanted: Wanted) -> Topic {
    let mut topic = Topic::default();
    let in_force = service.master.limits.known().map(|limits| limits.open_files.soft);
    match in_force.filter(|soft| wanted.is_met_by(*soft)) {
        Some(soft) => topic.already(wanted.told(format!("{}: the master has a limit of {soft}", service.name), soft)),
        None => {
            let why = format!("{} gets its limit from whatever starts it", service.name);
            let steps = raise_open_files(service, wanted.soft).into_iter();
            topic.left = steps.map(|step| Left::new(step, &why)).collect();
        }
    }
    topic
}

fn nobody(facts: &Facts) -> Refusal {
    let reason = match facts.services.needed("Gunicorn") {
        Err(reason) if facts.host.live => reason.to_string(),
        _ => "no Gunicorn runs and no unit starts one that gtune can see".into(),
    };
    let hint = format!("{} apply --nofile 4096 --unit NAME.service", gtune(facts));
    Refusal::new("set the limit of open files", reason, hint)
}

#[cfg(test)]
mod tests;
