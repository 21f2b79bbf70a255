//! The command line: words, help, value parsers; no I/O.

mod apply;
mod later;
mod oom;
mod rollback;
mod triage;
mod values;
mod when;

pub use apply::{Apply, Backend, OomPolicy};
pub use later::{missing_verb, missing_verbs};
pub use oom::Oom;
pub use rollback::{History, Restarts, Rollback};
pub use triage::Triage;
pub use values::CheckName;
pub use when::When;

use crate::checks::Severity;
use crate::command::ExitCode;
use crate::units::Pid;
use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use values::{check_parser, process_id, unit_name};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "gtune",
    version,
    about = "Looks after the Linux host under a Gunicorn server",
    long_about = "Looks after the Linux host under a Gunicorn server.\n\n\
        gtune reads what is configured, what the next boot will set, what the kernel has now and what the running \
        processes really got, and judges them. What it could not look at is reported as unknown, never as ok. \
        Only apply and rollback change the host, and what apply changed rollback takes back.",
    after_help = EXAMPLES,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle
    #[arg(long, value_name = "DIR", default_value = "/", global = true, value_hint = clap::ValueHint::DirPath)]
    pub root: PathBuf,
    /// What to print; prometheus and nagios are for doctor only
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, global = true, hide_default_value = true)]
    pub format: Format,
    /// When to colour; auto is on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true, hide_default_value = true)]
    pub color: ColorWhen,
    /// Print findings, failures and the last line only
    #[arg(short, long, global = true, action = ArgAction::SetTrue, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print all evidence, and what does not apply
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    pub verbose: bool,
}

/// How much to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Findings and the summary.
    Quiet,
    /// What an operator needs at a glance.
    Normal,
    /// Everything that was seen.
    Verbose,
}

impl Global {
    /// How much to print, from `-q` and `-v`, which exclude each other.
    pub fn detail(&self) -> Detail {
        match (self.quiet, self.verbose) {
            (true, _) => Detail::Quiet,
            (false, true) => Detail::Verbose,
            (false, false) => Detail::Normal,
        }
    }
}

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Tables for people
    #[default]
    Table,
    /// One JSON value and nothing else
    Json,
    /// A file for node_exporter's textfile collector
    Prometheus,
    /// A Nagios or Icinga plugin, with its exit codes 0 to 3
    Nagios,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// A verb.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge this host for Gunicorn; read-only
    #[command(
        long_about = "Judge this host for Gunicorn; read-only.\n\n\
            Every Gunicorn that runs is judged; without one, the host that one will be started on. \
            Works without root and says what it could not see.",
        after_help = DOCTOR_EXAMPLES
    )]
    Doctor(Doctor),
    /// Explain a check: what it looks at, why, and how to mend it
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Change this host for Gunicorn; every change can be taken back
    #[command(override_usage = apply::USAGE, long_about = apply::ABOUT, after_help = apply::EXAMPLES)]
    Apply(Apply),
    /// Take a transaction of apply back, newest step first
    #[command(long_about = rollback::ABOUT, after_help = rollback::EXAMPLES)]
    Rollback(Rollback),
    /// List the transactions of apply and what became of them; read-only
    #[command(after_help = rollback::HISTORY_EXAMPLES)]
    History(History),
    /// Show the processes that the kernel killed for want of memory; read-only
    #[command(long_about = oom::ABOUT, after_help = oom::EXAMPLES)]
    Oom(Oom),
    /// Tell who killed the workers: the kernel, a time-out, a crash, somebody; read-only
    #[command(long_about = triage::ABOUT, after_help = triage::EXAMPLES)]
    Triage(Triage),
}

