//! What is so already is not done again, and what is only asked about is not done at all.

use crate::crash::ALL;
use crate::snapshot::{Closely, Entry, Kind};
use crate::support::{Law, Need, Result};
use crate::trace;
use crate::tree::{FSTAB, Tree, gtune};
use std::path::Path;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_second_apply_moves_no_inode_and_no_time_stamp", &[], a_second_apply),
        Law::new("a_second_apply_of_a_mount_unit_moves_no_inode_and_no_time_stamp", &[], a_second_mount_unit),
        Law::new("a_second_apply_of_recommended_moves_no_inode_and_no_time_stamp", &[], a_second_recommended),
        Law::new("a_second_apply_writes_nothing_but_its_lock", &[Need::Strace], a_second_apply_writes_nothing),
        Law::new("an_apply_after_a_rollback_does_it_again", &[], after_a_rollback),
        Law::new("a_dry_run_changes_nothing", &[], a_dry_run),
        Law::new("a_dry_run_plans_what_apply_then_does", &[], a_dry_run_plans),
        Law::new("a_dry_run_of_rollback_changes_nothing", &[], a_dry_run_of_rollback),
        Law::new("apply_in_parts_comes_to_the_same_as_at_once", &[], in_parts),
        Law::new("what_is_made_belongs_to_who_made_it_and_all_may_read_it", &[], rights_of_what_is_made),
        Law::new("a_higher_value_that_is_stored_is_never_lowered", &[], never_lowered),
        Law::new("after_apply_doctor_finds_nothing_of_what_was_asked_for", &[], doctor_is_content),
    ]
}

fn twice(arguments: &[&str]) -> Result {
    let tree = Tree::new()?;
    tree.gtune(arguments)?.must_end(0)?;
    let (first, journals) = (tree.whole()?, tree.journals()?);
    for _ in 0..2 {
        tree.gtune(arguments)?.must_end(0)?;
        tree.whole()?.must_be(&first, Closely::Untouched)?;
        assert_eq!(tree.journals()?, journals);
    }
    Ok(())
}

fn a_second_apply() -> Result {
    twice(&ALL)
}

fn a_second_mount_unit() -> Result {
    twice(&["apply", "--tmpfs", "/mem", "--backend", "unit", "--unit", "gunicorn.service"])
}

fn a_second_recommended() -> Result {
    twice(&["apply", "--recommended"])
}

fn a_second_apply_writes_nothing() -> Result {
    let tree = Tree::new()?;
    tree.gtune(&ALL)?.must_end(0)?;
    let log = tempfile::NamedTempFile::new()?;
    let (outcome, calls) = trace::record(&gtune(tree.path(), &ALL), tree.path(), log.path())?;
    outcome.success()?;
    let calls: Vec<String> = calls.iter().map(ToString::to_string).collect();
    assert!(calls.iter().all(|call| call.contains("lock") || call.starts_with("exit_group")), "{calls:#?}");
    Ok(())
}

fn after_a_rollback() -> Result {
    let tree = Tree::new()?;
    tree.gtune(&ALL)?.must_end(0)?;
    let applied = tree.snapshot()?;
    tree.rollback(&[])?.must_end(0)?;
    tree.gtune(&ALL)?.must_end(0)?;
    tree.must_be(&applied, Closely::Restored)
}

fn a_dry_run() -> Result {
    let tree = Tree::new()?;
    let before = tree.whole()?;
    for arguments in [&ALL[..], &["apply", "--recommended"]] {
        tree.gtune(&[arguments, &["--dry-run"]].concat())?.must_end(0)?;
        tree.whole()?.must_be(&before, Closely::Untouched)?;
    }
    // What cannot be done is said then, and not only later.
    tree.write("mem/file", "")?;
    let before = tree.whole()?;
    tree.gtune(&[&ALL[..], &["--dry-run"]].concat())?.must_end(4)?.must_say(&["/mem"])?;
    tree.whole()?.must_be(&before, Closely::Untouched)
}

