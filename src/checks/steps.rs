//! Steps by hand, right for whoever started the service.

use crate::checks::{Remedy, Verdict};
use crate::facts::{Fact, Facts, Manager, Service, Unit, UnitAssignment, base_name};
use crate::units::quoted;

/// What to say where no Gunicorn runs: on a live host the question makes no sense, of an image it cannot be answered.
pub(super) fn nothing_runs(facts: &Facts, subject: &str) -> Verdict {
    match &facts.services {
        Fact::Unreadable(reason) => Verdict::CannotTell(reason.clone()),
        Fact::Known(_) | Fact::Absent => Verdict::not_applicable(format!("no Gunicorn runs, so there is no {subject}")),
    }
}

/// The gtune command with this option for this service; none where a unit of the system does not run it, for there
/// gtune has nothing to write.
pub(super) fn apply(service: &Service, option: &str) -> Option<String> {
    match &service.manager {
        Manager::SystemUnit(unit) => Some(format!("gtune apply {option} --unit {}", quoted(unit))),
        _ => None,
    }
}

/// A remedy by hand alone, without a restart.
pub(super) fn by_hand<S: Into<String>>(steps: impl IntoIterator<Item = S>) -> Remedy {
    Remedy { command: None, by_hand: steps.into_iter().map(Into::into).collect(), restart: false }
}

/// The steps that write a drop-in with these `[Service]` lines and make the manager read it.
pub(crate) fn drop_in(unit: &Unit, topic: &str, lines: &[String]) -> Vec<String> {
    let directory = drop_in_directory(unit);
    let file = quoted(&unit.last_drop_in_name(topic));
    vec![
        format!("mkdir -p {directory}"),
        format!("printf '[Service]\\n{}\\n' > {directory}/{file}", lines.join("\\n")),
        systemctl(unit, "daemon-reload"),
    ]
}

/// Where an operator's own drop-ins of a unit lie, as a word of the shell.
pub(super) fn drop_in_directory(unit: &Unit) -> String {
    let directory = unit.drop_in_directory();
    // A tilde is the shell's to expand, so only what follows it is quoted.
    match directory.strip_prefix("~/") {
        Some(below) => format!("~/{}", quoted(below)),
        None => quoted(&directory),
    }
}

/// A systemctl command at the right manager; the verb `daemon-reload` takes no unit.
pub(super) fn systemctl(unit: &Unit, verb: &str) -> String {
    let manager = if unit.of_user { "systemctl --user" } else { "systemctl" };
    match verb {
        "daemon-reload" => format!("{manager} {verb}"),
        _ => format!("{manager} {verb} {}", quoted(&unit.name)),
    }
}

/// A property that systemd changes at once and keeps for the next boot (systemctl(1), set-property).
///
/// What it keeps is a drop-in `50-NAME.conf`; a drop-in with a later name that sets the same takes it back when units are
/// read again, so there the line itself has to change.
pub(super) fn set_property(unit: &Unit, assignment: &str) -> String {
    let name = assignment.split_once('=').map_or(assignment, |(name, _)| name);
    let kept = format!("50-{name}.conf");
    let winner = unit.winner(&format!("Service.{name}"));
    match winner.filter(|line| unit.drop_ins.contains(&line.file) && base_name(&line.file) > kept.as_str()) {
        Some(UnitAssignment { file, line, .. }) => {
            format!("in {file}, line {line}: {assignment}, then: {}", systemctl(unit, "daemon-reload"))
        }
        None => format!("{} {assignment}", systemctl(unit, "set-property")),
    }
}

/// How to restart a service.
pub(crate) fn restart(service: &Service) -> String {
    let user = |unit: &str| format!("systemctl --user restart {}", quoted(unit));
    match &service.manager {
        Manager::SystemUnit(unit) => format!("systemctl restart {}", quoted(unit)),
        Manager::UserUnit { unit, .. } => user(unit),
        Manager::Supervisor { name, .. } if name.starts_with("supervisord") => {
            "supervisorctl restart PROGRAM   # its name in supervisord.conf".into()
        }
        Manager::Supervisor { name, .. } => format!("restart it with {name}"),
        Manager::Container => match &service.container {
            Some(container) if container.runtime == "kubernetes" => "kubectl rollout restart deployment/NAME".into(),
            _ => "recreate the container".into(),
        },
        Manager::Session(_) | Manager::Nobody => {
            format!("kill -TERM {}   # then start it again as before", service.master.pid)
        }
    }
}

/// The steps that give every process of the service this soft limit of open files, the restart included.
pub(crate) fn raise_open_files(service: &Service, soft: u64) -> Vec<String> {
    match (&service.unit, &service.manager) {
        (Fact::Known(unit), Manager::SystemUnit(_) | Manager::UserUnit { .. }) => {
            let mut steps = drop_in(unit, "open-files", &[format!("LimitNOFILE={soft}:{}", hard_for(service, soft))]);
            steps.push(restart(service));
            steps
        }
        (_, manager) => raise_without_unit(service, manager, soft),
    }
}

