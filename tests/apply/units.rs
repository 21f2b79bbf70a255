//! Units as people have them: what they set already is merged, and where a drop-in could not work it is refused.

use crate::snapshot::Closely;
use crate::support::{Law, Result};
use crate::tree::{Answer, Tree, UNIT, UNIT_FILE};
use std::os::unix::fs::symlink;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_unit_is_told_of_the_directory_and_waits_for_its_mount", &[], told_of_the_directory),
        Law::new("arguments_that_a_unit_has_in_its_environment_are_kept", &[], environment_is_kept),
        Law::new("arguments_that_a_drop_in_has_are_kept", &[], drop_in_is_kept),
        Law::new("an_environment_file_without_arguments_does_no_harm", &[], harmless_environment_file),
        Law::new("an_environment_file_with_arguments_wins_and_is_refused_with_its_name", &[], winning_environment_file),
        Law::new("an_environment_file_that_may_be_missing_and_is_does_no_harm", &[], missing_environment_file),
        Law::new("a_unit_whose_command_line_names_another_directory_is_refused", &[], fixed_on_the_command_line),
        Law::new("a_unit_whose_command_line_names_this_directory_needs_no_drop_in", &[], right_on_the_command_line),
        Law::new("a_sandbox_that_would_make_the_directory_read_only_is_opened_for_it", &[], sandboxed),
        Law::new("an_instance_of_a_template_has_a_drop_in_of_its_own", &[], instance),
        Law::new("a_service_with_a_socket_is_changed_and_the_socket_is_not", &[], socket_activated),
        Law::new("a_user_unit_is_refused_or_left_to_its_user", &[], user_unit),
        Law::new("a_limit_of_files_is_written_with_its_hard_limit_and_read_by_doctor", &[], limit_of_files),
        Law::new("a_drop_in_of_others_that_sets_the_same_is_outranked_and_stays", &[], outranked),
        Law::new("a_unit_in_usr_is_never_written_to", &[], vendor_unit),
        Law::new("two_units_have_a_drop_in_each", &[], two_units),
    ]
}

const TMPFS: [&str; 4] = ["--tmpfs", "/mem", "--unit", "gunicorn.service"];

/// The unit with more lines in its `[Service]`.
fn unit_with(lines: &str) -> String {
    UNIT.replace("[Service]\n", &format!("[Service]\n{lines}\n"))
}

/// What the last `Environment=` of the drop-ins gives as Gunicorn's arguments.
fn arguments(tree: &Tree) -> Result<String> {
    let text = tree.drop_ins("gunicorn.service")?;
    let line = text.lines().rfind(|line| line.starts_with("Environment=") && line.contains("GUNICORN_CMD_ARGS="));
    line.map(str::to_owned).ok_or_else(|| format!("no GUNICORN_CMD_ARGS in {text:?}").into())
}

/// Applies to a host with this unit, and takes it back again after a look.
fn applied(tree: &Tree, look: impl Fn(&Tree, &Answer) -> Result) -> Result {
    let before = tree.snapshot()?;
    let answer = tree.apply(&TMPFS)?.must_end(0)?;
    look(tree, &answer)?;
    tree.must_go_back_to(&before)
}

fn refused(tree: &Tree, words: &[&str]) -> Result {
    let before = tree.snapshot()?;
    tree.apply(&TMPFS)?.must_end(4)?.must_say(&["gunicorn.service"])?.must_say(words)?;
    tree.must_be(&before, Closely::Untouched)
}

fn told_of_the_directory() -> Result {
    applied(&Tree::new()?, |tree, _| {
        assert!(
            arguments(tree)?.contains("--worker-tmp-dir /mem") || arguments(tree)?.contains("--worker-tmp-dir=/mem")
        );
        let text = tree.drop_ins("gunicorn.service")?;
        assert!(text.contains("RequiresMountsFor=/mem"), "{text}");
        assert!(!text.contains("ReadWritePaths"), "no sandbox asks for it: {text}");
        Ok(())
    })
}

