//! The bed of these laws: a sweep that finds nothing proves nothing unless it is known to find what is wrong.

use crate::snapshot::Closely;
use crate::support::{Law, Need, Result};
use crate::sweep::Sweep;
use crate::tree::Tree;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_picture_shows_bytes_modes_links_and_what_is_new_or_gone", &[], a_picture_shows),
        Law::new("a_picture_shows_a_touch_only_where_it_is_asked_for", &[], a_picture_shows_a_touch),
        Law::new("a_copy_of_a_tree_is_that_tree", &[], a_copy_is_the_same),
        Law::new("a_sweep_finds_nothing_wrong_with_a_careful_writer", &[Need::Strace], || swept("careful", None)),
        Law::new("a_sweep_finds_a_file_written_in_place", &[Need::Strace], || {
            swept("in-place", Some("neither old nor new"))
        }),
        Law::new("a_sweep_finds_temporary_files_left_behind", &[Need::Strace], || {
            swept("untidy", Some(".fstab.gtune-1 is new"))
        }),
        Law::new("a_sweep_finds_an_untrue_exit_code", &[Need::Strace], || {
            swept("lying", Some("says that all was done, but"))
        }),
    ]
}

fn a_picture_shows() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    let difference = |change: &dyn Fn() -> Result| -> Result<String> {
        change()?;
        Ok(tree.snapshot()?.differences(&before, Closely::Restored).join("\n"))
    };
    assert_eq!(difference(&|| Ok(()))?, "");
    assert!(difference(&|| tree.write("var/lib/gtune/journal/x", ""))?.is_empty(), "gtune's own state is left out");
    let told = difference(&|| tree.write("etc/fstab", "other\n"))?;
    assert!(told.contains("etc/fstab differs from byte 0 on"), "{told}");
    let told = difference(&|| Ok(fs::set_permissions(tree.at("etc/passwd"), fs::Permissions::from_mode(0o600))?))?;
    assert!(told.contains("etc/passwd had 0644"), "{told}");
    let told = difference(&|| Ok(std::os::unix::fs::symlink("fstab", tree.at("etc/link"))?))?;
    assert!(told.contains("etc/link is new"), "{told}");
    let told = difference(&|| Ok(fs::remove_file(tree.at("etc/sysctl.conf"))?))?;
    assert!(told.contains("etc/sysctl.conf is gone"), "{told}");
    Ok(())
}

fn a_picture_shows_a_touch() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.write("etc/fstab", &tree.text("etc/fstab")?)?;
    tree.must_be(&before, Closely::Restored)?;
    assert!(tree.must_be(&before, Closely::Untouched).is_err());
    Ok(())
}

fn a_copy_is_the_same() -> Result {
    let tree = Tree::new()?;
    tree.copy()?.must_be(&tree.snapshot()?, Closely::Restored)
}

/// Sweeps a stand-in that writes in this way; `finds` is in what the sweep complains of.
fn swept(way: &'static str, finds: Option<&str>) -> Result {
    let tree = Tree::new()?;
    let words = |verb: &'static str| {
        move |root: &Path| -> Vec<OsString> {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/apply/stand_in.py");
            vec!["/usr/bin/python3".into(), "-ISB".into(), script.into(), verb.into(), way.into(), root.into()]
        }
    };
    let (program, undo) = (words("apply"), words("undo"));
    let sweep = Sweep { start: &tree, program: &program, undo: &undo, original: tree.snapshot()? };
    match (sweep.run(), finds) {
        (Ok(tally), None) => {
            assert!(tally.cases > 2 * (tally.calls - 1), "{tally:?}");
            Ok(())
        }
        (Err(told), Some(finds)) if told.message().is_some_and(|told| told.contains(finds)) => Ok(()),
        (other, _) => Err(format!("{other:?}").into()),
    }
}
