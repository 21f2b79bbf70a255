//! Heartbeats: where they lie, whether there is room, and what an old one means.

use crate::support::{FrozenDisk, Host, Law, Need, Report, Result, Running, Until, eventually};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// The laws.
pub fn laws() -> Vec<Law> {
    let needs = [Need::Namespaces, Need::Venv("23.0.0")];
    let old = [Need::Namespaces, Need::Venv("20.1.0")];
    let disk = [Need::Namespaces, Need::Venv("23.0.0"), Need::Disk];
    let frozen = [Need::Namespaces, Need::Venv("23.0.0"), Need::LoopDevice];
    vec![
        Law::new("a_heartbeat_in_memory_is_ok", &needs, a_heartbeat_in_memory_is_ok),
        Law::new("a_heartbeat_on_a_disk_is_a_warning_with_its_line", &disk, a_heartbeat_on_a_disk_is_a_warning),
        Law::new("idle_workers_of_every_class_beat_in_time", &needs, idle_workers_beat_in_time),
        Law::new("a_worker_stuck_in_a_request_is_named", &needs, a_worker_stuck_in_a_request_is_named),
        Law::new("an_import_that_never_ends_is_named", &needs, || import_never_ends("23.0.0", "6", 8)),
        // This version kills an import at its timeout and starts it again, so it is never older than that.
        Law::new("an_import_that_is_killed_again_and_again_is_named", &old, || import_never_ends("20.1.0", "20", 13)),
        Law::new("a_frozen_disk_under_the_heartbeat_is_named", &frozen, a_frozen_disk_is_named),
        Law::new("a_tmpfs_without_inodes_is_found", &needs, a_tmpfs_without_inodes_is_found),
        Law::new("a_tmpfs_without_blocks_is_no_harm", &needs, a_tmpfs_without_blocks_is_no_harm),
        Law::new("a_stopped_worker_is_named", &needs, a_stopped_worker_is_named),
    ]
}

fn with_heartbeat_at<'h>(host: &'h Host, directory: &str, arguments: &[&str]) -> Result<Running<'h>> {
    host.gunicorn("23.0.0").args(&["--worker-tmp-dir", directory]).args(arguments).start()
}

fn a_heartbeat_in_memory_is_ok() -> Result {
    let host = Host::new()?;
    let memory = host.tmpfs("mem", "size=1m")?;
    let _gunicorn = with_heartbeat_at(&host, &memory.to_string_lossy(), &[])?;
    let report = host.doctor(&[])?;
    report.check("heartbeat-filesystem")?.must_be("ok")?;
    report.check("heartbeat-space")?.must_be("ok")?;
    report.check("heartbeat-age")?.must_be("ok")
}

fn a_heartbeat_on_a_disk_is_a_warning() -> Result {
    let host = Host::new()?;
    let gunicorn = with_heartbeat_at(&host, &host.directory().to_string_lossy(), &[])?;
    let report = host.doctor(&[])?;
    let check = report.check("heartbeat-filesystem")?;
    check.must_find("warning")?;
    let worker = gunicorn.workers()[0].pid;
    check.must_say(&[&format!("/proc/{worker}/fd/"), "wgunicorn-", "(deleted)"])?;
    assert_eq!(report.code, 1);
    Ok(())
}

fn idle_workers_beat_in_time() -> Result {
    let host = Host::new()?;
    let _sync = host.gunicorn("23.0.0").bind(&["127.0.0.1:8001"]).start()?;
    let _gthread = host.gunicorn("23.0.0").bind(&["127.0.0.1:8002"]).args(&["-k", "gthread"]).start()?;
    thread::sleep(Duration::from_secs(4));
    let report = host.doctor(&["heartbeat-age"])?;
    report.checks().iter().try_for_each(|check| check.must_be("ok"))
}

