//! The paragraph of a cause: who, why, on which lines it rests, what to do.

use super::{pids, shown, sureness, who, word};
use crate::checks::Severity;
use crate::cli::Detail;
use crate::render::finding::title;
use crate::render::remedy::{hanging, later, steps_now};
use crate::render::shell::step_lines;
use crate::render::when::second;
use crate::render::wrap::labelled;
use crate::render::{Page, style};
use crate::triage::{Cause, Confidence, Death, Evidence, Role};
use crate::units::Pid;

/// Lines of evidence without `-v`: enough to believe it, few enough to read the next cause.
const FEW: usize = 3;

/// A cause as a paragraph.
pub fn paragraph(cause: &Cause<'_>, page: &Page) -> String {
    let look = match cause.confidence {
        Confidence::Certain | Confidence::Likely => style::of_severity(Severity::Critical),
        Confidence::Possible => style::of_severity(Severity::Warning),
    };
    let unit = cause.unit.map(|unit| format!(" of {unit}")).unwrap_or_default();
    let heading = format!("{}{unit}, {}", who(&cause.deaths), sureness(cause.confidence));
    let mut out = title(word(cause.verdict), look, &heading, page);
    out += &labelled("  ", &shown(&cause.summary), page.width);
    if let Some(rhythm) = &cause.rhythm {
        out += &labelled("  ", &shown(rhythm), page.width);
    }
    out += &match page.detail {
        Detail::Verbose => cause.deaths.iter().map(|death| in_full(death, cause, page)).collect(),
        Detail::Normal | Detail::Quiet => in_short(cause, page),
    };
    out + &to_do(cause.advice, page)
}

/// The numbers of all, and the lines that tell of the last one: the others tell much the same.
fn in_short(cause: &Cause<'_>, page: &Page) -> String {
    let mut out = String::new();
    let told: Vec<Pid> = cause.deaths.iter().filter_map(|death| death.pid).collect();
    if cause.deaths.len() > 1 && !told.is_empty() {
        out += &labelled("  pids: ", &pids(told.iter().copied(), told.len()), page.width);
    }
    let Some(last) = cause.deaths.last() else { return out };
    if !last.workers.is_empty() {
        let workers = pids(last.workers.iter().copied(), last.workers.len());
        out += &labelled("  workers: ", &workers, page.width);
    }
    let lines = &last.evidence;
    out.extend(lines.iter().take(FEW).map(|line| labelled("  seen: ", &evidence(line), page.width)));
    let more = lines.len().saturating_sub(FEW);
    if more > 0 {
        let lines = if more == 1 { "line" } else { "lines" };
        out += &labelled("  seen: ", &format!("and {more} more {lines}; -v shows all"), page.width);
    }
    out
}

/// One death with all that is known of it.
fn in_full(death: &Death, cause: &Cause<'_>, page: &Page) -> String {
    let numbers = |all: &[Pid]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let name = match (death.pid, death.role) {
        (Some(pid), Role::Worker) => format!("worker {pid}"),
        (Some(pid), Role::Master) => format!("master {pid}"),
        (None, _) if death.candidates.is_empty() => "one that is not named".to_owned(),
        (None, _) => format!("one of {}", numbers(&death.candidates)),
    };
    let mut said = vec![death.time.map_or_else(|| "at a time that is not told".to_owned(), second)];
    said.extend((death.summary != cause.summary).then(|| death.summary.clone()));
    said.extend(death.host_pid.map(|pid| format!("process {pid} of the host")));
    said.extend(death.master_pid.filter(|_| death.role == Role::Worker).map(|pid| format!("of master {pid}")));
    said.extend((!death.workers.is_empty()).then(|| format!("with its workers {}", numbers(&death.workers))));
    said.extend(death.gunicorn.map(|version| format!("Gunicorn {version}")));
    let mut out = labelled(&format!("  {name}: "), &shown(&said.join("; ")), page.width);
    out.extend(death.evidence.iter().map(|line| labelled("    seen: ", &evidence(line), page.width)));
    out
}

/// `error.log:123: …`, with its time where the line does not begin with one.
fn evidence(line: &Evidence) -> String {
    let number = line.line.map(|number| format!(":{number}")).unwrap_or_default();
    let is_dated = line.text.trim_start().trim_start_matches('[').starts_with(|first: char| first.is_ascii_digit());
    let time = line.time.filter(|_| !is_dated).map(|time| format!("{} ", second(time))).unwrap_or_default();
    shown(&format!("{}{number}: {time}{}", line.source, line.text))
}

/// What to do: what can be done with this release first.
fn to_do(advice: &[String], page: &Page) -> String {
    const LABEL: &str = "  do: ";
    let room = page.width.saturating_sub(LABEL.len());
    let mut out: String = steps_now(advice).map(|step| hanging(LABEL, step_lines(&shown(step), room))).collect();
    out += &later(advice.iter().map(String::as_str), page);
    out
}