/// Every path that apply then changes is named in the plan, and so is every line it adds.
fn a_dry_run_plans() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    let plan = tree.gtune(&[&ALL[..], &["--dry-run"]].concat())?.must_end(0)?;
    tree.gtune(&ALL)?.must_end(0)?;
    let after = tree.snapshot()?;
    for (path, entry) in after.entries() {
        let old = before.get(path);
        if path == Path::new("") || old.is_some_and(|old| old.kind == entry.kind) {
            continue;
        }
        assert!(plan.says(&format!("/{}", path.display())), "{} is not in the plan {plan:#?}", path.display());
        for line in new_lines(old, entry) {
            assert!(plan.says(&line), "{line:?} of {} is not in the plan {plan:#?}", path.display());
        }
    }
    Ok(())
}

fn new_lines(old: Option<&Entry>, new: &Entry) -> Vec<String> {
    let text = |entry: &Entry| match &entry.kind {
        Kind::File(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Kind::Directory | Kind::Link(_) | Kind::Other => String::new(),
    };
    let had = old.map(text).unwrap_or_default();
    text(new).lines().filter(|line| !line.is_empty() && !had.contains(line)).map(str::to_owned).collect()
}

fn a_dry_run_of_rollback() -> Result {
    let tree = Tree::new()?;
    tree.gtune(&ALL)?.must_end(0)?;
    let before = tree.whole()?;
    tree.rollback(&["--dry-run"])?.must_end(0)?.must_say(&["/etc/fstab"])?;
    tree.whole()?.must_be(&before, Closely::Untouched)
}

fn in_parts() -> Result {
    let at_once = Tree::new()?;
    let in_parts = at_once.copy()?;
    let original = at_once.snapshot()?;
    at_once.gtune(&ALL)?.must_end(0)?;
    let unit = ["--unit", "gunicorn.service"];
    let parts: [&[&str]; 4] =
        [&["--oom-policy", "continue"], &["--nofile", "65536"], &["--somaxconn", "8192"], &["--tmpfs", "/mem"]];
    for part in parts {
        in_parts.apply(&[part, &unit].concat())?.must_end(0)?;
    }
    in_parts.must_be(&at_once.snapshot()?, Closely::Restored)?;
    for _ in parts {
        in_parts.rollback(&[])?.must_end(0)?;
    }
    in_parts.must_be(&original, Closely::Restored)
}

fn rights_of_what_is_made() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.gtune(&ALL)?.must_end(0)?;
    let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    let after = tree.snapshot()?;
    let made = after.entries().iter().filter(|(path, _)| before.get(path).is_none());
    for (path, entry) in made {
        let mode = if entry.kind == Kind::Directory { 0o755 } else { 0o644 };
        assert_eq!(entry.rights, (mode, uid, gid), "{}", path.display());
    }
    let state = tree.whole()?;
    let state = state.get("var/lib/gtune").ok_or("no state")?;
    assert_eq!(state.rights.0, 0o700, "the journal may hold what only root may read");
    Ok(())
}

fn never_lowered() -> Result {
    let tree = Tree::new()?;
    tree.write("etc/sysctl.d/50-ours.conf", "net.core.somaxconn = 16384\n")?;
    let before = tree.snapshot()?;
    let answer = tree.apply(&["--somaxconn", "8192"])?;
    assert!(matches!(answer.code, 0 | 4) && answer.says("16384"), "{answer:#?}");
    tree.must_be(&before, Closely::Untouched)?;
    tree.apply(&["--somaxconn", "8192", "--force"])?.must_end(0)?;
    assert_ne!(tree.text("etc/sysctl.d/50-ours.conf")?, "", "the file of others stays");
    tree.must_go_back_to(&before)
}

fn doctor_is_content() -> Result {
    let tree = Tree::with_fstab(FSTAB.as_bytes())?;
    let states = |tree: &Tree| -> Result<Vec<(String, String)>> {
        let answer = tree.gtune(&["doctor", "somaxconn", "oom-policy", "open-file-limit", "tmpfs-mount", "fstab"])?;
        let checks = answer.json["checks"].as_array().cloned().unwrap_or_default();
        let text = |check: &serde_json::Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
        Ok(checks.iter().map(|check| (text(check, "id"), text(check, "state"))).collect())
    };
    assert!(states(&tree)?.iter().any(|(_, state)| state == "finding"), "nothing to mend: {:?}", states(&tree)?);
    tree.gtune(&ALL)?.must_end(0)?;
    let after = states(&tree)?;
    assert!(after.iter().all(|(_, state)| state != "finding"), "{after:?}");
    Ok(())
}