/// The hard limit to keep beside a new soft one: the present one where it is high enough.
fn hard_for(service: &Service, soft: u64) -> u64 {
    let hard = service.master.limits.known().and_then(|limits| limits.open_files.hard.number());
    hard.map_or(soft, |hard| hard.max(soft))
}

fn raise_without_unit(service: &Service, manager: &Manager, soft: u64) -> Vec<String> {
    let start = format!("start it through: sh -c 'ulimit -n {soft} && exec gunicorn …'");
    match manager {
        Manager::Supervisor { name, .. } if name.starts_with("supervisord") => vec![
            format!("set minfds={soft} under [supervisord] in supervisord.conf"),
            "restart supervisord itself: its children inherit the limit".into(),
        ],
        Manager::Session(_) => vec![
            format!("echo 'USER - nofile {soft}' > /etc/security/limits.d/90-open-files.conf   # USER who starts it"),
            "log in anew, check with: ulimit -n".into(),
            restart(service),
        ],
        Manager::Container => vec![
            format!("docker and podman: run with --ulimit nofile={soft}:{soft}"),
            format!("Kubernetes has no field for it: {start}"),
        ],
        _ => vec![start, restart(service)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::units::Pid;

    #[test]
    fn the_drop_in_of_a_user_lies_in_the_home_of_that_user() {
        let unit = Unit { of_user: true, ..healthy::unit() };
        let steps = drop_in(&unit, "oom-policy", &["OOMPolicy=continue".into()]);
        assert_eq!(steps[0], "mkdir -p ~/.config/systemd/user/gunicorn.service.d");
        assert_eq!(steps[2], "systemctl --user daemon-reload");
    }

    fn with_drop_ins(names: &[&str]) -> Unit {
        let path = |name: &&str| format!("/etc/systemd/system/gunicorn.service.d/{name}");
        Unit { drop_ins: names.iter().map(path).collect(), ..healthy::unit() }
    }

    #[test]
    fn a_new_drop_in_is_read_last_and_replaces_none() {
        assert_eq!(with_drop_ins(&[]).last_drop_in_name("stop"), "60-stop.conf");
        assert_eq!(with_drop_ins(&["10-app.conf"]).last_drop_in_name("stop"), "60-stop.conf");
        assert_eq!(with_drop_ins(&["override.conf"]).last_drop_in_name("stop"), "zz-stop.conf");
        assert_eq!(with_drop_ins(&["60-stop.conf"]).last_drop_in_name("stop"), "zz-stop.conf");
        for last in ["zz-stop.conf", "zzz.conf", "~.conf", ".conf", "zz-stop.conf.conf", "é.conf"] {
            let name = with_drop_ins(&["override.conf", last]).last_drop_in_name("stop");
            assert!(name.as_str() > last && name.ends_with(".conf"), "{name} after {last}");
        }
    }

    #[test]
    fn a_property_is_not_set_where_a_later_drop_in_takes_it_back() {
        let mut unit = with_drop_ins(&["override.conf"]);
        assert_eq!(set_property(&unit, "MemoryMax=300M"), "systemctl set-property gunicorn.service MemoryMax=300M");
        let line = UnitAssignment { value: "200M".into(), file: unit.drop_ins[0].clone(), line: 2 };
        unit.stored.insert("Service.MemoryMax".into(), vec![line]);
        let step = set_property(&unit, "MemoryMax=300M");
        assert!(step.contains("override.conf, line 2: MemoryMax=300M") && step.ends_with("daemon-reload"), "{step}");
    }

    #[test]
    fn each_manager_has_its_own_way_to_raise_open_files() {
        let raised = |manager: Manager| {
            let service = Service { manager, ..healthy::service() };
            raise_open_files(&service, 8192).join("\n")
        };
        let supervisor = Manager::Supervisor { name: "supervisord".into(), pid: Pid(400) };
        assert!(raised(Manager::SystemUnit("gunicorn.service".into())).contains("LimitNOFILE=8192:524288"));
        assert!(raised(supervisor).contains("minfds=8192"));
        assert!(raised(Manager::Session("session-3.scope".into())).contains("limits.d"));
        assert!(raised(Manager::Container).contains("--ulimit nofile=8192:8192"));
        assert!(raised(Manager::Nobody).contains("ulimit -n 8192"));
    }

    #[test]
    fn gtune_offers_a_command_only_where_it_can_write_a_unit() {
        assert!(apply(&healthy::service(), "--nofile auto").is_some());
        let session = Service { manager: Manager::Nobody, ..healthy::service() };
        assert_eq!(apply(&session, "--nofile auto"), None);
    }
}
