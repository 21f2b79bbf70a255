//! `gtune history`: what was changed, when, by whom, and what became of it.

use super::arguments::again_as_root;
use super::{Answer, ExitCode, Failure, HistoryReport, open};
use crate::cli::{Format, Global, History};
use crate::perform;
use crate::plan::Trouble;
use crate::render::{self, Page};
use jiff::Timestamp;
use nix::unistd::geteuid;

/// Lists the transactions of the host below `--root`, newest first, or shows one of them in full.
///
/// # Errors
/// Where the journals cannot be listed, or the one that was named is not there.
pub fn run(global: &Global, options: &History, page: &Page) -> Result<Answer, Failure> {
    let root = open(&global.root)?;
    let told = perform::history(&root, options.id.as_deref());
    let (transactions, unreadable) = told.map_err(|trouble| {
        // The journal is for root alone.
        let hint = trouble.hint.clone().or_else(|| (!geteuid().is_root()).then(again_as_root));
        Failure::of(ExitCode::CouldNotLook, Trouble { hint, ..trouble })
    })?;
    if let (Some(id), true, true) = (&options.id, transactions.is_empty(), unreadable.is_empty()) {
        let what = format!("find transaction {id}: the journal holds none of that name");
        return Err(Failure::new(ExitCode::Usage, what).with_hint(render::gtune(root.name(), "history")));
    }
    // What could not be read may be what was asked for.
    let exit = if unreadable.is_empty() { ExitCode::Healthy } else { ExitCode::CouldNotLook };
    let observed_at = Timestamp::now();
    let report = HistoryReport { observed_at, root: root.name().to_owned(), transactions, unreadable };
    let text = match (global.format, &options.id) {
        (Format::Json, None) => render::json::history(&report),
        (Format::Json, Some(_)) => render::json::history_in_full(&report),
        (_, None) => render::history::list(&report, page),
        (_, Some(_)) => render::history::in_full(&report, page),
    };
    Ok(Answer { text, exit: exit.number() })
}
