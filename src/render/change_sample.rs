//! Plans, outcomes and transactions for tests: every kind of change, every outcome, text that is hostile.

use crate::checks::healthy::fresh_host;
use crate::command::{FindingChange, HistoryReport, RollbackReport, State};
use crate::facts::Host;
use crate::plan::{
    Action, Begin, Change, Left, Performed, Plan, Refusal, RolledBack, StepOutcome, StepState, Transaction,
    TransactionState, TransactionStep, Trouble, UndoOutcome, UndoStep, change_samples,
};

/// A plan with one change of each kind, a reload and a restart.
pub fn plan() -> Plan {
    let mut actions: Vec<Action> = change_samples().into_iter().map(Action::Change).collect();
    actions.extend([Action::Reload, Action::Restart("gunicorn.service".into())]);
    Plan {
        actions,
        already: vec!["net.core.somaxconn is 8192".into()],
        warnings: vec!["/mem is world-writable, as /tmp is; any user of this host can fill it".into()],
        left: vec![Left::new("systemctl restart gunicorn.service", "the workers take /mem when they start")],
        ..Plan::default()
    }
}

/// Trouble.
pub fn trouble() -> Trouble {
    Trouble::new("replace /etc/fstab", "no space left on device").with_hint("df /etc")
}

/// A refusal.
pub fn refusal() -> Refusal {
    Refusal::new("mount a tmpfs at /srv", "it is not empty", "gtune apply --tmpfs /mem")
}

/// Outcomes that fit the plan: all done.
pub fn done() -> Performed {
    Performed {
        transaction: Some("7f3a9c".into()),
        steps: vec![StepOutcome::Changed; plan().actions.len()],
        unverified: None,
    }
}

/// Outcomes of every kind.
pub fn mixed() -> Performed {
    let kinds = [
        StepOutcome::Undone,
        StepOutcome::NotUndone(trouble()),
        StepOutcome::AlreadySo,
        StepOutcome::Changed,
        StepOutcome::Failed(trouble()),
    ];
    let rest = std::iter::repeat(StepOutcome::NotReached);
    Performed {
        transaction: Some("7f3a9c".into()),
        steps: kinds.into_iter().chain(rest).take(plan().actions.len()).collect(),
        unverified: None,
    }
}

/// A finding that went, one that stayed, and one that came.
pub fn findings() -> Vec<FindingChange> {
    let one = |id, before, after| FindingChange {
        id,
        subject: "gunicorn.service".into(),
        before,
        after,
        observed: "ext4 at /tmp".into(),
        waits_for_restart: false,
    };
    vec![
        one("heartbeat-filesystem", State::Finding, State::Ok),
        one("tmpfs-mount", State::Finding, State::Finding),
        one("fstab", State::Ok, State::Finding),
        one("open-file-limit", State::Finding, State::Unknown),
    ]
}

/// What takes the plan back, newest step first.
pub fn undoing() -> Vec<Action> {
    let undone = |action| match action {
        Action::Change(change) => Action::Change(change.inverse()),
        other => other,
    };
    plan().actions.into_iter().rev().map(undone).collect()
}

/// A rollback with every outcome there is.
pub fn rollback() -> RollbackReport {
    let outcomes = [
        UndoOutcome::Restored,
        UndoOutcome::AlreadySo,
        UndoOutcome::Left("it is of an earlier boot".into()),
        UndoOutcome::Waits {
            reason: "pids 815 and 816 have files in it open".into(),
            command: "systemctl restart gunicorn.service".into(),
        },
        UndoOutcome::Conflict("it holds\nOOMPolicy=stop\u{1b}[2J".into()),
        UndoOutcome::Failed(trouble()),
    ];
    let steps = undoing().into_iter().zip(outcomes.into_iter().cycle());
    let steps = steps.map(|(action, outcome)| UndoStep { action, outcome: Some(outcome) }).collect();
    rollback_of("/", steps)
}

/// The rollback of a root with these steps.
pub fn rollback_of(root: &str, steps: Vec<UndoStep>) -> RollbackReport {
    RollbackReport {
        observed_at: "2026-11-21T12:05:01.5Z".parse().unwrap(),
        host: Host { root: root.into(), ..fresh_host().host },
        rolled_back: RolledBack { transaction: Some("7f3a9c".into()), steps, unrecorded: None },
        dry_run: false,
        left: vec![],
    }
}

/// A transaction with one change of each kind.
pub fn transaction(id: &str, state: TransactionState) -> Transaction {
    let step = |(at, change): (usize, Change)| TransactionStep { number: at + 1, change, state: StepState::Done };
    Transaction {
        begin: Begin {
            schema: 1,
            id: id.into(),
            at: "2026-11-20T18:46:07.25Z".parse().unwrap(),
            gtune: "0.1.0".into(),
            boot_id: None,
            network: None,
            uid: 0,
            sudo_user: Some("alice".into()),
            arguments: ["gtune", "apply", "--tmpfs", "/mem dir", "--unit", "gunicorn.service"].map(Into::into).into(),
            changes: 9,
            restarts: vec![],
        },
        steps: change_samples().into_iter().enumerate().map(step).collect(),
        state,
        untold: false,
    }
}

/// Transactions in every state.
pub fn history() -> HistoryReport {
    let states = [
        TransactionState::Applied,
        TransactionState::Unfinished,
        TransactionState::RolledBack,
        TransactionState::PartlyRolledBack,
    ];
    let transactions = states.iter().zip(["7f3a9c", "0b11aa", "c0ffee", "123abc"]);
    HistoryReport {
        observed_at: "2026-11-21T12:05:01.5Z".parse().unwrap(),
        root: "/".into(),
        transactions: transactions.map(|(state, id)| transaction(id, *state)).collect(),
        unreadable: vec!["cannot read /var/lib/gtune/journal/x.jsonl: line 3 is no JSON \u{1b}[2J".into()],
    }
}

/// A text without its colours.
pub fn bare(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |bare, part| bare + part.split_once('m').map_or("", |(_, rest)| rest))
}
