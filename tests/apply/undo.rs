//! Taking back: only what is gtune's own goes, what others did since stays, and the history tells of it.

use crate::crash::ALL;
use crate::snapshot::Closely;
use crate::support::{Law, Result, outcome};
use crate::tree::{FSTAB, Tree, gtune};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_rollback_restores_every_byte_and_mode", &[], restores),
        Law::new("a_line_that_was_added_since_stays", &[], an_added_line_stays),
        Law::new("a_line_that_was_added_above_ours_stays", &[], a_line_above_stays),
        Law::new("a_mode_that_was_changed_since_is_no_reason_to_lose_the_line", &[], a_changed_mode),
        Law::new("our_line_that_was_taken_out_by_hand_is_no_conflict", &[], a_line_taken_out),
        Law::new("our_line_that_was_changed_by_hand_is_left_unless_forced", &[], a_changed_line),
        Law::new("our_file_that_was_changed_by_hand_is_left_unless_forced", &[], a_changed_file),
        Law::new("our_file_that_was_removed_by_hand_is_no_conflict", &[], a_removed_file),
        Law::new("our_directory_that_others_use_stays", &[], a_used_directory),
        Law::new("two_transactions_are_taken_back_the_newest_first", &[], newest_first),
        Law::new("two_transactions_are_taken_back_in_the_other_order", &[], oldest_first),
        Law::new("two_lines_in_one_file_are_taken_back_in_either_order", &[], two_lines),
        Law::new("a_second_rollback_changes_nothing_and_says_so", &[], twice),
        Law::new("a_rollback_without_a_transaction_changes_nothing_and_says_so", &[], nothing_to_do),
        Law::new("an_unknown_transaction_is_refused_with_a_hint", &[], unknown),
        Law::new("an_undo_printed_as_shell_does_the_same", &[], printed),
        Law::new("history_lists_the_newest_first_and_what_became_of_them", &[], history),
        Law::new("a_journal_without_the_end_of_its_last_line_is_still_taken_back", &[], torn),
        Law::new("a_journal_cut_at_any_byte_is_still_taken_back_or_refused_with_its_name", &[], cut_anywhere),
        Law::new("a_journal_of_garbage_is_named_and_the_others_are_listed", &[], garbage),
    ]
}

const SYSCTL: [&str; 2] = ["--somaxconn", "8192"];
const TMPFS: [&str; 2] = ["--tmpfs", "/mem"];

fn append(tree: &Tree, path: &str, text: &str) -> Result {
    Ok(OpenOptions::new().append(true).open(tree.at(path))?.write_all(text.as_bytes())?)
}

/// The one file that an apply has added below `etc/sysctl.d`.
fn our_sysctl(tree: &Tree) -> Result<String> {
    let names =
        fs::read_dir(tree.at("etc/sysctl.d"))?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let ours: Vec<String> = names.filter(|name| name.contains("gtune")).collect();
    match ours.as_slice() {
        [one] => Ok(format!("etc/sysctl.d/{one}")),
        other => Err(format!("not one file of gtune's: {other:?}").into()),
    }
}

/// The id of the transaction whose journal is this one: the part of its name that the contents give as id.
fn id_of(journal: &PathBuf) -> Result<String> {
    let text = fs::read_to_string(journal)?;
    let begin: serde_json::Value = serde_json::from_str(text.lines().next().unwrap_or_default())
        .map_err(|e| format!("{}: {e}", journal.display()))?;
    begin["id"].as_str().map(str::to_owned).ok_or_else(|| format!("no id in {begin:#}").into())
}

fn restores() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.gtune(&ALL)?.must_end(0)?;
    assert!(tree.must_be(&before, Closely::Restored).is_err());
    tree.must_go_back_to(&before)
}

fn an_added_line_stays() -> Result {
    let tree = Tree::new()?;
    tree.apply(&TMPFS)?.must_end(0)?;
    let line = "/dev/vdb1 /data xfs defaults 0 2\n";
    append(&tree, "etc/fstab", line)?;
    tree.rollback(&[])?.must_end(0)?;
    assert_eq!(tree.text("etc/fstab")?, format!("{FSTAB}{line}"));
    Ok(())
}

fn a_line_above_stays() -> Result {
    let tree = Tree::new()?;
    tree.apply(&TMPFS)?.must_end(0)?;
    let line = "# kept by hand, do not touch\r\n";
    tree.write("etc/fstab", &format!("{line}{}", tree.text("etc/fstab")?))?;
    tree.rollback(&[])?.must_end(0)?;
    assert_eq!(tree.text("etc/fstab")?, format!("{line}{FSTAB}"));
    Ok(())
}

