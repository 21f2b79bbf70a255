//! The paragraph of a finding: what comes of it, what it rests on, what to do.

use super::remedy::remedy;
use super::wrap::{fill, labelled};
use super::{Page, style, visible};
use crate::checks::{Finding, InForce, Row, Seen, Stored};
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
    out += &columns(&finding.seen, page);
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

fn columns(seen: &Seen, page: &Page) -> String {
    let columns = &seen.columns;
    let mut out = String::new();
    if let Some(configured) = &columns.configured {
        out += &labelled("  configured: ", &visible(configured), page.width);
    }
    if let Some(stored) = &columns.stored_for_boot {
        out += &labelled("  next boot: ", &visible(&next_boot(stored)), page.width);
    }
    if let Some(live) = columns.live.as_ref().filter(|live| !begins_with(&seen.observed, live)) {
        out += &labelled("  live: ", &visible(live), page.width);
    }
    if !columns.in_force.is_empty() {
        out += &labelled("  in force: ", &in_force(&columns.in_force, page), page.width);
    }
    out
}

/// Whether what was found says the live value already, whole words of it: `0 of 5 inodes free on tmpfs at /mem`.
fn begins_with(observed: &str, live: &str) -> bool {
    observed.strip_prefix(live).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn next_boot(stored: &Stored) -> String {
    match (&stored.file, stored.line) {
        (Some(file), Some(line)) => format!("{} ({file}:{line})", stored.value),
        (Some(file), None) => format!("{} ({file})", stored.value),
        (None, _) => format!("{} (nothing stored)", stored.value),
    }
}

/// Each value once, with those that have it: dozens of workers mostly have the same.
fn in_force(all: &[InForce], page: &Page) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = vec![];
    for one in all {
        match groups.iter_mut().find(|(value, _)| *value == one.value) {
            Some((_, subjects)) => subjects.push(&one.subject),
            None => groups.push((&one.value, vec![&one.subject])),
        }
    }
    let shown: Vec<String> = groups
        .iter()
        .map(|(value, subjects)| format!("{} ({})", visible(value), visible(&some_of(subjects, page))))
        .collect();
    shown.join(", ")
}

/// All with `-v`, else the first few and how many there are.
fn some_of(subjects: &[&str], page: &Page) -> String {
    if page.detail == Detail::Verbose || subjects.len() <= FEW + 1 {
        return subjects.join(", ");
    }
    format!("{} and {} more", subjects[..FEW].join(", "), subjects.len() - FEW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::style::Paint;

    const PAGE: Page = Page { width: 80, paint: Paint::Plain, detail: Detail::Normal };

    fn of(subject: String, value: &str) -> InForce {
        InForce { subject, value: value.into() }
    }

    #[test]
    fn a_live_value_is_said_once() {
        assert!(begins_with("0 of 5 inodes free on tmpfs at /mem", "0 of 5 inodes free"));
        assert!(!begins_with("1280 and more", "128"));
        assert!(!begins_with("127.0.0.1:8000: full", "net.core.somaxconn 4096"));
    }

    #[test]
    fn a_value_that_many_have_stands_once() {
        let mut all: Vec<InForce> = (1..=9).map(|pid| of(format!("pid {pid}"), "1024")).collect();
        all.push(of("pid 10".into(), "4096"));
        assert_eq!(in_force(&all, &PAGE), "1024 (pid 1, pid 2, pid 3 and 6 more), 4096 (pid 10)");
        let all_of_it = in_force(&all, &Page { detail: Detail::Verbose, ..PAGE });
        assert!(all_of_it.contains("pid 7, pid 8, pid 9), 4096 (pid 10)"), "{all_of_it}");
    }
}
