//! The proof that what was asked for is in force: a second plan is empty, and what was restarted runs.

use super::drafted;
use crate::facts::{Facts, Manager, Service};
use crate::host::{self, Root};
use crate::plan::{Action, Change, Plan, Request, Trouble};
use crate::units::Pid;
use std::thread;
use std::time::{Duration, Instant};

/// How long after a restart what was asked for may take to be seen. Many start scripts migrate a database or wait for
/// one before they run Gunicorn; a service that is not there by then does not come up with the new settings.
const SETTLING: Duration = Duration::from_secs(60);

/// How long a restarted service must have run before it counts as up. Gunicorn is ready before its workers have loaded
/// the application, and leaves within a second or two when they cannot (exit code 3 of a worker).
const STEADY: Duration = Duration::from_secs(3);

/// How long to wait between two looks: a look costs some 30 ms of CPU.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Looks and plans again until nothing of what was asked for is left to change, and every service that was restarted and
/// ran before runs again and stays up.
///
/// # Errors
/// What is missing when the time is over. Without a restart nothing is on its way: what is not seen at once is not there.
pub(super) fn wait(root: &Root, before: &Facts, requests: &[Request], plan: &Plan) -> Result<(), Trouble> {
    let restarted = restarted(before, plan);
    let begin = Instant::now();
    let mut up_since: Option<(Vec<Pid>, Instant)> = None;
    loop {
        let facts = host::observe(root);
        let missing = match masters(&facts, &restarted) {
            Ok(masters) => missing(&drafted(root, &facts, requests)).or_else(|| steady(&mut up_since, masters)),
            Err(down) => {
                up_since = None;
                Some(not_up(down))
            }
        };
        let Some(missing) = missing else { return Ok(()) };
        if restarted.is_empty() || begin.elapsed() >= SETTLING {
            return Err(missing);
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// The units that are restarted and ran before. One that was down is started, but what keeps it down is not the plan.
fn restarted<'a>(before: &Facts, plan: &'a Plan) -> Vec<&'a str> {
    let restarts = plan.actions.iter().filter_map(|action| match action {
        Action::Restart(unit) => Some(unit.as_str()),
        Action::Change(_) | Action::Reload => None,
    });
    restarts.filter(|unit| running(before, unit).is_some()).collect()
}

/// The Gunicorn of a unit, with workers.
fn running<'a>(facts: &'a Facts, unit: &str) -> Option<&'a Service> {
    let is_units = |service: &&Service| matches!(&service.manager, Manager::SystemUnit(name) if name == unit);
    let service = facts.services.known()?.iter().find(is_units)?;
    (!service.workers.is_empty()).then_some(service)
}

/// The masters of these units; else the first unit without.
fn masters<'a>(facts: &Facts, units: &[&'a str]) -> Result<Vec<Pid>, &'a str> {
    units.iter().map(|unit| running(facts, unit).map(|service| service.master.pid).ok_or(*unit)).collect()
}

fn not_up(unit: &str) -> Trouble {
    Trouble::new(format!("see {unit} up after its restart"), "no Gunicorn with workers runs in it")
        .with_hint(format!("journalctl -u {unit} -n 50"))
}

/// Nothing where these masters have been there for long enough.
fn steady(up_since: &mut Option<(Vec<Pid>, Instant)>, masters: Vec<Pid>) -> Option<Trouble> {
    match up_since {
        _ if masters.is_empty() => None,
        Some((known, since)) if *known == masters && since.elapsed() >= STEADY => None,
        Some((known, _)) if *known == masters => Some(restless()),
        _ => {
            *up_since = Some((masters, Instant::now()));
            Some(restless())
        }
    }
}

fn restless() -> Trouble {
    Trouble::new("see the services stay up after their restart", "their masters keep changing")
}

/// What a second plan would still change. A worker that was forked meanwhile has its master's old limit for a moment and
/// is no reason to take everything back.
fn missing(again: &Plan) -> Option<Trouble> {
    if let Some(refusal) = again.refused.first() {
        return Some(Trouble::new(&refusal.what, &refusal.reason));
    }
    let left = again.actions.iter().find(|action| !matches!(action, Action::Change(Change::ProcessLimit { .. })))?;
    let trouble = Trouble::new("see the effect", format!("a second look would still {left}"));
    Some(match left {
        Action::Restart(unit) => trouble.with_hint(format!("journalctl -u {unit} -n 50")),
        Action::Change(_) | Action::Reload => trouble,
    })
}
