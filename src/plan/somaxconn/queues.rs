//! Sockets that listen already: they keep their queue until they listen again.

use crate::checks::by_hand::{self, GunicornOption, application_container};
use crate::checks::listen_queue::{DEFAULT_BACKLOG, asked, listen_again, socket_unit_decides};
use crate::facts::{Facts, Listener, ListenerOrigin, Manager, Service};
use crate::gunicorn::listens_again_on;
use crate::plan::{Action, Left, Request, Target, Topic};

/// What has to happen before the value counts for the queues of the services that are meant.
pub(super) fn draft(facts: &Facts, request: &Request, value: u64, targets: &[Target<'_>]) -> Topic {
    let running = || targets.iter().filter_map(|target| target.service);
    let reached = running().filter(|service| application_container(service).is_none());
    let mut topic = Topic::default();
    for service in reached {
        topic.absorb(of_service(request, service, value));
    }
    if running().next().is_none() && value > DEFAULT_BACKLOG && facts.host.live {
        topic.warnings.push(format!(
            "Gunicorn asks for a queue of {DEFAULT_BACKLOG} unless it is given --backlog: this value alone makes none longer."
        ));
    }
    topic
}

fn of_service(request: &Request, service: &Service, value: u64) -> Topic {
    let mut topic = Topic::default();
    let backlog = match asked(service) {
        Ok(found) => found.value,
        Err(reason) => {
            topic.warnings.push(format!("The backlog that {} asks for is not known: {reason}.", service.name));
            return topic;
        }
    };
    let listeners = service.listeners.known().map_or(&[][..], Vec::as_slice);
    let own = listeners.is_empty() || listeners.iter().any(|listener| asks_itself(service, listener));
    if value > backlog && own {
        let why = format!(
            "{} asks for a queue of {backlog}: this value alone makes none longer, and the option counts from its next start",
            service.name
        );
        topic.left.push(Left::new(give_backlog(request, service, value), why));
    }
    // A backlog above the bound is cut down to it; a socket unit asks for one of its own.
    for listener in listeners {
        let reachable = if asks_itself(service, listener) { value.min(backlog) } else { value };
        if listener.limit < reachable {
            topic.absorb(of_listener(request, service, listener, value));
        }
    }
    topic
}

/// The step that makes Gunicorn ask for a longer queue.
fn give_backlog(request: &Request, service: &Service, value: u64) -> String {
    let option = format!("--backlog {value}");
    // The same plan may change the variable that the step would set, and the step knows only what it holds now.
    if request.tmpfs.is_some() {
        return format!("gunicorn {option} …");
    }
    let assignment = format!("backlog = {value}");
    by_hand::give(service, GunicornOption { setting: "backlog", option: &option, assignment: &assignment })
}

/// Whether Gunicorn's own backlog counts for this socket, and not that of a socket unit.
fn asks_itself(service: &Service, listener: &Listener) -> bool {
    listener.origin != ListenerOrigin::SocketUnit || !socket_unit_decides(service)
}

fn of_listener(request: &Request, service: &Service, listener: &Listener, value: u64) -> Topic {
    let ways = listens_again_on(service.known_version(), listener.origin, service.known_class());
    if ways.is_empty() {
        let text = format!(
            "The queue of {} is {}, and an asgi worker of {} makes it that again: the value does not change it.",
            listener.address, listener.limit, service.name
        );
        return Topic { warnings: vec![text], ..Topic::default() };
    }
    let (steps, restarts) = listen_again(service, listener.origin, value);
    let why = format!("{} keeps its queue of {} until it listens again", listener.address, listener.limit);
    let is_unit = matches!(service.manager, Manager::SystemUnit(_));
    let by_restart = restarts && asks_itself(service, listener);
    let mut topic = Topic::default();
    if let (Manager::SystemUnit(unit), true) = (&service.manager, by_restart) {
        topic.needs_restart.push(unit.clone());
    }
    // A restart of the unit makes any socket of Gunicorn's own listen again; a reload is not needed then either.
    if !(request.restart && is_unit && asks_itself(service, listener)) {
        let does = topic.needs_restart.first().cloned().map(Action::Restart);
        topic.left = steps.into_iter().map(|step| Left { does: does.clone(), ..Left::new(step, &why) }).collect();
    }
    topic
}
