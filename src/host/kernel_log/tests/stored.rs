//! The log below a root.

use super::super::stored_files;
use super::*;
use crate::host::Root;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

struct Var {
    place: tempfile::TempDir,
}

impl Var {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("var/log")).unwrap();
        Self { place }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.place.path().join("var/log").join(name)
    }

    /// A file that was written so many days ago.
    fn put(&self, name: &str, text: &[u8], days: u64) {
        fs::write(self.log(name), text).unwrap();
        let time = SystemTime::now() - Duration::from_secs(days * 86_400);
        File::options().write(true).open(self.log(name)).unwrap().set_modified(time).unwrap();
    }

    fn names(&self, search: &Search) -> Vec<String> {
        let files = stored_files(&Root::open(self.place.path()).unwrap(), search).unwrap();
        files.into_iter().map(|file| file.path.rsplit_once('/').unwrap().1.to_owned()).collect()
    }
}

#[test]
fn the_files_of_a_log_come_in_the_order_they_were_written() {
    let var = Var::new();
    for (name, days) in [("kern.log", 0), ("kern.log.1", 7), ("kern.log.2.gz", 14), ("kern.log-20261101.xz", 21)] {
        var.put(name, b"x\n", days);
    }
    for name in ["kern.log.bak", "kern.logs", "syslog", "messages"] {
        var.put(name, b"x\n", 1);
    }
    assert_eq!(var.names(&search()), ["kern.log-20261101.xz", "kern.log.2.gz", "kern.log.1", "kern.log"]);
    let since = Timestamp::now() - jiff::SignedDuration::from_hours(24 * 10);
    assert_eq!(var.names(&Search { since: Some(since), ..search() }), ["kern.log.1", "kern.log"]);
}

#[test]
fn the_next_best_log_is_taken_where_one_is_not_kept() {
    let var = Var::new();
    assert!(var.names(&search()).is_empty());
    var.put("syslog", b"x\n", 1);
    assert_eq!(var.names(&search()), ["syslog"]);
    var.put("messages", b"x\n", 1);
    assert_eq!(var.names(&search()), ["messages"]);
    var.put("kern.log", b"", 1);
    assert_eq!(var.names(&search()), ["messages"], "a logger that was told otherwise leaves an empty file");
}

#[test]
fn nothing_leads_out_of_the_root_and_nothing_waits() {
    let var = Var::new();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), "Killed process\n").unwrap();
    symlink(outside.path(), var.log("kern.log")).unwrap();
    nix::unistd::mkfifo(&var.log("kern.log.1"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(var.names(&search()).is_empty());
}

#[test]
fn a_log_larger_than_any_configuration_is_read() {
    let var = Var::new();
    let log = large();
    var.put("kern.log", log.bytes(), 0);
    let root = Root::open(var.place.path()).unwrap();
    let files = stored_files(&root, &search()).unwrap();
    let mut seen = Seen::default();
    let reading = files[0].read(&root, &search(), &mut seen).unwrap();
    assert_eq!((seen.deaths(), reading.lost), (7, None));
    assert!(reading.name.ends_with("/var/log/kern.log"));
    fs::remove_file(var.log("kern.log")).unwrap();
    assert!(files[0].read(&root, &search(), &mut seen).is_err());
}

#[test]
fn a_log_that_is_not_written_any_more_does_not_hide_the_one_that_is() {
    let var = Var::new();
    var.put("kern.log", b"x\n", 2000);
    for (name, days) in [("syslog", 0), ("syslog.1", 7), ("syslog.2.gz", 2100), ("messages", 1990)] {
        var.put(name, b"x\n", days);
    }
    assert_eq!(var.names(&search()), ["kern.log", "messages", "syslog.1", "syslog"], "all that it cannot tell");
    let since = Timestamp::now() - jiff::SignedDuration::from_hours(24 * 3);
    assert_eq!(var.names(&Search { since: Some(since), ..search() }), ["syslog"]);
}

#[test]
fn of_logs_that_are_written_at_once_the_best_is_read_alone() {
    let var = Var::new();
    for name in ["kern.log", "syslog", "syslog.1", "messages"] {
        var.put(name, b"x\n", 3);
    }
    assert_eq!(var.names(&search()), ["kern.log"]);
}

#[test]
fn however_many_other_files_are_beside_it_the_log_is_found() {
    let var = Var::new();
    for n in 0..66_000 {
        File::create(var.log(&format!("app-{n}"))).unwrap();
    }
    var.put("kern.log", b"x\n", 0);
    assert_eq!(var.names(&search()), ["kern.log"]);
}

#[test]
fn root_is_asked_for_only_where_it_would_help() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("var")).unwrap();
    symlink("log", place.path().join("var/log")).unwrap();
    let root = Root::open(place.path()).unwrap();
    let unread = stored_files(&root, &search()).unwrap_err();
    assert!(unread.reason.to_string().starts_with("too many symbolic links"), "{unread:?}");
    assert_eq!(unread.hint, None);
}
