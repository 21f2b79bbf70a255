//! `control-socket`: whether the master listens at its control socket, and at one of its own.

use super::by_hand::{self, GunicornOption};
use super::{Area, Check, Columns, Judge, Judgement, Remedy, Seen, Severity, Verdict, steps};
use crate::facts::{Fact, Facts, LoadedUnit, Manager, Service};
use crate::gunicorn::Version;

/// Whether the master listens at its control socket, and at one of its own.
pub const CHECK: Check = Check {
    id: "control-socket",
    area: Area::Service,
    title: "Control socket",
    looks_at: "The unix socket at which the master takes orders of gunicornc (Gunicorn 25.1 and later): the\n\
               control_socket settings, the sockets the master listens at, its user's home directory and the\n\
               unit's sandbox; and whether two services have one path.",
    why: "From 25.1 on the master opens a control socket unless told not to: in the working directory in\n\
          25.1, below $XDG_RUNTIME_DIR or ~/.gunicorn from 25.2. Where that cannot be written the error\n\
          log gets \"Control server error\" at each start, which looks graver than it is. All services of\n\
          one user have the same default path: the second takes the socket from the first, and gunicornc\n\
          talks to the wrong one.",
    changes: "Nothing: whether the socket is wanted is yours to say.",
    by_hand: &[
        "not used: start Gunicorn with --no-control-socket",
        "used: RuntimeDirectory=NAME in the unit, and --control-socket /run/NAME/gunicorn.ctl",
        "gunicornc -s PATH -c 'show stats'   # the pid tells whose it is",
    ],
    references: &["Gunicorn settings: control_socket, control_socket_disable", "systemd.exec(5), RuntimeDirectory="],
    judge: Judge::Service { each, fresh },
};

/// The first version with a control socket.
const FIRST: Version = Version::new(25, 1, 0);

/// The first version that keeps it below the home and no longer in the working directory.
const IN_HOME: Version = Version::new(25, 2, 0);

fn fresh(facts: &Facts) -> Judgement {
    Ok(steps::nothing_runs(facts, "control socket"))
}

fn each(facts: &Facts, service: &Service) -> Judgement {
    let installed = service.version.needed("version of Gunicorn")?;
    if installed.version < FIRST {
        return Ok(Verdict::not_applicable(format!(
            "Gunicorn {} has no control socket; 25.1 and later have",
            installed.version
        )));
    }
    match &service.control_socket {
        Fact::Known(path) => Ok(listening(facts, service, path)),
        _ if is_off(service) => {
            Ok(Verdict::healthy("turned off", "a socket of its own, or none", vec![off_line(service)]))
        }
        Fact::Unreadable(reason) => Err(reason.clone()),
        Fact::Absent if installed.newer_than_master => Ok(Verdict::cannot_tell(format!(
            "{} was installed after the master started, so the code that runs may be older and have no control socket",
            installed.version
        ))),
        Fact::Absent => missing(facts, service),
    }
}

fn is_off(service: &Service) -> bool {
    service.settings.control_socket_disabled().known().is_some_and(|off| off.value)
}

fn off_line(service: &Service) -> String {
    let source = service.settings.given.get("control_socket_disable").map(|off| off.source.to_string());
    format!("control_socket_disable ({})", source.unwrap_or_default())
}

fn listening(facts: &Facts, service: &Service, path: &str) -> Verdict {
    let mut seen = seen(service);
    seen.observed = format!("listens at {path}");
    seen.evidence.push(format!("unix_diag: pid {} listens at {path}", service.master.pid));
    let Some(rival) = rival(facts, service, path) else { return Verdict::Healthy(seen) };
    seen.observed = format!("shares {path} with {}", rival.name);
    seen.evidence.push(format!("{}: pid {} has the same path", rival.name, rival.master.pid));
    let consequence =
        "The path belongs to whichever started last, so gunicornc reaches the wrong one, and none once that stops.";
    Verdict::finding(Severity::Info, seen, consequence, remedy(service))
}

fn seen(service: &Service) -> Seen {
    let configured = match service.settings.control_socket() {
        Fact::Known(told) => Some(format!("control_socket {} ({})", told.value, told.source)),
        Fact::Absent => Some("control_socket not set: the default path".into()),
        Fact::Unreadable(_) => None,
    };
    let columns = Columns { configured, live: service.control_socket.known().cloned(), ..Columns::default() };
    Seen { wanted: "a socket of its own, or none".into(), columns, ..Seen::default() }
}