fn environment_is_kept() -> Result {
    let unit = unit_with("Environment=LANG=C.UTF-8 \"GUNICORN_CMD_ARGS=--workers 3 --log-level 'debug'\"");
    applied(&Tree::with_unit(&unit)?, |tree, _| {
        let line = arguments(tree)?;
        assert!(line.contains("--workers 3") && line.contains("debug") && line.contains("/mem"), "{line}");
        Ok(())
    })
}

fn drop_in_is_kept() -> Result {
    let tree = Tree::new()?;
    let theirs = "[Service]\nEnvironment=\"GUNICORN_CMD_ARGS=--threads 4\"\n";
    tree.write("etc/systemd/system/gunicorn.service.d/zz-local.conf", theirs)?;
    applied(&tree, |tree, _| {
        let line = arguments(tree)?;
        assert!(line.contains("--threads 4") && line.contains("/mem"), "the last one lacks a part: {line}");
        Ok(())
    })
}

fn with_environment_file(line: &str, text: Option<&str>) -> Result<Tree> {
    let tree = Tree::with_unit(&unit_with(line))?;
    if let Some(text) = text {
        tree.write("etc/default/gunicorn", text)?;
    }
    Ok(tree)
}

fn harmless_environment_file() -> Result {
    let tree =
        with_environment_file("EnvironmentFile=/etc/default/gunicorn", Some("LANG=C.UTF-8\n# GUNICORN_CMD_ARGS=x\n"))?;
    applied(&tree, |tree, _| arguments(tree).map(drop))
}

fn winning_environment_file() -> Result {
    let tree =
        with_environment_file("EnvironmentFile=/etc/default/gunicorn", Some("GUNICORN_CMD_ARGS=\"--workers 3\"\n"))?;
    refused(&tree, &["/etc/default/gunicorn", "GUNICORN_CMD_ARGS", "--worker-tmp-dir"])
}

fn missing_environment_file() -> Result {
    applied(&with_environment_file("EnvironmentFile=-/etc/default/gunicorn", None)?, |tree, _| {
        arguments(tree).map(drop)
    })
}

fn with_option(option: &str) -> String {
    UNIT.replace("shop.wsgi", &format!("{option} shop.wsgi"))
}

fn fixed_on_the_command_line() -> Result {
    for option in ["--worker-tmp-dir /var/tmp", "--worker-tmp-dir=/var/tmp"] {
        refused(&Tree::with_unit(&with_option(option))?, &["--worker-tmp-dir", "/var/tmp"])?;
    }
    Ok(())
}

fn right_on_the_command_line() -> Result {
    applied(&Tree::with_unit(&with_option("--worker-tmp-dir /mem"))?, |tree, _| {
        let text = tree.drop_ins("gunicorn.service")?;
        assert!(!text.contains("GUNICORN_CMD_ARGS"), "{text}");
        assert!(tree.text("etc/fstab")?.contains(" /mem "));
        Ok(())
    })
}

fn sandboxed() -> Result {
    applied(&Tree::with_unit(&unit_with("ProtectSystem=strict"))?, |tree, _| {
        let text = tree.drop_ins("gunicorn.service")?;
        assert!(text.contains("ReadWritePaths=/mem"), "{text}");
        Ok(())
    })?;
    applied(&Tree::with_unit(&unit_with("ProtectSystem=full"))?, |tree, _| {
        let text = tree.drop_ins("gunicorn.service")?;
        assert!(!text.contains("ReadWritePaths"), "only strict covers /mem (systemd.exec(5)): {text}");
        Ok(())
    })
}

fn instance() -> Result {
    let tree = Tree::new()?;
    tree.write("etc/systemd/system/shop@.service", UNIT)?;
    tree.directory("etc/systemd/system/multi-user.target.wants")?;
    symlink(
        "/etc/systemd/system/shop@.service",
        tree.at("etc/systemd/system/multi-user.target.wants/shop@eu.service"),
    )?;
    let before = tree.snapshot()?;
    tree.apply(&["--oom-policy", "continue", "--unit", "shop@eu.service"])?.must_end(0)?;
    assert!(tree.drop_ins("shop@eu.service")?.contains("OOMPolicy=continue"));
    assert_eq!(tree.drop_ins("shop@.service")?, "", "other instances were not meant");
    tree.must_go_back_to(&before)
}

