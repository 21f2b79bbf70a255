//! What is said of a host without a Gunicorn, of what may not be seen, and of what goes away while it is looked at.

use crate::support::{Host, Law, Need, Outcome, Report, Result, Shape};
use serde_json::json;
use std::collections::BTreeMap;

/// The laws.
pub fn laws() -> Vec<Law> {
    let needs = [Need::Namespaces, Need::Venv("23.0.0")];
    let root = [Need::Namespaces, Need::Venv("23.0.0"), Need::Root];
    vec![
        Law::new("a_host_without_gunicorn_is_judged_fresh", &[Need::Namespaces], a_host_without_gunicorn),
        Law::new("a_report_adds_up", &needs, a_report_adds_up),
        Law::new("selected_checks_alone_decide_the_exit_code", &needs, selected_checks_alone_decide),
        Law::new("an_ordinary_user_is_told_what_could_not_be_seen", &root, an_ordinary_user_is_told),
        Law::new("hidden_processes_are_not_taken_for_none", &root, hidden_processes),
        Law::new("root_without_capabilities_is_told_what_could_not_be_seen", &needs, without_capabilities),
        Law::new("processes_that_vanish_are_normal_weather", &needs, processes_that_vanish),
        Law::new("a_worker_that_is_a_zombie_is_normal_weather", &needs, zombies),
        Law::new("a_plugin_says_one_short_line", &needs, a_plugin_says_one_short_line),
        Law::new("a_closed_pipe_is_success", &needs, a_closed_pipe_is_success),
        Law::new("a_master_that_is_none_is_bad_input", &needs, a_master_that_is_none),
    ]
}

/// Checks that need a running process: without one they do not apply.
const OF_PROCESSES: &[&str] = &["heartbeat-age", "listen-backlog", "open-file-usage"];

/// Checks that need the descriptors of a process: who may not see those cannot tell.
const OF_DESCRIPTORS: &[&str] = &["heartbeat-filesystem", "heartbeat-age", "open-file-usage"];

fn a_host_without_gunicorn() -> Result {
    let host = Host::new()?;
    let report = host.doctor(&[])?;
    assert_eq!(report.json["services"], json!([]));
    for id in OF_PROCESSES {
        let check = report.check(id)?;
        check.must_be("not-applicable")?;
        assert!(!check.text("reason").is_empty(), "{:#}", check.0);
    }
    // The rest is judged for a Gunicorn that will be started here.
    assert!(!matches!(report.check("somaxconn")?.state(), "not-applicable" | "skipped"));
    adds_up(&report)
}

fn a_report_adds_up() -> Result {
    let host = Host::new()?;
    let _gunicorn = host.gunicorn("23.0.0").start()?;
    adds_up(&host.doctor(&[])?)
}

/// Every entry has the fields of its state, and the summary and the exit code follow from the entries.
fn adds_up(report: &Report) -> Result {
    assert_eq!((&report.json["schema"], &report.json["command"]), (&json!(1), &json!("doctor")));
    let mut counted =
        BTreeMap::from(["ok", "finding", "unknown", "not-applicable", "skipped"].map(|s| (s.to_owned(), 0)));
    let mut alarming = false;
    for check in report.checks() {
        *counted.get_mut(check.state()).ok_or_else(|| format!("no such state: {:#}", check.0))? += 1;
        let fields: &[&str] = match check.state() {
            "ok" => &["observed"],
            "finding" => &["observed", "wanted", "consequence", "severity"],
            _ => &["reason"],
        };
        for field in ["id", "title", "subject"].iter().chain(fields) {
            assert!(!check.text(field).is_empty(), "no {field}: {:#}", check.0);
        }
        let evidence = check.0["evidence"].as_array().is_some_and(|lines| !lines.is_empty());
        assert!(evidence || check.state() != "finding", "no evidence: {:#}", check.0);
        alarming |= matches!(check.text("severity"), "warning" | "critical");
    }
    assert_eq!(report.json["summary"], json!(counted));
    let expected = if alarming { 1 } else { 3 * i32::from(counted["unknown"] > 0) };
    assert_eq!(report.code, expected);
    Ok(())
}

fn selected_checks_alone_decide() -> Result {
    let host = Host::new()?;
    host.set_somaxconn(4096)?;
    let memory = host.tmpfs("mem", "size=1m")?;
    let _gunicorn = host.gunicorn("23.0.0").args(&["--worker-tmp-dir", &memory.to_string_lossy()]).start()?;
    let report = host.doctor(&["listen-backlog", "heartbeat-filesystem"])?;
    assert_eq!(report.code, 0, "{:#}", report.json["checks"]);
    Ok(())
}