/// Another service in the same container, or on the same host, that has this path.
fn rival<'a>(facts: &'a Facts, service: &Service, path: &str) -> Option<&'a Service> {
    let others = facts.services.known()?.iter().filter(|other| other.master.pid != service.master.pid);
    others.filter(|other| other.container == service.container).find(|other| path_of(other).as_deref() == Some(path))
}

/// The path a service listens at, or would by its settings; none where it has no control socket.
fn path_of(service: &Service) -> Option<String> {
    if let Fact::Known(path) = &service.control_socket {
        return Some(path.clone());
    }
    let version = service.known_version().filter(|version| *version >= FIRST)?;
    match service.settings.control_socket() {
        _ if is_off(service) => None,
        Fact::Known(told) => Some(told.value),
        Fact::Unreadable(_) => None,
        Fact::Absent => default_path(service, version),
    }
}

fn default_path(service: &Service, version: Version) -> Option<String> {
    if version < IN_HOME {
        return loaded(service).map(|loaded| format!("{}/gunicorn.ctl", loaded.working_directory));
    }
    match (&service.manager, &service.home) {
        // A user's manager sets XDG_RUNTIME_DIR for all its services (user@.service(5)).
        (Manager::UserUnit { uid, .. }, _) => Some(format!("/run/user/{uid}/gunicorn.ctl")),
        (_, Fact::Known(home)) => Some(format!("{}/.gunicorn/gunicorn.ctl", home.directory)),
        _ => None,
    }
}

fn loaded(service: &Service) -> Option<&LoadedUnit> {
    service.unit.known().and_then(|unit| unit.loaded.known())
}

/// On by what is known of the settings, and not there.
fn missing(facts: &Facts, service: &Service) -> Judgement {
    service.settings.control_socket_disabled().needed("control_socket_disable")?;
    let mut seen = seen(service);
    let path = path_of(service);
    let (observed, evidence) = why(facts, service, path.as_deref());
    seen.observed = format!("the master does not listen{observed}");
    seen.evidence = vec![format!("unix_diag: pid {} listens at no control socket", service.master.pid)];
    seen.evidence.extend(evidence);
    let consequence =
        "gunicornc cannot reach this master and its error log holds \"Control server error\"; requests are not harmed.";
    Ok(Verdict::finding(Severity::Info, seen, consequence, remedy(service)))
}

/// The likely cause, as the end of a sentence, and the line it rests on.
fn why(facts: &Facts, service: &Service, path: Option<&str>) -> (String, Option<String>) {
    let Some(path) = path else { return (String::new(), None) };
    if let Some(cause) = sandboxed(service, path) {
        return (format!(": {cause} keeps {path} from being written"), Some(format!("systemctl show: {cause}")));
    }
    if let Fact::Known(home) = &service.home
        && path.starts_with(&format!("{}/", home.directory))
        && home.writable == Fact::Known(false)
    {
        let told = format!("{}: uid {} may not write there", home.directory, service.master.uid);
        return (format!(": the home directory {} cannot be written", home.directory), Some(told));
    }
    match rival(facts, service, path) {
        Some(rival) => (format!(": {} has the same path {path}", rival.name), None),
        None => (format!(" at {path}; its error log says why (\"Control server error\")"), None),
    }
}

/// The setting of the unit's sandbox that makes this path read-only (systemd.exec(5)).
fn sandboxed(service: &Service, path: &str) -> Option<String> {
    let sandbox = &loaded(service)?.sandbox;
    let setting = |name: &str| sandbox.get(name).map_or("", String::as_str);
    let mut writable =
        setting("ReadWritePaths").split_whitespace().map(|granted| granted.trim_start_matches(['-', '+']));
    if writable.any(|granted| path.starts_with(&format!("{}/", granted.trim_end_matches('/')))) {
        return None;
    }
    let home = ["/home/", "/root/", "/run/user/"].iter().any(|directory| path.starts_with(directory));
    let system = !["/dev/", "/proc/", "/sys/"].iter().any(|directory| path.starts_with(directory));
    match (setting("ProtectSystem"), setting("ProtectHome")) {
        (_, protect @ ("yes" | "read-only" | "tmpfs")) if home => Some(format!("ProtectHome={protect}")),
        ("strict", _) if system => Some("ProtectSystem=strict".into()),
        _ => None,
    }
}

