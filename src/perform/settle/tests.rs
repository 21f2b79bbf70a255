use super::*;
use crate::perform::Care;
use crate::perform::file;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use tempfile::TempDir;

const MARK: &str = "1";
const PATH: &str = "/x.conf";

/// An image in which a file and its temporary file are as a run that was killed left them. `None` is nothing; a text
/// that begins with `~` is half written, and has the mode that the temporary file is made with.
fn left(file: Option<&str>, temporary: Option<&str>) -> (TempDir, Root) {
    let place = tempfile::tempdir().unwrap();
    let write = |name: &str, text: Option<&str>| {
        let Some(text) = text else { return };
        let path = place.path().join(name);
        fs::write(&path, text.trim_start_matches('~')).unwrap();
        let mode = if text.starts_with('~') { 0o600 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    write("x.conf", file);
    write(".x.conf.gtune-1", temporary);
    let root = Root::open(place.path()).unwrap();
    (place, root)
}

fn names(place: &TempDir) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn image(text: Option<&str>) -> Option<FileImage> {
    text.map(FileImage::configuration)
}

#[track_caller]
fn assert_settles(change: [Option<&str>; 2], state: [Option<&str>; 2], wanted: Option<&str>) {
    let (place, root) = left(state[0], state[1]);
    let [before, after] = change.map(image);
    for _ in 0..2 {
        file::settle(&root, PATH, before.as_ref(), after.as_ref(), MARK).unwrap();
        let found = fs::read_to_string(place.path().join("x.conf")).ok();
        assert_eq!(found.as_deref(), wanted, "{change:?} {state:?}");
        assert!(!names(&place).contains(&".x.conf.gtune-1".to_owned()), "{change:?} {state:?}");
    }
}

const B: Option<&str> = Some("before\n");
const A: Option<&str> = Some("after\n");
const F: Option<&str> = Some("foreign\n");

#[test]
fn a_replacement_is_settled_wherever_it_or_its_undo_was_killed() {
    for change in [[B, A], [A, B]] {
        let [from, to] = change;
        for direction in [[from, to], [to, from]] {
            let [x, y] = direction;
            let part = y.map(|text| format!("~{}", &text[..3]));
            let whole = y.map(|text| format!("~{text}"));
            assert_settles(change, [x, None], x);
            assert_settles(change, [x, Some("~")], x);
            assert_settles(change, [x, part.as_deref()], x);
            assert_settles(change, [x, whole.as_deref()], x);
            assert_settles(change, [F, part.as_deref()], F);
            assert_settles(change, [x, y], x);
            assert_settles(change, [y, x], y);
            assert_settles(change, [y, F], F);
            assert_settles(change, [F, y], F);
        }
    }
}

#[test]
fn a_file_that_was_to_be_made_is_settled() {
    for state in [[None, Some("~")], [None, Some("~aft")], [None, A]] {
        assert_settles([None, A], state, None);
    }
    assert_settles([None, A], [A, None], A);
    assert_settles([None, A], [A, A], A);
    assert_settles([None, A], [F, A], F);
}

#[test]
fn a_file_that_was_to_go_is_put_back() {
    assert_settles([B, None], [None, B], B);
    assert_settles([B, None], [None, F], F);
    assert_settles([B, None], [F, B], F);
    assert_settles([B, None], [None, None], None);
}

#[test]
fn a_foreign_file_with_nowhere_to_go_is_left_and_said() {
    let (place, root) = left(Some("newer\n"), F);
    let [before, after] = [B, A].map(image);
    let trouble = file::settle(&root, PATH, before.as_ref(), after.as_ref(), MARK).unwrap_err();
    assert!(trouble.reason.contains("holds what somebody else had saved"), "{trouble}");
    assert!(trouble.hint.unwrap().starts_with("diff -u "));
    assert_eq!(names(&place).len(), 2);
}

#[test]
fn a_foreign_directory_under_the_temporary_name_is_left() {
    let (place, root) = left(B, None);
    fs::create_dir(place.path().join(".x.conf.gtune-1")).unwrap();
    let [before, after] = [B, A].map(image);
    assert!(file::settle(&root, PATH, before.as_ref(), after.as_ref(), MARK).is_err());
    assert_eq!(names(&place).len(), 2);
}

#[test]
fn where_the_directory_is_gone_nothing_is_to_be_settled() {
    let (_place, root) = left(None, None);
    file::settle(&root, "/no/such/file", None, None, MARK).unwrap();
}

#[test]
fn after_settling_the_change_can_be_made_again() {
    let (place, root) = left(B, Some("~aft"));
    let [before, after] = [B, A].map(image);
    file::settle(&root, PATH, before.as_ref(), after.as_ref(), MARK).unwrap();
    file::make(&root, PATH, before.as_ref(), after.as_ref(), MARK, Care::Respect).unwrap();
    assert_eq!(fs::read_to_string(place.path().join("x.conf")).ok().as_deref(), A);
}

/// Runs this test program again, which changes a file to and fro; kills it at any moment, and settles what it left.
#[test]
fn a_run_killed_at_any_moment_leaves_one_of_the_two_files_and_nothing_else() {
    const INSIDE: &str = "GTUNE_TEST_KILLED";
    let [before, after] = [B, A].map(image);
    let rounds = [[before.as_ref(), after.as_ref()], [None, after.as_ref()]];
    if let Ok(place) = std::env::var(INSIDE) {
        let (directory, round) = place.split_once(':').unwrap();
        let root = Root::open(std::path::Path::new(directory)).unwrap();
        let [x, y] = rounds[round.parse::<usize>().unwrap()];
        loop {
            file::make(&root, PATH, x, y, MARK, Care::Overwrite).unwrap();
            file::make(&root, PATH, y, x, MARK, Care::Overwrite).unwrap();
        }
    }
    let mut left_something = 0;
    for kill in 0..60u64 {
        let round = (kill % 2) as usize;
        let (place, root) = left(rounds[round][0].map(|_| "before\n"), None);
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "perform::settle::tests::a_run_killed_at_any_moment_leaves_one_of_the_two_files_and_nothing_else",
            ])
            .env(INSIDE, format!("{}:{round}", place.path().display()))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_micros(15_000 + kill * 137));
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9), "it was at work until it was killed");
        left_something += usize::from(names(&place).contains(&".x.conf.gtune-1".to_owned()));
        let [x, y] = rounds[round];
        file::settle(&root, PATH, x, y, MARK).unwrap();
        assert!(!names(&place).contains(&".x.conf.gtune-1".to_owned()));
        let standing = file::standing(&root, PATH, x, y).unwrap();
        assert!(matches!(standing, crate::plan::Standing::Before | crate::plan::Standing::After), "{standing:?}");
    }
    eprintln!("{left_something} of 60 killed runs left a temporary file");
}
