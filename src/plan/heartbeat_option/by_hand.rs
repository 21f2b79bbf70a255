//! What is left to the operator where gtune writes no drop-in.

use super::Wish;
use super::cmd_args::option;
use super::program::Start;
use crate::checks::by_hand::{self, GunicornOption};
use crate::facts::Service;
use crate::gunicorn::Source;
use crate::plan::{Left, Refusal, Topic};
use crate::units::quoted;

/// For a host without a Gunicorn.
pub(super) fn for_the_first(directory: &str) -> Left {
    Left::new(
        format!("gunicorn {} …", option(directory)),
        "start Gunicorn so: its heartbeat files go there by this option alone",
    )
}

/// The step that gives a service the option, where it will win.
pub(super) fn give(service: &Service, directory: &str) -> String {
    let assignment = format!("worker_tmp_dir = {}", python_text(directory));
    let option = option(directory);
    by_hand::give(service, GunicornOption { setting: "worker_tmp_dir", option: &option, assignment: &assignment })
}

/// A string of Python.
fn python_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Wish<'_> {
    /// What is left to do for a service that was not named.
    pub fn left(&self) -> Topic {
        if self.target.service.is_some_and(|service| !by_hand::mounts_reach(self.facts, service)) {
            return Topic::default();
        }
        let settled = || match self.target.service {
            Some(service) => self.told(service) == Some(true) && self.in_force() != Some(false),
            None => false,
        };
        if settled() {
            return Topic::default();
        }
        if let Some(left) = self.in_configuration() {
            return Topic { left, ..Topic::default() };
        }
        match (self.target.system_unit(), self.target.service) {
            (Some(_), _) => self.left_of_unit(),
            (None, Some(service)) => Topic { left: vec![self.left_of_service(service)], ..Topic::default() },
            (None, None) => Topic::default(),
        }
    }

    /// A line of the configuration file is changed where it stands, and read again without a restart.
    fn in_configuration(&self) -> Option<Vec<Left>> {
        let service = self.target.service?;
        let source = &service.settings.given.get("worker_tmp_dir")?.source;
        if !matches!(source, Source::ConfigFile { .. }) {
            return None;
        }
        let reload = Left::new(by_hand::reload(service), "so that new workers use it");
        let told = self.told(service) == Some(true);
        let change = Left::new(give(service, self.directory), self.purpose());
        Some(if told { vec![reload] } else { vec![change, reload] })
    }

    fn left_of_unit(&self) -> Topic {
        let name = self.target.name;
        match self.draft() {
            Ok(topic) if topic.changes.is_empty() && topic.refused.is_empty() => {
                Topic { needs_restart: topic.needs_restart, ..Topic::default() }
            }
            Ok(_) => {
                let restart = if self.target.service.is_some() { " --restart" } else { "" };
                let (gtune, directory, unit) = (by_hand::gtune(self.facts), quoted(self.directory), quoted(name));
                let command = format!("{gtune} apply --tmpfs {directory} --unit {unit}{restart}");
                Topic { left: vec![Left::new(command, self.purpose())], ..Topic::default() }
            }
            Err(Refusal { hints, reason, .. }) => {
                let why = format!("{}: {reason}", self.purpose());
                let left = hints.into_iter().map(|hint| Left::new(hint, why.clone())).collect();
                Topic { left, ..Topic::default() }
            }
        }
    }

    fn left_of_service(&self, service: &Service) -> Left {
        match self.start() {
            Start::Embedded(program) if self.target.unit.is_some() || service.master.arguments.known().is_some() => {
                Left::new(self.in_own_options(&program), self.purpose())
            }
            _ => Left::new(give(service, self.directory), self.purpose()),
        }
    }

    fn purpose(&self) -> String {
        format!("so that {} keeps its heartbeat files in {}", self.target.name, self.directory)
    }

    /// For a program that embeds Gunicorn.
    pub fn embedded(&self, program: &str) -> Refusal {
        let reason = format!("{program} embeds Gunicorn and ignores {}", super::VARIABLE);
        self.refuse(reason, self.in_own_options(program))
    }

    fn in_own_options(&self, program: &str) -> String {
        format!("in the options that {program} gives Gunicorn: \"worker_tmp_dir\": {}", python_text(self.directory))
    }

    /// For a unit of a user's manager, whose home gtune does not write to: the same drop-in by its user's own hand.
    pub fn of_user(&self, content: &str) -> Refusal {
        let name = quoted(self.target.name);
        let mut refusal = self.refuse(
            "a user's own systemd runs it, and gtune writes units of the system's alone",
            format!("as that user: systemctl --user edit {name}   # with these lines:"),
        );
        let lines = content.lines().filter(|line| line.starts_with("[Service]") || line.starts_with("Environment="));
        refusal.hints.extend(lines.map(str::to_owned));
        refusal.hints.push(format!("systemctl --user restart {name}"));
        refusal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_one_string_of_python() {
        assert_eq!(python_text(r#"/a "b\"#), r#""/a \"b\\""#);
    }
}
