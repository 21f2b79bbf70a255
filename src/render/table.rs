//! What `doctor` tells people: who was looked at, a row a check, a paragraph a finding, a line that sums up.

use super::finding::{evidence, paragraph, title};
use super::wrap::{fill, labelled};
use super::{Page, style, visible};
use crate::checks::{Outcome, Row, Severity, Summary, Verdict};
use crate::cli::Detail;
use crate::command::{Report, State};
use crate::facts::{Fact, Host, Service};
use tabled::builder::Builder;
use tabled::grid::util::string::get_text_width;
use tabled::settings::{Padding, Style};

/// Room that the two columns of text need beside each other to be worth it.
const TWO_COLUMNS: usize = 28;

/// Columns of the longest word of a state: `critical`.
const STATE: usize = 8;

/// The whole of it.
pub fn doctor(report: &Report<'_>, page: &Page) -> String {
    let mut parts = vec![];
    if page.detail != Detail::Quiet {
        parts.push(header(report, page));
        parts.extend(groups(report, page));
        parts.push(left_out(report, page));
    }
    parts.extend(report.findings().iter().map(|(row, finding)| paragraph(row, finding, page)));
    if page.detail != Detail::Quiet {
        parts.push(unknowns(report, page));
    }
    parts.push(summary(report, page));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn header(report: &Report<'_>, page: &Page) -> String {
    let mut out = labelled("host: ", &visible(&host_line(&report.facts.host)), page.width);
    match &report.services {
        Fact::Known(services) if services.is_empty() => {
            out += &labelled("gunicorn: ", "none runs; judged for one to be started", page.width);
        }
        Fact::Known(services) => {
            services.iter().for_each(|service| out += &labelled("", &visible(&service_line(service)), page.width));
        }
        Fact::Absent => out += "gunicorn: none runs\n",
        Fact::Unreadable(why) => {
            out += &labelled("gunicorn: ", &visible(&format!("could not look: {why}")), page.width);
        }
    }
    out
}

fn host_line(host: &Host) -> String {
    let os = host.os.known().map_or("unknown system", String::as_str);
    let kernel = host.kernel.known().map_or("unknown", |kernel| kernel.release.as_str());
    let mut line = if host.live { format!("{os}, kernel {kernel}") } else { format!("{os} below {}", host.root) };
    if let Some(container) = &host.container {
        line += &format!(", inside {}", container.runtime);
    }
    line
}

/// `gunicorn.service  23.0.0 sync  master 812, 2 workers  127.0.0.1:8000`
fn service_line(service: &Service) -> String {
    let version = service.known_version().map_or("version unknown".to_owned(), |version| version.to_string());
    let class = service.known_class().map_or("class unknown".to_owned(), ToString::to_string);
    let workers = match service.workers.len() {
        1 => "1 worker".to_owned(),
        count => format!("{count} workers"),
    };
    let listeners = match &service.listeners {
        Fact::Known(all) => all.iter().map(|listener| listener.address.as_str()).collect::<Vec<_>>().join(" "),
        Fact::Absent | Fact::Unreadable(_) => "listeners unknown".to_owned(),
    };
    format!("{}: Gunicorn {version} {class}, master {}, {workers}, {listeners}", service.name, service.master.pid)
}

/// One table a subject, in order of first appearance, all with the same columns.
fn groups(report: &Report<'_>, page: &Page) -> Vec<String> {
    let shown: Vec<&Row> = report.rows.iter().filter(|row| is_shown(row, page.detail)).collect();
    let layout = Layout::of(&shown, page);
    let mut subjects: Vec<&str> = vec![];
    for row in &shown {
        if !subjects.contains(&row.subject.as_str()) {
            subjects.push(&row.subject);
        }
    }
    let of = |subject: &str| shown.iter().copied().filter(|row| row.subject == subject).collect::<Vec<_>>();
    subjects.iter().map(|subject| group(subject, &of(subject), &layout, page)).collect()
}

/// What makes no sense here or was left out is folded into a line, unless all is asked for.
fn is_shown(row: &Row, detail: Detail) -> bool {
    let folded = matches!(State::of(&row.outcome), State::NotApplicable | State::Skipped);
    detail == Detail::Verbose || !folded
}

fn group(subject: &str, rows: &[&Row], layout: &Layout, page: &Page) -> String {
    let mut builder = Builder::default();
    builder.push_record(layout.cells("STATE".to_owned(), "CHECK", "FOUND", "WANTED"));
    for row in rows {
        let (found, wanted) = texts(row);
        builder.push_record(layout.cells(state(row, page), row.check.id, &found, &wanted));
    }
    let mut table = builder.build();
    table.with(Style::empty()).with(Padding::new(0, 2, 0, 0));
    let body: String = table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let proof: String = rows.iter().map(|row| proof(row, page)).collect();
    let heading = fill(&visible(subject), page.width).join("\n");
    format!("{}\n{body}{proof}", page.paint.heading(&heading))
}

/// With `-v`, what a healthy row rests on.
fn proof(row: &Row, page: &Page) -> String {
    match (&row.outcome, page.detail) {
        (Outcome::Judged(Verdict::Healthy(seen)), Detail::Verbose) if !seen.evidence.is_empty() => {
            format!("{}:\n{}", row.check.id, evidence(&seen.evidence, page))
        }
        _ => String::new(),
    }
}

fn state(row: &Row, page: &Page) -> String {
    match &row.outcome {
        Outcome::Judged(Verdict::Finding(finding)) => {
            page.paint.with(style::of_severity(finding.severity), style::word(finding.severity))
        }
        other => {
            let state = State::of(other);
            let word = if state == State::NotApplicable { "n/a" } else { state.name() };
            page.paint.with(style::of_state(state), word)
        }
    }
}

/// What was found and what is wanted.
fn texts(row: &Row) -> (String, String) {
    match &row.outcome {
        Outcome::Judged(Verdict::Healthy(seen)) => (seen.observed.clone(), seen.wanted.clone()),
        Outcome::Judged(Verdict::Finding(finding)) => (finding.seen.observed.clone(), finding.seen.wanted.clone()),
        Outcome::Judged(Verdict::CannotTell(_)) => ("could not look".to_owned(), String::new()),
        Outcome::Judged(Verdict::NotApplicable(why)) => (why.to_string(), String::new()),
        Outcome::Skipped => ("left out".to_owned(), String::new()),
    }
}

/// Widths of the columns of text. Too little room for both puts one below the other.
struct Layout {
    check: usize,
    found: usize,
    wanted: Option<usize>,
}

impl Layout {
    /// State, check and the gaps keep their width; found and wanted share the rest by need.
    fn of(rows: &[&Row], page: &Page) -> Self {
        const STATE_AND_GAPS: usize = STATE + 2 + 2 + 2;
        let check = widest(rows.iter().map(|row| row.check.id.len())).min(page.width / 2);
        let room = page.width.saturating_sub(STATE_AND_GAPS + check);
        if room < TWO_COLUMNS {
            return Self { check, found: (room + 2).max(8), wanted: None };
        }
        let texts: Vec<(String, String)> = rows.iter().map(|row| texts(row)).collect();
        let found = widest(texts.iter().map(|(found, _)| get_text_width(&visible(found)))).max("FOUND".len());
        let wanted = widest(texts.iter().map(|(_, wanted)| get_text_width(&visible(wanted)))).max("WANTED".len());
        let half = room / 2;
        let (found, wanted) = match (found <= half, wanted <= half) {
            (true, _) => (found, wanted.min(room - found)),
            (false, true) => (found.min(room - wanted), wanted),
            (false, false) => (room - half, half),
        };
        Self { check, found, wanted: Some(wanted) }
    }

    fn cells(&self, state: String, check: &str, found: &str, wanted: &str) -> Vec<String> {
        let cell = |text: &str, width| padded(&fill(&visible(text), width).join("\n"), width);
        let (state, check) = (padded(&state, STATE), cell(check, self.check));
        match self.wanted {
            Some(width) => vec![state, check, cell(found, self.found), cell(wanted, width)],
            None => vec![state, check, cell(found, self.found)],
        }
    }
}

/// Text made as wide as its column, so that the tables of all subjects stand below each other. Escapes take no room.
fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(get_text_width(text))))
}

