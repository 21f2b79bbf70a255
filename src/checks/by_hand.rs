//! How to do it by hand: the words that are right for whoever started a Gunicorn.

use super::steps::quoted;
use crate::facts::{Container, Facts, Manager, Service};
use crate::gunicorn::Source;

/// An option of Gunicorn that should be given, in the two ways it can be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct GunicornOption<'a> {
    /// The name in a configuration file: `worker_tmp_dir`.
    pub setting: &'a str,
    /// As a command line has it: `--worker-tmp-dir /dev/shm`.
    pub option: &'a str,
    /// As a configuration file has it: `worker_tmp_dir = "/dev/shm"`.
    pub assignment: &'a str,
}

/// ` --unit gunicorn.service` for a command line of gtune; empty where no system unit runs the service.
pub(super) fn unit_option(service: &Service) -> String {
    match &service.manager {
        Manager::SystemUnit(unit) => format!(" --unit {}", quoted(unit)),
        _ => String::new(),
    }
}

/// ` --unit gunicorn.service`, or ` --pid 812` where no system unit runs the service.
pub(super) fn whom(service: &Service) -> String {
    match unit_option(service) {
        none if none.is_empty() => format!(" --pid {}", service.master.pid),
        unit => unit,
    }
}

/// `gtune`, told of the directory it judges where that is not the live host.
pub(super) fn gtune(facts: &Facts) -> String {
    if facts.host.live { "gtune".into() } else { format!("gtune --root {}", quoted(&facts.host.root)) }
}

/// Whether this is a container that holds one application, so that mounts and kernel values are its runtime's business.
/// A system container (LXC, nspawn) has an fstab, a service manager and often kernel values of its own.
pub(super) fn holds_one_application(container: &Container) -> bool {
    !matches!(container.runtime.as_str(), "lxc" | "systemd-nspawn" | "namespace")
}

/// The container that bounds this service, where it holds one application.
pub(super) fn application_container(service: &Service) -> Option<&Container> {
    service.container.as_ref().filter(|container| holds_one_application(container))
}

/// Whether a mount made where gtune runs can reach this service.
pub(super) fn mounts_reach(facts: &Facts, service: &Service) -> bool {
    match (&service.container, &facts.host.container) {
        (None, None) => true,
        (None, Some(own)) => !holds_one_application(own),
        (Some(_), None) => false,
        (Some(container), Some(_)) => !holds_one_application(container),
    }
}

/// The step that makes new workers replace the old ones without a restart.
pub(super) fn reload(service: &Service) -> String {
    format!("kill -HUP {}   # the master alone, never its whole control group", service.master.pid)
}

/// The step that gives Gunicorn an option, in the place where it will win: where the setting stands now, else in the
/// environment. A command line beats `GUNICORN_CMD_ARGS`, which beats the configuration file.
pub(super) fn give(service: &Service, option: GunicornOption) -> String {
    let stands_in = service.settings.given.get(option.setting).map(|found| &found.source);
    match stands_in {
        Some(Source::ConfigFile { file, line }) => format!("in {file}, line {line}: {}", option.assignment),
        Some(Source::CommandLine | Source::ExecStart) => on_command_line(service, option.option),
        _ => in_environment(service, option.option),
    }
}

fn on_command_line(service: &Service, option: &str) -> String {
    if application_container(service).is_some() {
        return format!("in the command of the container (CMD, command:, args:): {option}");
    }
    match &service.manager {
        Manager::SystemUnit(unit) => format!("systemctl edit --full {unit}   # in ExecStart=: {option}"),
        Manager::UserUnit { unit, .. } => format!("systemctl --user edit --full {unit}   # in ExecStart=: {option}"),
        Manager::Supervisor { name, .. } => format!("in the command {name} starts it with: {option}"),
        Manager::Session(_) | Manager::Container | Manager::Nobody => format!("start it with: gunicorn {option} …"),
    }
}

fn in_environment(service: &Service, option: &str) -> String {
    let arguments = match arguments_given(service) {
        Some(given) => format!("{given} {option}"),
        None => option.to_owned(),
    };
    if let Some(container) = application_container(service) {
        return in_container_environment(container, &arguments);
    }
    match &service.manager {
        Manager::SystemUnit(unit) => in_drop_in("systemctl", "/etc/systemd/system", unit, &arguments),
        Manager::UserUnit { unit, .. } => in_drop_in("systemctl --user", "~/.config/systemd/user", unit, &arguments),
        Manager::Supervisor { name, .. } if name.contains("supervisord") => {
            format!("in its [program:…] section: environment=GUNICORN_CMD_ARGS=\"{arguments}\"")
        }
        Manager::Supervisor { .. } | Manager::Session(_) | Manager::Container | Manager::Nobody => {
            on_command_line(service, option)
        }
    }
}

