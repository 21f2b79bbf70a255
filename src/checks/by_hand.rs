//! How to do it by hand: the words that are right for whoever started a Gunicorn.

use super::steps::{drop_in_directory, systemctl};
use crate::facts::{Container, Fact, Facts, Manager, Service, Unit, environment_line};
use crate::gunicorn::{Source, parse_arguments, split_words};
use crate::units::{gtune_for, quoted};

/// An option of Gunicorn that should be given, in the two ways it can be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GunicornOption<'a> {
    /// The name in a configuration file: `worker_tmp_dir`.
    pub setting: &'a str,
    /// As a command line has it: `--worker-tmp-dir /dev/shm`.
    pub option: &'a str,
    /// As a configuration file has it: `worker_tmp_dir = "/dev/shm"`.
    pub assignment: &'a str,
}

/// ` --unit gunicorn.service` for a command line of gtune; empty where no system unit runs the service.
pub(crate) fn unit_option(service: &Service) -> String {
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
pub(crate) fn gtune(facts: &Facts) -> String {
    gtune_for(&facts.host.root)
}

/// Whether this is a container that holds one application, so that mounts and kernel values are its runtime's business.
/// A system container (LXC, nspawn) has an fstab, a service manager and often kernel values of its own.
pub(crate) fn holds_one_application(container: &Container) -> bool {
    !matches!(container.runtime.as_str(), "lxc" | "systemd-nspawn" | "namespace")
}

/// The container that bounds this service, where it holds one application.
pub(crate) fn application_container(service: &Service) -> Option<&Container> {
    service.container.as_ref().filter(|container| holds_one_application(container))
}

/// Whether a mount made where gtune runs can reach this service.
pub(crate) fn mounts_reach(facts: &Facts, service: &Service) -> bool {
    match (&service.container, &facts.host.container) {
        (None, None) => true,
        (None, Some(own)) => !holds_one_application(own),
        (Some(_), None) => false,
        (Some(container), Some(_)) => !holds_one_application(container),
    }
}

/// The step that makes new workers replace the old ones without a restart.
pub(crate) fn reload(service: &Service) -> String {
    format!("kill -HUP {}   # the master alone, never its whole control group", service.master.pid)
}

/// The step that gives Gunicorn an option, in the place where it will win: where the setting stands now, else in the
/// environment. A command line beats `GUNICORN_CMD_ARGS`, which beats the configuration file.
pub(crate) fn give(service: &Service, option: GunicornOption) -> String {
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
    let given = match arguments_given(service) {
        Given::Nothing => option.to_owned(),
        Given::Plain(given) => format!("{given} {option}"),
        Given::Hidden(place) => return format!("in {place}: GUNICORN_CMD_ARGS=… {option}   # after what it holds"),
    };
    if let Some(container) = application_container(service) {
        return in_container_environment(container, &given);
    }
    match (&service.manager, &service.unit) {
        (Manager::SystemUnit(_) | Manager::UserUnit { .. }, Fact::Known(unit)) => in_drop_in(unit, &given),
        (Manager::Supervisor { name, .. }, _) if name.contains("supervisord") => {
            format!("in its [program:…] section: environment=GUNICORN_CMD_ARGS=\"{given}\"")
        }
        _ => on_command_line(service, option),
    }
}

/// One command that writes a drop-in with the variable; `%` starts a specifier in a unit (systemd.unit(5)).
fn in_drop_in(unit: &Unit, arguments: &str) -> String {
    let line = environment_line("GUNICORN_CMD_ARGS", arguments);
    let directory = drop_in_directory(unit);
    let name = unit.last_drop_in_name("gunicorn");
    let (file, reload) = (quoted(&name), systemctl(unit, "daemon-reload"));
    format!("mkdir -p {directory} && printf '%s\\n' '[Service]' {} > {directory}/{file} && {reload}", quoted(&line))
}

/// Whether a file of `EnvironmentFile=` may set `GUNICORN_CMD_ARGS`: then it wins over any drop-in's `Environment=`.
pub(super) fn arguments_come_from_a_file(service: &Service) -> bool {
    let is_read = |source: &Source| *source == Source::Variable("GUNICORN_CMD_ARGS".into());
    let loaded = service.unit.known().and_then(|unit| unit.loaded.known());
    loaded.is_some_and(|loaded| {
        let by_unit = loaded.environment.iter().any(|variable| variable.starts_with("GUNICORN_CMD_ARGS="));
        let is_set = service.settings.given.values().any(|setting| is_read(&setting.source));
        !loaded.environment_files.is_empty() && is_set && !by_unit
    })
}

/// What `GUNICORN_CMD_ARGS` holds already: a second assignment of the same name replaces the first.
enum Given {
    Nothing,
    /// Options that may be shown.
    Plain(String),
    /// Something that is not shown or not known, and where it stands.
    Hidden(String),
}

fn arguments_given(service: &Service) -> Given {
    let is_read = |source: &Source| *source == Source::Variable("GUNICORN_CMD_ARGS".into());
    let is_set = service.settings.given.values().any(|setting| is_read(&setting.source));
    let Some(loaded) = service.unit.known().and_then(|unit| unit.loaded.known()) else {
        return if is_set { Given::Hidden("its environment".to_owned()) } else { Given::Nothing };
    };
    let variable = loaded.environment.iter().find_map(|variable| variable.strip_prefix("GUNICORN_CMD_ARGS="));
    match (variable.map(str::trim), loaded.environment_files.last()) {
        (Some(""), None) => Given::Nothing,
        (Some(given), None) if may_be_shown(given) => Given::Plain(given.to_owned()),
        (Some(_), None) => Given::Hidden(format!("Environment= of {}", loaded_name(service))),
        // Files of EnvironmentFile= win over Environment= (systemd.exec(5)).
        (given, Some((file, _))) if given.is_some() || is_set => {
            Given::Hidden(format!("{file} or whatever else sets it for {}", loaded_name(service)))
        }
        _ => Given::Nothing,
    }
}

fn loaded_name(service: &Service) -> &str {
    service.unit.known().map_or(&service.name, |unit| &unit.name)
}

/// Whether options may be repeated where anyone may read them: variables and arguments of the application may be
/// secrets, and so may be what is not understood.
fn may_be_shown(given: &str) -> bool {
    let Some(words) = split_words(given) else { return false };
    let read = parse_arguments(&words);
    let holds = |name: &str| read.given.contains_key(name);
    read.unknown.is_empty() && read.positional.is_empty() && !holds("raw_env") && !holds("raw_paste_global_conf")
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

    fn with_environment(variable: &str, file: Option<&str>) -> Service {
        let mut service = healthy::service();
        let mut unit = healthy::unit();
        if let Fact::Known(loaded) = &mut unit.loaded {
            loaded.environment = vec![variable.to_owned()];
            loaded.environment_files = file.map(|file| (file.to_owned(), false)).into_iter().collect();
        }
        service.unit = Fact::Known(unit);
        service
    }

    #[test]
    fn what_may_be_a_secret_is_not_repeated() {
        for given in ["--env API=hunter2", "-w2 -e hunter2=1", "app:make('hunter2')", "--tokn hunter2", "'hunter2"] {
            let step = give(&with_environment(&format!("GUNICORN_CMD_ARGS={given}"), None), SHM);
            assert!(!step.contains("hunter2") && step.contains("--worker-tmp-dir /dev/shm"), "{step}");
            assert!(step.contains("gunicorn.service"), "{step}");
        }
    }

    #[test]
    fn a_file_of_the_environment_wins_over_a_drop_in() {
        let step = give(&with_environment("GUNICORN_CMD_ARGS=-w 2", Some("/etc/default/app")), SHM);
        assert!(step.starts_with("in /etc/default/app") && !step.contains("daemon-reload"), "{step}");
        let mut unseen = with_environment("X=1", Some("/etc/default/app"));
        assert!(give(&unseen, SHM).contains("60-gunicorn.conf"));
        let sourced = Sourced { value: Value::Text("2".into()), source: Source::Variable("GUNICORN_CMD_ARGS".into()) };
        unseen.settings.given.insert("workers".into(), sourced);
        assert!(give(&unseen, SHM).starts_with("in /etc/default/app"));
        unseen.unit = Fact::Absent;
        assert!(give(&unseen, SHM).starts_with("in its environment: GUNICORN_CMD_ARGS=…"));
    }

    #[test]
    fn a_drop_in_is_read_after_the_one_systemctl_edit_makes() {
        let mut service = healthy::service();
        let drop_ins = vec!["/etc/systemd/system/gunicorn.service.d/override.conf".to_owned()];
        service.unit = Fact::Known(Unit { drop_ins, ..healthy::unit() });
        assert!(give(&service, SHM).contains("gunicorn.service.d/zz-gunicorn.conf"));
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
            service.unit = Fact::Known(Unit { of_user: word.contains("--user"), ..healthy::unit() });
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
