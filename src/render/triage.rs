//! What `triage` tells people: the answer, a row a cause, why and what to do for each, and what was read.

mod paragraph;
#[cfg(test)]
mod tests;

use super::columns::columns;
use super::shell::closing as command_after;
use super::when::{second, span};
use super::wrap::{fill, labelled};
use super::{Page, oom, visible};
use crate::cli::Detail;
use crate::command::TriageReport;
use crate::triage::{Cause, Confidence, Death, Normal, Role, Source, Verdict, gather};
use crate::units::Pid;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The answer and the causes; with `-v` each death.
pub fn table(report: &TriageReport, page: &Page) -> String {
    of_causes(report, &gather(&report.triage.deaths), page)
}

fn of_causes(report: &TriageReport, causes: &[Cause<'_>], page: &Page) -> String {
    let mut parts = vec![answer(report, page), rows(report, causes, page)];
    if page.detail != Detail::Quiet {
        parts.extend(causes.iter().map(|cause| paragraph::paragraph(cause, page)));
        parts.push(others(report, page));
        parts.push(read(report, page));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn answer(report: &TriageReport, page: &Page) -> String {
    let lines = fill(&visible(&report.answer), page.width);
    lines.iter().map(|line| format!("{}\n", page.paint.heading(line))).collect()
}

/// A line of the table.
struct Row {
    when: String,
    who: String,
    unit: String,
    why: String,
}

fn rows(report: &TriageReport, causes: &[Cause<'_>], page: &Page) -> String {
    let rows: Vec<Row> = match page.detail {
        Detail::Verbose => {
            report.triage.deaths.iter().map(|death| row(&[death], death.verdict, death.confidence)).collect()
        }
        _ => causes.iter().map(|cause| row(&cause.deaths, cause.verdict, cause.confidence)).collect(),
    };
    if rows.is_empty() {
        return String::new();
    }
    let units: BTreeSet<&str> = rows.iter().map(|row| row.unit.as_str()).collect();
    let table = match units.len() {
        0 | 1 => {
            let cells: Vec<_> = rows.iter().map(|row| [row.when.clone(), row.who.clone(), row.why.clone()]).collect();
            columns(&["WHEN", "WHO", "WHY"], &cells, &[1, 2], page)
        }
        _ => {
            let cells = |row: &Row| [row.when.clone(), row.who.clone(), row.unit.clone(), row.why.clone()];
            let cells: Vec<_> = rows.iter().map(cells).collect();
            columns(&["WHEN", "WHO", "UNIT", "WHY"], &cells, &[1, 2, 3], page)
        }
    };
    table.unwrap_or_else(|| sentences(&rows, page))
}

/// A page that is too narrow for a table has a sentence a row.
fn sentences(rows: &[Row], page: &Page) -> String {
    let one = |row: &Row| {
        let unit = if row.unit == NO_UNIT { String::new() } else { format!(" ({})", row.unit) };
        labelled("", &format!("{} {}{unit}: {}", row.when, row.who, row.why), page.width)
    };
    rows.iter().map(one).collect()
}

/// A plain log does not tell whether it is of a unit.
const NO_UNIT: &str = "not told";

fn row(deaths: &[&Death], verdict: Verdict, confidence: Confidence) -> Row {
    Row {
        when: when(deaths),
        who: who(deaths),
        unit: deaths.first().and_then(|death| death.unit.as_deref()).map_or(NO_UNIT.to_owned(), shown),
        why: format!("{}, {}", word(verdict), sureness(confidence)),
    }
}

fn when(deaths: &[&Death]) -> String {
    let times = || deaths.iter().filter_map(|death| death.time);
    match times().min().zip(times().max()) {
        Some((first, last)) => span(first, last),
        None => "not told".to_owned(),
    }
}

/// One by its number, a few by theirs, more by how many they are.
fn who(deaths: &[&Death]) -> String {
    const NAMED: usize = 3;
    let masters = deaths.iter().filter(|death| death.role == Role::Master).count();
    let noun = match masters {
        0 => "worker",
        all if all == deaths.len() => "master",
        _ => "process",
    };
    match deaths {
        [death] => one(death, noun),
        _ => {
            let plural = if noun == "process" { "es" } else { "s" };
            let count = format!("{} {noun}{plural}", deaths.len());
            let pids: Option<Vec<String>> = deaths.iter().map(|death| Some(death.pid?.to_string())).collect();
            match pids.filter(|pids| pids.len() <= NAMED) {
                Some(pids) => format!("{count}: {}", pids.join(", ")),
                None => count,
            }
        }
    }
}

fn one(death: &Death, noun: &str) -> String {
    let with = match death.workers.len() {
        0 => String::new(),
        1 => " and its worker".to_owned(),
        count => format!(" and its {count} workers"),
    };
    match (death.pid, death.candidates.as_slice()) {
        (Some(pid), _) => format!("{noun} {pid}{with}"),
        (None, []) => format!("a {noun}{with}"),
        (None, candidates) => format!("one of {}", pids(candidates.iter().copied(), candidates.len())),
    }
}

/// Numbers of processes, as many as there is room for.
fn pids(all: impl Iterator<Item = Pid>, count: usize) -> String {
    const NAMED: usize = 8;
    let some: Vec<String> = all.take(NAMED).map(|pid| pid.to_string()).collect();
    match count.saturating_sub(some.len()) {
        0 => some.join(", "),
        more => format!("{} and {more} more", some.join(", ")),
    }
}

/// What ended as it was asked to, and what could not be seen.
fn others(report: &TriageReport, page: &Page) -> String {
    let blind = report.triage.blind_spots.iter().map(|spot| labelled("not seen: ", &shown(spot), page.width));
    normal(&report.triage.normal).map(|text| labelled("", &text, page.width)).into_iter().chain(blind).collect()
}

fn normal(normal: &Normal) -> Option<String> {
    let counts = [
        (normal.recycled, "recycled (max_requests)"),
        (normal.reloaded, "reloaded"),
        (normal.stopped, "stopped with their master"),
        (normal.scaled, "scaled down (TTOU)"),
    ];
    let told: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    (!told.is_empty()).then(|| format!("workers that ended as they were asked to: {}", told.join(", ")))
}

/// What was read, and the command that may read more.
fn read(report: &TriageReport, page: &Page) -> String {
    let logs = report.logs.iter().map(log);
    let kernel = report.kernel_logs.iter().map(oom::told);
    let lines = logs.chain(kernel).map(|text| labelled("log: ", &shown(&text), page.width));
    let as_root =
        report.as_root.as_ref().map(|command| command_after("to read what was refused:", command, page.width));
    lines.chain(as_root).collect()
}

fn log(source: &Source) -> String {
    let at =
        |word: &str, time: Option<Timestamp>| time.map(|time| format!("{word}{}", second(time))).unwrap_or_default();
    let lost = source.lost.as_ref().map(|lost| format!("; {lost}")).unwrap_or_default();
    format!("{}{}{}{lost}", source.name, at(", from ", source.begins), at(" to ", source.ends))
}

/// Text of a log or of the host, as people may see it.
fn shown(text: &str) -> String {
    visible(text).into_owned()
}

/// The word of a verdict, as JSON has it.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::MasterLost => "master-lost",
        Verdict::KernelOom => "kernel-oom",
        Verdict::UserspaceOom => "userspace-oom",
        Verdict::HeartbeatStorage => "heartbeat-storage",
        Verdict::FdExhaustion => "fd-exhaustion",
        Verdict::LogReopen => "log-reopen",
        Verdict::BootFailure => "boot-failure",
        Verdict::Crash => "crash",
        Verdict::Killed => "killed",
        Verdict::Timeout => "timeout",
        Verdict::Exit => "exit",
        Verdict::Unknown => "unknown",
    }
}

fn sureness(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    }
}