/// With a timeout of 20 s a sync worker is in one request when its beat is older than 11 s, and is killed at 20.
fn a_worker_stuck_in_a_request_is_named() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").args(&["--timeout", "20"]).start()?;
    let _client = host.connect("127.0.0.1:8000", 1, &["/hang"])?;
    let check = until_found(&host, "heartbeat-age", Duration::from_secs(18))?;
    check.check("heartbeat-age")?.must_find("warning")?;
    check.check("heartbeat-age")?.must_say(&["request"])?;
    let named = gunicorn.workers().iter().filter(|worker| names(&check, worker.pid)).count();
    assert_eq!(named, 1, "{:#}", check.json["checks"]);
    Ok(())
}

/// Whether what was observed names this process.
fn names(report: &Report, pid: i32) -> bool {
    report.check("heartbeat-age").is_ok_and(|check| check.text("observed").contains(&format!("pid {pid}:")))
}

/// Looks again and again until the check is a finding; the last look where it never is.
fn until_found(host: &Host, id: &str, at_most: Duration) -> Result<Report> {
    let deadline = Instant::now() + at_most;
    loop {
        let report = host.doctor(&[id])?;
        if Instant::now() > deadline || report.check(id)?.state() == "finding" {
            return Ok(report);
        }
        thread::sleep(Duration::from_millis(500));
    }
}

fn import_never_ends(venv: &str, timeout: &str, seconds: u64) -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn(venv).args(&["--timeout", timeout]).application("never:application");
    let _gunicorn = gunicorn.until(Until::Forked).start()?;
    let report = until_found(&host, "heartbeat-age", Duration::from_secs(seconds))?;
    let check = report.check("heartbeat-age")?;
    check.must_be("finding")?;
    check.must_say(&["import"])?;
    assert!(!check.text("observed").contains("request"), "{:#}", check.0);
    Ok(())
}

fn a_frozen_disk_is_named() -> Result {
    let host = Host::new()?;
    let mut disk = FrozenDisk::mounted_in(&host)?;
    // A class that beats every second meets the frozen disk at once.
    let gunicorn = with_heartbeat_at(&host, &disk.directory.to_string_lossy(), &["-k", "gthread", "--timeout", "60"])?;
    disk.freeze(&host)?;
    eventually("blocked workers", || gunicorn.workers().iter().all(|worker| worker.state == 'D').then_some(()))?;
    let report = host.doctor(&[])?;
    report.check("heartbeat-filesystem")?.must_be("finding")?;
    let check = report.check("heartbeat-age")?;
    check.must_find("critical")?;
    check.must_say(&["uninterruptible", "disk"])
}

fn a_tmpfs_without_inodes_is_found() -> Result {
    let host = Host::new()?;
    let memory = host.tmpfs("mem", "size=1m,nr_inodes=12")?;
    let _gunicorn = with_heartbeat_at(&host, &memory.to_string_lossy(), &[])?;
    host.shell(&format!("i=0; while touch {}/$i 2>/dev/null; do i=$((i + 1)); done", memory.display()))?;
    let check = host.doctor(&[])?.check("heartbeat-space")?;
    check.must_find("critical")?;
    check.must_say(&["inode", &memory.to_string_lossy()])
}

fn a_tmpfs_without_blocks_is_no_harm() -> Result {
    let host = Host::new()?;
    let memory = host.tmpfs("mem", "size=64k")?;
    let _gunicorn = with_heartbeat_at(&host, &memory.to_string_lossy(), &[])?;
    host.shell(&format!("cat /dev/zero > {}/full 2>/dev/null || true", memory.display()))?;
    assert_eq!(fs::metadata(host.seen_from_outside(memory.join("full")))?.len(), 64 << 10);
    let check = host.doctor(&[])?.check("heartbeat-space")?;
    assert_ne!((check.state(), check.text("severity")), ("finding", "critical"), "{:#}", check.0);
    Ok(())
}

fn a_stopped_worker_is_named() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").start()?;
    let worker = gunicorn.workers()[0].pid;
    gunicorn.signal("STOP", worker)?;
    let check = host.doctor(&[])?.check("heartbeat-age")?;
    check.must_be("finding")?;
    check.must_say(&["stopped", &worker.to_string()])
}
