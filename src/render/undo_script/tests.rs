//! The script is run below a root of its own, and what it leaves is compared byte for byte.

use super::*;
use crate::plan::UndoStep;
use crate::render::change_sample;
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A root as gtune left it, and the changes that were made in it, oldest first.
struct Bed {
    root: TempDir,
    changes: Vec<Change>,
}

impl Bed {
    fn new(changes: Vec<Change>) -> Self {
        let root = tempfile::tempdir().unwrap();
        for directory in ["etc/systemd/system", "etc/sysctl.d"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        let bed = Self { root, changes };
        bed.changes.iter().for_each(|change| bed.put(change));
        bed
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    fn put(&self, change: &Change) {
        match change {
            Change::Directory { path, after: Some(_), .. } => fs::create_dir_all(self.path(path)).unwrap(),
            Change::File { path, after, .. } | Change::Line { path, after, .. } => match after {
                Some(image) => self.write(path, &image.content.0, image.mode),
                None => drop(fs::remove_file(self.path(path))),
            },
            Change::Link { path, after: Some(text), .. } => symlink(text, self.path(path)).unwrap(),
            other => panic!("{other:?} is not stored"),
        }
    }

    fn write(&self, path: &str, bytes: &[u8], mode: u32) {
        fs::write(self.path(path), bytes).unwrap();
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.path(path)).ok()
    }

    fn script(&self) -> String {
        let actions = self.changes.iter().rev().map(|change| Action::Change(change.clone().inverse()));
        script(&report(self.root.path().to_str().unwrap(), actions.collect()))
    }

    fn undo(&self) -> Output {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), self.script()).unwrap();
        Command::new("sh").arg(file.path()).output().unwrap()
    }
}

fn report(root: &str, actions: Vec<Action>) -> RollbackReport {
    let steps = actions.into_iter().map(|action| UndoStep { action, outcome: None }).collect();
    change_sample::rollback_of(root, steps)
}

/// The program would run as whoever tests it; files belong to them.
fn file(content: impl Into<Vec<u8>>) -> FileImage {
    let owner = Owner { uid: nix::unistd::getuid().as_raw(), gid: nix::unistd::getgid().as_raw() };
    FileImage { owner, ..FileImage::configuration(content) }
}

const LINE: &str = "tmpfs /mem tmpfs size=64m,mode=1777 0 0";

fn added_line(before: &str) -> Change {
    Change::Line {
        path: "/etc/fstab".into(),
        before: Some(file(before)),
        after: Some(file(format!("{before}{LINE}\n"))),
        old_line: None,
        new_line: Some(LINE.into()),
    }
}

