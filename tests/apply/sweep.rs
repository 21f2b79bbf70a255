//! A program that is hit at every single call by which it writes, and what must be true afterwards.

use crate::snapshot::{Closely, Entry, Kind, Snapshot};
use crate::support::{Outcome, Result};
use crate::trace::{self, Call, Fault};
use crate::tree::{Answer, Tree, bounded, gtune};
use std::collections::HashMap;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

/// Errors that file systems give to whoever writes, and the words by which they are known: libraries differ in them.
const ERRORS: [(&str, &[&str]); 4] = [
    ("ENOSPC", &["no space"]),
    ("EIO", &["input/output", "i/o error"]),
    ("EROFS", &["read-only"]),
    ("EACCES", &["permission denied"]),
];

/// So many failures are shown; the rest is counted.
const SHOWN: usize = 12;

/// A command line for a tree.
pub type Words<'a> = &'a (dyn Fn(&Path) -> Vec<OsString> + Sync);

/// What is hit, from where, and how it is undone.
pub struct Sweep<'a> {
    /// The tree before.
    pub start: &'a Tree,
    /// What writes.
    pub program: Words<'a>,
    /// What undoes it.
    pub undo: Words<'a>,
    /// What the tree must be after that.
    pub original: Snapshot,
}

/// How much was tried.
#[derive(Debug)]
pub struct Tally {
    /// Calls that write.
    pub calls: usize,
    /// Runs with a fault.
    pub cases: usize,
}

/// One run to be made.
struct Case<'a> {
    call: &'a Call,
    fault: Fault,
}

/// What a clean run starts from and comes to.
struct Ends {
    old: Snapshot,
    new: Snapshot,
}

/// `gtune rollback`.
pub fn rollback(root: &Path) -> Vec<OsString> {
    gtune(root, &["rollback"])
}

impl Sweep<'_> {
    /// Tries all of it. An error tells of every case in which the law was broken.
    pub fn run(&self) -> Result<Tally> {
        let tree = self.start.copy()?;
        let log = tempfile::NamedTempFile::new()?;
        let old = tree.snapshot()?;
        let (outcome, calls) = trace::record(&(self.program)(tree.path()), tree.path(), log.path())?;
        outcome.success()?;
        let ends = Ends { old, new: tree.snapshot()? };
        let cases = cases(&calls);
        if calls.len() < 2 {
            return Err(format!("it writes nothing, so nothing was tried: {calls:#?}").into());
        }
        let failures = self.try_all(&cases, &ends);
        match failures.is_empty() {
            true => Ok(Tally { calls: calls.len(), cases: cases.len() }),
            false => Err(told(&failures, cases.len()).into()),
        }
    }

    /// Tries the cases on all processors; tells of those in which the law was broken.
    fn try_all(&self, cases: &[Case<'_>], ends: &Ends) -> Vec<String> {
        let queue = Mutex::new(cases.iter());
        let failures = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(2, NonZeroUsize::get) {
                scope.spawn(|| {
                    while let Some(case) = queue.lock().ok().and_then(|mut queue| queue.next()) {
                        let broken = self.attempt(case, ends).err();
                        let told = broken.map(|why| format!("{case}\n{}", why.message().unwrap_or_default()));
                        failures.lock().iter_mut().for_each(|all| all.extend(told.clone()));
                    }
                });
            }
        });
        failures.into_inner().unwrap_or_default()
    }

    fn attempt(&self, case: &Case<'_>, ends: &Ends) -> Result {
        let tree = self.start.copy()?;
        let log = tempfile::NamedTempFile::new()?;
        let hit = trace::hit(&(self.program)(tree.path()), case.call, case.fault, tree.path(), log.path())?;
        let found = tree.snapshot()?;
        let mut broken = torn(&found, ends);
        if let Fault::Error(errno) = case.fault {
            broken.extend(untrue(&found, ends, &hit.outcome, errno));
        }
        let undone = bounded(&(self.undo)(tree.path()))?;
        let after = tree.snapshot()?.differences(&self.original, Closely::Restored);
        broken.extend(after.into_iter().map(|line| format!("  not restored: {line}")));
        let had_changed = !found.differences(&self.original, Closely::Restored).is_empty();
        if undone.code != Some(0) && (had_changed || undone.code != Some(4)) {
            broken.push(format!("  the undo ended with {:?}", undone.code));
        }
        match broken.is_empty() {
            true => Ok(()),
            false => {
                Err(format!("{}\n  met: {}\n  it: {:?}\n  undo: {undone:?}", broken.join("\n"), hit.line, hit.outcome)
                    .into())
            }
        }
    }
}

