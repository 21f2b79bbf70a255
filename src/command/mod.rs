//! One page per verb.

mod apply;
mod arguments;
mod change_report;
mod doctor;
mod exit_code;
mod explain;
mod failure;
mod history;
mod kernel_sources;
mod oom;
mod oom_report;
mod open;
mod recommended;
mod report;
mod rollback;
mod scope;
mod triage;
mod triage_report;

pub use change_report::{ApplyOutcome, ApplyReport, FindingChange, HistoryReport, RollbackOutcome, RollbackReport};
pub use exit_code::ExitCode;
pub use failure::Failure;
pub use oom_report::{CounterCheck, OomReport, Shown, Source, ToldKill};
pub use report::{Report, State};
pub use triage_report::{TriageReport, Window};

use open::open;

use crate::cli::{Cli, Command};
use crate::render::Page;

/// What a command has to say, and the number the process ends with.
#[derive(Debug)]
pub struct Answer {
    /// For stdout, whole.
    pub text: String,
    /// One of [`ExitCode`], or a plugin's own with `--format nagios`.
    pub exit: u8,
}

/// Runs the verb of a command line.
///
/// # Errors
/// Where the question could not be answered at all.
pub fn run(cli: &Cli, page: &Page) -> Result<Answer, Failure> {
    match &cli.command {
        Command::Doctor(options) if options.list => Ok(explain::list(cli.global.format, page)),
        Command::Doctor(options) => doctor::run(&cli.global, options, page),
        Command::Explain(options) => Ok(explain::run(options.check.0, cli.global.format, page)),
        Command::Apply(options) => apply::run(&cli.global, options, page),
        Command::Rollback(options) => rollback::run(&cli.global, options, page),
        Command::History(options) => history::run(&cli.global, options, page),
        Command::Oom(options) => oom::run(&cli.global, options, page),
        Command::Triage(options) => triage::run(&cli.global, options, page),
    }
}