/// Options of `gtune doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Run these checks only
    #[arg(value_name = "CHECK", value_parser = check_parser(), hide_possible_values = true)]
    pub checks: Vec<CheckName>,
    /// Leave this check out; may be given again
    #[arg(long, value_name = "CHECK", value_parser = check_parser(), hide_possible_values = true)]
    pub skip: Vec<CheckName>,
    /// Judge the Gunicorn of this unit only; may be given again
    #[arg(long, value_name = "UNIT", value_parser = unit_name)]
    pub unit: Vec<String>,
    /// Judge the Gunicorn with this master process only
    #[arg(long, value_name = "MASTER", value_parser = process_id)]
    pub pid: Option<Pid>,
    /// Exit 1 for findings of this severity or worse [default: warning]
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t, hide_default_value = true)]
    pub fail_on: FailOn,
    /// List the checks and judge nothing
    #[arg(long, action = ArgAction::SetTrue, conflicts_with_all = ["checks", "skip", "unit", "pid"])]
    pub list: bool,
}

/// Options of `gtune explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The check; `gtune doctor --list` names them all
    #[arg(value_name = "CHECK", value_parser = check_parser(), hide_possible_values = true)]
    pub check: CheckName,
}

/// The lowest severity that makes `doctor` exit 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FailOn {
    /// Requests are hurt now
    Critical,
    /// Will hurt under load or at the next reboot
    #[default]
    Warning,
    /// Hygiene
    Info,
}

impl FailOn {
    /// The severity it stands for.
    pub fn severity(self) -> Severity {
        match self {
            Self::Critical => Severity::Critical,
            Self::Warning => Severity::Warning,
            Self::Info => Severity::Info,
        }
    }
}

/// Reads a command line. `width` is that of the terminal in columns, for help.
///
/// # Errors
/// Usage errors, and what `--help` and `--version` print: clap keeps both in one type.
pub fn parse(arguments: impl IntoIterator<Item = OsString>, width: usize) -> Result<Cli, clap::Error> {
    let mut command = built(Cli::command().term_width(width));
    let matches = command.try_get_matches_from_mut(arguments)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    match misplaced_format(&cli) {
        None => Ok(cli),
        Some(message) => Err(command.error(ErrorKind::ArgumentConflict, message)),
    }
}

/// The definition that help, man pages and completions are made of, global options spread to every command.
pub fn command() -> clap::Command {
    built(Cli::command())
}

fn built(command: clap::Command) -> clap::Command {
    let command = command.mut_subcommands(|sub| {
        let examples = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
        let exit_status = exit_status(sub.get_name());
        sub.after_long_help(format!("{examples}\n\n{exit_status}"))
    });
    let mut command = command.after_long_help(format!("{EXAMPLES}\n\n{}", exit_status("gtune")));
    command.build();
    command
}

/// Prometheus and Nagios read states of a host; nothing else has a place in their forms.
fn misplaced_format(cli: &Cli) -> Option<&'static str> {
    match (&cli.command, cli.global.format) {
        (_, Format::Table | Format::Json) => None,
        (Command::Doctor(doctor), _) if !doctor.list => None,
        (Command::Doctor(_), _) => Some("--list is printed as table or json only"),
        (Command::Explain(_), _) => Some("explain prints table or json only"),
        (Command::Apply(_), _) => Some("apply prints table or json only"),
        (Command::Rollback(_), _) => Some("rollback prints table or json only"),
        (Command::History(_), _) => Some("history prints table or json only"),
        (Command::Oom(_), _) => Some("oom prints table or json only"),
        (Command::Triage(_), _) => Some("triage prints table or json only"),
    }
}

/// The exit codes of a verb; of all of them for gtune itself.
fn exit_status(verb: &str) -> String {
    let row = |code: &ExitCode| Some(format!("  {}  {}", code.number(), code.meaning_for(verb)?));
    let rows: Vec<String> = ExitCode::ALL.iter().filter_map(row).collect();
    let nagios = match verb {
        "gtune" | "doctor" => "\nWith --format nagios: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
        _ => "",
    };
    format!("Exit status:\n{}{nagios}", rows.join("\n"))
}