fn socket_activated() -> Result {
    let tree = Tree::new()?;
    tree.write(
        "etc/systemd/system/gunicorn.socket",
        "[Socket]\nListenStream=/run/gunicorn.sock\n\n[Install]\nWantedBy=sockets.target\n",
    )?;
    let before = tree.snapshot()?;
    tree.apply(&["--somaxconn", "8192", "--oom-policy", "continue", "--unit", "gunicorn.service"])?.must_end(0)?;
    assert!(tree.drop_ins("gunicorn.service")?.contains("OOMPolicy=continue"));
    assert_eq!(tree.drop_ins("gunicorn.socket")?, "");
    tree.must_go_back_to(&before)
}

fn user_unit() -> Result {
    let tree = Tree::new()?;
    std::fs::remove_file(tree.at(UNIT_FILE))?;
    tree.write("etc/systemd/user/gunicorn.service", UNIT)?;
    let before = tree.snapshot()?;
    let answer = tree.apply(&["--oom-policy", "continue", "--unit", "gunicorn.service"])?;
    assert!(answer.code == 4, "a drop-in of the system's manager would never reach it: {answer:#?}");
    tree.must_be(&before, Closely::Untouched)
}

fn limit_of_files() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.apply(&["--nofile", "65536", "--unit", "gunicorn.service"])?.must_end(0)?;
    let text = tree.drop_ins("gunicorn.service")?;
    assert!(text.contains("LimitNOFILE=65536"), "{text}");
    tree.apply(&["--nofile", "131072", "--unit", "gunicorn.service"])?.must_end(0)?;
    let text = tree.drop_ins("gunicorn.service")?;
    assert!(text.contains("LimitNOFILE=131072") && !text.contains("65536"), "{text}");
    let higher = tree.snapshot()?;
    // Never lowered without being told that it is meant.
    let answer = tree.apply(&["--nofile", "4096", "--unit", "gunicorn.service"])?;
    assert!(matches!(answer.code, 0 | 4) && answer.says("131072"), "{answer:#?}");
    tree.must_be(&higher, Closely::Untouched)?;
    for _ in 0..2 {
        tree.rollback(&[])?.must_end(0)?;
    }
    tree.must_be(&before, Closely::Restored)
}

fn outranked() -> Result {
    let tree = Tree::new()?;
    let theirs = "etc/systemd/system/gunicorn.service.d/override.conf";
    tree.write(theirs, "[Service]\nOOMPolicy=stop\n")?;
    let before = tree.snapshot()?;
    tree.apply(&["--oom-policy", "continue", "--unit", "gunicorn.service"])?.must_end(0)?;
    let text = tree.drop_ins("gunicorn.service")?;
    assert!(text.rfind("OOMPolicy=continue") > text.rfind("OOMPolicy=stop"), "theirs is read last: {text}");
    tree.must_go_back_to(&before)
}

fn vendor_unit() -> Result {
    let tree = Tree::new()?;
    std::fs::remove_file(tree.at(UNIT_FILE))?;
    tree.write("usr/lib/systemd/system/gunicorn.service", UNIT)?;
    let usr = crate::snapshot::Snapshot::of(&tree.at("usr"))?;
    let before = tree.snapshot()?;
    tree.apply(&[&TMPFS[..], &["--nofile", "65536", "--oom-policy", "continue"]].concat())?.must_end(0)?;
    crate::snapshot::Snapshot::of(&tree.at("usr"))?.must_be(&usr, Closely::Untouched)?;
    assert!(tree.drop_ins("gunicorn.service")?.contains("OOMPolicy=continue"));
    tree.must_go_back_to(&before)
}

fn two_units() -> Result {
    let tree = Tree::new()?;
    tree.write("etc/systemd/system/api.service", UNIT)?;
    let before = tree.snapshot()?;
    tree.apply(&["--tmpfs", "/mem", "--unit", "api.service", "--unit", "gunicorn.service"])?.must_end(0)?;
    for unit in ["api.service", "gunicorn.service"] {
        assert!(tree.drop_ins(unit)?.contains("/mem"), "{unit}");
    }
    tree.must_go_back_to(&before)
}
