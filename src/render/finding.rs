//! The paragraph of a finding: what comes of it, what it rests on, what to do.

use super::shell::{command_lines, step_lines};
use super::wrap::{fill, labelled};
use super::{Page, style, visible};
use crate::checks::{Columns, Finding, Remedy, Row, Stored};
use crate::cli::Detail;
use clap::builder::styling::Style as Look;

/// Lines of evidence without `-v`: enough to believe it, few enough to read the next finding.
const FEW: usize = 3;

/// A finding as a paragraph.
pub fn paragraph(row: &Row, finding: &Finding, page: &Page) -> String {
    let mut out = title(style::word(finding.severity), style::of_severity(finding.severity), &named(row), page);
    out += &labelled("  ", &visible(&finding.consequence), page.width);
    out += &labelled("  found: ", &visible(&finding.seen.observed), page.width);
    out += &labelled("  wanted: ", &visible(&finding.seen.wanted), page.width);
    out += &columns(&finding.seen.columns, page);
    out += &evidence(&finding.seen.evidence, page);
    out += &remedy(&finding.remedy, page);
    out
}

fn named(row: &Row) -> String {
    format!("{} ({})", row.check.id, row.subject)
}

/// `warning: heartbeat-filesystem (gunicorn.service)`, the word in its style.
pub fn title(word: &str, look: Look, text: &str, page: &Page) -> String {
    let lines = fill(&format!("{word}: {}", visible(text)), page.width);
    lines.join("\n").replacen(word, &page.paint.with(look, word), 1) + "\n"
}

/// The lines a verdict rests on; all with `-v`, else the first few and how many there are.
pub fn evidence(lines: &[String], page: &Page) -> String {
    let shown = if page.detail == Detail::Verbose { lines.len() } else { FEW };
    let mut out: String =
        lines.iter().take(shown).map(|line| labelled("  seen: ", &visible(line), page.width)).collect();
    if lines.len() > shown {
        out += &labelled("  seen: ", &format!("and {} more; -v shows all", lines.len() - shown), page.width);
    }
    out
}

fn columns(columns: &Columns, page: &Page) -> String {
    let mut out = String::new();
    if let Some(configured) = &columns.configured {
        out += &labelled("  configured: ", &visible(configured), page.width);
    }
    if let Some(stored) = &columns.stored_for_boot {
        out += &labelled("  next boot: ", &visible(&next_boot(stored)), page.width);
    }
    if let Some(live) = &columns.live {
        out += &labelled("  live: ", &visible(live), page.width);
    }
    let in_force: Vec<String> =
        columns.in_force.iter().map(|one| format!("{} ({})", visible(&one.value), visible(&one.subject))).collect();
    if !in_force.is_empty() {
        out += &labelled("  in force: ", &in_force.join(", "), page.width);
    }
    out
}

fn next_boot(stored: &Stored) -> String {
    match (&stored.file, stored.line) {
        (Some(file), Some(line)) => format!("{} ({file}:{line})", stored.value),
        (Some(file), None) => format!("{} ({file})", stored.value),
        (None, _) => format!("{} (nothing stored)", stored.value),
    }
}

fn remedy(remedy: &Remedy, page: &Page) -> String {
    let mut out = String::new();
    if let Some(command) = &remedy.command {
        let lines = command_lines(&visible(command), page.width.saturating_sub(7));
        out += &hanging("  fix: ", lines);
    }
    for (number, step) in remedy.by_hand.iter().enumerate() {
        let lead = if number == 0 { "  by hand: " } else { "           " };
        out += &hanging(lead, step_lines(&visible(step), page.width.saturating_sub(lead.len())));
    }
    if remedy.restart {
        out += "  restart needed\n";
    }
    out
}

/// Lines behind a label, the following ones below the first.
pub fn hanging(label: &str, lines: Vec<String>) -> String {
    let blank = " ".repeat(label.chars().count());
    let leads = std::iter::once(label).chain(std::iter::repeat(blank.as_str()));
    lines.iter().zip(leads).map(|(line, lead)| format!("{lead}{line}\n")).collect()
}
