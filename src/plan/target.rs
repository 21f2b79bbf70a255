//! The services that a request means.

use super::Refusal;
use crate::checks::by_hand::gtune;
use crate::facts::{Fact, Facts, Manager, Service, Unit};

/// One service: a Gunicorn that runs, or a unit that would start one.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The unit, else the name the service goes by.
    pub name: &'a str,
    /// The Gunicorn, where it runs.
    pub service: Option<&'a Service>,
    /// Its unit, where one is known.
    pub unit: Option<&'a Unit>,
}

impl<'a> Target<'a> {
    /// The services of these units; all that start a Gunicorn where none is named. A unit that is not there is refused.
    pub fn choose(facts: &'a Facts, units: &[String]) -> (Vec<Self>, Vec<Refusal>) {
        let all = Self::all(facts);
        if units.is_empty() {
            return (all, vec![]);
        }
        let mut chosen = vec![];
        let mut refused = vec![];
        for unit in units {
            match all.iter().find(|target| target.name == unit) {
                Some(target) => chosen.push(*target),
                None => refused.push(not_there(facts, &all, unit)),
            }
        }
        (chosen, refused)
    }

    fn all(facts: &'a Facts) -> Vec<Self> {
        let running = facts.services.known().into_iter().flatten().map(|service| Self {
            name: unit_name(service).unwrap_or(&service.name),
            service: Some(service),
            unit: service.unit.known(),
        });
        let stopped = facts.stopped_units.iter().map(|unit| Self { name: &unit.name, service: None, unit: Some(unit) });
        running.chain(stopped).collect()
    }

    /// Whether a unit of the system's own manager runs it, so that gtune can write a drop-in for it.
    pub fn system_unit(&self) -> Option<&'a Unit> {
        self.unit.filter(|unit| !unit.of_user)
    }
}

fn unit_name(service: &Service) -> Option<&str> {
    match &service.manager {
        Manager::SystemUnit(unit) | Manager::UserUnit { unit, .. } => Some(unit),
        _ => None,
    }
}

fn not_there(facts: &Facts, all: &[Target<'_>], unit: &str) -> Refusal {
    let reason = match &facts.services {
        Fact::Unreadable(why) if facts.host.live => why.to_string(),
        _ => "it starts no Gunicorn that gtune can see".to_owned(),
    };
    let names: Vec<&str> = all.iter().map(|target| target.name).collect();
    let doctor = format!("{} doctor", gtune(facts));
    let hint = match names.is_empty() {
        true => format!("{doctor}   # shows what is there; a unit is known once its file is stored"),
        false => format!("{doctor}   # shows those that do: {}", names.join(", ")),
    };
    Refusal::new(format!("change unit {unit}"), reason, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{fresh_host, host_with_gunicorn, unit};

    #[test]
    fn without_a_name_every_service_is_meant_also_one_that_is_down() {
        let mut facts = host_with_gunicorn();
        let mut down = unit();
        down.name = "api.service".into();
        facts.stopped_units = vec![down];
        let (targets, refused) = Target::choose(&facts, &[]);
        assert_eq!(targets.iter().map(|target| target.name).collect::<Vec<_>>(), ["gunicorn.service", "api.service"]);
        assert!(refused.is_empty());
    }

    #[test]
    fn a_unit_that_is_not_there_is_refused_with_those_that_are() {
        let facts = host_with_gunicorn();
        let (targets, refused) = Target::choose(&facts, &["api.service".into()]);
        assert!(targets.is_empty());
        assert_eq!(refused[0].hints, ["gtune doctor   # shows those that do: gunicorn.service"]);
        let (_, refused) = Target::choose(&fresh_host(), &["api.service".into()]);
        assert!(refused[0].hints[0].contains("gtune doctor"));
        let mut image = fresh_host();
        (image.host.live, image.host.root) = (false, "/mnt".into());
        let (_, refused) = Target::choose(&image, &["api.service".into()]);
        assert!(refused[0].hints[0].starts_with("gtune --root /mnt doctor"), "{refused:?}");
    }
}
