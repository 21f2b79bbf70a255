//! Colour. A word always says the same without it.

use crate::checks::Severity;
use crate::command::State;
use clap::builder::styling::{AnsiColor, Style};
use tabled::settings::Width;
use tabled::settings::peaker::{Priority, PriorityMax};
use tabled::settings::width::Wrap;

/// With or without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// ANSI escapes.
    Colour,
    /// Bare text.
    Plain,
}

impl Paint {
    /// Text in a style.
    pub fn with(self, style: Style, text: &str) -> String {
        match self {
            Self::Colour => format!("{style}{text}{style:#}"),
            Self::Plain => text.to_owned(),
        }
    }

    /// A heading.
    pub fn heading(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }
}

/// The style of a severity.
pub fn of_severity(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::Red.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        Severity::Info => AnsiColor::Cyan.on_default(),
    }
}

/// The style of a state that is no finding.
pub fn of_state(state: State) -> Style {
    match state {
        State::Ok => AnsiColor::Green.on_default(),
        State::Unknown => AnsiColor::Magenta.on_default().bold(),
        State::Finding => Style::new().bold(),
        State::NotApplicable | State::Skipped => Style::new().dimmed(),
    }
}

/// The word of a severity.
pub fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// Makes a table fit the page: the widest column gives way first.
pub fn fitting(width: usize) -> Wrap<usize, PriorityMax> {
    Width::wrap(width).keep_words(true).priority(Priority::max(true))
}