const EXAMPLES: &str = "\
Examples:
  gtune doctor                     Is this host right for Gunicorn?
  gtune doctor --unit gunicorn     The same for one service
  gtune explain somaxconn          What a check looks at, and why
  gtune apply --recommended        Mend what doctor found
  gtune rollback                   Take that back
  gtune triage                     Who killed my workers?";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  gtune doctor                               Judge everything
  gtune doctor somaxconn listen-backlog      Two checks only
  gtune doctor --skip sendfile -v            All but one, with all evidence
  gtune doctor --unit gunicorn --unit api    Two of the services
  gtune doctor --fail-on critical -q         Exit 1 for what hurts requests now
  gtune --root /mnt doctor --format json     An image, for a program";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  gtune explain heartbeat-filesystem
  gtune doctor --list                        The names of all checks";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        parse(line.split(' ').map(OsString::from), 80)
    }

    fn doctor(line: &str) -> Doctor {
        match parsed(line).unwrap().command {
            Command::Doctor(doctor) => doctor,
            _ => unreachable!("{line}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_unit_without_a_suffix_is_a_service() {
        assert_eq!(doctor("gtune doctor --unit gunicorn").unit, ["gunicorn.service"]);
        assert_eq!(doctor("gtune doctor --unit g@site.example.com").unit, ["g@site.example.com.service"]);
        assert_eq!(doctor("gtune doctor --unit a.scope --unit b.service").unit, ["a.scope", "b.service"]);
    }

    #[test]
    fn a_master_is_a_positive_number() {
        assert_eq!(doctor("gtune doctor --pid 812").pid, Some(Pid(812)));
    }

    #[test]
    fn a_shell_may_spread_the_names_of_logs() {
        let line = "gtune triage --error-log error.log.1 error.log --kernel-log - --error-log other.log -q";
        let Command::Triage(triage) = parsed(line).unwrap().command else { unreachable!("{line}") };
        assert_eq!(triage.error_log, ["error.log.1", "error.log", "other.log"].map(PathBuf::from));
        assert_eq!(triage.kernel_log, [PathBuf::from("-")]);
        assert!(triage.names_logs());
    }

    #[test]
    fn without_a_name_no_log_is_named() {
        let Command::Triage(triage) = parsed("gtune triage --unit web --pid 815 --since 7d").unwrap().command else {
            unreachable!()
        };
        assert!(!triage.names_logs());
        assert_eq!((triage.unit, triage.pid), (vec!["web.service".to_owned()], Some(Pid(815))));
    }

    #[test]
    fn warnings_fail_unless_asked_otherwise() {
        assert_eq!(doctor("gtune doctor").fail_on.severity(), Severity::Warning);
        assert_eq!(doctor("gtune doctor --fail-on info").fail_on.severity(), Severity::Info);
    }

    #[test]
    fn global_options_stand_before_or_after_the_verb() {
        for line in ["gtune --format json --root /mnt -v doctor", "gtune doctor --format json --root /mnt -v"] {
            let global = parsed(line).unwrap().global;
            assert_eq!((global.format, global.detail()), (Format::Json, Detail::Verbose), "{line}");
            assert_eq!(global.root, PathBuf::from("/mnt"));
        }
    }

    #[test]
    fn every_check_can_be_named_skipped_and_explained() {
        for check in checks::ALL {
            assert_eq!(doctor(&format!("gtune doctor {}", check.id)).checks[0].0.id, check.id);
            assert_eq!(doctor(&format!("gtune doctor --skip {}", check.id)).skip[0].0.id, check.id);
            assert!(parsed(&format!("gtune explain {}", check.id)).is_ok());
        }
    }

    #[test]
    fn what_excludes_each_other_is_a_usage_error() {
        for line in [
            "gtune -q -v doctor",
            "gtune doctor --list --pid 4",
            "gtune doctor --list --format nagios",
            "gtune doctor no-such-check",
            "gtune frobnicate",
            "gtune triage error.log",
            "gtune triage --error-log",
            "gtune triage --pid 0",
            "gtune triage --format prometheus",
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.use_stderr(), "{line}");
        }
    }
}