impl std::fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {}", self.fault, self.call)
    }
}

/// Every call is met by a kill, and by one error; over the calls of a name the errors take turns, so that each name is
/// met by all of them. A program that ends can only be killed.
fn cases(calls: &[Call]) -> Vec<Case<'_>> {
    let mut turns: HashMap<&str, usize> = HashMap::new();
    let mut cases = Vec::new();
    for call in calls {
        cases.push(Case { call, fault: Fault::Kill });
        if call.name == "exit_group" {
            continue;
        }
        let turn = turns.entry(&call.name).or_default();
        let left = calls.iter().filter(|other| other.name == call.name).count() - *turn;
        *turn += 1;
        // The last call of a name takes the errors for which there were too few calls.
        let due = if left == 1 { ERRORS.len().saturating_sub(*turn - 1).max(1) } else { 1 };
        let errors = ERRORS.iter().cycle().skip(*turn - 1).take(due);
        cases.extend(errors.map(|&(errno, _)| Case { call, fault: Fault::Error(errno) }));
    }
    cases
}

/// Files that are neither as they were nor as they should become, files that are lost, and strangers.
fn torn(found: &Snapshot, ends: &Ends) -> Vec<String> {
    let is = |entry: &Entry, end: Option<&Entry>| match (&entry.kind, end) {
        // A directory is made in two steps, and nobody reads half a directory.
        (Kind::Directory, Some(end)) => end.kind == Kind::Directory,
        (_, Some(end)) => end.kind == entry.kind && end.rights == entry.rights,
        (_, None) => false,
    };
    let whole = |(path, entry): (&std::path::PathBuf, &Entry)| {
        let (old, new) = (ends.old.get(path), ends.new.get(path));
        let is_whole = is(entry, old) || is(entry, new) || (old.is_none() && new.is_none() && is_temporary(path));
        (!is_whole).then(|| format!("  neither old nor new: {} {entry:?}", path.display()))
    };
    let lost = ends.old.entries().keys().filter(|path| ends.new.get(path).is_some() && found.get(path).is_none());
    let lost = lost.map(|path| format!("  lost: {}", path.display()));
    found.entries().iter().filter_map(whole).chain(lost).collect()
}

/// Whether nobody who reads configuration takes a file of this name for some: it is hidden, or has none of the endings
/// that sysctl.d(5), systemd.unit(5) and limits.conf(5) look for; and it says whose it is.
fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_read = [".conf", ".service", ".mount", ".socket", ".d", ".wants"].iter().any(|end| name.ends_with(end));
    name.contains("gtune") && !is_read
}

/// What the exit code and the message claim against what is there.
fn untrue(found: &Snapshot, ends: &Ends, outcome: &Outcome, errno: &str) -> Vec<String> {
    let read = Outcome { code: outcome.code, stdout: outcome.stdout.clone(), stderr: outcome.stderr.clone() };
    let answer = match Answer::read(read) {
        Ok(answer) => answer,
        Err(why) => return vec![format!("  no answer: {}", why.message().unwrap_or_default())],
    };
    let claimed = |end: &Snapshot, claim: &str| {
        let lines = found.differences(end, Closely::Restored);
        lines.into_iter().map(|line| format!("  code {} says {claim}, but: {line}", answer.code)).collect()
    };
    let mut broken: Vec<String> = match answer.code {
        0 => claimed(&ends.new, "that all was done"),
        4 => claimed(&ends.old, "that nothing was changed"),
        5 => vec![],
        other => vec![format!("  code {other} says nothing of the host")],
    };
    let words = ERRORS.iter().find(|(name, _)| *name == errno).map_or(&[][..], |(_, words)| words);
    if answer.code >= 4 && !words.iter().any(|word| answer.says(word)) {
        broken.push(format!("  it does not say why: {words:?}"));
    }
    broken
}

fn told(failures: &[String], cases: usize) -> String {
    let shown = failures.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    format!("{} of {cases} cases broke the law; the first ones:\n\n{shown}\n", failures.len())
}