/// One command that writes a drop-in with the variable; `%` starts a specifier in a unit (systemd.unit(5)).
fn in_drop_in(manager: &str, base: &str, unit: &str, arguments: &str) -> String {
    let line = format!(
        "Environment=\"GUNICORN_CMD_ARGS={}\"",
        arguments.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%")
    );
    let directory = format!("{base}/{}.d", quoted(unit));
    format!(
        "mkdir -p {directory} && printf '%s\\n' '[Service]' {} > {directory}/60-gunicorn.conf && {manager} daemon-reload",
        quoted(&line)
    )
}

/// What `GUNICORN_CMD_ARGS` holds already: a second `Environment=` of the same name replaces the first.
fn arguments_given(service: &Service) -> Option<&str> {
    let loaded = service.unit.known()?.loaded.known()?;
    loaded.environment.iter().find_map(|variable| variable.strip_prefix("GUNICORN_CMD_ARGS=")).map(str::trim)
}

fn in_container_environment(container: &Container, arguments: &str) -> String {
    match container.runtime.as_str() {
        "kubernetes" => format!("in the pod's container, env: {{name: GUNICORN_CMD_ARGS, value: \"{arguments}\"}}"),
        "podman" => format!("podman run -e GUNICORN_CMD_ARGS=\"{arguments}\" …"),
        _ => format!("docker run -e GUNICORN_CMD_ARGS=\"{arguments}\" …"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::facts::Fact;
    use crate::gunicorn::{Sourced, Value};
    use crate::units::Pid;

    const SHM: GunicornOption = GunicornOption {
        setting: "worker_tmp_dir",
        option: "--worker-tmp-dir /dev/shm",
        assignment: "worker_tmp_dir = \"/dev/shm\"",
    };

    fn given_by(source: Source) -> Service {
        let mut service = healthy::service();
        let value = Value::Text("/tmp".into());
        service.settings.given.insert("worker_tmp_dir".into(), Sourced { value, source });
        service
    }

    #[test]
    fn an_option_is_given_where_it_will_win() {
        let file = Source::ConfigFile { file: "/srv/app/gunicorn.conf.py".into(), line: 7 };
        assert_eq!(give(&given_by(file), SHM), "in /srv/app/gunicorn.conf.py, line 7: worker_tmp_dir = \"/dev/shm\"");
        assert!(give(&given_by(Source::ExecStart), SHM).contains("ExecStart=: --worker-tmp-dir /dev/shm"));
        assert!(give(&healthy::service(), SHM).contains("GUNICORN_CMD_ARGS=--worker-tmp-dir /dev/shm"));
    }

    #[test]
    fn arguments_that_are_given_already_are_kept() {
        let mut service = healthy::service();
        let Fact::Known(unit) = &mut service.unit else { panic!() };
        let Fact::Known(loaded) = &mut unit.loaded else { panic!() };
        loaded.environment = vec!["GUNICORN_CMD_ARGS=--workers 4".into()];
        assert!(give(&service, SHM).contains("GUNICORN_CMD_ARGS=--workers 4 --worker-tmp-dir /dev/shm"));
    }

    #[test]
    fn the_step_for_a_unit_can_be_pasted_into_a_shell() {
        let words = shlex::split(&give(&healthy::service(), SHM)).unwrap();
        assert!(words.contains(&"Environment=\"GUNICORN_CMD_ARGS=--worker-tmp-dir /dev/shm\"".to_owned()), "{words:?}");
        assert_eq!(words.last().map(String::as_str), Some("daemon-reload"));
    }

    #[test]
    fn every_manager_has_its_own_words() {
        let mut service = healthy::service();
        for (manager, word) in [
            (Manager::UserUnit { unit: "web.service".into(), uid: 1000 }, "systemctl --user"),
            (Manager::Supervisor { name: "supervisord".into(), pid: Pid(9) }, "[program:…]"),
            (Manager::Supervisor { name: "runsv".into(), pid: Pid(9) }, "runsv"),
            (Manager::Nobody, "start it with: gunicorn --worker-tmp-dir"),
        ] {
            service.manager = manager;
            let step = give(&service, SHM);
            assert!(step.contains(word), "{step}");
            assert_eq!(unit_option(&service), "");
        }
        service.container =
            Some(Container { runtime: "docker".into(), id: Some("c0ffee".into()), because: "cgroup".into() });
        assert!(give(&service, SHM).starts_with("docker run -e"));
    }
}
