//! What `apply` tells people: the plan, the same in a dry run and before it is performed; then what came of it.

use super::finding::title;
use super::remedy::hanging;
use super::shell::{closing, gtune, step_lines};
use super::step::{Result, Word, numbered, results, trouble};
use super::table::host_line;
use super::wrap::labelled;
use super::{Page, visible};
use crate::cli::Detail;
use crate::command::{ApplyOutcome, ApplyReport, FindingChange, State};
use crate::plan::{Action, AlreadyState, Left, Performed, Plan, Refusal, StepOutcome};

/// The whole of it.
pub fn apply(report: &ApplyReport<'_>, page: &Page) -> String {
    let mut parts = vec![];
    parts.push(refused(&report.plan.refused, "refused", page));
    if page.detail != Detail::Quiet && (report.plan.refused.is_empty() || page.detail == Detail::Verbose) {
        parts.push(planned(report, page));
    }
    if let Some(performed) = &report.performed {
        parts.push(performed_steps(report.plan, performed, page));
    }
    if page.detail != Detail::Quiet {
        parts.push(findings(&report.findings, page));
    }
    parts.push(refused(&report.not_done, "not done", page));
    parts.push(trouble_of(report, page));
    parts.push(left(&report.plan.left, page) + &ending(report, page));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// The plan. It holds nothing that depends on whether it is performed, so what a dry run shows is what is then done.
fn planned(report: &ApplyReport<'_>, page: &Page) -> String {
    let plan = report.plan;
    let mut head = labelled("host: ", &visible(&host_line(&report.facts.host)), page.width);
    for already in &plan.already {
        let lead = match already.state {
            AlreadyState::So => "already so: ",
            AlreadyState::Kept => "kept: ",
        };
        head += &labelled(lead, &visible(&already.what), page.width);
    }
    if page.detail == Detail::Verbose {
        for image in &plan.rehearsals {
            let text = format!("mount of {} with {}", image.kind, image.options.join(", "));
            head += &labelled("tried out of sight first: ", &visible(&text), page.width);
        }
    }
    let warnings: String = plan.warnings.iter().map(|text| said("warning", Word::odd("warning"), text, page)).collect();
    let mut parts = vec![head, numbered(plan.actions.iter(), page), warnings];
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn said(word: &str, look: Word, text: &str, page: &Page) -> String {
    title(word, look.look, text, page)
}

/// What came of each step; with `-q` of those only that did not come out as planned.
fn performed_steps(plan: &Plan, performed: &Performed, page: &Page) -> String {
    let all = plan.actions.iter().zip(&performed.steps).enumerate();
    let shown = all.filter(|(_, (_, outcome))| {
        page.detail != Detail::Quiet || !matches!(outcome, StepOutcome::Changed | StepOutcome::AlreadySo)
    });
    let steps: Vec<Result> = shown
        .map(|(at, (action, outcome))| Result {
            number: at + 1,
            title: action.to_string(),
            word: word(outcome),
            below: match outcome {
                StepOutcome::Failed(why) | StepOutcome::NotUndone(why) => trouble(why),
                _ => vec![],
            },
        })
        .collect();
    results(&steps, page)
}

fn word(outcome: &StepOutcome) -> Word {
    match outcome {
        StepOutcome::Changed => Word::good("changed"),
        StepOutcome::AlreadySo => Word::quiet("already so"),
        StepOutcome::Failed(_) => Word::bad("failed"),
        StepOutcome::Undone => Word::odd("undone"),
        StepOutcome::NotUndone(_) => Word::bad("not undone"),
        StepOutcome::NotReached => Word::quiet("not reached"),
    }
}

fn findings(all: &[FindingChange], page: &Page) -> String {
    all.iter().map(|one| finding(one, page)).collect()
}

/// `gone: heartbeat-filesystem (gunicorn.service)`; what is observed is said of what is not gone.
fn finding(one: &FindingChange, page: &Page) -> String {
    let word = match one.waits_for_restart {
        true => Word::odd("waits for the restart"),
        false => finding_word(one.before, one.after),
    };
    let is_well = matches!(one.after, State::Ok | State::NotApplicable | State::Skipped);
    let mut text = format!("{} ({})", one.id, one.subject);
    if !one.observed.is_empty() && (!is_well || page.detail == Detail::Verbose) {
        text += &format!(": {}", one.observed);
    }
    said(word.text, word, &text, page)
}

fn finding_word(before: State, after: State) -> Word {
    match (before, after) {
        (State::Finding, State::Finding) => Word::odd("still there"),
        (_, State::Finding) => Word::bad("new"),
        (State::Unknown, State::Unknown) => Word::odd("still unknown"),
        (_, State::Unknown) => Word::odd("unknown now"),
        (State::Unknown, _) => Word::good("fine now"),
        _ => Word::good("gone"),
    }
}

/// What is not done, and why.
fn refused(all: &[Refusal], word: &'static str, page: &Page) -> String {
    let one = |refusal: &Refusal| {
        said(word, Word::bad(word), &format!("cannot {}: {}", refusal.what, refusal.reason), page)
            + &hints(&refusal.hints, page)
    };
    all.iter().map(one).collect()
}

/// What stood in the way of performing the plan.
fn trouble_of(report: &ApplyReport<'_>, page: &Page) -> String {
    let Some(trouble) = &report.trouble else { return String::new() };
    let word = if report.performed.is_some() { "failed" } else { "refused" };
    said(word, Word::bad(word), &trouble.to_string(), page) + &hints(trouble.hint.as_slice(), page)
}

fn hints(all: &[String], page: &Page) -> String {
    const LEAD: &str = "  hint: ";
    let one = |hint: &String| hanging(LEAD, step_lines(&visible(hint), page.width.saturating_sub(LEAD.len())));
    all.iter().map(one).collect()
}

/// What is left to the operator: the command on lines of its own, so that it can be copied.
pub(super) fn left(all: &[Left], page: &Page) -> String {
    if all.is_empty() {
        return String::new();
    }
    let one = |left: &Left| {
        hanging("  ", step_lines(&visible(&left.command), page.width.saturating_sub(2)))
            + &labelled("    ", &visible(&left.why), page.width)
    };
    format!("left to do:\n{}", all.iter().map(one).collect::<String>())
}

/// The last line.
fn ending(report: &ApplyReport<'_>, page: &Page) -> String {
    let transaction = report.performed.as_ref().and_then(|performed| performed.transaction.as_deref());
    let undo = |id: &str| visible(&gtune(&report.facts.host.root, &format!("rollback {id}"))).into_owned();
    match (report.outcome(), transaction) {
        (ApplyOutcome::Done, Some(id)) => {
            let sentence = format!("done: transaction {}; undo with:", visible(id));
            closing(&sentence, &undo(id), page.width)
        }
        (ApplyOutcome::Done, None) => "done\n".to_owned(),
        (ApplyOutcome::NothingToDo, _) if !report.plan.left.is_empty() || !report.not_done.is_empty() => {
            labelled("", "nothing was changed; see above what is left to do", page.width)
        }
        (ApplyOutcome::NothingToDo, _) if report.plan.already.iter().any(|one| one.state == AlreadyState::Kept) => {
            labelled("", "nothing was changed", page.width)
        }
        (ApplyOutcome::NothingToDo, _) => labelled("", "nothing to do: all of it is so already", page.width),
        (ApplyOutcome::Planned, _) => labelled("", "dry run: nothing was changed", page.width),
        (ApplyOutcome::Refused, _) => labelled("", "nothing was changed", page.width),
        (ApplyOutcome::Failed, _) => {
            labelled("", &format!("failed: everything was put back as it was{}", running_again(report)), page.width)
        }
        (ApplyOutcome::PartlyChanged, id) => {
            let sentence = format!("failed, and PARTLY CHANGED: {}; run:", still_changed(report));
            closing(&sentence, &id.map_or_else(|| gtune(&report.facts.host.root, "history"), undo), page.width)
        }
    }
}

/// `; gunicorn.service runs again`
fn running_again(report: &ApplyReport<'_>) -> String {
    let steps = report.performed.iter().flat_map(|performed| report.plan.actions.iter().zip(&performed.steps));
    let restarted = steps.filter_map(|(action, outcome)| match (action, outcome) {
        (Action::Restart(unit), StepOutcome::Undone | StepOutcome::Failed(_)) => Some(visible(unit).into_owned()),
        _ => None,
    });
    let units: Vec<String> = restarted.collect();
    match units.as_slice() {
        [] => String::new(),
        [one] => format!("; {one} runs again"),
        many => format!("; {} run again", many.join(", ")),
    }
}

/// `steps 1 and 2 are not as they were`
fn still_changed(report: &ApplyReport<'_>) -> String {
    let steps = report.performed.iter().flat_map(|performed| &performed.steps).enumerate();
    let is_kept = |outcome: &StepOutcome| matches!(outcome, StepOutcome::Changed | StepOutcome::NotUndone(_));
    let numbers: Vec<String> =
        steps.filter(|(_, outcome)| is_kept(outcome)).map(|(at, _)| (at + 1).to_string()).collect();
    match numbers.as_slice() {
        [one] => format!("step {one} is not as it was"),
        [first @ .., last] => format!("steps {} and {last} are not as they were", first.join(", ")),
        [] => "something is not as it was".to_owned(),
    }
}

#[cfg(test)]
mod tests;
