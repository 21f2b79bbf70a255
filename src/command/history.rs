//! `gtune history`: what was changed, when, by whom, and what became of it.

use super::{Answer, ExitCode, Failure, HistoryReport, open};
use crate::cli::{Format, Global, History};
use crate::perform;
use crate::render::{self, Page};

/// Lists the transactions of the host below `--root`, newest first, or shows one of them in full.
///
/// # Errors
/// Where the journals cannot be read, or the one that was named is not there.
pub fn run(global: &Global, options: &History, page: &Page) -> Result<Answer, Failure> {
    let root = open(&global.root)?;
    let told = perform::history(&root).map_err(|trouble| Failure::of(ExitCode::CouldNotLook, trouble))?;
    let (mut transactions, unreadable) = told;
    if let Some(id) = &options.id {
        transactions.retain(|transaction| transaction.begin.id.starts_with(id.as_str()));
        if transactions.is_empty() {
            return Err(Failure::new(ExitCode::Usage, format!("find transaction {id}: there is none of that name"))
                .with_hint("gtune history"));
        }
    }
    let report = HistoryReport { root: root.name().to_owned(), transactions, unreadable };
    let text = match (global.format, &options.id) {
        (Format::Json, None) => render::json::history(&report),
        (Format::Json, Some(_)) => render::json::history_in_full(&report),
        (_, None) => render::history::list(&report, page),
        (_, Some(_)) => render::history::in_full(&report, page),
    };
    Ok(Answer { text, exit: ExitCode::Healthy.number() })
}
