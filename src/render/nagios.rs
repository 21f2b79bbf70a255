//! A Nagios or Icinga plugin: one line below 80 columns, performance data after a pipe, long text with `-v`.

use super::remedy::doable;
use super::visible;
use crate::checks::{Severity, Summary};
use crate::cli::Detail;
use crate::command::Report;

/// Columns of the first line: older cores and pagers cut what is longer.
const FIRST_LINE: usize = 79;

/// What a plugin says, and its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginState {
    /// Nothing at or above `--fail-on`, and nothing unknown.
    Ok = 0,
    /// A finding that is not critical.
    Warning = 1,
    /// A critical finding.
    Critical = 2,
    /// Could not look, and nothing is worse.
    Unknown = 3,
}

impl PluginState {
    /// The state of a report under its `--fail-on`.
    pub fn of(report: &Report<'_>) -> Self {
        match report.worst() {
            Some(Severity::Critical) => Self::Critical,
            Some(Severity::Warning | Severity::Info) => Self::Warning,
            None if Summary::of(&report.rows).unknown > 0 => Self::Unknown,
            None => Self::Ok,
        }
    }

    /// The exit code.
    pub fn number(self) -> u8 {
        self as u8
    }

    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What `doctor` found.
pub fn doctor(report: &Report<'_>, detail: Detail) -> String {
    let state = PluginState::of(report);
    let head = cut(&format!("GTUNE {} - {}", state.word(), gist(report, state)));
    let mut out = format!("{head} | {}\n", performance(report));
    if detail == Detail::Verbose {
        long_lines(report).iter().for_each(|line| out += &format!("{}\n", safe(line)));
    }
    out
}

/// The line of a plugin that could not do its work.
pub fn unknown(why: &str) -> String {
    format!("{}\n", cut(&format!("GTUNE UNKNOWN - {}", safe(why))))
}

/// `2 findings: somaxconn, heartbeat-filesystem`
fn gist(report: &Report<'_>, state: PluginState) -> String {
    let findings = report.findings();
    let counted = findings.iter().filter(|(_, found)| found.severity >= report.fail_on).map(|(row, _)| row.check.id);
    match state {
        PluginState::Ok => format!("{} checks ok", Summary::of(&report.rows).ok),
        PluginState::Unknown => named("unknown", report.unknowns().iter().map(|(row, _)| row.check.id)),
        PluginState::Warning | PluginState::Critical => named("finding", counted),
    }
}

fn named(word: &str, ids: impl Iterator<Item = &'static str>) -> String {
    let all: Vec<&str> = ids.collect();
    let plural = if all.len() == 1 || word == "unknown" { "" } else { "s" };
    let unique = all.iter().enumerate().filter(|(at, id)| !all[..*at].contains(id)).map(|(_, id)| *id);
    let unique: Vec<&str> = unique.collect();
    format!("{} {word}{plural}: {}", all.len(), unique.join(", "))
}

/// `'label'=value;warn;crit;min` (Monitoring Plugins guidelines): any finding of a severity is over its threshold.
fn performance(report: &Report<'_>) -> String {
    let unknown = Summary::of(&report.rows).unknown;
    let mut data = vec![
        format!("'critical'={};;0;0", report.count(Severity::Critical)),
        format!("'warning'={};0;;0", report.count(Severity::Warning)),
        format!("'info'={};;;0", report.count(Severity::Info)),
        format!("'unknown'={unknown};;;0"),
    ];
    let services = report.services.known().into_iter().flatten();
    let ages = services.flat_map(|service| &service.workers).filter_map(|worker| worker.heartbeat.known());
    if let Some(oldest) = ages.map(|heartbeat| heartbeat.age_seconds.0).reduce(f64::max) {
        data.push(format!("'heartbeat_age'={:.1}s;;;0", oldest.max(0.0)));
    }
    data.join(" ")
}

fn long_lines(report: &Report<'_>) -> Vec<String> {
    let findings = report.findings();
    let findings = findings.iter().flat_map(|(row, found)| {
        let severity = super::style::word(found.severity);
        let head = format!(
            "{severity}: {} ({}): {}, wanted {}",
            row.check.id, row.subject, found.seen.observed, found.seen.wanted
        );
        let fix = without_pipes(row.check.id, doable(&found.remedy)).into_iter().map(|step| format!("  {step}"));
        std::iter::once(head).chain(found.seen.evidence.iter().map(|line| format!("  seen: {line}"))).chain(fix)
    });
    let unknowns = report.unknowns();
    let unknowns = unknowns.iter().map(|(row, why)| format!("unknown: {} ({}): {why}", row.check.id, row.subject));
    findings.chain(unknowns).collect()
}

/// Steps that can be copied as they stand: a pipe cannot be printed here, and a command without it is another one.
fn without_pipes(id: &str, steps: Vec<String>) -> Vec<String> {
    if steps.iter().any(|step| step.contains('|')) { vec![format!("by hand: see gtune doctor {id}")] } else { steps }
}

/// A pipe would begin performance data, wherever it stands.
fn safe(text: &str) -> String {
    visible(text).replace('|', "/")
}

fn cut(line: &str) -> String {
    if line.chars().count() <= FIRST_LINE {
        return line.to_owned();
    }
    let kept: String = line.chars().take(FIRST_LINE - 3).collect();
    format!("{kept}...")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Row;
    use crate::checks::healthy::host_with_gunicorn;
    use crate::render::sample::{critical, ok, rows, unknown as blind, warning};

    fn plugin(rows: Vec<Row>, fail_on: Severity, detail: Detail) -> (String, u8) {
        let facts = host_with_gunicorn();
        let services = facts.services.as_ref().map(|all| all.iter().collect());
        let report = Report { facts: &facts, services, rows, fail_on };
        (doctor(&report, detail), PluginState::of(&report).number())
    }

    #[test]
    fn the_first_line_says_state_number_and_names() {
        let (text, code) = plugin(vec![critical(), warning()], Severity::Warning, Detail::Normal);
        assert_eq!(code, 2);
        assert_eq!(
            text,
            "GTUNE CRITICAL - 2 findings: somaxconn, heartbeat-filesystem | \
             'critical'=1;;0;0 'warning'=1;0;;0 'info'=0;;;0 'unknown'=0;;;0 'heartbeat_age'=4.0s;;;0\n"
        );
    }

    #[test]
    fn codes_are_the_plugins_own() {
        for (rows, fail_on, code, word) in [
            (vec![ok()], Severity::Warning, 0, "OK"),
            (vec![ok(), warning()], Severity::Warning, 1, "WARNING"),
            (vec![ok(), warning()], Severity::Critical, 0, "OK"),
            (vec![ok(), blind()], Severity::Warning, 3, "UNKNOWN"),
            (vec![warning(), blind()], Severity::Warning, 1, "WARNING"),
        ] {
            let (text, number) = plugin(rows, fail_on, Detail::Normal);
            assert_eq!(number, code, "{text}");
            assert!(text.starts_with(&format!("GTUNE {word} - ")), "{text}");
        }
    }

    #[test]
    fn the_only_pipe_begins_performance_data() {
        let (text, _) = plugin(rows(), Severity::Info, Detail::Verbose);
        assert!(text.contains("ext4 / data"), "{text}");
        assert_eq!(text.matches('|').count(), 1);
        assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'));
    }

    #[test]
    fn a_step_that_would_lose_its_pipe_is_not_printed() {
        let steps = || vec!["by hand: find /mem | wc -l".to_owned(), "by hand: mount /mem".to_owned()];
        assert_eq!(without_pipes("fstab", steps()), ["by hand: see gtune doctor fstab"]);
        assert_eq!(without_pipes("fstab", steps()[1..].to_vec()), ["by hand: mount /mem"]);
    }

    #[test]
    fn the_first_line_is_short_whatever_it_holds() {
        let many = (0..40).map(|_| warning()).chain([critical()]).collect();
        let (text, _) = plugin(many, Severity::Warning, Detail::Normal);
        assert!(text.split(" | ").next().unwrap().chars().count() < 80, "{text}");
        assert!(unknown(&"x|\n".repeat(90)).trim_end().chars().count() < 80);
    }
}
