//! What to do about a finding: what can be done now comes first, what needs a later release is marked as such.

use super::shell::{command_lines, step_lines};
use super::{Page, visible};
use crate::checks::Remedy;
use crate::cli::missing_verb;

/// The lines of a remedy.
pub fn remedy(remedy: &Remedy, page: &Page) -> String {
    let mut out = String::new();
    if let Some(command) = now(remedy.command.as_deref()) {
        out += &hanging("  fix: ", command_lines(&visible(command), page.width.saturating_sub(7)));
    }
    for (number, step) in steps_now(&remedy.by_hand).enumerate() {
        let lead = if number == 0 { "  by hand: " } else { "           " };
        out += &hanging(lead, step_lines(&visible(step), page.width.saturating_sub(lead.len())));
    }
    if remedy.restart {
        out += "  restart needed\n";
    }
    out + &later(remedy.command.iter().chain(&remedy.by_hand).map(String::as_str), page)
}

/// The steps that can be done with this release, in a word each; for forms that have no room for marks.
pub fn doable(remedy: &Remedy) -> Vec<String> {
    match now(remedy.command.as_deref()) {
        Some(command) => vec![format!("fix: {command}")],
        None => steps_now(&remedy.by_hand).map(|step| format!("by hand: {step}")).collect(),
    }
}

fn now(command: Option<&str>) -> Option<&str> {
    command.filter(|command| missing_verb(command).is_none())
}

/// The steps that do not call for a verb which this release does not have.
pub fn steps_now<S: AsRef<str>>(steps: &[S]) -> impl Iterator<Item = &str> {
    steps.iter().map(AsRef::as_ref).filter(|step| missing_verb(step).is_none())
}

/// The commands among these that this release does not have, each marked with the verb that it waits for.
pub fn later<'a>(commands: impl Iterator<Item = &'a str>, page: &Page) -> String {
    let marked = |command: &'a str| missing_verb(command).map(|verb| mark(verb, command, page));
    commands.filter_map(marked).collect()
}

/// On one line where there is room, else the command below its mark, so that it can be copied.
fn mark(verb: &str, command: &str, page: &Page) -> String {
    let label = format!("  with a release that has {verb}: ");
    let command = visible(command);
    if label.chars().count() + command.chars().count() <= page.width {
        return format!("{label}{command}\n");
    }
    let below = command_lines(&command, page.width.saturating_sub(4));
    format!("{}\n{}", label.trim_end(), hanging("    ", below))
}

/// Lines behind a label, the following ones below the first.
pub fn hanging(label: &str, lines: Vec<String>) -> String {
    let blank = " ".repeat(label.chars().count());
    let leads = std::iter::once(label).chain(std::iter::repeat(blank.as_str()));
    lines.iter().zip(leads).map(|(line, lead)| format!("{lead}{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Detail;
    use crate::render::style::Paint;

    const PAGE: Page = Page { width: 80, paint: Paint::Plain, detail: Detail::Normal };

    fn with(command: &str) -> Remedy {
        let by_hand = vec!["gtune frob   # who".into(), "mount /mem".into(), "umount /mem".into()];
        Remedy { command: Some(command.into()), by_hand, restart: true }
    }

    #[test]
    fn a_command_that_can_be_run_comes_first() {
        let text = remedy(&with("gtune doctor fstab"), &PAGE);
        assert!(
            text.starts_with("  fix: gtune doctor fstab\n  by hand: mount /mem\n           umount /mem\n"),
            "{text}"
        );
    }

    #[test]
    fn what_a_later_release_brings_comes_last_and_says_so() {
        let text = remedy(&with("gtune frobnicate --all"), &PAGE);
        let expected = "  by hand: mount /mem\n           umount /mem\n  restart needed\n  \
                        with a release that has frobnicate: gtune frobnicate --all\n  \
                        with a release that has frob: gtune frob   # who\n";
        assert_eq!(text, expected);
        assert_eq!(doable(&with("gtune frobnicate --all")), ["by hand: mount /mem", "by hand: umount /mem"]);
    }

    #[test]
    fn a_mark_without_room_stands_above_its_command() {
        let text = remedy(&with("gtune frobnicate --all"), &Page { width: 40, ..PAGE });
        assert!(text.contains("  with a release that has frobnicate:\n    gtune frobnicate --all\n"), "{text}");
    }
}