fn an_ordinary_user_is_told() -> Result {
    told(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], &["needs root"])
}

/// With `hidepid=2` processes of others are not even listed (proc(5)).
fn hidden_processes() -> Result {
    let host = Host::new()?;
    let _gunicorn = host.gunicorn("23.0.0").start()?;
    host.shell("mount -o remount,hidepid=2 /proc")?;
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let report = doctor_under(&host, &nobody, &["worker-count", "heartbeat-age"])?;
    assert_eq!(report.code, 3, "{:#}", report.json);
    assert_eq!(report.json["services"], serde_json::json!(null));
    for id in ["worker-count", "heartbeat-age"] {
        report.check(id)?.must_be("unknown")?;
        report.check(id)?.must_say(&["hidepid"])?;
    }
    Ok(())
}

/// The kernel lets nobody look into a process that has capabilities which the looker lacks, whatever their user.
fn without_capabilities() -> Result {
    told(&["setpriv", "--bounding-set=-all", "--inh-caps=-all"], &[])
}

fn told(wrapper: &[&str], words: &[&str]) -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").start()?;
    let report = doctor_under(&host, wrapper, OF_DESCRIPTORS)?;
    assert_eq!(report.code, 3, "{:#}", report.json["checks"]);
    for id in OF_DESCRIPTORS {
        let check = report.check(id)?;
        check.must_be("unknown")?;
        check.must_say(&["permission denied", "/proc/"])?;
        check.must_say(words)?;
    }
    // Signal masks and command line can be read by all, so the service itself is still found.
    report.service(gunicorn.master()?.pid)?;
    adds_up(&doctor_under(&host, wrapper, &[])?)
}

fn doctor_under(host: &Host, wrapper: &[&str], arguments: &[&str]) -> Result<Report> {
    let gtune = host.gtune().display().to_string();
    let argv = [wrapper, &[&gtune, "doctor", "--format", "json"], arguments].concat();
    Report::read(host.run(&argv)?)
}

fn processes_that_vanish() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").workers(3).start()?;
    let storm = "while :; do (sleep 0.02 & sleep 0.01 & sleep 0.03 & wait); done";
    for _ in 0..2 {
        host.spawn("sh", &["-c", storm])?;
    }
    let master = gunicorn.master()?.pid;
    let killer = format!("while sleep 0.1; do for w in $(pgrep -P {master}); do kill -9 $w; break; done; done");
    host.spawn("sh", &["-c", &killer])?;
    for _ in 0..50 {
        let report = host.doctor(&[])?;
        assert_eq!(report.stderr, "");
        report.service(master)?;
    }
    Ok(())
}

fn zombies() -> Result {
    let host = Host::new()?;
    // A parent that never waits keeps a dead child for as long as it lives.
    host.spawn("python3", &["-c", "import os, time\nif os.fork(): time.sleep(1000)"])?;
    let gunicorn = host.gunicorn("23.0.0").start()?;
    // While the master is stopped, a worker that is killed stays a zombie.
    let master = gunicorn.master()?.pid;
    gunicorn.signal("STOP", master)?;
    gunicorn.signal("KILL", gunicorn.workers()[0].pid)?;
    host.doctor(&[])?.service(master).map(drop)
}

fn a_plugin_says_one_short_line() -> Result {
    let host = Host::new()?;
    let _gunicorn = host.gunicorn("23.0.0").shape(Shape::Module).start()?;
    let said = gtune(&host, &["doctor", "--format", "nagios"])?;
    let line = said.stdout.lines().next().unwrap_or_default();
    let words = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];
    let code = words.iter().position(|word| line.starts_with(&format!("GTUNE {word} - ")));
    assert_eq!(code.map(|code| code as i32), said.code, "{line}");
    let text = line.split(" | ").next().unwrap_or_default();
    assert!(text.chars().count() < 80, "{line}");
    Ok(())
}

fn a_closed_pipe_is_success() -> Result {
    let host = Host::new()?;
    let line = format!("set -o pipefail; {} explain somaxconn | head -c 1", host.gtune().display());
    for _ in 0..5 {
        let said = host.run(&["bash", "-c", &line])?.success()?;
        assert_eq!((said.stdout.len(), said.stderr.as_str()), (1, ""));
    }
    Ok(())
}

fn a_master_that_is_none() -> Result {
    let host = Host::new()?;
    let said = gtune(&host, &["doctor", "--pid", "1"])?;
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(said.stdout, "");
    assert!(!said.stderr.is_empty());
    Ok(())
}

fn gtune(host: &Host, arguments: &[&str]) -> Result<Outcome> {
    let gtune = host.gtune().display().to_string();
    host.run(&[&[gtune.as_str()], arguments].concat())
}
