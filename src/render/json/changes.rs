//! `apply`, `rollback` and `history` in JSON.

use super::step::{StepRecord, kind, subject};
use super::{HostRecord, host_record, value, whole_second};
use crate::command::{ApplyReport, FindingChange, HistoryReport, RollbackReport};
use crate::plan::{
    Action, Already, Left, Refusal, StepOutcome, StepState, Transaction, TransactionState, Trouble, UndoOutcome,
    UndoStep,
};
use crate::render::shell::gtune;
use crate::render::undo_script;
use serde::Serialize;

#[derive(Serialize)]
struct Apply<'a> {
    observed_at: String,
    host: HostRecord<'a>,
    dry_run: bool,
    transaction: Option<&'a str>,
    outcome: &'static str,
    steps: Vec<StepRecord>,
    already: &'a [Already],
    refused: Vec<Refusal>,
    not_done: &'a [Refusal],
    warnings: &'a [String],
    left: &'a [Left],
    findings: Vec<FindingRecord<'a>>,
}

#[derive(Serialize)]
struct FindingRecord<'a> {
    id: &'a str,
    subject: &'a str,
    before: &'static str,
    after: &'static str,
    observed: &'a str,
    waits_for_restart: bool,
}

#[derive(Serialize)]
struct Rollback<'a> {
    observed_at: String,
    host: HostRecord<'a>,
    root: &'a str,
    dry_run: bool,
    transaction: Option<&'a str>,
    outcome: &'static str,
    steps: Vec<UndoRecord>,
    unrecorded: Option<String>,
    left: &'a [Left],
}

#[derive(Serialize)]
struct UndoRecord {
    #[serde(flatten)]
    step: StepRecord,
    command: Option<String>,
}

#[derive(Serialize)]
struct Script<'a> {
    observed_at: String,
    host: HostRecord<'a>,
    root: &'a str,
    dry_run: bool,
    transaction: Option<&'a str>,
    script: String,
}

#[derive(Serialize)]
struct History<'a, S> {
    observed_at: String,
    root: &'a str,
    transactions: Vec<TransactionRecord<'a, S>>,
    unreadable: &'a [String],
}

#[derive(Serialize)]
struct TransactionRecord<'a, S> {
    id: &'a str,
    at: String,
    state: TransactionState,
    gtune: &'a str,
    boot_id: Option<&'a str>,
    uid: u32,
    sudo_user: Option<&'a str>,
    arguments: &'a [String],
    restarts: &'a [String],
    steps: Vec<S>,
}

#[derive(Serialize)]
struct ShortStep {
    number: usize,
    title: String,
    kind: &'static str,
    subject: Option<String>,
    state: StepState,
}

/// What came of `apply`.
pub fn apply(report: &ApplyReport<'_>) -> String {
    let outcomes = report.performed.as_ref().map(|performed| performed.steps.as_slice()).unwrap_or_default();
    let step = |(at, action): (usize, &Action)| step(at + 1, action, outcomes.get(at));
    let trouble = report.trouble.iter().map(refusal);
    value(
        "apply",
        Apply {
            observed_at: whole_second(report.facts.observed_at),
            host: host_record(&report.facts.host),
            dry_run: report.dry_run,
            transaction: report.performed.as_ref().and_then(|performed| performed.transaction.as_deref()),
            outcome: report.outcome().name(),
            steps: report.plan.actions.iter().enumerate().map(step).collect(),
            already: &report.plan.already,
            refused: report.plan.refused.iter().cloned().chain(trouble).collect(),
            not_done: &report.not_done,
            warnings: &report.plan.warnings,
            left: &report.plan.left,
            findings: report.findings.iter().map(finding).collect(),
        },
    )
}

fn step(number: usize, action: &Action, outcome: Option<&StepOutcome>) -> StepRecord {
    let of = |state| StepRecord::of(number, action, state);
    match outcome {
        None => of("planned"),
        Some(StepOutcome::Changed) => of("changed"),
        Some(StepOutcome::AlreadySo) => of("already-so"),
        Some(StepOutcome::Failed(why)) => of("failed").because(why.to_string(), why.hint.clone()),
        Some(StepOutcome::Undone) => of("undone"),
        Some(StepOutcome::NotUndone(why)) => of("not-undone").because(why.to_string(), why.hint.clone()),
        Some(StepOutcome::NotReached) => of("not-reached"),
    }
}

/// What stood in the way of performing a plan has the shape of a refusal: nothing was begun.
fn refusal(trouble: &Trouble) -> Refusal {
    let hints = trouble.hint.iter().cloned().collect();
    Refusal { what: trouble.what.clone(), reason: trouble.reason.clone(), hints }
}

fn finding(change: &FindingChange) -> FindingRecord<'_> {
    FindingRecord {
        id: change.id,
        subject: &change.subject,
        before: change.before.name(),
        after: change.after.name(),
        observed: &change.observed,
        waits_for_restart: change.waits_for_restart,
    }
}

