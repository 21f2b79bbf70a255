//! The page that human output is laid out on: its width, whether it has colour, how much it holds.

use super::style::Paint;
use crate::cli::{ColorWhen, Detail};
use std::env;
use std::io::IsTerminal;

/// Columns where nothing says how many there are: a pipe, a file, a terminal without a size.
const DEFAULT_WIDTH: usize = 80;

/// Below this many columns words no longer fit; longer lines are the lesser evil.
const NARROWEST: usize = 20;

/// A page.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Columns.
    pub width: usize,
    /// With or without colour.
    pub paint: Paint,
    /// How much to print.
    pub detail: Detail,
}

impl Page {
    /// The page that stdout is.
    pub fn of_stdout(when: ColorWhen, detail: Detail) -> Self {
        Self { width: width(), paint: paint(when, &std::io::stdout()), detail }
    }
}

/// Columns of stdout: `COLUMNS` where it is set, else the size of the terminal, else 80.
pub fn width() -> usize {
    let columns = env::var("COLUMNS").ok().and_then(|text| text.trim().parse().ok()).filter(|n| *n > 0);
    let terminal = || terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    columns.or_else(terminal).filter(|n| *n > 0).unwrap_or(DEFAULT_WIDTH).max(NARROWEST)
}

/// Whether a stream gets colour.
pub fn paint(when: ColorWhen, stream: &impl IsTerminal) -> Paint {
    resolve(when, &|name| env::var(name).ok().filter(|value| !value.is_empty()), stream.is_terminal())
}

/// An option beats `NO_COLOR` (no-color.org), which beats `CLICOLOR_FORCE` (bixense.com/clicolors), which beats the
/// terminal. A variable that is set but empty counts as not set.
fn resolve(when: ColorWhen, variable: &dyn Fn(&str) -> Option<String>, is_terminal: bool) -> Paint {
    let terminal_can = || is_terminal && variable("TERM").is_some_and(|term| term != "dumb");
    let forced = || variable("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    let wanted = match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => variable("NO_COLOR").is_none() && (forced() || terminal_can()),
    };
    if wanted { Paint::Colour } else { Paint::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(variables: &[(&str, &str)], is_terminal: bool) -> Paint {
        let found = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        resolve(ColorWhen::Auto, &found, is_terminal)
    }

    #[test]
    fn colour_is_for_terminals_that_have_it() {
        assert_eq!(auto(&[("TERM", "xterm")], true), Paint::Colour);
        assert_eq!(auto(&[("TERM", "xterm")], false), Paint::Plain);
        assert_eq!(auto(&[("TERM", "dumb")], true), Paint::Plain);
        assert_eq!(auto(&[], true), Paint::Plain);
    }

    #[test]
    fn no_color_beats_everything_but_the_option() {
        assert_eq!(auto(&[("TERM", "xterm"), ("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true), Paint::Plain);
        let set = |_: &str| Some("1".to_owned());
        assert_eq!(resolve(ColorWhen::Always, &set, false), Paint::Colour);
        assert_eq!(resolve(ColorWhen::Never, &set, true), Paint::Plain);
    }

    #[test]
    fn colour_can_be_forced_into_a_pipe() {
        assert_eq!(auto(&[("CLICOLOR_FORCE", "1")], false), Paint::Colour);
        assert_eq!(auto(&[("CLICOLOR_FORCE", "0")], false), Paint::Plain);
    }
}