fn all_stored() -> Vec<Change> {
    let drop_in = "/etc/systemd/system/g.service.d/60-gtune-oom-policy.conf";
    vec![
        Change::Directory { path: "/mem dir".into(), before: None, after: Some(DirectoryImage::OF_ROOT) },
        added_line("/dev/vda1 / ext4 rw 0 1\n"),
        Change::Directory {
            path: "/etc/systemd/system/g.service.d".into(),
            before: None,
            after: Some(DirectoryImage::OF_ROOT),
        },
        Change::File { path: drop_in.into(), before: None, after: Some(file("[Service]\nOOMPolicy=continue\n")) },
        Change::File {
            path: "/etc/sysctl.d/it's.conf".into(),
            before: Some(file(vec![0xff, 0, b'\r', b'\n', 7])),
            after: Some(file("a\r\n")),
        },
        Change::File { path: "/etc/gone".into(), before: Some(file("$HOME `id` \\\n")), after: None },
        Change::Link {
            path: "/etc/systemd/system/mem.mount".into(),
            before: None,
            after: Some("/etc/systemd/system/x".into()),
        },
    ]
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn where_no_host_is_the_script_says_so_and_takes_nothing_for_taken_back() {
    let bed = Bed::new(vec![]);
    let elsewhere = bed.root.path().join("elsewhere");
    let change = Change::File { path: "/etc/x".into(), before: Some(file("new\n")), after: None };
    let script = script(&report(elsewhere.to_str().unwrap(), vec![Action::Change(change)]));
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(said.starts_with(&format!("cannot find a host below {}/: ", elsewhere.display())), "{said}");
}

#[test]
fn without_a_transaction_the_script_does_nothing() {
    let mut report = report("/", vec![]);
    report.rolled_back = Default::default();
    assert_eq!(script(&report), "#!/bin/sh\n# Nothing to do: no transaction of gtune is in force.\n");
}

#[test]
fn everything_becomes_what_it_was_byte_for_byte() {
    let bed = Bed::new(all_stored());
    let output = bed.undo();
    assert!(output.status.success(), "{}\n{}", said(&output), bed.script());
    assert_eq!(bed.read("/etc/fstab").unwrap(), b"/dev/vda1 / ext4 rw 0 1\n");
    assert_eq!(bed.read("/etc/sysctl.d/it's.conf").unwrap(), [0xff, 0, b'\r', b'\n', 7]);
    assert_eq!(bed.read("/etc/gone").unwrap(), b"$HOME `id` \\\n");
    for gone in ["/mem dir", "/etc/systemd/system/g.service.d", "/etc/systemd/system/mem.mount"] {
        assert!(fs::symlink_metadata(bed.path(gone)).is_err(), "{gone}");
    }
    let left: Vec<_> = fs::read_dir(bed.path("/etc/sysctl.d")).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file stays");
}

#[test]
fn a_second_run_changes_nothing_and_is_well() {
    let bed = Bed::new(all_stored());
    assert!(bed.undo().status.success());
    let before = bed.read("/etc/sysctl.d/it's.conf");
    let output = bed.undo();
    assert!(output.status.success(), "{}", said(&output));
    assert!(!said(&output).contains("restored"), "{}", said(&output));
    assert_eq!(bed.read("/etc/sysctl.d/it's.conf"), before);
}

#[test]
fn what_others_changed_since_is_left_and_named() {
    for path in ["/etc/sysctl.d/it's.conf", "/etc/systemd/system/g.service.d/60-gtune-oom-policy.conf", "/etc/gone"] {
        let bed = Bed::new(all_stored());
        bed.write(path, b"mine\n", 0o644);
        let output = bed.undo();
        assert_eq!(output.status.code(), Some(1), "{path}");
        let line = format!("differs: {path} was changed since, left as it is\n");
        assert!(String::from_utf8_lossy(&output.stderr).contains(&line), "{}", said(&output));
        assert_eq!(bed.read(path).unwrap(), b"mine\n");
        assert_eq!(bed.read("/etc/fstab").unwrap(), b"/dev/vda1 / ext4 rw 0 1\n", "the rest is taken back");
    }
}

#[test]
fn lines_of_others_stay_byte_for_byte_when_only_ours_can_go() {
    for (now, then) in [
        (format!("# a\r\n{LINE}\n\tlast"), "# a\r\n\tlast".to_owned()),
        (format!("{LINE}\n# later\n"), "# later\n".to_owned()),
        (format!("# a\n{LINE}"), "# a\n".to_owned()),
        (format!("# a\r\n{LINE}\r\n# b\r\n"), "# a\r\n# b\r\n".to_owned()),
        ("# ours went\n".to_owned(), "# ours went\n".to_owned()),
        (format!("#{LINE}\n {LINE}\n"), format!("#{LINE}\n {LINE}\n")),
    ] {
        let bed = Bed::new(vec![added_line("/dev/vda1 / ext4 rw 0 1\n")]);
        bed.write("/etc/fstab", now.as_bytes(), 0o640);
        let output = bed.undo();
        assert!(output.status.success(), "{now:?}: {}", said(&output));
        assert_eq!(String::from_utf8(bed.read("/etc/fstab").unwrap()).unwrap(), then);
        assert_eq!(fs::metadata(bed.path("/etc/fstab")).unwrap().permissions().mode() & 0o7777, 0o640);
    }
}

#[test]
fn a_line_that_is_there_twice_is_nobodys_to_choose() {
    let bed = Bed::new(vec![added_line("")]);
    let now = format!("{LINE}\n{LINE}\n");
    bed.write("/etc/fstab", now.as_bytes(), 0o644);
    assert_eq!(bed.undo().status.code(), Some(1));
    assert_eq!(bed.read("/etc/fstab").unwrap(), now.as_bytes());
}

#[test]
fn a_line_that_was_changed_or_taken_out_comes_back() {
    let line = |old: Option<&str>, new: Option<&str>| Change::Line {
        path: "/etc/fstab".into(),
        before: Some(file("x\n")),
        after: Some(file("y\n")),
        old_line: old.map(Into::into),
        new_line: new.map(Into::into),
    };
    for (change, now, then) in [
        (line(Some("old"), Some("new -e \\")), "a\nnew -e \\\nb", "a\nold\nb"),
        (line(Some("old"), None), "a\nb", "a\nb\nold\n"),
        (line(Some("old"), None), "a\nold\nb\n", "a\nold\nb\n"),
    ] {
        let bed = Bed::new(vec![change]);
        bed.write("/etc/fstab", now.as_bytes(), 0o644);
        let output = bed.undo();
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(String::from_utf8(bed.read("/etc/fstab").unwrap()).unwrap(), then);
    }
}

#[test]
fn a_mode_that_was_changed_comes_back() {
    let secret = FileImage { mode: 0o600, ..file("a\n") };
    let change = Change::File { path: "/etc/x".into(), before: Some(secret), after: Some(file("a\n")) };
    let bed = Bed::new(vec![change]);
    assert!(bed.undo().status.success());
    assert_eq!(fs::metadata(bed.path("/etc/x")).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_directory_that_others_use_stays_and_all_is_well() {
    let bed = Bed::new(all_stored());
    bed.write("/mem dir/theirs", b"x", 0o644);
    let output = bed.undo();
    assert!(output.status.success());
    assert!(said(&output).contains("left: /mem dir is not empty"), "{}", said(&output));
}

#[test]
fn a_link_in_an_image_leads_nowhere_else() {
    let outside = tempfile::tempdir().unwrap();
    let change = Change::File { path: "/etc/conf/x".into(), before: Some(file("old\n")), after: Some(file("new\n")) };
    let bed = Bed { root: tempfile::tempdir().unwrap(), changes: vec![change] };
    fs::create_dir(bed.path("/etc")).unwrap();
    symlink(outside.path(), bed.path("/etc/conf")).unwrap();
    fs::write(outside.path().join("x"), "new\n").unwrap();
    let output = bed.undo();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("leads out of"), "{}", said(&output));
    assert_eq!(fs::read(outside.path().join("x")).unwrap(), b"new\n");
}

#[test]
fn a_script_is_read_by_every_shell_and_liked_by_shellcheck() {
    let text = script(&change_sample::rollback());
    for call in ["unmount /mem tmpfs\n", "mount_as_before /srv/mem tmpfs tmpfs 'size=16m,mode=1777,nosuid'\n"] {
        assert!(text.contains(call), "{call} in\n{text}");
    }
    assert!(text.contains("restore_value net/core/somaxconn 8192 128 812 4711\n"), "{text}");
    assert!(text.contains("restore_limit 812 4711 4096:unlimited 1024:unlimited\n"), "{text}");
    is_liked(&text);
    for action in change_sample::plan().actions {
        let undone = match action.clone() {
            Action::Change(change) => Action::Change(change.inverse()),
            other => other,
        };
        is_liked(&script(&report("/mnt", vec![action])));
        is_liked(&script(&report("/", vec![undone])));
    }
}

fn is_liked(text: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("undo.sh");
    fs::write(&file, text).unwrap();
    assert!(Command::new("sh").arg("-n").arg(&file).status().unwrap().success());
    match Command::new("shellcheck").arg(&file).output() {
        Ok(output) => assert!(output.status.success(), "{}", said(&output)),
        Err(_) => eprintln!("shellcheck is not installed"),
    }
}

#[test]
fn a_script_holds_only_the_functions_it_calls() {
    let value =
        Change::KernelValue { key: "net.core.somaxconn".into(), network: NetworkOf::Gtune, before: 8192, after: 128 };
    let text = script(&report("/", vec![Action::Change(value)]));
    assert!(text.contains("\nROOT=''\n") && text.contains("restore_value()"), "{text}");
    assert!(!text.contains("restore_line()") && !text.contains("restore_limit()"), "{text}");
}

fn run_at(root: &Path, change: Change) -> Output {
    let text = script(&report(root.to_str().unwrap(), vec![Action::Change(change.inverse())]));
    Command::new("sh").arg("-c").arg(text).output().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_bytes_come_back(
        before in proptest::collection::vec(any::<u8>(), 0..200), after in "[ -~\n\t\r]{0,80}", name in "[ -.0-~]{1,20}",
    ) {
        prop_assume!(before != after.as_bytes());
        prop_assume!(name != "." && name != "..");
        prop_assume!(name != "etc");
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join(&name), &after).unwrap();
        let path = format!("/{name}");
        let change = Change::File { path, before: Some(file(before.clone())), after: Some(file(after)) };
        let output = run_at(root.path(), change);
        prop_assert!(output.status.success(), "{}", said(&output));
        prop_assert_eq!(fs::read(root.path().join(&name)).unwrap(), before);
    }

    #[test]
    fn no_text_of_a_journal_becomes_a_command(text in any::<String>()) {
        let mut report = report(&text, vec![Action::Restart(text.clone())]);
        report.rolled_back.transaction = Some(text.clone());
        let script = super::script(&report);
        let is_known = |line: &str| line.is_empty() || line.starts_with('#') || line.starts_with("ROOT=")
            || line.starts_with("manage restart");
        let head = script.split("\n# Where no host is").next().unwrap();
        let foreign = shlex::split(head.split("\nROOT=").nth(1).unwrap()).unwrap_or_default();
        prop_assert!(foreign.len() <= 1, "{foreign:?}");
        prop_assert!(is_known(script.lines().nth(1).unwrap()));
    }
}