fn widest(widths: impl Iterator<Item = usize>) -> usize {
    widths.max().unwrap_or(0)
}

/// What is folded away: how many, and which.
fn left_out(report: &Report<'_>, page: &Page) -> String {
    if page.detail == Detail::Verbose {
        return String::new();
    }
    let folded = |state: State, label: &str, more: &str| {
        let mut ids: Vec<&str> =
            report.rows.iter().filter(|row| State::of(&row.outcome) == state).map(|row| row.check.id).collect();
        ids.dedup();
        if ids.is_empty() { String::new() } else { labelled(label, &format!("{}{more}", ids.join(", ")), page.width) }
    };
    folded(State::NotApplicable, "not applicable: ", " (-v says why)") + &folded(State::Skipped, "skipped: ", "")
}

/// What could not be looked at: checks that were stopped by the same thing stand together, since without root that is
/// most of them.
fn unknowns(report: &Report<'_>, page: &Page) -> String {
    let mut together: Vec<(&str, String, Vec<&str>)> = vec![];
    for (row, why) in report.unknowns() {
        let why = why.to_string();
        match together.iter_mut().find(|(subject, reason, _)| *subject == row.subject && *reason == why) {
            Some((_, _, ids)) => ids.push(row.check.id),
            None => together.push((&row.subject, why, vec![row.check.id])),
        }
    }
    let mut out = String::new();
    for (subject, why, ids) in together {
        let text = format!("{} ({subject})", ids.join(", "));
        out += &title(State::Unknown.name(), style::of_state(State::Unknown), &text, page);
        out += &labelled("  could not look: ", &visible(&why), page.width);
    }
    for spot in &report.facts.blind_spots {
        out += &labelled("not seen: ", &visible(&spot.to_string()), page.width);
    }
    out
}

