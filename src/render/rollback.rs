//! What `rollback` tells people: what is taken back, newest step first, and what came of it.

use super::plan::left;
use super::shell::{closing, gtune};
use super::step::{Below, Result, Word, heading, results, trouble};
use super::wrap::labelled;
use super::{Page, visible};
use crate::cli::Detail;
use crate::command::{RollbackOutcome, RollbackReport};
use crate::plan::{UndoOutcome, UndoStep};

/// The whole of it.
pub fn rollback(report: &RollbackReport, page: &Page) -> String {
    let mut parts = vec![];
    if let (Some(id), true) = (&report.rolled_back.transaction, page.detail != Detail::Quiet) {
        parts.push(labelled("transaction ", &visible(id), page.width));
    }
    parts.push(steps(report, page));
    parts.push(left(&report.left, page) + &ending(report, page));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// What came of each step, or would; with `-q` only of those that need somebody. A step that is to be done, and with
/// `-v` one that was done, has the difference it makes.
fn steps(report: &RollbackReport, page: &Page) -> String {
    let is_shown = |step: &UndoStep| page.detail != Detail::Quiet || is_open(step);
    let shown = report.rolled_back.steps.iter().enumerate().filter(|(_, step)| is_shown(step));
    let one = |(at, step): (usize, &UndoStep)| {
        let has_difference = match step.outcome {
            None => true,
            Some(UndoOutcome::Restored) => page.detail == Detail::Verbose,
            Some(_) => false,
        };
        let mut said = step.outcome.as_ref().map(|outcome| below(report, outcome)).unwrap_or_default();
        if has_difference {
            said.push(Below::Difference(step.action.clone()));
        }
        let title = if has_difference { heading(&step.action) } else { step.action.to_string() };
        let word = step.outcome.as_ref().map_or(Word::quiet("to do"), word);
        Result { number: at + 1, title, word, below: said }
    };
    results(&shown.map(one).collect::<Vec<Result>>(), page)
}

/// Whether a step was tried, or foreseen, and needs somebody.
fn is_open(step: &UndoStep) -> bool {
    step.outcome.as_ref().is_some_and(|outcome| !outcome.is_settled())
}

/// The word of an outcome.
pub fn word(outcome: &UndoOutcome) -> Word {
    match outcome {
        UndoOutcome::Restored => Word::good("done"),
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
    let id = report.rolled_back.transaction.as_deref().unwrap_or_default();
    gtune(&report.host.root, &format!("rollback {id}{options}"))
}

/// The last line.
fn ending(report: &RollbackReport, page: &Page) -> String {
    let id = report.rolled_back.transaction.as_deref().unwrap_or_default();
    let line = |text: &str| labelled("", &visible(text), page.width);
    match report.outcome() {
        RollbackOutcome::Planned => line(&foreseen(report)),
        RollbackOutcome::Done => line(&format!("done: transaction {id} is taken back")),
        RollbackOutcome::NothingToDo if report.rolled_back.transaction.is_none() => {
            line("nothing to do: no transaction is in force")
        }
        RollbackOutcome::NothingToDo if report.rolled_back.steps.is_empty() => {
            line(&format!("nothing to do: transaction {id} is taken back already"))
        }
        RollbackOutcome::NothingToDo => line(&format!("nothing to do: nothing of transaction {id} is left")),
        RollbackOutcome::PartlyChanged => match &report.rolled_back.unrecorded {
            Some(why) => {
                let sentence = format!("taken back, but it could not be written down: {why}; then run:");
                closing(&visible(&sentence), &visible(&again(report, "")), page.width)
            }
            None => what_is_left(report, page),
        },
    }
}

/// What a dry run comes to.
fn foreseen(report: &RollbackReport) -> String {
    let open: Vec<&UndoStep> = report.rolled_back.steps.iter().filter(|step| is_open(step)).collect();
    let mut words: Vec<&str> = open.iter().filter_map(|step| Some(word(step.outcome.as_ref()?).text)).collect();
    words.dedup();
    match open.len() {
        0 => "dry run: nothing was changed".to_owned(),
        1 => format!("dry run: nothing was changed; 1 step would be left ({})", words.join(", ")),
        many => format!("dry run: nothing was changed; {many} steps would be left ({})", words.join(", ")),
    }
}

/// How many steps are left, and what settles each kind of them.
fn what_is_left(report: &RollbackReport, page: &Page) -> String {
    let steps = &report.rolled_back.steps;
    let open: Vec<&UndoOutcome> =
        steps.iter().filter(|step| is_open(step)).filter_map(|step| step.outcome.as_ref()).collect();
    let are = if open.len() == 1 { "is" } else { "are" };
    let mut head = format!("PARTLY TAKEN BACK: {} of {} steps {are} left. ", open.len(), steps.len());
    let mut out = String::new();
    let mut settle = |sentence: &str, command: &str| {
        out += &closing(&format!("{head}{sentence}"), &visible(command), page.width);
        head.clear();
    };
    if open.iter().any(|outcome| matches!(outcome, UndoOutcome::Waits { .. } | UndoOutcome::Failed(_))) {
        match first_to_run(&open) {
            Some(commands) => settle("To go on:", &format!("{commands} && {}", again(report, ""))),
            None => settle("To go on once that is mended:", &again(report, "")),
        }
    }
    if open.iter().any(|outcome| matches!(outcome, UndoOutcome::Conflict(_))) {
        settle("To overwrite the change of somebody else:", &again(report, " --force"));
    }
    out
}

/// The commands that make everything possible that could not be done; none where somebody has to look first.
fn first_to_run(open: &[&UndoOutcome]) -> Option<String> {
    let mut commands: Vec<&str> = vec![];
    for outcome in open {
        match outcome {
            UndoOutcome::Failed(_) => return None,
            // Such a command only shows something.
            UndoOutcome::Waits { command, .. } if command.contains('#') => return None,
            UndoOutcome::Waits { command, .. } if !commands.contains(&command.as_str()) => commands.push(command),
            _ => {}
        }
    }
    Some(commands.join(" && "))
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
        assert!(text.starts_with("transaction 7f3a9c\n\nto do   1  restart gunicorn.service\n"), "{text}");
        assert!(text.contains("take a line out of /etc/fstab\n    --- /etc/fstab\n"), "{text}");
        assert!(text.contains("    -tmpfs /mem tmpfs size=64m 0 0\n"), "{text}");
        assert!(text.contains("to do  11  remove directory /mem\n"), "{text}");
        assert!(text.ends_with("\ndry run: nothing was changed\n"), "{text}");
    }

    #[test]
    fn what_is_left_undone_says_why_and_what_to_run() {
        let text = rollback(&change_sample::rollback(), &PAGE);
        for line in [
            "done         1  restart gunicorn.service\n",
            "left         3  ",
            "    it is of an earlier boot\n",
            "waits        4  ",
            "    pids 815 and 816 have files in it open\n    run: systemctl restart gunicorn.service\n",
            "conflict     5  ",
            "    somebody else has changed it since: it holds\n    OOMPolicy=stop\\u{1b}[2J\n    to overwrite that: gtune rollback 7f3a9c --force\n",
            "failed       6  ",
            "    hint: df /etc\n",
            "PARTLY TAKEN BACK: 5 of 11 steps are left. To go on once that is mended:\n  gtune rollback 7f3a9c\n",
            "To overwrite the change of somebody else: gtune rollback 7f3a9c --force\n",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    /// A rollback of an image, of which the first steps came to these.
    fn of(outcomes: &[UndoOutcome]) -> RollbackReport {
        let mut report = change_sample::rollback();
        report.host.root = "/srv/an image".into();
        let rest = std::iter::repeat(&UndoOutcome::Restored);
        let steps = report.rolled_back.steps.iter_mut().zip(outcomes.iter().chain(rest));
        steps.for_each(|(step, outcome)| step.outcome = Some(outcome.clone()));
        report
    }

    #[test]
    fn the_last_line_names_the_command_that_settles_what_is_left() {
        let conflict = UndoOutcome::Conflict("its content was changed".into());
        let waits =
            |command: &str| UndoOutcome::Waits { reason: "files in /mem are open".into(), command: command.into() };
        let page = Page { width: 200, ..PAGE };
        let last = |outcomes: &[UndoOutcome]| rollback(&of(outcomes), &page).lines().last().unwrap().to_owned();
        let gtune = "gtune --root '/srv/an image' rollback 7f3a9c";
        assert_eq!(
            last(&[conflict]),
            format!(
                "PARTLY TAKEN BACK: 1 of 11 steps is left. To overwrite the change of somebody else: {gtune} --force"
            )
        );
        let restart = waits("systemctl restart a.service");
        assert_eq!(
            last(&[restart.clone(), restart]),
            format!("PARTLY TAKEN BACK: 2 of 11 steps are left. To go on: systemctl restart a.service && {gtune}")
        );
        let mended = format!("PARTLY TAKEN BACK: 1 of 11 steps is left. To go on once that is mended: {gtune}");
        assert_eq!(last(&[waits("fuser -vm /mem   # shows who")]), mended);
        assert_eq!(last(&[UndoOutcome::Failed(Trouble::new("a", "b"))]), mended);
    }

    #[test]
    fn a_dry_run_says_of_each_step_why_it_would_be_left_and_shows_no_difference_of_it() {
        let mut report = of(&[]);
        report.dry_run = true;
        let steps = report.rolled_back.steps.iter_mut();
        steps.for_each(|step| step.outcome = Some(UndoOutcome::AlreadySo));
        assert!(rollback(&report, &PAGE).ends_with("\ndry run: nothing was changed\n"));
        report.rolled_back.steps[6].outcome = Some(UndoOutcome::Conflict("its content was changed".into()));
        let text = rollback(&report, &PAGE);
        assert!(!text.contains("---") && text.contains("\nconflict     7  "), "{text}");
        assert!(text.contains("already so   6  "), "{text}");
        assert!(text.ends_with("\ndry run: nothing was changed; 1 step would be left (conflict)\n"), "{text}");
    }

    #[test]
    fn where_nothing_is_in_force_there_is_nothing_to_do() {
        let mut report = of(&[]);
        report.rolled_back.steps.clear();
        for dry_run in [true, false] {
            report.dry_run = dry_run;
            let text = rollback(&report, &PAGE);
            assert_eq!(text, "transaction 7f3a9c\n\nnothing to do: transaction 7f3a9c is taken back already\n");
        }
        report.rolled_back = RolledBack::default();
        assert_eq!(rollback(&report, &PAGE), "nothing to do: no transaction is in force\n");
        assert_eq!(report.exit_code().number(), 0);
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
            let rolled_back = RolledBack { transaction: Some(text.clone()), steps: outcomes.into_iter().map(step).collect(), unrecorded: None };
            let report = RollbackReport { rolled_back, ..change_sample::rollback() };
            let shown = rollback(&report, &Page { width, ..PAGE });
            prop_assert!(!shown.chars().any(|letter| letter.is_control() && letter != '\n'));
        }
    }
}
