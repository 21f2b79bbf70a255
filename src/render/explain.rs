//! The page of a check, and the list of all.

use super::remedy::{hanging, later, steps_now};
use super::shell::step_lines;
use super::wrap::labelled;
use super::{Page, style};
use crate::checks::{Area, Check};
use crate::cli::missing_verbs;
use clap::builder::styling::Style as Look;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

/// The page of one check, with the fixed headings.
pub fn page(check: &Check, page: &Page) -> String {
    let text = |text: &str| labelled("  ", text, page.width);
    let steps = |all: &[&str]| -> String {
        let now = steps_now(all).map(|line| hanging("  ", step_lines(line, page.width.saturating_sub(2))));
        now.chain([later(all.iter().copied(), page)]).collect()
    };
    let sections = [
        ("Looks at", text(check.looks_at)),
        ("Why it matters to Gunicorn", text(check.why)),
        ("What gtune changes", text(check.changes) + &not_yet(check.changes, page)),
        ("By hand", steps(check.by_hand)),
        ("See also", check.references.iter().map(|reference| labelled("  ", reference, page.width)).collect()),
    ];
    let mut out = labelled(&format!("{}: ", check.id), check.title, page.width);
    for (heading, body) in sections.iter().filter(|(_, body)| !body.is_empty()) {
        out += &format!("\n{}\n{body}", page.paint.heading(heading));
    }
    out
}

/// Says of the verbs a text names which of them this release does not have.
fn not_yet(text: &str, page: &Page) -> String {
    let missing: Vec<String> = missing_verbs(text).iter().map(|verb| format!("gtune {verb}")).collect();
    match missing.as_slice() {
        [] => String::new(),
        [one] => labelled("  ", &format!("({one} comes with a later release.)"), page.width),
        several => labelled("  ", &format!("({} come with a later release.)", several.join(" and ")), page.width),
    }
}

/// All checks: id, area, title.
pub fn list(checks: &[&Check], page: &Page) -> String {
    let mut builder = Builder::default();
    builder.push_record(["CHECK", "AREA", "TITLE"].map(|word| page.paint.with(Look::new().bold(), word)));
    checks.iter().for_each(|check| builder.push_record([check.id, area(check.area), check.title]));
    let mut table = builder.build();
    table.with(Style::empty()).with(Padding::new(0, 2, 0, 0));
    table.with(style::fitting(page.width));
    table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The word of an area.
pub fn area(area: Area) -> &'static str {
    match area {
        Area::Heartbeat => "heartbeat",
        Area::Sockets => "sockets",
        Area::Limits => "limits",
        Area::Memory => "memory",
        Area::Service => "service",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Detail;
    use crate::render::sample::{HEARTBEAT, SOMAXCONN};
    use crate::render::style::Paint;

    const PAGE: Page = Page { width: 80, paint: Paint::Plain, detail: Detail::Normal };

    #[test]
    fn a_page_has_the_fixed_headings_in_order() {
        let text = page(&HEARTBEAT, &PAGE);
        let headings: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ') && !line.is_empty()).collect();
        assert_eq!(
            headings,
            [
                "heartbeat-filesystem: Heartbeat file in memory",
                "Looks at",
                "Why it matters to Gunicorn",
                "What gtune changes",
                "By hand",
                "See also",
            ]
        );
    }

    #[test]
    fn the_list_has_a_line_for_each_check() {
        let text = list(&[&HEARTBEAT, &SOMAXCONN], &PAGE);
        assert_eq!(text.lines().count(), 3);
        assert_eq!(text.lines().nth(2), Some("somaxconn             sockets    Cap of listen queues"));
    }
}
