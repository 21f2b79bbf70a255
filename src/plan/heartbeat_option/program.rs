//! Whether the program of a service hands `GUNICORN_CMD_ARGS` to Gunicorn.

use super::Wish;
use crate::facts::{base_name, parse_exec_start};
use crate::gunicorn::{gunicorn_arguments, is_retitled};
use crate::plan::Target;

/// How a service starts Gunicorn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// By Gunicorn's own command, be it through a wrapper: it reads the variable.
    Command,
    /// By a program of its own that embeds Gunicorn: neither the variable nor the command line is read
    /// (`gunicorn.app.base.BaseApplication`).
    Embedded(String),
    /// By this program, whose doings are hidden.
    Unclear(String),
}

impl Wish<'_> {
    /// How the service starts Gunicorn: the running master shows it, else `ExecStart=`.
    pub fn start(&self) -> Start {
        let argv = self.target.service.and_then(|service| service.master.arguments.known());
        if let Some(argv) = argv {
            if gunicorn_arguments(argv).is_some() {
                return Start::Command;
            }
            if !is_retitled(argv) && !argv.is_empty() {
                return Start::Embedded(program_of(argv));
            }
        }
        start_of(&exec_start(&self.target))
    }

    /// What `ExecStart=` gives as the directory, where it starts Gunicorn itself and says so in plain words.
    pub fn exec_start_directory(&self) -> ExecStart {
        let command = exec_start(&self.target);
        match gunicorn_arguments(&command) {
            // A variable or specifier may hold the option.
            Some(arguments) if !arguments.iter().any(|word| word.contains(['$', '%'])) => {
                ExecStart::Gives(super::cmd_args::directory_in(arguments))
            }
            _ => ExecStart::Hides,
        }
    }
}

/// What can be seen of the options on `ExecStart=`.
pub(super) enum ExecStart {
    /// This directory, or none.
    Gives(Option<String>),
    /// Not everything.
    Hides,
}

/// The command that the unit's files store; the one that is loaded where they hold none.
fn exec_start(target: &Target<'_>) -> Vec<String> {
    let Some(unit) = target.unit else { return vec![] };
    match unit.winner("Service.ExecStart") {
        Some(line) => parse_exec_start(&line.value),
        None => unit.loaded.known().map(|loaded| loaded.exec_start.clone()).unwrap_or_default(),
    }
}

fn start_of(command: &[String]) -> Start {
    // `sh -c 'exec gunicorn …'`, `poetry run gunicorn …`: wherever Gunicorn's command begins among the words.
    let words: Vec<String> = command.iter().flat_map(|word| word.split_whitespace()).map(str::to_owned).collect();
    if (0..words.len()).any(|at| gunicorn_arguments(&words[at..]).is_some()) {
        return Start::Command;
    }
    match words.first() {
        Some(program) if base_name(program).starts_with("python") => Start::Embedded(program_of(&words)),
        Some(program) => Start::Unclear(program.clone()),
        None => Start::Unclear("what starts it".to_owned()),
    }
}

/// The program as its operator knows it: of an interpreter the script.
fn program_of(argv: &[String]) -> String {
    let mut words = argv.iter();
    let program = words.next().map_or("", String::as_str);
    let mut script = || words.find(|word| !word.starts_with('-')).map(String::as_str);
    let shown = if base_name(program).starts_with("python") { script().unwrap_or(program) } else { program };
    shown.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(line: &str) -> Start {
        start_of(&parse_exec_start(line))
    }

    #[test]
    fn a_wrapper_hands_the_environment_on() {
        for line in [
            "/srv/app/venv/bin/gunicorn wsgi",
            "/usr/bin/python3 -m gunicorn wsgi",
            "/bin/sh -c 'cd /srv && exec gunicorn wsgi'",
            "/usr/bin/poetry run gunicorn -w 4 wsgi",
            "/usr/bin/newrelic-admin run-program gunicorn wsgi",
            "/usr/bin/uv run -- gunicorn wsgi",
        ] {
            assert_eq!(start(line), Start::Command, "{line}");
        }
    }

    #[test]
    fn a_program_that_embeds_gunicorn_is_named_by_its_script() {
        assert_eq!(start("/usr/bin/python3 -u /srv/app/serve.py"), Start::Embedded("/srv/app/serve.py".into()));
        assert_eq!(start("/srv/app/start.sh --fast"), Start::Unclear("/srv/app/start.sh".into()));
        assert_eq!(start(""), Start::Unclear("what starts it".into()));
    }
}
