//! `listen-backlog`: the cap of each listening socket as it is in force, and how full it is.

use super::listen_queue;
use super::weigh::weigh;
use super::{Area, Check, Columns, InForce, Judge, Judgement, Remedy, Seen, Severity, Verdict, steps};
use crate::facts::{Facts, Listener, ListenerKind, ListenerOrigin, Service};
use crate::gunicorn::WorkerClass;

/// The cap of each listening socket as it is in force, and how full it is.
pub const CHECK: Check = Check {
    id: "listen-backlog",
    area: Area::Sockets,
    title: "Listen queues in force",
    looks_at: "Each listening socket, TCP and unix, through sock_diag (what ss -ltn and ss -lx show): the cap\n\
               it got when it was made and the connections that wait in it, against the backlog setting.",
    why: "The cap is fixed when the socket listens: the smaller of backlog and net.core.somaxconn at\n\
          that moment. Raising either later changes nothing until it listens again, and a reload (HUP)\n\
          does not. Gunicorn 27 keeps the backlog of a socket it was handed by systemd; Gunicorn's own\n\
          asgi worker and aiohttp's listen again with a constant. A queue that is full turns clients\n\
          away, and a queue that fills says that the workers do not keep up.",
    changes: "gtune apply --somaxconn N raises the kernel's bound. What makes the socket listen again is\n\
              left to you: it is a restart of the service.",
    by_hand: &[
        "ss -ltn; ss -lx   # Recv-Q: waiting now, Send-Q: the cap",
        "raise net.core.somaxconn, then --backlog, then restart Gunicorn (not reload)",
        "a socket of systemd: Backlog= in its .socket unit, then restart that unit",
    ],
    references: &["listen(2)", "ss(8)", "systemd.socket(5), Backlog=", "Gunicorn settings: backlog, reuse_port"],
    judge: Judge::Service { each, fresh },
};

fn fresh(facts: &Facts) -> Judgement {
    Ok(steps::nothing_runs(facts, "listening socket"))
}

fn each(facts: &Facts, service: &Service) -> Judgement {
    let listeners = service.listeners.needed("listening socket")?;
    if listeners.is_empty() {
        return Ok(Verdict::not_applicable("it holds no listening socket"));
    }
    let asked = listen_queue::asked(service);
    let configured = asked.as_ref().ok().map(|asked| format!("backlog {} ({})", asked.value, asked.source));
    let columns = Columns {
        configured,
        live: service.network.somaxconn.known().map(|value| format!("net.core.somaxconn {value}")),
        in_force: listeners.iter().map(in_force).collect(),
        stored_for_boot: None,
    };
    let mut looks: Vec<Judgement> = Vec::new();
    for listener in distinct(listeners) {
        let seen = Seen { evidence: vec![evidence(listener)], columns: columns.clone(), ..Seen::default() };
        looks.extend(filling(listener, &seen).map(Ok));
        looks.push(match &asked {
            Ok(asked) => Ok(cap(facts, service, listener, asked.value, seen)),
            Err(reason) => Err(reason.clone()),
        });
    }
    weigh(looks)
}

/// One socket for each address and cap, the fullest: with `reuse_port` every worker has one of its own.
fn distinct(listeners: &[Listener]) -> Vec<&Listener> {
    let mut shown: Vec<&Listener> = Vec::new();
    for listener in listeners {
        match shown.iter_mut().find(|other| other.address == listener.address && other.limit == listener.limit) {
            Some(other) if other.queued < listener.queued => *other = listener,
            Some(_) => {}
            None => shown.push(listener),
        }
    }
    shown
}

fn in_force(listener: &Listener) -> InForce {
    InForce { subject: listener.address.clone(), value: listener.limit.to_string() }
}

fn evidence(listener: &Listener) -> String {
    let diag = match listener.kind {
        ListenerKind::Tcp => "inet_diag",
        ListenerKind::Unix => "unix_diag",
    };
    let Listener { address, inode, queued, limit, .. } = listener;
    format!("{diag}: {address} (inode {inode}): {queued} waiting of {limit}")
}

/// A queue that is full, or will be with the next burst.
fn filling(listener: &Listener, seen: &Seen) -> Option<Verdict> {
    if !listen_queue::is_nearly_full(listener) {
        return None;
    }
    let (fullness, consequence) = match listen_queue::is_full(listener) {
        true => ("full", listen_queue::full_queue(listener.kind)),
        false => ("nearly full", "The workers do not keep up: with the next burst new connections are turned away."),
    };
    let Listener { address, queued, limit, .. } = listener;
    let observed = format!("{address}: {fullness}, {queued} of {limit} wait");
    let seen = Seen { observed, wanted: "a queue that is nearly empty".into(), ..seen.clone() };
    let remedy = Remedy { by_hand: listen_queue::why_it_fills(), ..Remedy::default() };
    Some(Verdict::finding(Severity::Critical, seen, consequence, remedy))
}

