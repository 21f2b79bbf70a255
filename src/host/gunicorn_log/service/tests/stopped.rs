//! Units whose Gunicorn does not run, and images.

use super::*;
use crate::facts::{Fact, Facts, Unit, parse_unit_file};
use nix::sys::stat::Mode;
use std::os::unix::fs::symlink;

fn unit(lines: &str) -> Unit {
    let mut unit = Unit { name: "web@blue.service".into(), loaded: Fact::Absent, ..healthy::unit() };
    parse_unit_file("web@.service", format!("[Service]\n{lines}\n").as_bytes(), &mut unit.stored);
    unit
}

fn facts(lines: &str) -> Facts {
    Facts { stopped_units: vec![unit(lines)], ..healthy::fresh_host() }
}

const START: &str = "ExecStart=/usr/bin/gunicorn --error-logfile /var/log/web/error.log wsgi";

#[test]
fn the_log_of_a_stopped_unit_comes_with_its_rotated_files_oldest_first() {
    let place = Place::new();
    for (name, hours) in [("error.log", 0), ("error.log.1", 1), ("error.log.2.gz", 30), ("error.log.10.gz", 9)] {
        place.put(name, LINE.as_bytes(), hours);
    }
    for name in ["error.log.bak", "access.log", "error.log.3"] {
        place.put(name, if name.ends_with('3') { b"" } else { LINE.as_bytes() }, 1);
    }
    let (logs, reasons) = service_logs(&place.root(), &facts(START));
    assert_eq!((logs.len(), reasons.len()), (1, 0));
    assert_eq!(names(&logs[0]), ["error.log.10.gz", "error.log.2.gz", "error.log.1", "error.log"]);
    assert_eq!((logs[0].unit.as_deref(), logs[0].service.as_str()), (Some("web@blue.service"), "web@blue.service"));
    assert!(logs[0].files[3].name.starts_with(place.root.path().to_str().unwrap()));
    assert_eq!(told(&place.root(), &logs[0], &logs[0].files[2]), Ok(1));
}

#[test]
fn a_log_that_is_another_thing_than_a_file_is_said_though_its_rotated_files_are_read() {
    let place = Place::new();
    place.put("error.log.1", LINE.as_bytes(), 1);
    let count = |place: &Place| {
        let (logs, reasons) = service_logs(&place.root(), &facts(START));
        (logs.len(), texts(&reasons).join("\n"))
    };
    assert_eq!(count(&place), (1, String::new()), "rotated and not made anew");
    nix::unistd::mkfifo(&place.log("error.log"), Mode::S_IRWXU).unwrap();
    let (logs, said) = count(&place);
    assert!(logs == 1 && said.ends_with("error.log is not read: it is no regular file"), "{said}");
    fs::remove_file(place.log("error.log")).unwrap();
    symlink("error.log", place.log("error.log")).unwrap();
    let (logs, said) = count(&place);
    assert!(logs == 1 && said.contains("symbolic link"), "{said}");
}

#[test]
fn dates_go_before_times_of_writing_and_these_before_nothing() {
    let place = Place::new();
    for (name, hours) in
        [("error.log", 0), ("error.log-20261101", 1), ("error.log-20261019", 0), ("error-20261103.log", 9)]
    {
        place.put(name, LINE.as_bytes(), hours);
    }
    let order = |place: &Place| names(&service_logs(&place.root(), &facts(START)).0[0]).join(" ");
    assert_eq!(order(&place), "error.log-20261019 error.log-20261101 error-20261103.log error.log");
    place.put("error.log.old", LINE.as_bytes(), 40);
    assert_eq!(order(&place), "error.log.old error-20261103.log error.log-20261101 error.log-20261019 error.log");
}

#[test]
fn files_from_before_the_time_are_left_out_unless_they_may_tell_who_was_a_worker() {
    let place = Place::new();
    for (name, days) in [("error.log", 0), ("error.log.1", 2), ("error.log.2", 6), ("error.log.3", 9)] {
        place.put(name, LINE.as_bytes(), days * 24);
    }
    let since = Timestamp::now() - SignedDuration::from_hours(24);
    let of = |since| {
        let (mut logs, _) = service_logs(&place.root(), &facts(START));
        logs[0].keep_since(since);
        names(&logs[0]).join(" ")
    };
    assert_eq!(of(None), "error.log.3 error.log.2 error.log.1 error.log");
    assert_eq!(of(Some(since)), "error.log.2 error.log.1 error.log");
    File::options().write(true).open(place.log("error.log.2")).unwrap().set_len(2 << 30).unwrap();
    let time = SystemTime::now() - Duration::from_secs(6 * 86_400);
    File::options().write(true).open(place.log("error.log.2")).unwrap().set_modified(time).unwrap();
    assert_eq!(of(Some(since)), "error.log.1 error.log", "more than is worth it");
}

