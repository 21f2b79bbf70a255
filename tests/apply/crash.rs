//! gtune is killed, or refused by the file system, at every single call by which it writes.

use crate::snapshot::Closely;
use crate::support::{Host, Law, Need, Result};
use crate::sweep::{Sweep, rollback};
use crate::trace::{self, Call};
use crate::tree::{Answer, Tree, gtune};
use std::ffi::OsString;
use std::path::Path;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new(
            "a_host_is_whole_and_can_be_restored_after_a_crash_or_error_at_any_write_of_apply",
            &[Need::Strace],
            at_any_write_of_apply,
        ),
        Law::new(
            "a_host_is_whole_and_can_be_restored_after_a_crash_or_error_at_any_write_of_rollback",
            &[Need::Strace],
            at_any_write_of_rollback,
        ),
        Law::new(
            "a_mount_unit_can_be_restored_after_a_crash_or_error_at_any_write",
            &[Need::Strace],
            at_any_write_of_a_unit,
        ),
        Law::new("history_can_be_read_after_a_crash_at_any_write", &[Need::Strace], history_can_be_read),
        Law::new("an_apply_after_a_crash_at_any_write_comes_to_what_was_asked_for", &[Need::Strace], apply_again),
        Law::new(
            "a_file_is_on_disk_before_it_gets_its_name_and_has_it_before_the_journal_says_so",
            &[Need::Strace],
            on_disk_in_order,
        ),
        Law::new("a_disk_that_fills_up_leaves_whole_files", &[Need::Namespaces], a_disk_that_fills_up),
    ]
}

/// Everything that can be stored for boot.
pub const ALL: [&str; 11] = [
    "apply",
    "--tmpfs",
    "/mem",
    "--unit",
    "gunicorn.service",
    "--somaxconn",
    "8192",
    "--nofile",
    "65536",
    "--oom-policy",
    "continue",
];

/// The same with a mount unit.
const WITH_UNIT: [&str; 7] = ["apply", "--tmpfs", "/mem", "--backend", "unit", "--somaxconn", "8192"];

fn apply_all(root: &Path) -> Vec<OsString> {
    gtune(root, &ALL)
}

fn at_any_write_of_apply() -> Result {
    let tree = Tree::new()?;
    Sweep { start: &tree, program: &apply_all, undo: &rollback, original: tree.snapshot()? }.run().map(drop)
}

fn at_any_write_of_rollback() -> Result {
    let tree = Tree::new()?;
    let original = tree.snapshot()?;
    tree.gtune(&ALL)?.must_end(0)?;
    Sweep { start: &tree, program: &rollback, undo: &rollback, original }.run().map(drop)
}

fn at_any_write_of_a_unit() -> Result {
    let tree = Tree::new()?;
    let apply = |root: &Path| gtune(root, &WITH_UNIT);
    Sweep { start: &tree, program: &apply, undo: &rollback, original: tree.snapshot()? }.run().map(drop)
}

/// Copies of a tree in which `gtune apply` was killed, each at another write.
fn killed(tree: &Tree) -> Result<Vec<(String, Tree)>> {
    let clean = tree.copy()?;
    let log = tempfile::NamedTempFile::new()?;
    let (outcome, calls) = trace::record(&apply_all(clean.path()), clean.path(), log.path())?;
    outcome.success()?;
    let kill = |call: &Call| {
        let copy = tree.copy()?;
        trace::hit(&apply_all(copy.path()), call, trace::Fault::Kill, copy.path(), log.path())?;
        Ok((call.to_string(), copy))
    };
    // Every third write: the sweeps meet them all, and here each costs two more runs.
    calls.iter().step_by(3).map(kill).collect()
}

fn history_can_be_read() -> Result {
    for (call, tree) in killed(&Tree::new()?)? {
        let before = tree.whole()?;
        let answer = tree.gtune(&["history"])?;
        assert_eq!(answer.code, 0, "after {call}: {answer:#?}");
        tree.whole()?.must_be(&before, Closely::Untouched).map_err(|e| format!("after {call}: {e:?}"))?;
    }
    Ok(())
}

fn apply_again() -> Result {
    let tree = Tree::new()?;
    let original = tree.snapshot()?;
    let clean = tree.copy()?;
    clean.gtune(&ALL)?.must_end(0)?;
    let wanted = clean.snapshot()?;
    for (call, tree) in killed(&tree)? {
        let answer = tree.gtune(&ALL)?;
        // It may ask for a rollback first; then it must say so, and not make things worse.
        if answer.code != 0 {
            let answer = answer.must_end(4)?.must_say(&["gtune", "rollback"])?;
            tree.rollback(&[])?.must_end(0).map_err(|e| format!("after {call}, {answer:?}: {e:?}"))?;
            tree.must_be(&original, Closely::Restored)?;
            tree.gtune(&ALL)?.must_end(0)?;
        }
        tree.must_be(&wanted, Closely::Restored).map_err(|e| format!("after {call}: {e:?}"))?;
        // All that was done in one or two goes can be taken back, the newest first.
        for _ in 0..3 {
            tree.rollback(&[])?;
        }
        tree.must_be(&original, Closely::Restored).map_err(|e| format!("after {call} and rollback: {e:?}"))?;
    }
    Ok(())
}

