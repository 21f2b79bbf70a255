//! Words that cannot be meant, and places where a mount would do harm.

use crate::snapshot::{Closely, Snapshot};
use crate::support::{Host, Law, Need, Result};
use crate::tree::{Answer, Tree, gtune};
use std::os::unix::fs::symlink;

/// The laws.
pub fn laws() -> Vec<Law> {
    let words = USAGE.iter().map(|&(name, arguments, says)| {
        Law::new(format!("{name}_is_a_usage_error"), &[], move || ends(2, arguments, says, |_| Ok(())))
    });
    let places = vec![
        Law::new("a_directory_that_holds_something_is_refused", &[], || {
            refused(&["/mem"], &["holds"], |tree| tree.write("mem/file", "somebody's"))
        }),
        Law::new("a_file_as_target_is_refused", &[], || refused(&["/mem"], &["file"], |tree| tree.write("mem", ""))),
        Law::new("a_link_as_target_is_refused", &[], || {
            refused(&["/mem"], &["link"], |tree| {
                tree.directory("srv/mem")?;
                Ok(symlink("/srv/mem", tree.at("mem"))?)
            })
        }),
        Law::new("a_target_below_a_file_is_refused", &[], || {
            refused(&["/srv/file/mem"], &["/srv/file"], |tree| tree.write("srv/file", ""))
        }),
        Law::new("a_target_below_a_link_out_of_the_root_is_refused", &[], || {
            refused(&["/out/mem"], &["/out"], |tree| Ok(symlink("/tmp", tree.at("out"))?))
        }),
        Law::new("an_empty_directory_is_taken_and_given_back", &[], an_empty_directory),
        Law::new("directories_above_the_target_are_made_and_removed_again", &[], directories_above),
        Law::new("a_target_that_is_another_mount_is_refused", &[Need::Namespaces], another_mount),
        Law::new("a_unit_that_is_not_there_is_refused_with_those_that_are", &[], || {
            ends(
                4,
                &["--oom-policy", "continue", "--unit", "web.service"],
                &["web.service", "gunicorn.service"],
                |_| Ok(()),
            )
        }),
        Law::new("a_root_that_is_not_there_is_bad_input_to_every_verb", &[], no_root),
    ];
    words.chain(places).collect()
}

/// Command lines that are wrong whatever the host is, and what the message names.
const USAGE: &[(&str, &[&str], &[&str])] = &[
    ("nothing_selected", &[], &["--recommended"]),
    ("the_root_as_target", &["--tmpfs", "/"], &["--tmpfs", "/"]),
    ("the_root_in_other_words_as_target", &["--tmpfs", "//"], &["--tmpfs"]),
    ("the_root_with_a_dot_as_target", &["--tmpfs", "/."], &["--tmpfs"]),
    ("a_relative_target", &["--tmpfs", "mem"], &["--tmpfs", "mem", "/mem"]),
    ("an_empty_target", &["--tmpfs", ""], &["--tmpfs"]),
    ("a_target_with_dots", &["--tmpfs", "/srv/../mem"], &["--tmpfs", ".."]),
    ("a_target_that_ends_in_dots", &["--tmpfs", "/mem/.."], &["--tmpfs", ".."]),
    ("a_target_below_proc", &["--tmpfs", "/proc/mem"], &["--tmpfs", "/proc"]),
    ("a_target_below_sys", &["--tmpfs", "/sys/mem"], &["--tmpfs", "/sys"]),
    ("a_target_below_dev", &["--tmpfs", "/dev/mem"], &["--tmpfs", "/dev"]),
    ("a_target_below_proc_in_other_words", &["--tmpfs", "//proc//mem/"], &["--tmpfs", "/proc"]),
    ("proc_itself_as_target", &["--tmpfs", "/proc"], &["--tmpfs", "/proc"]),
    ("a_target_with_a_newline", &["--tmpfs", "/mem\n/dev/vda1"], &["--tmpfs"]),
    ("a_size_of_nothing", &["--tmpfs", "/mem", "--size", "0"], &["--size", "0"]),
    ("a_size_of_no_megabytes", &["--tmpfs", "/mem", "--size", "0m"], &["--size", "0m"]),
    ("a_negative_size", &["--tmpfs", "/mem", "--size=-1"], &["--size", "-1"]),
    ("a_size_of_200_per_cent", &["--tmpfs", "/mem", "--size", "200%"], &["--size", "200%"]),
    ("a_size_of_no_per_cent", &["--tmpfs", "/mem", "--size", "0%"], &["--size", "0%"]),
    ("a_size_that_is_garbage", &["--tmpfs", "/mem", "--size", "lots"], &["--size", "lots"]),
    ("a_size_with_another_option", &["--tmpfs", "/mem", "--size", "64m,exec"], &["--size"]),
    ("a_size_that_overflows", &["--tmpfs", "/mem", "--size", "99999999999999999999g"], &["--size"]),
    ("an_empty_size", &["--tmpfs", "/mem", "--size", ""], &["--size"]),
    ("a_size_without_a_target", &["--somaxconn", "8192", "--size", "64m"], &["--tmpfs"]),
    ("a_backend_without_a_target", &["--somaxconn", "8192", "--backend", "unit"], &["--tmpfs"]),
    ("an_unknown_backend", &["--tmpfs", "/mem", "--backend", "cron"], &["--backend", "cron"]),
    ("a_somaxconn_of_nothing", &["--somaxconn", "0"], &["--somaxconn"]),
    ("a_somaxconn_that_is_garbage", &["--somaxconn", "many"], &["--somaxconn", "many"]),
    ("a_somaxconn_above_what_the_kernel_takes", &["--somaxconn", "2147483648"], &["--somaxconn"]),
    ("a_limit_of_no_files", &["--nofile", "0"], &["--nofile"]),
    ("a_limit_that_is_garbage", &["--nofile", "some"], &["--nofile", "some"]),
    ("an_unknown_oom_policy", &["--oom-policy", "kill"], &["--oom-policy", "kill"]),
    ("a_unit_that_is_a_path", &["--oom-policy", "continue", "--unit", "/etc/x.service"], &["--unit"]),
];

