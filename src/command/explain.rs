//! `gtune explain CHECK`, and `gtune doctor --list`.

use super::{Answer, ExitCode};
use crate::checks::{self, Check};
use crate::cli::Format;
use crate::render::{self, Page};

/// The page of one check.
pub fn run(check: &'static Check, format: Format, page: &Page) -> Answer {
    let text = match format {
        Format::Json => render::json::explain(check),
        _ => render::explain::page(check, page),
    };
    Answer { text, exit: ExitCode::Healthy.number() }
}

/// All checks, a line each.
pub fn list(format: Format, page: &Page) -> Answer {
    let text = match format {
        Format::Json => render::json::list(checks::ALL),
        _ => render::explain::list(checks::ALL, page),
    };
    Answer { text, exit: ExitCode::Healthy.number() }
}
