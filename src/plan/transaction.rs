//! The journal of a transaction: what is written before and after each step, and what that says of the host.
//!
//! A journal is a file of JSON objects, one a line. An intent is on disk before its step begins, so that a host found
//! after a crash can be told: a step without intent was not begun; one with an intent is compared with its images.

mod parse;

use super::Change;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// The first line.
    Begin(Begin),
    /// A step is about to be done.
    Intent {
        /// Its number, from 1.
        step: usize,
        /// What will be done.
        change: Change,
    },
    /// A step was done.
    Done {
        /// Its number.
        step: usize,
    },
    /// A step failed and left nothing behind.
    Failed {
        /// Its number.
        step: usize,
        /// Why.
        reason: String,
    },
    /// All steps were done.
    Applied,
    /// A step was taken back, or was found to be as it was before.
    Undone {
        /// Its number.
        step: usize,
    },
    /// A rollback begins.
    RollingBack {
        /// When.
        at: Timestamp,
    },
    /// All steps were taken back.
    RolledBack,
    /// The rollback ended, and something is left: a mount in use, a conflict, a failure.
    PartlyRolledBack {
        /// As [`Transaction::untold`].
        #[serde(default)]
        untold: bool,
    },
}

/// Who began what, when, and on which boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Version of this form; 1.
    pub schema: u32,
    /// The transaction.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Version of gtune.
    pub gtune: String,
    /// `/proc/sys/kernel/random/boot_id`; none under `--root`.
    pub boot_id: Option<String>,
    /// Inode of the network namespace gtune ran in, whose values were changed; none under `--root`.
    #[serde(default)]
    pub network: Option<u64>,
    /// Who ran it.
    pub uid: u32,
    /// `SUDO_USER`, where it was set.
    pub sudo_user: Option<String>,
    /// The command line.
    pub arguments: Vec<String>,
    /// How many changes were planned.
    pub changes: usize,
    /// Units that were to be restarted at the end; taking the transaction back restarts them again.
    pub restarts: Vec<String>,
}

/// A transaction as its journal tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transaction {
    /// How it began.
    pub begin: Begin,
    /// The steps that were begun, oldest first.
    pub steps: Vec<TransactionStep>,
    /// What became of it.
    pub state: TransactionState,
    /// Whether systemd and the services may still use what was taken back: the rollback was stopped before they were told,
    /// they could not be restarted, or were not to be.
    pub untold: bool,
}

/// One step of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransactionStep {
    /// Its number, from 1.
    pub number: usize,
    /// The change.
    pub change: Change,
    /// How far it got.
    pub state: StepState,
}

/// How far a step got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Begun; whether it was done only the host can tell.
    Begun,
    /// Done.
    Done,
    /// Failed, or taken back.
    Undone,
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionState {
    /// All of it is in force.
    Applied,
    /// gtune was stopped in the middle of it or of its rollback, or could not take back what a failed step left:
    /// `gtune rollback` settles it.
    Unfinished,
    /// A step failed and the others were taken back, or it was rolled back.
    RolledBack,
    /// A rollback took back a part of it.
    PartlyRolledBack,
}
