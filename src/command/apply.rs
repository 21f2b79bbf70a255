//! `gtune apply`: observe, plan, rehearse, perform, observe again.

use super::{Answer, ApplyReport, ExitCode, Failure, FindingChange, State, open, recommended};
use crate::checks::by_hand::holds_one_application;
use crate::checks::{self, Outcome, Row, Selection, Verdict};
use crate::cli::{Apply, Format, Global};
use crate::facts::Facts;
use crate::host::{self, Root};
use crate::perform::{self, Origin};
use crate::plan::{self, Action, Change, Left, Plan, Refusal, Request, Trouble};
use crate::render::{self, Page};
use crate::units::quoted;
use std::thread;
use std::time::{Duration, Instant};

/// How long after a restart what was asked for may take to be seen. A master that has started forks its workers at once,
/// but a busy host may need seconds; a service that is not there by then does not come up with the new settings.
const SETTLING: Duration = Duration::from_secs(30);

/// How long to wait between two looks: a look costs some 30 ms of CPU.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Changes the host below `--root`, or says what it would change.
///
/// # Errors
/// Where the root cannot be opened, or who runs it may not change the host.
pub fn run(global: &Global, options: &Apply, page: &Page) -> Result<Answer, Failure> {
    let root = open(&global.root)?;
    let facts = host::observe(&root);
    let (requests, plan) = planned(&root, &facts, options);
    let mut report = ApplyReport {
        facts: &facts,
        plan: &plan,
        dry_run: options.dry_run,
        performed: None,
        trouble: None,
        findings: vec![],
    };
    if !options.dry_run {
        permitted(&facts)?;
    }
    if !options.dry_run && plan.refused.is_empty() && !plan.actions.is_empty() {
        match perform::perform(&root, &plan, origin(&facts), || in_force(&root, &requests, &plan)) {
            Ok(mut performed) => {
                report.trouble = performed.unverified.take();
                report.performed = Some(performed);
            }
            Err(trouble) => report.trouble = Some(trouble),
        }
        report.findings = findings(&facts, &host::observe(&root), &requests);
    }
    Ok(Answer { text: text(&report, global.format, page), exit: report.exit_code().number() })
}

fn text(report: &ApplyReport<'_>, format: Format, page: &Page) -> String {
    match format {
        Format::Json => render::json::apply(report),
        Format::Table | Format::Prometheus | Format::Nagios => render::plan::apply(report, page),
    }
}

/// What was asked for, and the plan for it with its mounts tried.
fn planned(root: &Root, facts: &Facts, options: &Apply) -> (Vec<Request>, Plan) {
    let (mut requests, mut left) = match options.recommended {
        true => recommended::requests(facts, options),
        false => (vec![options.request()], vec![]),
    };
    if options.recommended {
        requests.retain(|request| {
            let alone = drafted(root, facts, std::slice::from_ref(request));
            left.extend(alone.refused.iter().map(given_up));
            alone.refused.is_empty()
        });
    }
    let mut plan = drafted(root, facts, &requests);
    plan.left.append(&mut left);
    rehearse(facts, &mut plan);
    (requests, plan)
}

/// The ground is looked at, then planned on.
fn drafted(root: &Root, facts: &Facts, requests: &[Request]) -> Plan {
    let places = plan::places(facts, requests);
    plan::draft(facts, &host::ground(root, facts, &places), requests)
}

/// What doctor recommends and apply must refuse is left to the operator.
fn given_up(refusal: &Refusal) -> Left {
    let hint = refusal.hints.first().cloned().unwrap_or_else(|| "gtune doctor".to_owned());
    Left::new(hint, format!("gtune cannot {}: {}", refusal.what, refusal.reason))
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
        sudo_user: std::env::var("SUDO_USER").ok(),
        arguments: arguments(),
    }
}

/// The command line; what is not UTF-8 in it, lossily.
fn arguments() -> Vec<String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// A live host is changed by root alone. Inside a container root could not either, and the plan says who can.
fn permitted(facts: &Facts) -> Result<(), Failure> {
    if !facts.host.live || facts.host.uid == 0 || facts.host.container.as_ref().is_some_and(holds_one_application) {
        return Ok(());
    }
    let command: Vec<String> = arguments().iter().map(|word| quoted(word)).collect();
    Err(Failure::new(ExitCode::CouldNotChange, "change this host: needs root")
        .with_hint(format!("sudo {}", command.join(" "))))
}

/// Looks and plans again until nothing of what was asked for is left to change: that is the proof that it is in force.
fn in_force(root: &Root, requests: &[Request], plan: &Plan) -> Result<(), Trouble> {
    // Without a restart nothing is on its way: what is not seen at once is not there.
    let restarts = plan.actions.iter().any(|action| matches!(action, Action::Restart(_)));
    let deadline = Instant::now() + if restarts { SETTLING } else { Duration::ZERO };
    loop {
        let again = drafted(root, &host::observe(root), requests);
        let Some(missing) = missing(&again) else { return Ok(()) };
        if Instant::now() >= deadline || !again.refused.is_empty() {
            return Err(missing);
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// What a second plan would still change. A worker that was forked meanwhile has its master's old limit for a moment and
/// is no reason to take everything back.
fn missing(again: &Plan) -> Option<Trouble> {
    if let Some(refusal) = again.refused.first() {
        return Some(Trouble::new(&refusal.what, &refusal.reason));
    }
    let left = again.actions.iter().find(|action| !matches!(action, Action::Change(Change::ProcessLimit { .. })))?;
    let trouble = Trouble::new("see the effect", format!("a second look would still {left}"));
    Some(match left {
        Action::Restart(unit) => trouble.with_hint(format!("journalctl -u {unit} -n 50")),
        Action::Change(_) | Action::Reload => trouble,
    })
}

/// What doctor says before and after, of what was asked for and of what got worse.
fn findings(before: &Facts, after: &Facts, requests: &[Request]) -> Vec<FindingChange> {
    let was = checks::assess(before, &Selection::default());
    let is = checks::assess(after, &Selection::default());
    is.iter().filter_map(|row| changed(&was, row, requests)).collect()
}

fn changed(was: &[Row], row: &Row, requests: &[Request]) -> Option<FindingChange> {
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
    })
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
