//! Two gtunes at once, and an editor that saves a file while gtune is about to replace it.

use crate::crash::ALL;
use crate::snapshot::Closely;
use crate::support::Outcome;
use crate::support::{Law, Need, Result, eventually};
use crate::trace::{self, Call, strace};
use crate::tree::{Answer, FSTAB, Tree, bounded_command, gtune};
use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("of_many_gtunes_at_once_one_works_and_the_others_wait_or_name_it", &[], many_at_once),
        Law::new("a_gtune_that_waits_for_another_names_it", &[Need::Strace], the_holder_is_named),
        Law::new("an_apply_and_a_rollback_at_once_leave_one_of_both_trees", &[], apply_and_rollback_at_once),
        Law::new("what_an_editor_saves_before_the_swap_is_kept", &[Need::Strace], || {
            editor(Saves::InPlace, Then::GoesOn)
        }),
        Law::new("what_an_editor_renames_before_the_swap_is_kept", &[Need::Strace], || {
            editor(Saves::ByRename, Then::GoesOn)
        }),
        Law::new("what_an_editor_saves_before_the_swap_survives_a_kill_after_it", &[Need::Strace], || {
            editor(Saves::InPlace, Then::IsKilled)
        }),
        Law::new("what_an_editor_renames_before_the_swap_survives_a_kill_after_it", &[Need::Strace], || {
            editor(Saves::ByRename, Then::IsKilled)
        }),
    ]
}

const RIVALS: usize = 8;

fn many_at_once() -> Result {
    let tree = Tree::new()?;
    let original = tree.snapshot()?;
    let alone = tree.copy()?;
    alone.gtune(&ALL)?.must_end(0)?;
    let children = (0..RIVALS).map(|_| spawn(&gtune(tree.path(), &ALL))).collect::<Result<Vec<_>>>()?;
    let answers = children.into_iter().map(answer).collect::<Result<Vec<_>>>()?;
    for answer in &answers {
        assert!(matches!(answer.code, 0 | 4), "{answer:#?}");
        assert!(
            answer.code == 0 || answer.says("another gtune") || answer.says("pid"),
            "the holder is not named: {answer:#?}"
        );
    }
    assert!(answers.iter().any(|answer| answer.code == 0), "nobody did it: {answers:#?}");
    tree.must_be(&alone.snapshot()?, Closely::Restored)?;
    let applied = journals_with(&tree, "\"applied\"")?;
    assert_eq!(applied, 1, "{:?}", tree.journals()?);
    assert_eq!(tree.journals()?.len(), 1, "only who changes something keeps a journal");
    tree.must_go_back_to(&original)
}

/// Journals that hold this text.
fn journals_with(tree: &Tree, text: &str) -> Result<usize> {
    Ok(tree.journals()?.iter().filter(|file| fs::read_to_string(file).is_ok_and(|all| all.contains(text))).count())
}

/// One gtune is held at its first rename; a second one comes.
fn the_holder_is_named() -> Result {
    let tree = Tree::new()?;
    let swap = swaps(&tree)?.into_iter().next().ok_or("no file is ever renamed")?.0;
    let log = tempfile::NamedTempFile::new()?;
    let delay = format!("inject={}:delay_enter=6000000:when={}", swap.name, swap.ordinal);
    let first = spawn(&strace(&gtune(tree.path(), &ALL), log.path(), &[delay]))?;
    eventually("a journal", || tree.journals().ok().filter(|all| !all.is_empty()))?;
    let second = tree.gtune(&ALL)?;
    let first = answer(first)?;
    assert_eq!(first.code, 0, "{first:#?}");
    // It has waited long enough, or has named who it would have to wait for.
    assert!(second.code == 0 || (second.code == 4 && second.says("pid")), "{second:#?}");
    assert_eq!(journals_with(&tree, "\"applied\"")?, 1);
    Ok(())
}