fn a_changed_mode() -> Result {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let tree = Tree::new()?;
    tree.apply(&TMPFS)?.must_end(0)?;
    fs::set_permissions(tree.at("etc/fstab"), fs::Permissions::from_mode(0o600))?;
    tree.rollback(&[])?.must_end(0)?;
    assert_eq!(tree.text("etc/fstab")?, FSTAB);
    assert_eq!(fs::metadata(tree.at("etc/fstab"))?.mode() & 0o7777, 0o600, "others have changed it since");
    Ok(())
}

fn a_line_taken_out() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.apply(&TMPFS)?.must_end(0)?;
    tree.write("etc/fstab", FSTAB)?;
    tree.must_go_back_to(&before)
}

fn a_changed_line() -> Result {
    let tree = Tree::new()?;
    tree.apply(&TMPFS)?.must_end(0)?;
    let changed = tree.text("etc/fstab")?.replace("size=64m", "size=512m");
    tree.write("etc/fstab", &changed)?;
    tree.rollback(&[])?.must_end(5)?.must_say(&["/etc/fstab", "size=512m", "--force"])?;
    assert_eq!(tree.text("etc/fstab")?, changed);
    tree.rollback(&["--force"])?.must_end(0)?;
    assert_eq!(tree.text("etc/fstab")?, FSTAB);
    Ok(())
}

fn a_changed_file() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.apply(&[&SYSCTL[..], &TMPFS].concat())?.must_end(0)?;
    let file = our_sysctl(&tree)?;
    append(&tree, &file, "net.core.netdev_max_backlog = 5000\n")?;
    let changed = tree.text(&file)?;
    tree.rollback(&[])?.must_end(5)?.must_say(&[&file, "--force"])?;
    assert_eq!(tree.text(&file)?, changed, "it is somebody else's now");
    assert_eq!(tree.text("etc/fstab")?, FSTAB, "the rest is taken back all the same");
    tree.rollback(&[])?.must_end(5)?;
    tree.rollback(&["--force"])?.must_end(0)?;
    tree.must_be(&before, Closely::Restored)
}

fn a_removed_file() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.apply(&SYSCTL)?.must_end(0)?;
    fs::remove_file(tree.at(&our_sysctl(&tree)?))?;
    tree.must_go_back_to(&before)
}

fn a_used_directory() -> Result {
    let tree = Tree::new()?;
    tree.apply(&["--oom-policy", "continue", "--unit", "gunicorn.service"])?.must_end(0)?;
    let theirs = "etc/systemd/system/gunicorn.service.d/override.conf";
    tree.write(theirs, "[Service]\nNice=5\n")?;
    tree.rollback(&[])?.must_end(0)?;
    assert_eq!(tree.drop_ins("gunicorn.service")?, "[Service]\nNice=5\n");
    Ok(())
}

fn newest_first() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.apply(&SYSCTL)?.must_end(0)?;
    let between = tree.snapshot()?;
    tree.apply(&TMPFS)?.must_end(0)?;
    tree.must_go_back_to(&between)?;
    tree.must_go_back_to(&before)
}

fn oldest_first() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.apply(&SYSCTL)?.must_end(0)?;
    let first = id_of(&tree.journals()?[0])?;
    tree.apply(&TMPFS)?.must_end(0)?;
    tree.rollback(&[&first])?.must_end(0)?;
    assert!(our_sysctl(&tree).is_err());
    assert_ne!(tree.text("etc/fstab")?, FSTAB);
    tree.must_go_back_to(&before)
}

fn two_lines() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.apply(&TMPFS)?.must_end(0)?;
    let first = id_of(&tree.journals()?[0])?;
    tree.apply(&["--tmpfs", "/srv/other"])?.must_end(0)?;
    let other = tree.copy()?;
    for _ in 0..2 {
        tree.rollback(&[])?.must_end(0)?;
    }
    tree.must_be(&before, Closely::Restored)?;
    other.rollback(&[&first])?.must_end(0)?;
    assert!(!other.text("etc/fstab")?.contains(" /mem ") && other.text("etc/fstab")?.contains(" /srv/other "));
    other.must_go_back_to(&before)
}

fn twice() -> Result {
    let tree = Tree::new()?;
    tree.gtune(&ALL)?.must_end(0)?;
    tree.rollback(&[])?.must_end(0)?;
    let before = tree.whole()?;
    tree.rollback(&[])?.must_end(0)?;
    tree.whole()?.must_be(&before, Closely::Untouched)
}

fn nothing_to_do() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.rollback(&[])?.must_end(0)?.must_say(&["nothing-to-do"])?;
    tree.gtune(&["history"])?.must_end(0)?;
    tree.must_be(&before, Closely::Untouched)
}