fn remedy(service: &Service) -> Remedy {
    let off = GunicornOption {
        setting: "control_socket_disable",
        option: "--no-control-socket",
        assignment: "control_socket_disable = True",
    };
    let mut by_hand = vec![by_hand::give(service, off)];
    if let Manager::SystemUnit(unit) = &service.manager {
        let name = unit.trim_end_matches(".service");
        by_hand.push(format!(
            "or, to use it: RuntimeDirectory={name} in {unit}, and --control-socket /run/{name}/gunicorn.ctl"
        ));
    }
    by_hand.push(steps::restart(service));
    Remedy { command: None, by_hand, restart: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{self, fresh_host, settings, with_service};
    use crate::checks::judged::*;
    use crate::facts::{Home, Reason};
    use crate::gunicorn::Value;
    use crate::units::Pid;

    const PATH: &str = "/srv/app/.gunicorn/gunicorn.ctl";

    fn modern(change: impl FnOnce(&mut Service)) -> Facts {
        with_service(|s| {
            let Fact::Known(installed) = &mut s.version else { panic!() };
            installed.version = Version::new(27, 0, 1);
            s.control_socket = Fact::Known(PATH.into());
            change(s);
        })
    }

    fn sandbox(service: &mut Service, name: &str, value: &str) {
        let Fact::Known(unit) = &mut service.unit else { panic!() };
        let Fact::Known(loaded) = &mut unit.loaded else { panic!() };
        loaded.sandbox.insert(name.into(), value.into());
    }

    #[test]
    fn a_master_that_listens_is_healthy_and_so_is_one_told_not_to() {
        assert_eq!(healthy(judged(&modern(|_| {}), each)).observed, format!("listens at {PATH}"));
        let off = modern(|s| {
            s.control_socket = Fact::Absent;
            s.settings = settings(&[("control_socket_disable", Value::Flag(true))]);
        });
        assert_eq!(healthy(judged(&off, each)).observed, "turned off");
    }

    #[test]
    fn before_25_1_there_is_none() {
        assert!(not_applicable(judged(&healthy::host_with_gunicorn(), each)).contains("23.0.0"));
        not_applicable(fresh(&fresh_host()));
    }

    #[test]
    fn each_cause_of_a_missing_socket_has_its_words() {
        for (change, words) in [
            (
                (|s: &mut Service| sandbox(s, "ProtectSystem", "strict")) as fn(&mut Service),
                "ProtectSystem=strict keeps",
            ),
            (
                |s| s.home = Fact::Known(Home { directory: "/srv/app".into(), writable: Fact::Known(false) }),
                "the home directory /srv/app cannot be written",
            ),
            (|_| {}, "its error log says why"),
        ] {
            let facts = modern(|s| {
                s.control_socket = Fact::Absent;
                change(s);
            });
            let finding = found(judged(&facts, each));
            assert_eq!(finding.severity, Severity::Info);
            assert!(finding.seen.observed.contains(words), "{}", finding.seen.observed);
            assert!(finding.remedy.by_hand[0].contains("--no-control-socket"));
        }
    }

    #[test]
    fn a_path_the_sandbox_grants_is_not_blamed_on_it() {
        let facts = modern(|s| {
            s.control_socket = Fact::Absent;
            sandbox(s, "ProtectSystem", "strict");
            sandbox(s, "ReadWritePaths", "-/srv/app /var/lib/app");
        });
        assert!(!found(judged(&facts, each)).seen.observed.contains("ProtectSystem"));
    }

    #[test]
    fn two_services_with_one_path_are_told_of_each_other() {
        let mut facts = modern(|_| {});
        let mut other = service(&mut facts).clone();
        (other.name, other.master.pid) = ("other.service".into(), Pid(900));
        let Fact::Known(services) = &mut facts.services else { panic!() };
        services.push(other);
        let finding = found(judged(&facts, each));
        assert_eq!(finding.seen.observed, format!("shares {PATH} with other.service"));
    }

    #[test]
    fn what_could_not_be_seen_is_not_listening() {
        for hide_one in [
            (|s: &mut Service| hide(&mut s.version)) as fn(&mut Service),
            |s| hide(&mut s.control_socket),
            |s| {
                s.control_socket = Fact::Absent;
                s.settings.blind = Some(Reason::new("permission denied"));
            },
            |s| {
                s.control_socket = Fact::Absent;
                let Fact::Known(installed) = &mut s.version else { panic!() };
                installed.newer_than_master = true;
            },
        ] {
            cannot_tell(judged(&modern(hide_one), each));
        }
    }
}