fn apply_and_rollback_at_once() -> Result {
    let tree = Tree::new()?;
    let original = tree.snapshot()?;
    tree.gtune(&ALL)?.must_end(0)?;
    let applied = tree.snapshot()?;
    for _ in 0..5 {
        let children = [spawn(&gtune(tree.path(), &["rollback"]))?, spawn(&gtune(tree.path(), &ALL))?];
        let answers = children.into_iter().map(answer).collect::<Result<Vec<_>>>()?;
        assert!(answers.iter().all(|answer| matches!(answer.code, 0 | 4)), "{answers:#?}");
        if tree.must_be(&original, Closely::Restored).is_ok() {
            tree.gtune(&ALL)?.must_end(0)?;
        }
        tree.must_be(&applied, Closely::Restored)?;
    }
    Ok(())
}

/// How an editor saves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saves {
    InPlace,
    ByRename,
}

/// What becomes of gtune after the swap.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoesOn,
    IsKilled,
}

/// gtune's swap of fstab is held back for three seconds, in which the editor saves.
fn editor(saves: Saves, then: Then) -> Result {
    let tree = Tree::new()?;
    let (swap, next) =
        swaps(&tree)?.into_iter().find(|(swap, _)| swap.line.contains("fstab")).ok_or("fstab is never swapped")?;
    let log = tempfile::NamedTempFile::new()?;
    let mut injections = vec![format!("inject={}:delay_enter=3000000:when={}", swap.name, swap.ordinal)];
    if then == Then::IsKilled {
        injections.push(format!("inject={}:signal=SIGKILL:when={}", next.name, next.ordinal));
    }
    let original = tree.snapshot()?;
    let child = spawn(&strace(&gtune(tree.path(), &ALL), log.path(), &injections))?;
    eventually("a temporary file beside fstab", || beside_fstab(&tree).ok().filter(|names| !names.is_empty()))?;
    // From the temporary file to its rename it takes some milliseconds; then gtune is held at the rename.
    std::thread::sleep(Duration::from_millis(800));
    let edited = format!("{FSTAB}/dev/vdb1 /data xfs defaults 0 2\n");
    match saves {
        Saves::InPlace => fs::write(tree.at("etc/fstab"), &edited)?,
        Saves::ByRename => {
            tree.write("etc/fstab.swp", &edited)?;
            fs::rename(tree.at("etc/fstab.swp"), tree.at("etc/fstab"))?;
        }
    }
    let output = child.wait_with_output()?;
    if then == Then::GoesOn {
        let said = Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        Answer::read(said)?.must_end(4)?.must_say(&["/etc/fstab"])?;
    } else {
        assert_eq!(output.status.code().filter(|code| *code != 137), None, "it was not killed: {output:?}");
        tree.rollback(&[])?.must_end(0)?;
    }
    assert_eq!(tree.text("etc/fstab")?, edited, "what the editor saved is lost");
    assert_eq!(beside_fstab(&tree)?, Vec::<String>::new());
    let others: Vec<String> = tree.snapshot()?.differences(&original, Closely::Restored);
    assert!(others.iter().all(|line| line.starts_with("etc/fstab ")), "{others:#?}");
    Ok(())
}

/// The renames of a clean run that put a file of the host in its place, each with the write that follows it.
fn swaps(tree: &Tree) -> Result<Vec<(Call, Call)>> {
    let copy = tree.copy()?;
    let log = tempfile::NamedTempFile::new()?;
    let (outcome, calls) = trace::record(&gtune(copy.path(), &ALL), copy.path(), log.path())?;
    outcome.success()?;
    let is_swap = |call: &Call| call.name.starts_with("rename") && !call.line.contains("/var/lib/gtune");
    let pairs = calls.windows(2).filter(|pair| is_swap(&pair[0]));
    Ok(pairs.map(|pair| (pair[0].clone(), pair[1].clone())).collect())
}

/// Files in /etc that gtune has made to become fstab.
fn beside_fstab(tree: &Tree) -> Result<Vec<String>> {
    let names = fs::read_dir(tree.at("etc"))?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name.contains("fstab") && name.contains("gtune")).collect())
}

fn spawn(argv: &[std::ffi::OsString]) -> Result<Child> {
    Ok(bounded_command(argv).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

fn answer(child: Child) -> Result<Answer> {
    let output = child.wait_with_output()?;
    Answer::read(Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