/// What came of `rollback`.
pub fn rollback(report: &RollbackReport) -> String {
    value(
        "rollback",
        Rollback {
            observed_at: whole_second(report.observed_at),
            host: host_record(&report.host),
            root: &report.host.root,
            dry_run: report.dry_run,
            transaction: report.rolled_back.transaction.as_deref(),
            outcome: report.outcome().name(),
            steps: report.rolled_back.steps.iter().enumerate().map(|(at, step)| undone(report, at + 1, step)).collect(),
            unrecorded: report.rolled_back.unrecorded.as_ref().map(ToString::to_string),
            left: &report.left,
        },
    )
}

fn undone(report: &RollbackReport, number: usize, step: &UndoStep) -> UndoRecord {
    let of = |state| StepRecord::of(number, &step.action, state);
    let plain = |step| UndoRecord { step, command: None };
    match &step.outcome {
        None => plain(of("planned")),
        Some(UndoOutcome::Restored) => plain(of("restored")),
        Some(UndoOutcome::AlreadySo) => plain(of("already-so")),
        Some(UndoOutcome::Left(reason)) => plain(of("left").because(reason, None)),
        Some(UndoOutcome::Waits { reason, command }) => {
            UndoRecord { step: of("waits").because(reason, None), command: Some(command.clone()) }
        }
        Some(UndoOutcome::Conflict(there)) => {
            let id = report.rolled_back.transaction.as_deref().unwrap_or_default();
            let command = gtune(&report.host.root, &format!("rollback {id} --force"));
            UndoRecord { step: of("conflict").because(there, None), command: Some(command) }
        }
        Some(UndoOutcome::Failed(why)) => plain(of("failed").because(why.to_string(), why.hint.clone())),
    }
}

/// The script of `rollback --print`.
pub fn script(report: &RollbackReport) -> String {
    value(
        "rollback",
        Script {
            observed_at: whole_second(report.observed_at),
            host: host_record(&report.host),
            root: &report.host.root,
            dry_run: report.dry_run,
            transaction: report.rolled_back.transaction.as_deref(),
            script: undo_script::script(report),
        },
    )
}

/// Transactions, newest first.
pub fn history(report: &HistoryReport) -> String {
    let short = |transaction: &Transaction| {
        let steps = transaction.steps.iter().map(|step| {
            let action = Action::Change(step.change.clone());
            let (kind, subject) = (kind(&action), subject(&action));
            ShortStep { number: step.number, title: action.to_string(), kind, subject, state: step.state }
        });
        steps.collect()
    };
    listed(report, short)
}

/// Transactions with all that their steps changed.
pub fn history_in_full(report: &HistoryReport) -> String {
    let full = |transaction: &Transaction| {
        let steps = transaction
            .steps
            .iter()
            .map(|step| StepRecord::of(step.number, &Action::Change(step.change.clone()), state(step.state)));
        steps.collect()
    };
    listed(report, full)
}

fn state(state: StepState) -> &'static str {
    match state {
        StepState::Begun => "begun",
        StepState::Done => "done",
        StepState::Undone => "undone",
    }
}

