//! `gtune apply`: observe, plan, rehearse, perform, observe again.

mod in_force;

use super::arguments::{again_as_root, arguments};
use super::{Answer, ApplyOutcome, ApplyReport, ExitCode, Failure, FindingChange, State, open, recommended};
use crate::checks::by_hand::holds_one_application;
use crate::checks::{self, Outcome, Row, Selection, Verdict};
use crate::cli::{Apply, Format, Global};
use crate::facts::Facts;
use crate::host::{self, Root};
use crate::perform::{self, Origin};
use crate::plan::{self, Action, Plan, Refusal, Request, Trouble};
use crate::render::{self, Page};

/// Changes the host below `--root`, or says what it would change.
///
/// # Errors
/// Where the root cannot be opened, or who runs it may not change the host.
pub fn run(global: &Global, options: &Apply, page: &Page) -> Result<Answer, Failure> {
    let root = open(&global.root)?;
    let facts = host::observe(&root);
    if !options.dry_run {
        permitted(&facts)?;
    }
    let Planned { requests, plan, not_done } = planned(&root, &facts, options);
    let mut report = ApplyReport {
        facts: &facts,
        plan: &plan,
        dry_run: options.dry_run,
        performed: None,
        trouble: None,
        not_done,
        findings: vec![],
    };
    if !options.dry_run && plan.refused.is_empty() && !plan.actions.is_empty() {
        match perform::perform(&root, &plan, origin(&facts), || in_force::wait(&root, &facts, &requests, &plan)) {
            Ok(mut performed) => {
                report.trouble = performed.unverified.take();
                report.performed = Some(performed);
            }
            Err(trouble) => report.trouble = Some(trouble),
        }
        if report.outcome() == ApplyOutcome::Done {
            report.findings = findings(&facts, &host::observe(&root), &requests, &plan);
        }
    }
    Ok(Answer { text: text(&report, global.format, page), exit: report.exit_code().number() })
}

fn text(report: &ApplyReport<'_>, format: Format, page: &Page) -> String {
    match format {
        Format::Json => render::json::apply(report),
        Format::Table | Format::Prometheus | Format::Nagios => render::plan::apply(report, page),
    }
}

/// What was asked for, and what that comes to.
struct Planned {
    requests: Vec<Request>,
    plan: Plan,
    /// What doctor recommends and must be refused, though other things can be done.
    not_done: Vec<Refusal>,
}

fn planned(root: &Root, facts: &Facts, options: &Apply) -> Planned {
    if !options.recommended {
        let requests = vec![options.request()];
        let mut plan = drafted(root, facts, &requests);
        rehearse(facts, &mut plan);
        return Planned { requests, plan, not_done: vec![] };
    }
    let (mut requests, mut left) = recommended::requests(facts, options);
    let mut not_done = vec![];
    requests.retain(|request| {
        let mut alone = drafted(root, facts, std::slice::from_ref(request));
        rehearse(facts, &mut alone);
        let can = alone.refused.is_empty();
        not_done.append(&mut alone.refused);
        can
    });
    let mut plan = drafted(root, facts, &requests);
    plan.left.append(&mut left);
    if requests.is_empty() {
        // Nothing of it can be done, so all of it is refused.
        plan.refused.append(&mut not_done);
    }
    Planned { requests, plan, not_done }
}

/// The ground is looked at, then planned on.
fn drafted(root: &Root, facts: &Facts, requests: &[Request]) -> Plan {
    let places = plan::places(facts, requests);
    plan::draft(facts, &host::ground(root, facts, &places), requests)
}

/// Tries the mounts where nobody sees them; only root can.
fn rehearse(facts: &Facts, plan: &mut Plan) {
    if !facts.host.live || plan.rehearsals.is_empty() {
        return;
    }
    if facts.host.uid != 0 {
        plan.warnings.push("The mount options were not tried, because only root can.".to_owned());
        return;
    }
    for image in &plan.rehearsals {
        if let Err(Trouble { what, reason, hint }) = perform::rehearsal::rehearse(image) {
            plan.refused.push(Refusal { what, reason, hints: hint.into_iter().collect() });
        }
    }
}

/// Who wants it, and on which boot.
fn origin(facts: &Facts) -> Origin {
    Origin {
        boot_id: facts.host.boot_id.known().filter(|_| facts.host.live).cloned(),
        network: facts.network.namespace.known().filter(|_| facts.host.live).copied(),
        sudo_user: std::env::var("SUDO_USER").ok(),
        arguments: arguments(),
    }
}

/// A live host is changed by root alone. Inside a container root could not either, and the plan says who can.
fn permitted(facts: &Facts) -> Result<(), Failure> {
    if !facts.host.live || facts.host.uid == 0 || facts.host.container.as_ref().is_some_and(holds_one_application) {
        return Ok(());
    }
    Err(Failure::new(ExitCode::CouldNotChange, "change this host: only root can").with_hint(again_as_root()))
}

/// What doctor says before and after, of what was asked for and of what got worse.
fn findings(before: &Facts, after: &Facts, requests: &[Request], plan: &Plan) -> Vec<FindingChange> {
    let was = checks::assess(before, &Selection::default());
    let is = checks::assess(after, &Selection::default());
    is.iter().filter_map(|row| changed(&was, row, requests, plan)).collect()
}

fn changed(was: &[Row], row: &Row, requests: &[Request], plan: &Plan) -> Option<FindingChange> {
    let before = was.iter().find(|old| old.check.id == row.check.id && old.subject == row.subject);
    let before = before.map_or(State::NotApplicable, |old| State::of(&old.outcome));
    let after = State::of(&row.outcome);
    let is_bad = |state| matches!(state, State::Finding | State::Unknown);
    let asked = requests.iter().any(|request| concerned(request).contains(&row.check.id));
    let told = (asked && is_bad(before)) || (after == State::Finding && before != State::Finding);
    told.then(|| FindingChange {
        id: row.check.id,
        subject: row.subject.clone(),
        before,
        after,
        observed: observed(&row.outcome),
        waits_for_restart: after == State::Finding && waits_for_restart(row, plan),
    })
}

/// Whether a restart of the service that is judged is left to the operator.
fn waits_for_restart(row: &Row, plan: &Plan) -> bool {
    plan.left.iter().any(|left| left.does == Some(Action::Restart(row.subject.clone())))
}

/// The checks whose findings a request means to mend.
fn concerned(request: &Request) -> Vec<&'static str> {
    let mut ids = vec![];
    if request.tmpfs.is_some() {
        ids.extend(["heartbeat-filesystem", "tmpfs-mount", "fstab"]);
    }
    if request.somaxconn.is_some() {
        ids.extend(["somaxconn", "listen-backlog"]);
    }
    if request.open_files.is_some() {
        ids.extend(["open-file-limit", "open-file-usage", "limits-source"]);
    }
    if request.oom_policy.is_some() {
        ids.push("oom-policy");
    }
    ids
}

fn observed(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Judged(Verdict::Healthy(seen)) => seen.observed.clone(),
        Outcome::Judged(Verdict::Finding(finding)) => finding.seen.observed.clone(),
        Outcome::Judged(Verdict::CannotTell(why) | Verdict::NotApplicable(why)) => why.to_string(),
        Outcome::Skipped => String::new(),
    }
}
