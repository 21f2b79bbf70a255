//! `gtune history`: what was changed, when, by whom, and what became of it.

use super::{Answer, ExitCode, Failure, HistoryReport, open};
use crate::cli::{Format, Global, History};
use crate::perform;
use crate::render::{self, Page};

/// Lists the transactions of the host below `--root`, newest first.
///
/// # Errors
/// Where the journals cannot be read, or the one that was named is not there.
pub fn run(global: &Global, options: &History, page: &Page) -> Result<Answer, Failure> {
    let root = open(&global.root)?;
    let (mut transactions, unreadable) =
        perform::history(&root).map_err(|trouble| Failure::of(ExitCode::CouldNotLook, trouble))?;
    if let Some(id) = &options.id {
        transactions.retain(|transaction| transaction.begin.id.starts_with(id.as_str()));
        if transactions.is_empty() {
            return Err(Failure::new(ExitCode::Usage, format!("find transaction {id}: there is none of that name"))
                .with_hint("gtune history"));
        }
    }
    let report = HistoryReport { transactions, unreadable };
    let text = match global.format {
        Format::Json => render::json::history(&report),
        Format::Table | Format::Prometheus | Format::Nagios => render::history::history(&report, page),
    };
    Ok(Answer { text, exit: ExitCode::Healthy.number() })
}