/// Why a cap is lower than what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The worker class listens again with a constant.
    Class(&'static str),
    /// A `.socket` unit asked for less, and this version keeps that.
    SocketUnit,
    /// The kernel's bound was lower when the socket was made.
    RaisedSince(u64),
    /// The kernel's bound is lower.
    Somaxconn,
}

/// What asyncio's create_server asks for where nobody says otherwise; Gunicorn's asgi worker (24.0 to 27.0.1) does not.
const ASYNCIO_BACKLOG: u64 = 100;

/// What aiohttp's SockSite asks for; its Gunicorn worker passes no other number.
const AIOHTTP_BACKLOG: u64 = 128;

fn cause(service: &Service, listener: &Listener, asked: u64) -> Cause {
    let somaxconn = service.network.somaxconn.known().copied().unwrap_or(0);
    match service.known_class() {
        Some(WorkerClass::Asgi) if listener.limit == ASYNCIO_BACKLOG => return Cause::Class("Gunicorn's asgi worker"),
        Some(WorkerClass::Aiohttp) if matches!(listener.limit, ASYNCIO_BACKLOG | AIOHTTP_BACKLOG) => {
            return Cause::Class("aiohttp's worker");
        }
        _ => {}
    }
    let handed_over = listener.origin == ListenerOrigin::SocketUnit;
    if handed_over && somaxconn >= asked && listen_queue::socket_unit_decides(service) {
        return Cause::SocketUnit;
    }
    if somaxconn > listener.limit { Cause::RaisedSince(somaxconn) } else { Cause::Somaxconn }
}

fn cap(facts: &Facts, service: &Service, listener: &Listener, asked: u64, mut seen: Seen) -> Verdict {
    let Listener { address, limit, origin, .. } = listener;
    seen.wanted = format!("{asked}, the backlog");
    seen.observed = format!("{address}: {limit}, {} waiting", listener.queued);
    if *limit >= asked {
        return Verdict::Healthy(seen);
    }
    let (again, restart) = listen_queue::listen_again(service, *origin, asked);
    let (observed, remedy) = match cause(service, listener, asked) {
        Cause::Class(who) => (
            format!("{address}: {limit}: {who} listens again with that number, whatever --backlog says"),
            Remedy { by_hand: another_class(), ..Remedy::default() },
        ),
        Cause::SocketUnit => (
            format!(
                "{address}: {limit}: Backlog= of {} decides, and --backlog does not",
                listen_queue::socket_unit(service)
            ),
            Remedy { command: None, by_hand: again, restart },
        ),
        Cause::RaisedSince(now) => (
            format!(
                "{address}: net.core.somaxconn is {now} now, but this socket still has {limit} from when it was made"
            ),
            raise_where_needed(facts, service, asked, now, Remedy { command: None, by_hand: again, restart }),
        ),
        Cause::Somaxconn => (
            format!("{address}: {limit}: net.core.somaxconn cut down the {asked} asked for"),
            raise_where_needed(facts, service, asked, 0, Remedy { command: None, by_hand: again, restart }),
        ),
    };
    seen.observed = observed;
    let consequence =
        format!("More than {limit} clients that wait at once are turned away, though {asked} were to be kept.");
    Verdict::finding(Severity::Warning, seen, consequence, remedy)
}

/// The kernel's bound first, where it is still too low; then the step that makes the socket listen again.
fn raise_where_needed(facts: &Facts, service: &Service, asked: u64, now: u64, mut remedy: Remedy) -> Remedy {
    if now >= asked {
        return remedy;
    }
    let mut by_hand = listen_queue::raise_steps(facts, service, asked);
    by_hand.append(&mut remedy.by_hand);
    Remedy { command: listen_queue::raise_command(facts, service, asked), by_hand, ..remedy }
}

