//! The limit of processes that run already (prlimit(2)).

use super::Wanted;
use crate::facts::{Manager, Process, Service};
use crate::plan::{Change, Ground, ProcessRef, Request, Topic};
use crate::units::{Limit, SoftHard};

/// Gives master, workers and dirty processes the limit, unless a restart does.
///
/// Workers inherit from the master when they are forked, so each that runs has to be told.
pub(super) fn draft(ground: &Ground, request: &Request, service: &Service, wanted: Wanted) -> Topic {
    let dirty = service.dirty.iter().map(|worker| &worker.process);
    let processes = || service.processes().chain(dirty.clone());
    let mut topic = Topic::default();
    if let (Manager::SystemUnit(unit), true) = (&service.manager, request.restart) {
        if processes().any(|process| soft(process).is_none_or(|soft| !wanted.is_met_by(soft))) {
            topic.needs_restart.push(unit.clone());
        }
        return topic;
    }
    let mut missed = false;
    for process in processes() {
        match reach(ground, process, wanted) {
            Reach::Met => {}
            Reach::Change(change) => topic.changes.push(change),
            Reach::Ended => topic.warnings.push(format!("Process {} of {} has ended.", process.pid, service.name)),
            Reach::Unseen(reason) => {
                missed = true;
                topic.warnings.push(format!("The limit of process {} is not changed: {reason}.", process.pid));
            }
        }
    }
    let Manager::SystemUnit(unit) = &service.manager else { return topic };
    if missed {
        topic.needs_restart.push(unit.clone());
    }
    topic
}

/// What can be done for one process.
enum Reach {
    Met,
    Change(Change),
    Ended,
    Unseen(String),
}

fn reach(ground: &Ground, process: &Process, wanted: Wanted) -> Reach {
    let before = match process.limits.needed("limits") {
        Ok(limits) => limits.open_files,
        Err(reason) => return Reach::Unseen(reason.to_string()),
    };
    if wanted.is_met_by(before.soft) {
        return Reach::Met;
    }
    let Some(start_ticks) = ground.started.get(&process.pid).copied() else { return Reach::Ended };
    let soft = Limit::At(wanted.soft);
    let after = SoftHard { soft, hard: before.hard.max(soft) };
    Reach::Change(Change::ProcessLimit { process: ProcessRef { pid: process.pid, start_ticks }, before, after })
}

fn soft(process: &Process) -> Option<Limit> {
    process.limits.known().map(|limits| limits.open_files.soft)
}
