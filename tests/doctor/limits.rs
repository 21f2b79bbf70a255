//! Descriptors and tasks: what is in force, what is used, and where a limit comes from.

use crate::support::{Host, Law, Need, PidsCgroup, Result, eventually};

/// The laws.
pub fn laws() -> Vec<Law> {
    let needs = [Need::Namespaces, Need::Venv("23.0.0")];
    let bounded = [Need::Namespaces, Need::Venv("23.0.0"), Need::PidsCgroup];
    vec![
        Law::new("a_soft_limit_of_1024_is_too_low_for_gthread", &needs, too_low_for_gthread),
        Law::new("a_soft_limit_of_1024_is_enough_for_sync", &needs, enough_for_sync),
        Law::new("a_limit_that_is_high_enough_is_ok", &needs, high_enough),
        Law::new("a_descriptor_leak_is_found_with_what_leaks", &needs, a_leak_is_found),
        Law::new("limits_d_that_does_not_reach_the_service_is_said", &needs, limits_d_does_not_reach),
        Law::new("a_task_limit_nearly_reached_is_found_with_its_file", &bounded, task_limit_nearly_reached),
        Law::new("a_task_limit_far_away_is_ok", &bounded, task_limit_far_away),
    ]
}

const GTHREAD: &[&str] = &["-k", "gthread", "--threads", "4"];

/// A shell that sets the soft limit alone; the hard one may be what the machine gives.
fn soft_limit(number: u32) -> [String; 4] {
    ["sh".to_owned(), "-euc".to_owned(), format!("ulimit -Sn {number}; exec \"$@\""), "sh".to_owned()]
}

fn under(wrapper: &[String]) -> Vec<&str> {
    wrapper.iter().map(String::as_str).collect()
}

fn too_low_for_gthread() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").under(&under(&soft_limit(1024))).args(GTHREAD).start()?;
    let check = host.doctor(&[])?.check("open-file-limit")?;
    check.must_find("warning")?;
    check.must_say(&["1024", &format!("/proc/{}/limits", gunicorn.workers()[0].pid)])
}

fn enough_for_sync() -> Result {
    let host = Host::new()?;
    let _gunicorn = host.gunicorn("23.0.0").under(&under(&soft_limit(1024))).start()?;
    let report = host.doctor(&[])?;
    report.check("open-file-limit")?.must_be("ok")?;
    report.check("open-file-usage")?.must_be("ok")
}

fn high_enough() -> Result {
    let host = Host::new()?;
    let _gunicorn = host.gunicorn("23.0.0").under(&under(&soft_limit(4096))).args(GTHREAD).start()?;
    host.doctor(&[])?.check("open-file-limit")?.must_be("ok")
}

fn a_leak_is_found() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").under(&under(&soft_limit(1024))).workers(1).start()?;
    let _client = host.connect("127.0.0.1:8000", 1, &["/leak?n=960"])?;
    let worker = gunicorn.workers()[0].pid;
    let descriptors = host.seen_from_outside(format!("/proc/{worker}/fd"));
    let leaked = || (std::fs::read_dir(&descriptors).ok()?.count() > 960).then_some(());
    eventually("a leak", leaked)?;
    let check = host.doctor(&[])?.check("open-file-usage")?;
    check.must_be("finding")?;
    // What leaks is this very file of the application, over and over.
    check.must_say(&[&worker.to_string(), "leak", "/gunicorn-"])
}

fn limits_d_does_not_reach() -> Result {
    let host = Host::new()?;
    host.own("/etc/security")?;
    host.shell("echo 'root soft nofile 65536' > /etc/security/limits.d/99-gunicorn.conf")?;
    let _gunicorn = host.gunicorn("23.0.0").under(&under(&soft_limit(1024))).args(GTHREAD).start()?;
    let check = host.doctor(&[])?.check("limits-source")?;
    check.must_be("finding")?;
    check.must_say(&["/etc/security/limits.d/99-gunicorn.conf", "65536", "1024"])
}

fn task_limit_nearly_reached() -> Result {
    // The group is dropped last: it can only be removed when all in it have ended.
    let group = PidsCgroup::new()?;
    let host = Host::new()?;
    let _gunicorn = host.gunicorn("23.0.0").under(&under(&group.enter())).workers(9).start()?;
    group.limit(group.current()? + 1)?;
    let check = host.doctor(&[])?.check("task-limit")?;
    check.must_be("finding")?;
    check.must_say(&["pids.max", &group.directory().to_string_lossy()])
}

fn task_limit_far_away() -> Result {
    let group = PidsCgroup::new()?;
    let host = Host::new()?;
    let _gunicorn = host.gunicorn("23.0.0").under(&under(&group.enter())).start()?;
    group.limit(4096)?;
    host.doctor(&[])?.check("task-limit")?.must_be("ok")
}
