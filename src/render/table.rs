//! What `doctor` tells people: who was looked at, a row a check, a paragraph a finding, a line that sums up.

use super::finding::{evidence, paragraph, title};
use super::layout::Layout;
use super::wrap::{fill, labelled};
use super::{Page, settings, style, visible};
use crate::checks::{Outcome, Row, Severity, Summary, Verdict};
use crate::cli::Detail;
use crate::command::{Report, State};
use crate::facts::{Fact, Host, Service, Unit};
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

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
            for service in services {
                out += &labelled("", &visible(&service_line(service)), page.width);
                if page.detail == Detail::Verbose {
                    out += &labelled("  settings: ", &visible(&settings::line(service)), page.width);
                }
            }
        }
        Fact::Absent => out += "gunicorn: none runs\n",
        Fact::Unreadable(why) => {
            out += &labelled("gunicorn: ", &visible(&format!("could not look: {why}")), page.width);
        }
    }
    for unit in &report.facts.stopped_units {
        out += &labelled("", &visible(&stopped_line(unit)), page.width);
    }
    out
}

/// A unit that starts a Gunicorn and does not run; of an image only that it is there can be said.
fn stopped_line(unit: &Unit) -> String {
    match &unit.loaded {
        Fact::Known(loaded) if loaded.result != "success" => {
            format!("{}: does not run: {} ({})", unit.name, loaded.active_state, loaded.result)
        }
        Fact::Known(loaded) => format!("{}: does not run: {}", unit.name, loaded.active_state),
        Fact::Absent | Fact::Unreadable(_) => format!("{}: stored, starts a Gunicorn", unit.name),
    }
}

/// The system, its kernel, and what keeps gtune from seeing all of it.
pub fn host_line(host: &Host) -> String {
    let os = host.os.known().map_or("unknown system", String::as_str);
    let kernel = host.kernel.known().map_or("unknown", |kernel| kernel.release.as_str());
    let mut line = if host.live { format!("{os}, kernel {kernel}") } else { format!("{os} below {}", host.root) };
    match host.container.as_ref().map(|container| container.runtime.as_str()) {
        None => {}
        Some("namespace") => line += ", inside namespaces of its own",
        Some(runtime) => line += &format!(", inside {runtime}"),
    }
    line
}

/// `gunicorn.service: Gunicorn 23.0.0, sync, master 812, 2 workers, 127.0.0.1:8000`
fn service_line(service: &Service) -> String {
    let version = service.known_version().map_or("of unknown version".to_owned(), |version| version.to_string());
    let class = service.known_class().map_or("unknown class".to_owned(), ToString::to_string);
    let workers = match service.workers.len() {
        1 => "1 worker".to_owned(),
        count => format!("{count} workers"),
    };
    let listeners = match &service.listeners {
        Fact::Known(all) => all.iter().map(|listener| listener.address.as_str()).collect::<Vec<_>>().join(" "),
        Fact::Absent | Fact::Unreadable(_) => "listeners unknown".to_owned(),
    };
    format!("{}: Gunicorn {version}, {class}, master {}, {workers}, {listeners}", service.name, service.master.pid)
}

/// One table a subject, in order of first appearance, all with the same columns.
fn groups(report: &Report<'_>, page: &Page) -> Vec<String> {
    let shown: Vec<&Row> = report.rows.iter().filter(|row| is_shown(row, page.detail)).collect();
    let layout = Layout::of(shown.iter().map(|row| (row.check.id, texts(row))), page);
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

/// What is folded away: how many, and which.
fn left_out(report: &Report<'_>, page: &Page) -> String {
    if page.detail == Detail::Verbose {
        return String::new();
    }
    let not_applicable = folded(report, State::NotApplicable);
    let skipped = folded(report, State::Skipped);
    let mut out = String::new();
    if !not_applicable.is_empty() {
        out += &labelled("not applicable: ", &format!("{} (-v says why)", visible(&not_applicable)), page.width);
    }
    if !skipped.is_empty() {
        out += &labelled("skipped: ", &visible(&skipped), page.width);
    }
    out
}

/// The checks in this state; with the subjects where it is not that of all of them.
fn folded(report: &Report<'_>, state: State) -> String {
    let is_folded = |row: &&Row| State::of(&row.outcome) == state;
    let mut ids: Vec<&str> = report.rows.iter().filter(is_folded).map(|row| row.check.id).collect();
    ids.dedup();
    let named = |id: &str| {
        let (folded, others): (Vec<&Row>, Vec<&Row>) =
            report.rows.iter().filter(|row| row.check.id == id).partition(is_folded);
        let subjects: Vec<&str> = folded.iter().map(|row| row.subject.as_str()).collect();
        if others.is_empty() { id.to_owned() } else { format!("{id} ({})", subjects.join(", ")) }
    };
    ids.into_iter().map(named).collect::<Vec<_>>().join(", ")
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
    use tabled::grid::util::string::get_text_width;

    fn text(rows: Vec<Row>, width: usize, detail: Detail) -> String {
        let facts = host_with_gunicorn();
        let services = facts.services.as_ref().map(|all| all.iter().collect());
        let report = Report { facts: &facts, services, rows, fail_on: Severity::Warning };
        doctor(&report, &Page { width, paint: Paint::Plain, detail })
    }

    fn longest(text: &str) -> usize {
        text.lines().map(get_text_width).max().unwrap_or(0)
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
        assert!(normal.contains("not applicable: heartbeat-filesystem (api.service) (-v says why)"), "{normal}");
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