/// `1 critical, 2 warnings, 1 unknown; 20 ok, 4 not applicable, 0 skipped`
fn summary(report: &Report<'_>, page: &Page) -> String {
    let counts = Summary::of(&report.rows);
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let line = format!(
        "{} critical, {}, {} info, {} unknown; {} ok, {} not applicable, {} skipped",
        report.count(Severity::Critical),
        plural(report.count(Severity::Warning), "warning"),
        report.count(Severity::Info),
        counts.unknown,
        counts.ok,
        counts.not_applicable,
        counts.skipped,
    );
    labelled("", &line, page.width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::host_with_gunicorn;
    use crate::render::sample::{HEARTBEAT, SOMAXCONN, judged, rows};
    use crate::render::style::Paint;
    use proptest::prelude::*;

    fn text(rows: Vec<Row>, width: usize, detail: Detail) -> String {
        let facts = host_with_gunicorn();
        let services = facts.services.as_ref().map(|all| all.iter().collect());
        let report = Report { facts: &facts, services, rows, fail_on: Severity::Warning };
        doctor(&report, &Page { width, paint: Paint::Plain, detail })
    }

    fn longest(text: &str) -> usize {
        widest(text.lines().map(get_text_width))
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        for width in [40, 60, 80, 132, 200] {
            for detail in [Detail::Quiet, Detail::Normal, Detail::Verbose] {
                let text = text(rows(), width, detail);
                assert!(longest(&text) <= width, "{width}:\n{text}");
            }
        }
    }

    #[test]
    fn every_judged_row_is_shown_and_what_does_not_apply_is_folded() {
        let normal = text(rows(), 100, Detail::Normal);
        assert!(normal.contains("not applicable: heartbeat-filesystem (-v says why)"), "{normal}");
        assert!(!normal.contains("tornado has no heartbeat"));
        assert!(text(rows(), 200, Detail::Verbose).contains("tornado has no heartbeat"));
    }

    #[test]
    fn findings_come_worst_first_and_the_summary_last() {
        let text = text(rows(), 100, Detail::Quiet);
        let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word} in\n{text}"));
        assert!(at("critical: somaxconn") < at("warning: heartbeat-filesystem"));
        assert!(at("warning: heartbeat-filesystem") < at("info: heartbeat-filesystem"));
        let last = text.lines().last().unwrap();
        assert_eq!(last, "1 critical, 1 warning, 1 info, 1 unknown; 1 ok, 1 not applicable, 1 skipped");
    }

    #[test]
    fn quiet_holds_findings_and_the_summary_only() {
        let text = text(vec![crate::render::sample::ok()], 80, Detail::Quiet);
        assert_eq!(text, "0 critical, 0 warnings, 0 info, 0 unknown; 1 ok, 0 not applicable, 0 skipped\n");
    }

    #[test]
    fn an_unknown_gives_its_reason() {
        let text = text(rows(), 120, Detail::Normal);
        assert!(text.contains("could not look: permission denied: /proc/812/fd (needs root or uid 33)"), "{text}");
    }

    #[test]
    fn checks_that_were_stopped_by_the_same_thing_stand_together() {
        let blind = |check| judged(check, "host", Verdict::cannot_tell("permission denied"));
        let text = text(vec![blind(&SOMAXCONN), blind(&HEARTBEAT)], 80, Detail::Normal);
        assert!(text.contains("unknown: somaxconn, heartbeat-filesystem (host)\n"), "{text}");
        assert_eq!(text.matches("permission denied").count(), 1);
    }

    #[test]
    fn colour_adds_escapes_and_changes_no_word() {
        let facts = host_with_gunicorn();
        let report = Report { facts: &facts, services: Fact::Absent, rows: rows(), fail_on: Severity::Warning };
        let page = |paint| Page { width: 80, paint, detail: Detail::Normal };
        let coloured = doctor(&report, &page(Paint::Colour));
        let bare = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(&coloured, "").into_owned();
        let trimmed: Vec<&str> = bare.lines().map(str::trim_end).collect();
        assert_eq!(trimmed, doctor(&report, &page(Paint::Plain)).lines().collect::<Vec<_>>());
        assert_ne!(coloured, bare);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn observed_text_never_steers_the_terminal(
            observed in any::<String>(), subject in any::<String>(), width in 20usize..200,
        ) {
            let row = judged(&SOMAXCONN, &subject, Verdict::healthy(observed, "x", vec![]));
            let text = text(vec![row], width, Detail::Verbose);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
