//! Steps in JSON: what is changed, from what to what.

use crate::plan::{Action, Change, DirectoryImage, FileImage, MountImage, NetworkOf};
use crate::render::diff;
use crate::units::{Limit, Pid, SoftHard};
use serde::Serialize;
use serde_json::{Value, json};

/// A step. `before` and `after` are null where nothing is, and where the step has no such thing.
#[derive(Serialize)]
pub struct StepRecord {
    number: usize,
    title: String,
    kind: &'static str,
    subject: Option<String>,
    pid: Option<Pid>,
    state: &'static str,
    before: Value,
    after: Value,
    diff: Option<String>,
    reason: Option<String>,
    hint: Option<String>,
}

impl StepRecord {
    /// A step of a plan or a rollback, counted from 1.
    pub fn of(number: usize, action: &Action, state: &'static str) -> Self {
        let change = match action {
            Action::Change(change) => Some(change),
            Action::Reload | Action::Restart(_) => None,
        };
        let (before, after) = change.map_or((Value::Null, Value::Null), images);
        Self {
            number,
            title: action.to_string(),
            kind: kind(action),
            subject: subject(action),
            pid: change.and_then(pid),
            state,
            before,
            after,
            diff: change.and_then(diff::exact),
            reason: None,
            hint: None,
        }
    }

    /// The same with why it is in its state, and what to do.
    pub fn because(self, reason: impl Into<String>, hint: Option<String>) -> Self {
        Self { reason: Some(reason.into()), hint, ..self }
    }
}

/// The stable name of a kind of step.
pub fn kind(action: &Action) -> &'static str {
    match action {
        Action::Reload => "reload",
        Action::Restart(_) => "restart",
        Action::Change(change) => match change {
            Change::Directory { .. } => "directory",
            Change::File { .. } => "file",
            Change::Line { .. } => "line",
            Change::Link { .. } => "link",
            Change::Mount { .. } => "mount",
            Change::KernelValue { .. } => "kernel-value",
            Change::ProcessLimit { .. } => "process-limit",
        },
    }
}

/// A path, a key, a unit; none of a process, which is named by its number, and of a reload.
pub fn subject(action: &Action) -> Option<String> {
    match action {
        Action::Reload => None,
        Action::Restart(unit) => Some(unit.clone()),
        Action::Change(Change::KernelValue { key, .. }) => Some(key.clone()),
        Action::Change(Change::ProcessLimit { .. }) => Some("open files".to_owned()),
        Action::Change(change) => Some(change.subject()),
    }
}

/// The process whose limit, or whose network, is meant.
fn pid(change: &Change) -> Option<Pid> {
    let process = match change {
        Change::ProcessLimit { process, .. } => process,
        Change::KernelValue { network: NetworkOf::Process(process), .. } => process,
        _ => return None,
    };
    Some(process.pid)
}

fn images(change: &Change) -> (Value, Value) {
    match change {
        Change::Directory { before, after, .. } => (directory(before.as_ref()), directory(after.as_ref())),
        Change::File { before, after, .. } | Change::Line { before, after, .. } => {
            (file(before.as_ref()), file(after.as_ref()))
        }
        Change::Link { before, after, .. } => (json!(before), json!(after)),
        Change::Mount { before, after, .. } => (mount(before.as_ref()), mount(after.as_ref())),
        Change::KernelValue { before, after, .. } => (json!(before), json!(after)),
        Change::ProcessLimit { before, after, .. } => (limits(*before), limits(*after)),
    }
}

fn directory(image: Option<&DirectoryImage>) -> Value {
    image
        .map_or(Value::Null, |image| json!({"mode": octal(image.mode), "uid": image.owner.uid, "gid": image.owner.gid}))
}

fn file(image: Option<&FileImage>) -> Value {
    image.map_or(Value::Null, |file| {
        let size = file.content.0.len();
        json!({"mode": octal(file.mode), "uid": file.owner.uid, "gid": file.owner.gid, "size_bytes": size})
    })
}

fn mount(image: Option<&MountImage>) -> Value {
    image.map_or(Value::Null, |image| json!({"type": image.kind, "source": image.source, "options": image.options}))
}

/// As chmod(1) takes it: a number in JSON would be read as decimal.
fn octal(mode: u32) -> String {
    format!("{mode:04o}")
}

fn limits(limits: SoftHard) -> Value {
    let bound = |limit: Limit| limit.number().map_or(json!("unlimited"), |number| json!(number));
    json!({"soft": bound(limits.soft), "hard": bound(limits.hard)})
}