fn another_class() -> Vec<String> {
    vec![
        "use a class that keeps the backlog: --worker-class uvicorn_worker.UvicornWorker".into(),
        "or let a proxy that queues stand in front (HAProxy: maxconn of the server line)".into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{fresh_host, host_with_gunicorn, settings, with_service};
    use crate::checks::judged::*;
    use crate::facts::{Fact, Reason};
    use crate::gunicorn::{Source, Sourced, Value, Version};

    fn with_listener(change: impl FnOnce(&mut Listener)) -> Facts {
        with_service(|s| {
            let Fact::Known(listeners) = &mut s.listeners else { panic!() };
            change(&mut listeners[0]);
        })
    }

    fn with_version(mut facts: Facts, major: u32) -> Facts {
        let Fact::Known(installed) = &mut service(&mut facts).version else { panic!() };
        installed.version = Version::new(major, 0, 0);
        facts
    }

    #[test]
    fn a_socket_with_the_cap_that_was_asked_for_is_healthy() {
        let seen = healthy(judged(&host_with_gunicorn(), each));
        assert_eq!(seen.observed, "127.0.0.1:8000: 2048, 0 waiting");
        assert_eq!(seen.columns.configured.as_deref(), Some("backlog 2048 (default)"));
    }

    #[test]
    fn a_bound_raised_later_has_not_reached_the_socket() {
        let finding = found(judged(&with_listener(|l| l.limit = 128), each));
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.seen.observed.contains("net.core.somaxconn is 4096 now, but this socket still has 128"));
        assert_eq!(finding.remedy.command, None);
        assert!(finding.remedy.by_hand[0].starts_with("systemctl restart gunicorn.service"));
        assert!(finding.remedy.restart);
    }

    #[test]
    fn a_bound_that_is_too_low_is_raised_first() {
        let mut facts = with_listener(|l| l.limit = 128);
        service(&mut facts).network.somaxconn = Fact::Known(128);
        let finding = found(judged(&facts, each));
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --somaxconn 4096"));
        assert!(finding.remedy.by_hand[0].starts_with("sysctl -w"));
    }

    #[test]
    fn a_worker_that_binds_for_itself_needs_only_a_reload() {
        let facts = with_listener(|l| (l.limit, l.origin) = (128, ListenerOrigin::Worker));
        let finding = found(judged(&facts, each));
        assert!(finding.remedy.by_hand[0].starts_with("kill -HUP 812"));
        assert!(!finding.remedy.restart);
    }

    #[test]
    fn the_asgi_worker_is_named_for_its_constant() {
        let mut facts = with_version(with_listener(|l| l.limit = 100), 27);
        service(&mut facts).class = Fact::Known(Sourced { value: WorkerClass::Asgi, source: Source::CommandLine });
        let finding = found(judged(&facts, each));
        assert!(finding.seen.observed.contains("asgi worker listens again"));
        assert!(!finding.remedy.restart);
    }

    #[test]
    fn a_socket_unit_decides_from_version_27_on() {
        let activated = || with_listener(|l| (l.limit, l.origin) = (128, ListenerOrigin::SocketUnit));
        let finding = found(judged(&with_version(activated(), 27), each));
        assert!(finding.seen.observed.contains("Backlog= of"));
        assert!(finding.remedy.by_hand[0].contains("Backlog=2048"));
        let finding = found(judged(&with_version(activated(), 26), each));
        assert!(finding.seen.observed.contains("still has 128"));
        assert!(finding.remedy.by_hand[0].starts_with("systemctl restart gunicorn.service"));
    }

    #[test]
    fn a_queue_that_fills_is_critical_for_both_kinds() {
        let finding = found(judged(&with_listener(|l| l.queued = 1700), each));
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.seen.observed.contains("nearly full, 1700 of 2048 wait"));
        let unix = with_listener(|l| {
            (l.kind, l.address, l.queued) = (ListenerKind::Unix, "unix:/run/app.sock".into(), 2049);
        });
        let finding = found(judged(&unix, each));
        assert!(finding.consequence.contains("Resource temporarily unavailable"));
        healthy(judged(&with_listener(|l| l.queued = 1600), each));
    }

    #[test]
    fn sockets_of_one_address_are_told_once() {
        let facts = with_service(|s| {
            let Fact::Known(listeners) = &mut s.listeners else { panic!() };
            listeners[0].origin = ListenerOrigin::Worker;
            listeners.push(Listener { inode: 778, queued: 3, ..listeners[0].clone() });
        });
        let seen = healthy(judged(&facts, each));
        assert_eq!(seen.observed, "127.0.0.1:8000: 2048, 3 waiting");
        assert_eq!(seen.columns.in_force.len(), 2);
    }

    #[test]
    fn a_short_backlog_that_was_asked_for_is_healthy() {
        let mut facts = with_listener(|l| l.limit = 64);
        service(&mut facts).settings = settings(&[("backlog", Value::Number(64))]);
        healthy(judged(&facts, each));
    }

    #[test]
    fn what_could_not_be_seen_is_not_in_force() {
        cannot_tell(judged(&with_service(|s| hide(&mut s.listeners)), each));
        let blind = |s: &mut Service| s.settings.blind = Some(Reason::new("permission denied"));
        cannot_tell(judged(&with_service(blind), each));
        not_applicable(judged(&with_service(|s| s.listeners = Fact::Known(vec![])), each));
        not_applicable(fresh(&fresh_host()));
    }

    #[test]
    fn a_full_queue_is_found_though_the_settings_are_hidden() {
        let mut facts = with_listener(|l| l.queued = 2048);
        service(&mut facts).settings.blind = Some(Reason::new("permission denied"));
        assert_eq!(found(judged(&facts, each)).severity, Severity::Critical);
    }
}
