//! Gunicorns that run, as far as a process with open files is one.

use super::*;
use crate::facts::{Facts, Service};
use crate::gunicorn::Value;
use crate::units::{Pid, Seconds};
use std::process::{Child, Command, Stdio};

/// A process that holds files open as a shell opens them.
struct Master(Child);

impl Master {
    fn run(directory: &Path, redirections: &str) -> Self {
        let script = format!("exec {redirections}; echo; exec sleep 60");
        let mut child = Command::new("/bin/sh")
            .args(["-c", &script])
            .current_dir(directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The line says that all is open.
        let mut out = child.stdout.take().unwrap();
        std::io::Read::read_exact(&mut out, &mut [0]).unwrap();
        Self(child)
    }

    fn facts(&self, settings: &[(&str, Value)]) -> Facts {
        healthy::with_service(|service: &mut Service| {
            service.master = healthy::process(self.0.id() as i32, 1, 0);
            service.master.age_seconds = Seconds(0.0);
            service.settings = healthy::settings(settings);
        })
    }

    fn logs(&self, settings: &[(&str, Value)]) -> (Vec<ServiceLog>, Vec<String>) {
        let (logs, reasons) = service_logs(&Root::open(Path::new("/")).unwrap(), &self.facts(settings));
        (logs, texts(&reasons))
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn errorlog(path: &str) -> [(&'static str, Value); 1] {
    [("errorlog", Value::Text(path.to_owned()))]
}

fn root() -> Root {
    Root::open(Path::new("/")).unwrap()
}

#[test]
fn a_log_is_found_by_its_setting_wherever_the_master_was_started() {
    let place = Place::new();
    place.put("error.log", LINE.as_bytes(), 0);
    place.put("error.log.1", LINE.as_bytes(), 5);
    let master = Master::run(&place.log(""), "2>/dev/null");
    let (logs, reasons) = master.logs(&errorlog("error.log"));
    assert_eq!((names(&logs[0]), reasons), (vec!["error.log.1", "error.log"], vec![]));
    assert_eq!(logs[0].path, place.log("error.log").display().to_string());
    assert_eq!(told(&root(), &logs[0], &logs[0].files[1]), Ok(1));
}

#[test]
fn a_log_that_was_rotated_without_a_signal_is_one_with_its_successor() {
    let place = Place::new();
    let master = Master::run(&place.log(""), "2>/dev/null 5>>error.log");
    fs::rename(place.log("error.log"), place.log("error.log.1")).unwrap();
    place.put("error.log.1", LINE.as_bytes(), 0);
    place.put("error.log", b"", 0);
    let (logs, _) = master.logs(&errorlog(&place.log("error.log").display().to_string()));
    assert_eq!((logs.len(), names(&logs[0])), (1, vec!["error.log.1", "error.log"]));
}

#[test]
fn what_is_appended_to_is_a_log_where_it_has_lines_of_gunicorn() {
    let place = Place::new();
    place.put("a.log", LINE.as_bytes(), 0);
    place.put("b.log", b"127.0.0.1 - - [20/Nov/2026:19:14:07 +0000] \"GET / HTTP/1.1\" 200 5\n", 0);
    place.put("c.db", LINE.as_bytes(), 0);
    let master = Master::run(&place.log(""), "2>/dev/null 5>>a.log 6>>b.log 7<>c.db");
    let (logs, reasons) = master.logs(&[]);
    assert_eq!((paths(&logs), reasons), (vec!["a.log"], vec![]));
}

#[test]
fn standard_error_is_a_log_whatever_is_in_it() {
    let place = Place::new();
    place.put("error.log", LINE.as_bytes(), 0);
    let master = Master::run(&place.log(""), "2>stderr.txt 5>>error.log");
    let (logs, _) = master.logs(&errorlog("error.log"));
    assert_eq!(paths(&logs), ["error.log", "stderr.txt"]);
}

#[test]
fn a_log_that_was_deleted_is_read_for_as_long_as_it_is_held() {
    let place = Place::new();
    let master = Master::run(&place.log(""), "2>/dev/null 5>>error.log");
    place.put("error.log", LINE.as_bytes(), 3);
    fs::remove_file(place.log("error.log")).unwrap();
    place.put("error.log", b"", 0);
    place.put("error.log.1", LINE.as_bytes(), 9);
    let (logs, reasons) = master.logs(&errorlog("error.log"));
    assert_eq!((logs.len(), reasons.len()), (1, 0));
    let pid = master.0.id();
    let held = format!("/proc/{pid}/fd/5 ({})", place.log("error.log").display());
    let names: Vec<&str> = logs[0].files.iter().map(|file| file.name.as_str()).collect();
    let own = |name| place.log(name).display().to_string();
    assert_eq!(names, [own("error.log.1"), held, own("error.log")]);
    assert_eq!(told(&root(), &logs[0], &logs[0].files[1]), Ok(1));
    drop(master);
    assert!(told(&root(), &logs[0], &logs[0].files[1]).is_err(), "it is gone with who held it");
}

#[test]
fn where_else_a_service_writes_to_is_told() {
    let place = Place::new();
    let said = |redirections| Master::run(&place.log(""), redirections).logs(&[]).1;
    let name = "gunicorn.service: its errors go to";
    assert_eq!(said("2>/dev/null"), [format!("{name} /dev/null: nothing of them is kept")]);
    let pipe = format!("{name} a pipe to another program: name the file that keeps them with --error-log");
    assert_eq!(said("2>&1"), [pipe]);
}

#[test]
fn a_number_that_is_another_process_by_now_is_not_looked_at() {
    let place = Place::new();
    place.put("error.log", LINE.as_bytes(), 0);
    let master = Master::run(&place.log(""), "2>/dev/null 5>>error.log");
    let mut facts = master.facts(&[]);
    let crate::facts::Fact::Known(services) = &mut facts.services else { unreachable!() };
    services[0].master.age_seconds = Seconds(3600.0);
    let (logs, reasons) = service_logs(&root(), &facts);
    assert_eq!(logs.len(), 0);
    assert_eq!(texts(&reasons), [format!("gunicorn.service: process {} has ended", Pid(master.0.id() as i32))]);
}

#[test]
fn two_services_with_one_log_have_it_once() {
    let place = Place::new();
    place.put("error.log", LINE.as_bytes(), 0);
    let (one, other) = (Master::run(&place.log(""), "2>>error.log"), Master::run(&place.log(""), "2>>error.log"));
    let mut facts = one.facts(&[]);
    let more = other.facts(&[]).services.known().unwrap().clone();
    let crate::facts::Fact::Known(services) = &mut facts.services else { unreachable!() };
    services.extend(more);
    let (logs, reasons) = service_logs(&root(), &facts);
    assert_eq!((paths(&logs), reasons.len()), (vec!["error.log"], 0));
}