fn listed<S: Serialize>(report: &HistoryReport, steps: impl Fn(&Transaction) -> Vec<S>) -> String {
    let transactions = report.transactions.iter().map(|transaction| {
        let begin = &transaction.begin;
        TransactionRecord {
            id: &begin.id,
            at: whole_second(begin.at),
            state: transaction.state,
            gtune: &begin.gtune,
            boot_id: begin.boot_id.as_deref(),
            uid: begin.uid,
            sudo_user: begin.sudo_user.as_deref(),
            arguments: &begin.arguments,
            restarts: &begin.restarts,
            steps: steps(transaction),
        }
    });
    value(
        "history",
        History {
            observed_at: whole_second(report.observed_at),
            root: &report.root,
            transactions: transactions.collect(),
            unreadable: &report.unreadable,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::host_with_gunicorn;
    use crate::plan::{Performed, Plan};
    use crate::render::change_sample::{self, done, findings, mixed, plan, refusal, trouble};
    use serde_json::{Value, json};

    fn applied(plan: &Plan, performed: Option<Performed>, trouble: Option<Trouble>) -> Value {
        let facts = host_with_gunicorn();
        let report = ApplyReport {
            facts: &facts,
            plan,
            dry_run: performed.is_none(),
            performed,
            trouble,
            not_done: vec![],
            findings: findings(),
        };
        serde_json::from_str(&apply(&report)).unwrap()
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn the_object_of_apply_is_the_documented_one() {
        let value = applied(&plan(), Some(done()), None);
        let documented = [
            "already",
            "command",
            "dry_run",
            "findings",
            "gtune",
            "host",
            "left",
            "not_done",
            "observed_at",
            "outcome",
            "refused",
            "schema",
            "steps",
            "transaction",
            "warnings",
        ];
        assert_eq!(keys(&value), documented);
        assert_eq!((&value["outcome"], &value["transaction"]), (&json!("done"), &json!("7f3a9c")));
        assert_eq!(value["steps"].as_array().unwrap().len(), plan().actions.len());
        let step = ["after", "before", "diff", "hint", "kind", "number", "pid", "reason", "state", "subject", "title"];
        assert!(value["steps"].as_array().unwrap().iter().all(|value| keys(value) == step));
        assert_eq!(
            value["findings"][0],
            json!({"id": "heartbeat-filesystem", "subject": "gunicorn.service", "before": "finding", "after": "ok",
                   "observed": "ext4 at /tmp", "waits_for_restart": false})
        );
    }

    #[test]
    fn a_step_says_from_what_to_what() {
        let value = applied(&plan(), None, None);
        let steps = &value["steps"];
        assert_eq!((&value["outcome"], &value["transaction"]), (&json!("planned"), &Value::Null));
        assert_eq!(
            (&steps[0]["before"], &steps[0]["after"]),
            (&Value::Null, &json!({"mode": "0755", "uid": 0, "gid": 0}))
        );
        assert_eq!(steps[2]["before"]["options"][0], "size=16m");
        assert!(steps[3]["diff"].as_str().unwrap().ends_with("+tmpfs /mem tmpfs size=64m 0 0\n"));
        assert_eq!((&steps[6]["before"], &steps[6]["after"]), (&json!(128), &json!(8192)));
        assert_eq!((&steps[7]["subject"], &steps[7]["pid"]), (&json!("net.core.somaxconn"), &json!(812)));
        assert_eq!(steps[8]["after"], json!({"soft": 4096, "hard": "unlimited"}));
        assert_eq!((&steps[9]["kind"], &steps[9]["subject"]), (&json!("reload"), &Value::Null));
        assert_eq!((&steps[10]["kind"], &steps[10]["subject"]), (&json!("restart"), &json!("gunicorn.service")));
    }

    #[test]
    fn a_failure_has_its_reason_and_hint() {
        let value = applied(&plan(), Some(mixed()), None);
        assert_eq!(value["outcome"], "partly-changed");
        let states: Vec<&str> =
            value["steps"].as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect();
        assert_eq!(states[..6], ["undone", "not-undone", "already-so", "changed", "failed", "not-reached"]);
        assert_eq!(value["steps"][4]["reason"], "cannot replace /etc/fstab: no space left on device");
        assert_eq!(value["steps"][4]["hint"], "df /etc");
    }

    #[test]
    fn whatever_stands_in_the_way_is_listed_as_refused() {
        let plan = Plan { refused: vec![refusal()], ..plan() };
        let value = applied(&plan, None, Some(trouble()));
        assert_eq!(value["outcome"], "refused");
        assert_eq!(
            value["refused"],
            json!([
                {"what": "mount a tmpfs at /srv", "reason": "it is not empty", "hints": ["gtune apply --tmpfs /mem"]},
                {"what": "replace /etc/fstab", "reason": "no space left on device", "hints": ["df /etc"]},
            ])
        );
    }

    #[test]
    fn a_rollback_says_of_every_step_what_came_of_it() {
        let value: Value = serde_json::from_str(&rollback(&change_sample::rollback())).unwrap();
        let documented = [
            "command",
            "dry_run",
            "gtune",
            "host",
            "left",
            "observed_at",
            "outcome",
            "root",
            "schema",
            "steps",
            "transaction",
            "unrecorded",
        ];
        assert_eq!(keys(&value), documented);
        assert_eq!((&value["observed_at"], &value["host"]["root"]), (&json!("2026-11-21T12:05:01Z"), &value["root"]));
        assert_eq!((&value["command"], &value["outcome"]), (&json!("rollback"), &json!("partly-changed")));
        let states: Vec<&str> =
            value["steps"].as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect();
        assert_eq!(states[..6], ["restored", "already-so", "left", "waits", "conflict", "failed"]);
        assert_eq!(value["steps"][3]["command"], "systemctl restart gunicorn.service");
        assert_eq!(value["steps"][4]["reason"], "it holds\nOOMPolicy=stop\u{1b}[2J");
    }

    #[test]
    fn a_script_in_json_is_the_script() {
        let report = change_sample::rollback();
        let value: Value = serde_json::from_str(&script(&report)).unwrap();
        assert_eq!(value["script"], undo_script::script(&report));
        let documented =
            ["command", "dry_run", "gtune", "host", "observed_at", "root", "schema", "script", "transaction"];
        assert_eq!(keys(&value), documented);
    }

    #[test]
    fn history_lists_transactions_and_one_in_full_has_diffs() {
        let value: Value = serde_json::from_str(&history(&change_sample::history())).unwrap();
        let one = &value["transactions"][1];
        assert_eq!((&one["id"], &one["state"]), (&json!("0b11aa"), &json!("unfinished")));
        assert_eq!((&one["at"], &one["sudo_user"]), (&json!("2026-11-20T18:46:07Z"), &json!("alice")));
        assert_eq!(keys(&one["steps"][0]), ["kind", "number", "state", "subject", "title"]);
        assert_eq!(value["unreadable"].as_array().unwrap().len(), 1);
        assert_eq!(keys(&value), ["command", "gtune", "observed_at", "root", "schema", "transactions", "unreadable"]);
        let value: Value = serde_json::from_str(&history_in_full(&change_sample::history())).unwrap();
        assert!(value["transactions"][0]["steps"][3]["diff"].is_string());
    }
}
