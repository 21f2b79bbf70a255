//! `gtune doctor`: open the root, observe, choose, assess, render, exit.

use super::scope::Scope;
use super::{Answer, Failure, Report, open};
use crate::checks::{self, Selection};
use crate::cli::{CheckName, Doctor, Format, Global};
use crate::host;
use crate::render::{self, Page};

/// Judges the host below `--root`.
///
/// # Errors
/// Where the root cannot be opened or a service that was named is not there.
pub fn run(global: &Global, options: &Doctor, page: &Page) -> Result<Answer, Failure> {
    let root = open(&global.root)?;
    let facts = host::observe(&root);
    let scope = Scope::choose(&facts, &options.unit, options.pid)?;
    let rows = scope.keep(checks::assess(&facts, &selection(options)));
    let report = Report { facts: &facts, services: scope.services, rows, fail_on: options.fail_on.severity() };
    Ok(Answer { text: text(&report, global.format, page), exit: exit(&report, global.format) })
}

fn selection(options: &Doctor) -> Selection {
    let ids = |names: &[CheckName]| names.iter().map(|name| name.0.id.to_owned()).collect();
    Selection { only: ids(&options.checks), skip: ids(&options.skip) }
}

fn text(report: &Report<'_>, format: Format, page: &Page) -> String {
    match format {
        Format::Table => render::table::doctor(report, page),
        Format::Json => render::json::doctor(report),
        Format::Prometheus => render::prometheus::doctor(report),
        Format::Nagios => render::nagios::doctor(report, page.detail),
    }
}

fn exit(report: &Report<'_>, format: Format) -> u8 {
    match format {
        Format::Nagios => render::nagios::PluginState::of(report).number(),
        Format::Table | Format::Json | Format::Prometheus => report.exit_code().number(),
    }
}