fn unknown() -> Result {
    let tree = Tree::new()?;
    tree.gtune(&ALL)?.must_end(0)?;
    let before = tree.whole()?;
    for id in ["nothing", "../../etc/passwd", ""] {
        let answer = tree.rollback(&[id])?.must_end(2)?;
        let named = format!("gtune --root {} history", tree.path().display());
        assert!(id.is_empty() || answer.says("gtune history") || answer.says(&named), "no hint: {answer:#?}");
        tree.whole()?.must_be(&before, Closely::Untouched)?;
    }
    Ok(())
}

fn printed() -> Result {
    let fstab = b"# caf\xe9\r\n/dev/vda1 / ext4 rw 0 1";
    let tree = Tree::with_fstab(fstab)?;
    let before = tree.snapshot()?;
    tree.gtune(&ALL)?.must_end(0)?;
    let applied = tree.whole()?;
    let root = tree.path().display().to_string();
    let program = gtune(tree.path(), &[])[0].clone();
    let printed = outcome(Command::new(program).args(["--root", &root, "rollback", "--print"]))?.success()?;
    tree.whole()?.must_be(&applied, Closely::Untouched)?;
    let script = tree.at("run/undo.sh");
    fs::write(&script, &printed.stdout)?;
    outcome(Command::new("sh").arg("-eu").arg(&script))?.success()?;
    fs::remove_file(&script)?;
    tree.must_be(&before, Closely::Restored).map_err(|e| format!("{e:?} after\n{}", printed.stdout).into())
}

fn history() -> Result {
    let tree = Tree::new()?;
    tree.apply(&SYSCTL)?.must_end(0)?;
    let first = id_of(&tree.journals()?[0])?;
    tree.apply(&TMPFS)?.must_end(0)?;
    let ids = tree.journals()?.iter().map(id_of).collect::<Result<Vec<_>>>()?;
    let second = ids.iter().find(|id| **id != first).ok_or_else(|| format!("not two: {ids:?}"))?;
    tree.rollback(&[])?.must_end(0)?;
    let before = tree.whole()?;
    let answer = tree.gtune(&["history"])?.must_end(0)?.must_say(&[&first, second, "applied", "rolled-back"])?;
    let text = answer.json.to_string();
    assert!(text.find(second.as_str()) < text.find(first.as_str()), "the newest is not first: {answer:#?}");
    tree.whole()?.must_be(&before, Closely::Untouched)
}

/// The last journal, cut to so many bytes.
fn cut(tree: &Tree, length: impl Fn(u64) -> u64) -> Result {
    let journals = tree.journals()?;
    let file = OpenOptions::new().write(true).open(journals.last().ok_or("no journal")?)?;
    Ok(file.set_len(length(file.metadata()?.len()))?)
}

fn torn() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.gtune(&ALL)?.must_end(0)?;
    cut(&tree, |length| length - 3)?;
    tree.gtune(&["history"])?.must_end(0)?;
    tree.must_go_back_to(&before)
}

/// A journal loses its end in a power cut where it was not yet on disk. Steps it tells of are taken back; where it
/// tells of none nothing was done by this contract, so what is found on the host is not touched.
fn cut_anywhere() -> Result {
    let applied = Tree::new()?;
    let arguments = [&SYSCTL[..], &TMPFS].concat();
    applied.apply(&arguments)?.must_end(0)?;
    let whole = fs::metadata(&applied.journals()?[0])?.len();
    for length in (0..whole).step_by(97) {
        let tree = applied.copy()?;
        cut(&tree, |_| length)?;
        let answer = tree.gtune(&["history"])?;
        assert!(matches!(answer.code, 0 | 3), "cut at {length}: {answer:#?}");
        let answer = tree.rollback(&[])?;
        let fstab = tree.text("etc/fstab")?;
        assert!(fstab.starts_with(FSTAB), "cut at {length}: {fstab} {answer:#?}");
        assert!(matches!(answer.code, 0 | 4 | 5), "cut at {length}: {answer:#?}");
    }
    Ok(())
}

fn garbage() -> Result {
    let tree = Tree::new()?;
    tree.apply(&SYSCTL)?.must_end(0)?;
    let id = id_of(&tree.journals()?[0])?;
    for (name, bytes) in
        [("20200101T000000Z-bad.jsonl", &b"\xff\xfe garbage"[..]), ("20200102T000000Z-empty.jsonl", b"")]
    {
        fs::write(tree.at("var/lib/gtune/journal").join(name), bytes)?;
    }
    let answer = tree.gtune(&["history"])?.must_say(&[&id, "20200101T000000Z-bad"])?;
    assert!(matches!(answer.code, 0 | 3), "{answer:#?}");
    tree.rollback(&[])?.must_end(0)?;
    assert!(our_sysctl(&tree).is_err());
    Ok(())
}
