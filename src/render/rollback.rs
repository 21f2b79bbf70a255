//! What `rollback` tells people: what is taken back, newest step first, and what came of it.

use super::shell::{closing, gtune};
use super::step::{Below, Result, Word, numbered, results, trouble};
use super::wrap::labelled;
use super::{Page, visible};
use crate::cli::Detail;
use crate::command::{RollbackOutcome, RollbackReport};
use crate::plan::{UndoOutcome, UndoStep};

/// The whole of it.
pub fn rollback(report: &RollbackReport, page: &Page) -> String {
    let mut parts = vec![];
    if page.detail != Detail::Quiet {
        parts.push(labelled("transaction ", &visible(&report.rolled_back.transaction), page.width));
        if report.dry_run || page.detail == Detail::Verbose {
            parts.push(planned(report, page));
        }
    }
    parts.push(settled(report, page));
    parts.push(ending(report, page));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// What takes each step back, with the differences it makes where nobody else has changed the files.
fn planned(report: &RollbackReport, page: &Page) -> String {
    numbered(report.rolled_back.steps.iter().map(|step| &step.action), page)
}

/// What came of each step that was tried; with `-q` of those only that need somebody.
fn settled(report: &RollbackReport, page: &Page) -> String {
    let tried = |(at, step): (usize, &UndoStep)| {
        let outcome = step.outcome.as_ref().filter(|outcome| page.detail != Detail::Quiet || !outcome.is_settled())?;
        Some(Result {
            number: at + 1,
            title: step.action.to_string(),
            word: word(outcome),
            below: below(report, outcome),
        })
    };
    let steps: Vec<Result> = report.rolled_back.steps.iter().enumerate().filter_map(tried).collect();
    results(&steps, page)
}

/// The word of an outcome.
pub fn word(outcome: &UndoOutcome) -> Word {
    match outcome {
        UndoOutcome::Restored => Word::good("restored"),
        UndoOutcome::AlreadySo => Word::quiet("already so"),
        UndoOutcome::Left(_) => Word::quiet("left"),
        UndoOutcome::Waits { .. } => Word::odd("waits"),
        UndoOutcome::Conflict(_) => Word::bad("conflict"),
        UndoOutcome::Failed(_) => Word::bad("failed"),
    }
}

fn below(report: &RollbackReport, outcome: &UndoOutcome) -> Vec<Below> {
    match outcome {
        UndoOutcome::Restored | UndoOutcome::AlreadySo => vec![],
        UndoOutcome::Left(reason) => vec![Below::Text(reason.clone())],
        UndoOutcome::Waits { reason, command } => {
            vec![Below::Text(reason.clone()), Below::Command("run: ", command.clone())]
        }
        UndoOutcome::Conflict(there) => vec![
            Below::Text(format!("somebody else has changed it since: {there}")),
            Below::Command("to overwrite that: ", again(report, " --force")),
        ],
        UndoOutcome::Failed(why) => trouble(why),
    }
}

fn again(report: &RollbackReport, options: &str) -> String {
    gtune(&report.root, &format!("rollback {}{options}", report.rolled_back.transaction))
}

/// The last line.
fn ending(report: &RollbackReport, page: &Page) -> String {
    let id = visible(&report.rolled_back.transaction);
    match report.outcome() {
        RollbackOutcome::Planned => labelled("", "dry run: nothing was changed", page.width),
        RollbackOutcome::Done => labelled("", &format!("done: transaction {id} is taken back"), page.width),
        RollbackOutcome::NothingToDo => {
            labelled("", &format!("nothing to do: nothing of transaction {id} is left"), page.width)
        }
        RollbackOutcome::PartlyChanged => {
            if let Some(why) = &report.rolled_back.unrecorded {
                let sentence = format!("taken back, but it could not be written down: {why}; then run:");
                return closing(&visible(&sentence), &visible(&again(report, "")), page.width);
            }
            let steps = &report.rolled_back.steps;
            let open = steps.iter().filter(|step| !step.outcome.as_ref().is_some_and(UndoOutcome::is_settled)).count();
            let sentence = format!("PARTLY TAKEN BACK: {open} of {} steps are still to do; then run:", steps.len());
            closing(&sentence, &visible(&again(report, "")), page.width)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, RolledBack, Trouble};
    use crate::render::change_sample;
    use crate::render::style::Paint;
    use proptest::prelude::*;
    use tabled::grid::util::string::get_text_width;

    const PAGE: Page = Page { width: 80, paint: Paint::Plain, detail: Detail::Normal };

    #[test]
    fn a_dry_run_shows_the_steps_newest_first_with_their_differences() {
        let mut report = change_sample::rollback();
        report.dry_run = true;
        report.rolled_back.steps.iter_mut().for_each(|step| step.outcome = None);
        let text = rollback(&report, &PAGE);
        assert!(text.starts_with("transaction 7f3a9c\n\n 1  restart gunicorn.service\n"), "{text}");
        assert!(text.contains("take a line out of /etc/fstab\n    --- /etc/fstab\n"), "{text}");
        assert!(text.contains("    -tmpfs /mem tmpfs size=64m 0 0\n"), "{text}");
        assert!(text.contains("11  remove directory /mem\n"), "{text}");
        assert!(text.ends_with("\ndry run: nothing was changed\n"), "{text}");
    }

    #[test]
    fn what_is_left_undone_says_why_and_what_to_run() {
        let text = rollback(&change_sample::rollback(), &PAGE);
        for line in [
            "restored     1  restart gunicorn.service\n",
            "left         3  ",
            "    it is of an earlier boot\n",
            "waits        4  ",
            "    pids 815 and 816 have files in it open\n    run: systemctl restart gunicorn.service\n",
            "conflict     5  ",
            "    somebody else has changed it since: it holds\n    OOMPolicy=stop\\u{1b}[2J\n    to overwrite that: gtune rollback 7f3a9c --force\n",
            "failed       6  ",
            "    hint: df /etc\n",
            "PARTLY TAKEN BACK: 5 of 11 steps are still to do; then run:\n  gtune rollback 7f3a9c\n",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn what_is_settled_needs_nothing_more() {
        let mut report = change_sample::rollback();
        report.rolled_back.steps.iter_mut().for_each(|step| step.outcome = Some(UndoOutcome::Restored));
        let quiet = Page { detail: Detail::Quiet, ..PAGE };
        assert_eq!(rollback(&report, &quiet), "done: transaction 7f3a9c is taken back\n");
        report.rolled_back.steps.iter_mut().for_each(|step| step.outcome = Some(UndoOutcome::AlreadySo));
        assert_eq!(rollback(&report, &quiet), "nothing to do: nothing of transaction 7f3a9c is left\n");
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        for width in 40..=200 {
            for detail in [Detail::Quiet, Detail::Normal, Detail::Verbose] {
                let text = rollback(&change_sample::rollback(), &Page { width, detail, ..PAGE });
                assert!(text.lines().all(|line| get_text_width(line) <= width), "{width}:\n{text}");
            }
        }
    }

    #[test]
    fn colour_adds_escapes_and_changes_no_word() {
        let report = change_sample::rollback();
        let coloured = rollback(&report, &Page { paint: Paint::Colour, detail: Detail::Verbose, ..PAGE });
        let bare = change_sample::bare(&coloured);
        assert_eq!(bare, rollback(&report, &Page { detail: Detail::Verbose, ..PAGE }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn nothing_that_was_seen_steers_the_terminal(text in any::<String>(), width in 40usize..200) {
            let outcomes = [
                UndoOutcome::Left(text.clone()),
                UndoOutcome::Waits { reason: text.clone(), command: text.clone() },
                UndoOutcome::Conflict(text.clone()),
                UndoOutcome::Failed(Trouble::new(text.clone(), text.clone())),
            ];
            let step = |outcome| UndoStep { action: Action::Restart(text.clone()), outcome: Some(outcome) };
            let rolled_back = RolledBack { transaction: text.clone(), steps: outcomes.into_iter().map(step).collect(), unrecorded: None };
            let report = RollbackReport { root: "/".into(), rolled_back, dry_run: false };
            let shown = rollback(&report, &Page { width, ..PAGE });
            prop_assert!(!shown.chars().any(|letter| letter.is_control() && letter != '\n'));
        }
    }
}