/// A real full disk, page by page: writes are cut short there, which no injected error does.
fn a_disk_that_fills_up() -> Result {
    let host = Host::new()?;
    let model = Tree::new()?;
    let original = model.snapshot()?;
    let room = host.tmpfs("room", "size=1m,mode=755")?;
    let room = room.display();
    let mut codes = Vec::new();
    for pages in 0..40 {
        host.shell(&format!(
            "again='mount --options-mode=ignore -o remount'
             $again,size=1m {room}; rm -rf {room}/*; cp -a {model}/. {room}; sync -f {room}
             used=$(df -k --output=used {room} | tail -n 1); $again,size=$((used + {pages} * 4))k {room}",
            model = model.path().display()
        ))?;
        let seen = host.seen_from_outside(format!("{room}"));
        let run = |arguments: &[&str]| Answer::read(host.run(&gtune(Path::new(&format!("{room}")), arguments))?);
        let answer = run(&ALL)?;
        codes.push(answer.code);
        let found = crate::snapshot::Snapshot::of(&seen)?;
        let differences = found.differences(&original, Closely::Restored);
        match answer.code {
            4 => assert!(differences.is_empty(), "with {pages} pages: {differences:#?} {answer:#?}"),
            0 | 5 => assert!(found.get("etc/fstab").is_some()),
            _ => return Err(format!("with {pages} pages: {answer:#?}").into()),
        }
        host.shell(&format!("mount --options-mode=ignore -o remount,size=1m {room}"))?;
        let undone = run(&["rollback"])?;
        let found = crate::snapshot::Snapshot::of(&seen)?;
        found.must_be(&original, Closely::Restored).map_err(|e| format!("with {pages} pages: {e:?} {undone:#?}"))?;
    }
    assert!(codes.contains(&0) && codes.contains(&4), "neither full nor empty enough: {codes:?}");
    Ok(())
}

/// What a power cut may not put in another order, read from the calls of a clean run: fsync(2) of a file before its
/// rename, of its directory before the next record, and of every record before the next step.
fn on_disk_in_order() -> Result {
    let tree = Tree::new()?;
    let log = tempfile::NamedTempFile::new()?;
    for verb in [&ALL[..], &["rollback"]] {
        let (outcome, calls) = trace::record(&gtune(tree.path(), verb), tree.path(), log.path())?;
        outcome.success()?;
        assert!(calls.iter().any(writes_a_record), "no journal: {calls:#?}");
        for (at, call) in calls.iter().enumerate() {
            let (earlier, later) = (&calls[..at], &calls[at + 1..]);
            if call.name.starts_with("rename") {
                renamed_in_order(call, earlier, later)?;
            }
            if writes_a_record(call) {
                let step = later.iter().position(|call| !is_about_the_state(call)).unwrap_or(later.len());
                let flushed = later[..step].iter().any(|call| is_flush(call) && call.line.contains("/journal/"));
                assert!(flushed, "a step begins before this record is on disk: {call}");
            }
        }
    }
    Ok(())
}

fn renamed_in_order(call: &Call, earlier: &[Call], later: &[Call]) -> Result {
    let [source, target] = &call.paths()[..] else { return Err(format!("not two paths: {call}").into()) };
    let is_on = |call: &Call, path: &Path| call.line.contains(&format!("<{}>", path.display()));
    // What is taken out of the way is renamed too, but is not written.
    let Some(written) = earlier.iter().rposition(|call| call.name.contains("write") && is_on(call, source)) else {
        return Ok(());
    };
    assert!(earlier[written..].iter().any(|call| is_flush(call) && is_on(call, source)), "not on disk before: {call}");
    let record = later.iter().position(writes_a_record).unwrap_or(later.len());
    let directory = target.parent().unwrap_or(target);
    let flushed = later[..record].iter().any(|call| is_flush(call) && is_on(call, directory));
    assert!(flushed, "its name is not on disk before the next record: {call}");
    Ok(())
}

fn is_flush(call: &Call) -> bool {
    matches!(call.name.as_str(), "fsync" | "fdatasync")
}

fn writes_a_record(call: &Call) -> bool {
    call.name.contains("write") && call.line.contains("/var/lib/gtune/journal/")
}

/// Whether a call is about gtune's own state, or ends it.
fn is_about_the_state(call: &Call) -> bool {
    call.line.contains("/var/lib/gtune") || call.name == "exit_group"
}