#[test]
fn where_a_unit_logs_is_told_by_its_options_its_environment_its_file_and_its_output() {
    let place = Place::new();
    for name in ["error.log", "blue.log", "web-set.log", "out.log"] {
        place.put(name, LINE.as_bytes(), 0);
    }
    fs::write(place.log("options"), "GUNICORN_CMD_ARGS=--error-logfile=web-set.log\nLOGS=/var/log/web\n").unwrap();
    fs::write(place.log("gunicorn.conf.py"), "errorlog = 'blue.log'\n").unwrap();
    let of = |lines: &str| {
        let (logs, reasons) = service_logs(&place.root(), &facts(lines));
        (paths(&logs).join(" "), texts(&reasons))
    };
    let start = "ExecStart=/usr/bin/gunicorn wsgi";
    let cases = [
        (format!("{start} --error-logfile /var/log/web/%i.log"), "blue.log"),
        (format!("{start}\nWorkingDirectory=/var/log/web"), "blue.log"),
        (format!("{start}\nWorkingDirectory=-/var/log/web\nEnvironmentFile=-/var/log/web/options"), "web-set.log"),
        (format!("{start}\nEnvironment='GUNICORN_CMD_ARGS=--error-logfile=/var/log/%p/error.log'"), "error.log"),
        (format!("{start} --error-logfile ${{LOGS}}/out.log\nEnvironmentFile=/var/log/web/options"), "out.log"),
        (format!("{start}\nStandardOutput=append:/var/log/web/out.log"), "out.log"),
        (format!("{start}\nStandardOutput=journal\nStandardError=file:%L/%p/%i.log"), "blue.log"),
        (format!("{START}\nStandardError=append:/var/log/web/out.log"), "error.log out.log"),
    ];
    for (lines, expected) in cases {
        assert_eq!(of(&lines), (expected.to_owned(), vec![]), "{lines}");
    }
}

#[test]
fn the_journal_of_an_image_is_read_by_a_command_that_is_told() {
    let place = Place::new();
    let start = "ExecStart=/usr/bin/gunicorn wsgi\nStandardError=journal\nStandardOutput=append:/var/log/web/out.log";
    let said = || texts(&service_logs(&place.root(), &facts(start)).1).join("");
    let directory = place.root.path().join("var/log/journal");
    assert_eq!(said(), format!("web@blue.service: it logs to the journal, and none is at {}", directory.display()));
    fs::create_dir(&directory).unwrap();
    let command =
        format!("journalctl -D {} -u web@blue.service -o json --all | gtune triage --error-log -", directory.display());
    assert_eq!(said(), format!("web@blue.service: it logs to the journal: {command}"));
    let (_, reasons) = service_logs(&Root::open(Path::new("/")).unwrap(), &facts(start));
    assert!(reasons.is_empty(), "gtune reads the journal of the live host itself");
}

#[test]
fn a_log_that_is_not_there_is_told_and_one_that_leads_out_of_the_root_is_not_read() {
    let place = Place::new();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), LINE).unwrap();
    symlink(outside.path(), place.log("error.log")).unwrap();
    let (logs, reasons) = service_logs(&place.root(), &facts(START));
    let said = format!("web@blue.service: its log {}/var/log/web/error.log is not there", place.root.path().display());
    assert_eq!((logs.len(), texts(&reasons)), (0, vec![said]));
}

#[test]
fn what_is_put_in_the_place_of_a_log_never_holds_gtune_up() {
    let place = Place::new();
    place.put("error.log", LINE.as_bytes(), 0);
    nix::unistd::mkfifo(&place.log("error.log.1"), Mode::S_IRWXU).unwrap();
    let (logs, _) = service_logs(&place.root(), &facts(START));
    assert_eq!(names(&logs[0]), ["error.log"]);
    fs::remove_file(place.log("error.log")).unwrap();
    nix::unistd::mkfifo(&place.log("error.log"), Mode::S_IRWXU).unwrap();
    let unread = told(&place.root(), &logs[0], &logs[0].files[0]).unwrap_err();
    assert!(unread.reason.to_string().starts_with("not a regular file but a FIFO"), "{unread:?}");
}

#[test]
fn names_of_control_characters_reach_no_terminal() {
    let place = Place::new();
    place.put("error\x1b[2J.log", LINE.as_bytes(), 0);
    let start = "ExecStart=/usr/bin/gunicorn --error-logfile \"/var/log/web/error\x1b[2J.log\" wsgi";
    let (logs, _) = service_logs(&place.root(), &facts(start));
    assert!(!logs[0].path.chars().chain(logs[0].files[0].name.chars()).any(char::is_control));
    assert_eq!(told(&place.root(), &logs[0], &logs[0].files[0]), Ok(1));
}

#[test]
fn that_nothing_was_found_is_told_with_what_to_do() {
    let place = Place::new();
    let (logs, reasons) = service_logs(&place.root(), &healthy::fresh_host());
    let said =
        format!("no log of a Gunicorn was found below {}: name it with --error-log", place.root.path().display());
    assert_eq!((logs.len(), texts(&reasons)), (0, vec![said]));
}
