//! What stands in the way of a write: links, mounts, attributes. It is refused with its reason, and nothing is changed.

use crate::snapshot::{Closely, Snapshot};
use crate::support::{Host, Law, Need, Result, outcome};
use crate::tree::{Answer, FSTAB, Tree, gtune};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The laws.
pub fn laws() -> Vec<Law> {
    use Need::Namespaces;
    vec![
        Law::new("fstab_that_is_a_link_within_etc_stays_a_link", &[], a_link_within_etc),
        Law::new("fstab_that_is_a_dangling_link_is_refused", &[], || refused(&["link"], |tree| link(tree, "nothing"))),
        Law::new("fstab_that_is_a_link_out_of_etc_is_refused", &[], || {
            refused(&["link", "/srv/fstab"], |tree| {
                tree.write("srv/fstab", FSTAB)?;
                link(tree, "/srv/fstab")
            })
        }),
        Law::new("fstab_that_is_a_link_out_of_the_root_is_refused", &[], a_link_out_of_the_root),
        Law::new("fstab_with_a_second_name_is_refused", &[], || {
            refused(&["names"], |tree| Ok(fs::hard_link(tree.at("etc/fstab"), tree.at("srv/fstab"))?))
        }),
        Law::new("fstab_that_is_a_directory_is_refused", &[], || {
            refused(&["directory"], |tree| {
                fs::remove_file(tree.at("etc/fstab"))?;
                tree.directory("etc/fstab")
            })
        }),
        Law::new("fstab_that_is_a_fifo_is_refused_and_not_waited_for", &[], || {
            refused(&["fifo"], |tree| {
                fs::remove_file(tree.at("etc/fstab"))?;
                Ok(nix::unistd::mkfifo(&tree.at("etc/fstab"), nix::sys::stat::Mode::from_bits_truncate(0o644))?)
            })
        }),
        Law::new("fstab_with_the_immutable_attribute_is_refused", &[Need::Attributes], || attributed('i', "immutable")),
        Law::new("fstab_with_the_append_only_attribute_is_refused", &[Need::Attributes], || {
            attributed('a', "append-only")
        }),
        Law::new("fstab_that_is_a_mount_of_its_own_is_refused", &[Namespaces], || {
            mounted(&["mount"], |at| format!("mount --bind {at}/etc/fstab {at}/etc/fstab"))
        }),
        Law::new("etc_that_is_mounted_read_only_is_refused", &[Namespaces], || {
            mounted(&["read-only"], |at| format!("mount --bind {at}/etc {at}/etc; mount -o remount,bind,ro {at}/etc"))
        }),
        Law::new("state_that_cannot_be_written_is_refused_before_anything_is_changed", &[Namespaces], || {
            mounted(&["/var/lib/gtune", "read-only"], |at| {
                format!("mount --bind {at}/var/lib {at}/var/lib; mount -o remount,bind,ro {at}/var/lib")
            })
        }),
        Law::new("a_directory_of_gtunes_state_that_is_a_link_is_not_followed", &[], a_linked_state),
    ]
}

const APPLY: [&str; 3] = ["apply", "--tmpfs", "/mem"];

fn link(tree: &Tree, to: &str) -> Result {
    fs::remove_file(tree.at("etc/fstab"))?;
    Ok(symlink(to, tree.at("etc/fstab"))?)
}

fn refused(words: &[&str], change: impl Fn(&Tree) -> Result) -> Result {
    let tree = Tree::new()?;
    change(&tree)?;
    let before = tree.snapshot()?;
    tree.gtune(&APPLY)?.must_end(4)?.must_say(&["/etc/fstab"])?.must_say(words)?;
    tree.must_be(&before, Closely::Untouched)
}

fn a_link_within_etc() -> Result {
    for to in ["fstab.d/real", "/etc/fstab.d/real"] {
        let tree = Tree::new()?;
        tree.write("etc/fstab.d/real", FSTAB)?;
        link(&tree, to)?;
        let before = tree.snapshot()?;
        tree.gtune(&APPLY)?.must_end(0)?;
        assert_eq!(fs::read_link(tree.at("etc/fstab"))?, Path::new(to));
        assert!(tree.text("etc/fstab.d/real")?.starts_with(FSTAB));
        assert!(tree.text("etc/fstab.d/real")?.contains("\ntmpfs /mem tmpfs "));
        tree.must_go_back_to(&before)?;
    }
    Ok(())
}

/// The link's text is a path of the host that the tree stands for, or climbs out of it.
fn a_link_out_of_the_root() -> Result {
    let outside = tempfile::tempdir()?;
    let victim = outside.path().join("fstab");
    fs::write(&victim, FSTAB)?;
    let up = "../".repeat(20);
    for to in [victim.display().to_string(), format!("{up}{}", victim.display())] {
        refused(&["link"], |tree| link(tree, &to))?;
        assert_eq!(fs::read_to_string(&victim)?, FSTAB);
    }
    assert_eq!(fs::read_dir(outside.path())?.count(), 1);
    Ok(())
}

fn attributed(attribute: char, word: &str) -> Result {
    let chattr = |sign: char, tree: &Tree| {
        outcome(Command::new("chattr").arg(format!("{sign}{attribute}")).arg(tree.at("etc/fstab")))?.success()
    };
    let tree = Tree::new()?;
    chattr('+', &tree)?;
    let before = tree.snapshot()?;
    let answer = tree.gtune(&APPLY);
    let after = tree.snapshot();
    // Before anything can fail, or the tree could not be removed.
    chattr('-', &tree)?;
    answer?.must_end(4)?.must_say(&["/etc/fstab", word, &format!("chattr -{attribute}")])?;
    after?.must_be(&before, Closely::Untouched)
}

/// A tree that is changed by mounts, seen from inside the namespace that has them.
fn mounted(words: &[&str], mounts: impl Fn(std::path::Display<'_>) -> String) -> Result {
    let host = Host::new()?;
    let tree = Tree::new()?;
    host.shell(&mounts(tree.path().display()))?;
    let seen = host.seen_from_outside(tree.path());
    let before = Snapshot::of(&seen)?;
    Answer::read(host.run(&gtune(tree.path(), &APPLY))?)?.must_end(4)?.must_say(words)?;
    Snapshot::of(&seen)?.must_be(&before, Closely::Untouched)
}

fn a_linked_state() -> Result {
    let outside = tempfile::tempdir()?;
    let tree = Tree::new()?;
    symlink(outside.path(), tree.at("var/lib/gtune"))?;
    let before = tree.snapshot()?;
    tree.gtune(&APPLY)?.must_end(4)?.must_say(&["/var/lib/gtune"])?;
    assert_eq!(fs::read_dir(outside.path())?.count(), 0);
    tree.must_be(&before, Closely::Untouched)
}