fn ends(code: i32, arguments: &[&str], says: &[&str], change: impl Fn(&Tree) -> Result) -> Result {
    let tree = Tree::new()?;
    change(&tree)?;
    let before = tree.whole()?;
    let answer = tree.apply(arguments)?.must_end(code)?.must_say(says)?;
    let after = if code == 2 { tree.whole()? } else { tree.snapshot()? };
    assert!(!answer.stderr.contains("panicked"), "{answer:#?}");
    // gtune may make its own state, but nothing else: the pictures are compared where both have something to say.
    let told = after.differences(&before, Closely::Untouched);
    let told: Vec<_> = told.iter().filter(|line| !line.contains("gtune")).collect();
    if told.is_empty() { Ok(()) } else { Err(format!("{told:#?} after {answer:#?}").into()) }
}

fn refused(target: &[&str], says: &[&str], change: impl Fn(&Tree) -> Result) -> Result {
    ends(4, &[&["--tmpfs"], target].concat(), &[target, says].concat(), change)
}

fn an_empty_directory() -> Result {
    let tree = Tree::new()?;
    tree.directory("mem")?;
    let before = tree.snapshot()?;
    tree.apply(&["--tmpfs", "/mem"])?.must_end(0)?;
    tree.must_go_back_to(&before)
}

fn directories_above() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.apply(&["--tmpfs", "/opt/shop/mem"])?.must_end(0)?;
    assert!(tree.at("opt/shop/mem").is_dir());
    tree.must_go_back_to(&before)
}

/// Under `--root` only what is stored counts; a mount that is there all the same hides what lies below it.
fn another_mount() -> Result {
    let host = Host::new()?;
    host.shell("for place in /run /var/lib /mnt; do mount -t tmpfs -o mode=755 tmpfs $place; done")?;
    host.own("/etc")?;
    host.shell("mkdir /mnt/mem; mount -t ramfs ramfs /mnt/mem")?;
    let seen = Snapshot::of(&host.seen_from_outside("/etc"))?;
    let argv = [
        host.gtune().into_os_string(),
        "--format".into(),
        "json".into(),
        "apply".into(),
        "--tmpfs".into(),
        "/mnt/mem".into(),
    ];
    Answer::read(host.run(&argv)?)?.must_end(4)?.must_say(&["/mnt/mem", "ramfs"])?;
    Snapshot::of(&host.seen_from_outside("/etc"))?.must_be(&seen, Closely::Untouched)
}

fn no_root() -> Result {
    let tree = Tree::new()?;
    for verb in [&["apply", "--somaxconn", "8192"][..], &["rollback"], &["history"]] {
        let said = Answer::read(crate::tree::bounded(&gtune(&tree.at("none"), verb))?)?;
        said.must_end(2)?.must_say(&["none"])?;
    }
    Ok(())
}
