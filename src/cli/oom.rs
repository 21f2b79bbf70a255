//! `gtune oom`: what can be asked for.

use super::when::{When, when};
use clap::{ArgAction, Args};
use regex::bytes::{Regex, RegexBuilder};
use std::path::PathBuf;

/// Options of `gtune oom`.
#[derive(Debug, Args)]
pub struct Oom {
    /// Logs to read in place of this host's, in any format, also compressed; - is standard input
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Leave out what was before: 2h, 7d, 2026-11-20, 2026-11-20T18:46:00Z
    #[arg(long, value_name = "TIME", value_parser = when, allow_hyphen_values = true)]
    pub since: Option<When>,
    /// Leave out what came after
    #[arg(long, value_name = "TIME", value_parser = when, allow_hyphen_values = true)]
    pub until: Option<When>,
    /// Show every kill, not only those that hit a Gunicorn
    #[arg(long, action = ArgAction::SetTrue)]
    pub all: bool,
    /// Show the kills whose process name, unit or control group matches this regular expression
    #[arg(long = "match", value_name = "REGEX", value_parser = regex, conflicts_with = "all")]
    pub matching: Option<Regex>,
}

/// A pattern needs no more than this when it is compiled; a larger one is a mistake or an attack.
const LARGEST_PATTERN: usize = 1 << 20;

fn regex(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).size_limit(LARGEST_PATTERN).unicode(false).build().map_err(|error| {
        // The regex crate draws the place below the pattern, over several lines; its last line says what is wrong.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default();
        last.strip_prefix("error: ").unwrap_or(last).to_owned()
    })
}

/// What it does, for `--help`.
pub(super) const ABOUT: &str = "\
Show every process that the kernel killed for want of memory: when, who, at which limit, and why.

Read are the kernel's own buffer, the journal of this and earlier boots, and the log files of /var/log, rotated and \
compressed ones too; or the files that are named. Their format is recognised: /dev/kmsg, dmesg in all its forms, \
syslog of every kind, journalctl short, json and export, docker's and CRI's wrappers, plain or as .gz, .xz, .zst, .bz2. \
Only what the kernel itself said counts: an application that quotes such a line was not killed.

Each kill is shown once, whatever number of logs tell of it. Without --all, kills that did not hit a Gunicorn are only \
counted. What could not be read, where each log begins and what it lacks is said.";

pub(super) const EXAMPLES: &str = "\
Examples:
  gtune oom                           Kills of Gunicorn's processes on this host
  gtune oom --all --since 24h -v      Every kill of the last day, with its report
  gtune oom --match 'celery|redis'    Kills of others
  gtune oom kern.log.1.gz dmesg.txt   In logs from anywhere
  journalctl -k -o json | gtune oom - --format json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_is_none_says_why_in_a_line() {
        for wrong in ["(", "a{2000000000}", "*", "(?P<"] {
            let message = regex(wrong).unwrap_err();
            assert!(!message.is_empty() && !message.contains('\n'), "{wrong}: {message}");
        }
        assert!(regex("celery|redis").unwrap().is_match(b"my celery"));
        assert!(regex("\\xff").unwrap().is_match(b"\xff"), "names are any bytes");
    }
}
