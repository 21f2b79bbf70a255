//! Real Gunicorns that are hurt on the spot, and the word on each right after.

use crate::bed::{Logs, Said, failure, of, together, told, triage, word};
use crate::server::Server;
use crate::support::{Host, Law, MemoryCgroup, Need, Result, Running, Seen, eventually};
use crate::truth::{expected, must_be};
use nix::sys::signal::Signal;
use std::ffi::{OsStr, OsString};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The newest Gunicorn and an old one.
const VENVS: &[&str] = &["newest", "20.1.0"];

/// The limit of a group in which a master and two workers fit, and not much more.
const LIMIT: u64 = 128 << 20;

/// Held while the kernel kills for a law: who has nothing but Gunicorn's log of a pid namespace and the machine's
/// kernel log cannot tell two kills of the same second apart, and need not.
static ONE_KILL_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The laws.
pub fn laws() -> Vec<Law> {
    let each = VENVS.iter().flat_map(|venv| {
        let needs = [Need::Venv(venv), Need::Root];
        let memory = [Need::Venv(venv), Need::Root, Need::MemoryCgroup];
        let namespace = [Need::Venv(venv), Need::Root, Need::MemoryCgroup, Need::Namespaces];
        [
            Law::new(format!("what_was_done_to_a_worker_is_told_right_after/{venv}"), &needs, || hurt(venv)),
            Law::new(format!("what_was_asked_for_is_no_death/{venv}"), &needs, || asked_for(venv)),
            Law::new(format!("a_master_that_is_gone_is_told_by_its_log/{venv}"), &needs, || gone(venv)),
            Law::new(format!("a_kernel_oom_kill_is_told_right_after/{venv}"), &memory, || killed_for_memory(venv)),
            Law::new(format!("a_death_in_a_pid_namespace_is_told_inside_and_outside/{venv}"), &namespace, || {
                in_a_namespace(venv)
            }),
        ]
    });
    each.collect()
}

/// The word on the service of a running master: its own log, the kernel's, what runs.
fn of_service(server: &Server) -> Result<Said> {
    triage(&["--pid", &server.master().to_string(), "--since", "10m"])
}

fn must(deaths: &[String], said: &Said, what: &str) -> Result {
    must_be(&expected(deaths), said, what)
        .map_err(|failed| format!("{}\n{:#}", failed.message().unwrap_or_default(), said.json).into())
}

/// A server, what is done to its only worker, and what must be said of it.
struct Hurt {
    server: Server,
    worker: u32,
    verdict: &'static str,
    tells: &'static [&'static str],
}

impl Hurt {
    fn new(venv: &str, verdict: &'static str, tells: &'static [&'static str]) -> Result<Self> {
        let server = Server::start(venv, 1, &["--timeout", "3", "app:application"])?;
        let worker = server.workers().first().copied().ok_or("no worker")?;
        Ok(Self { server, worker, verdict, tells })
    }

    fn judged(&self) -> Result {
        self.server.lost(self.worker, 1)?;
        let said = of_service(&self.server)?;
        let what = format!("{} in {}", self.verdict, self.server.error_log().display());
        must(&[format!("{} {}", self.worker, self.verdict)], &said, &what)?;
        let death = said.death(u64::from(self.worker))?;
        let missing: Vec<_> = self.tells.iter().filter(|text| !told(death).contains(**text)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{what}: no {missing:?}: {death:#}").into()) }
    }
}

/// All at the same time; each has a server of its own.
fn hurt(venv: &'static str) -> Result {
    // From 22.0 on the log has the line that hung; up to 20.1 nothing of it.
    let hanging: &[&str] = if venv == "newest" { &["app.py", "/hang"] } else { &[] };
    let killed = Hurt::new(venv, "killed possible..certain", &[])?;
    let crashed = Hurt::new(venv, "crash likely..certain", &["SIGSEGV"])?;
    let in_python = Hurt::new(venv, "timeout likely..certain", hanging)?;
    let in_c = Hurt::new(venv, "timeout likely..certain", &[])?;
    let held = [crashed.server.ask("/crash")?, in_python.server.ask("/hang")?, in_c.server.ask("/spin")?];
    killed.server.signal(Signal::SIGKILL, killed.worker)?;
    let failures = [&killed, &crashed, &in_python, &in_c].into_iter().filter_map(|hurt| failure(hurt.judged()));
    let failures = failures.collect();
    drop(held);
    together(failures)
}

fn asked_for(venv: &'static str) -> Result {
    let recycling = Server::start(venv, 1, &["--max-requests", "3", "app:application"])?;
    let scaled = Server::start(venv, 2, &["app:application"])?;
    let reloaded = Server::start(venv, 2, &["app:application"])?;
    let mut stopped = Server::start(venv, 2, &["app:application"])?;
    let before = reloaded.workers();
    scaled.signal(Signal::SIGTTOU, scaled.master())?;
    reloaded.signal(Signal::SIGHUP, reloaded.master())?;
    stopped.stop()?;
    let recycled = || (recycling.answers() && recycling.said().contains("Autorestarting")).then_some(());
    eventually("a worker that has served enough", recycled)?;
    eventually("an answer of the next", || recycling.answers().then_some(()))?;
    eventually("one worker", || (scaled.workers().len() == 1).then_some(()))?;
    let all_new = || {
        let now = reloaded.workers();
        (now.len() == 2 && now.iter().all(|pid| !before.contains(pid))).then_some(())
    };
    eventually("two new workers", all_new)?;
    let mut failures = Vec::new();
    let cases = [("recycled", 1, &recycling), ("scaled", 1, &scaled), ("reloaded", 2, &reloaded)];
    for (key, least, server) in cases {
        let said = of_service(server)?;
        failures.extend(failure(must(&[], &said, key)).map(|f| f + "\n" + &server.said()));
        if said.normal(key) < least {
            failures.push(format!("{key}: {}\n{}", said.json["normal"], server.said()));
        }
    }
    let said = of(&[stopped.error_log()])?;
    failures.extend(failure(must(&[], &said, "stopped")));
    assert_eq!((said.normal("stopped"), said.code), (2, 0), "{:#}", said.json);
    together(failures)
}

fn gone(venv: &'static str) -> Result {
    let failed = Server::start(venv, 0, &["broken:application"])?;
    let said = of(&[failed.error_log()])?;
    assert!(!said.deaths().is_empty() && said.code == 1, "{:#}\n{}", said.json, failed.said());
    for death in said.deaths() {
        assert_eq!(word(death, "verdict"), "boot-failure", "{:#}", said.json);
        assert!(word(death, "summary").contains("DATABASE_URL is not set"), "{death:#}");
    }
    // The orphans tell that their master is gone.
    let mut lost = Server::start(venv, 2, &["--timeout", "3", "app:application"])?;
    let workers = lost.workers();
    lost.signal(Signal::SIGKILL, lost.master())?;
    lost.says("Parent changed")?;
    lost.stop().ok();
    let said = of(&[lost.error_log()])?;
    must(&[format!("{} master master-lost likely..certain", lost.master())], &said, "kill -9 of the master")?;
    let named = said.death(u64::from(lost.master()))?["workers"].as_array().map_or(0, Vec::len);
    assert_eq!(named, workers.len(), "{:#}", said.json);
    Ok(())
}

fn killed_for_memory(venv: &'static str) -> Result {
    let _alone = ONE_KILL_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let group = MemoryCgroup::new(LIMIT)?;
    let server = Server::start_in(Some(&group), venv, 1, &["app:application"])?;
    let worker = server.workers().first().copied().ok_or("no worker")?;
    let held = server.ask("/eat")?;
    server.lost(worker, 1)?;
    let certain = [format!("{worker} kernel-oom certain..certain")];
    let result = of_service(&server).and_then(|said| {
        must(&certain, &said, "the service")?;
        let death = said.death(u64::from(worker))?;
        assert!(word(death, "summary").contains("128 MiB"), "{death:#}");
        // A bundle: the same log, and the kernel's as dmesg prints it.
        let dmesg = crate::support::outcome(std::process::Command::new("dmesg").env("LC_ALL", "C"))?.success()?;
        let kernel = Logs::new()?;
        let kernel_log = kernel.write("dmesg.txt", &dmesg.stdout)?;
        must(&certain, &crate::bed::with_kernel(&[server.error_log()], &[kernel_log])?, "a bundle")?;
        // Without it nobody knows.
        let unknown = [format!("{worker} killed possible..likely")];
        must(&unknown, &of(&[server.error_log()])?, "Gunicorn's log alone")
    });
    drop(held);
    drop(server);
    drop(group);
    result
}

/// In the host's own numbers the worker has a small pid, in the kernel's a big one.
fn in_a_namespace(venv: &'static str) -> Result {
    let _alone = ONE_KILL_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // A kill of the law before must not lie in the same second either.
    std::thread::sleep(Duration::from_secs(3));
    // The group can only go when all in it have ended, and those end with their host.
    let group = MemoryCgroup::new(LIMIT)?;
    let host = Host::new()?;
    let enter = group.enter();
    let enter: Vec<&str> = enter.iter().map(String::as_str).collect();
    let gunicorn = host.gunicorn(venv).under(&enter).workers(2).start()?;
    let killed = gunicorn.workers().first().ok_or("no worker")?.pid;
    gunicorn.signal("KILL", killed)?;
    let now = eventually("a new worker", || replaced(&gunicorn, killed))?;
    // Its death and the next must not lie in the same second: there the order alone would tell them apart.
    std::thread::sleep(Duration::from_secs(3));
    let arguments = [connect(), "127.0.0.1:8000".into(), "1".into(), "/eat".into()];
    let mut client = host.spawn("/usr/bin/python3", &arguments)?;
    let gone = || now.iter().map(|worker| worker.pid).find(|pid| replaced(&gunicorn, *pid).is_some());
    let eaten = eventually("the end of a worker that eats too much", gone);
    drop(client.kill());
    drop(client.wait());
    let deaths = [format!("{killed} killed possible..certain"), format!("{} kernel-oom likely..certain", eaten?)];
    std::thread::sleep(Duration::from_millis(500));
    let pid = gunicorn.master()?.pid.to_string();
    let judged = |arguments: &[&str]| {
        inside(&host, arguments).and_then(|said| must(&deaths, &said, &format!("inside, {arguments:?}")))
    };
    // From outside only the log's numbers are small.
    let named = [OsString::from("--kernel-log"), "/dev/kmsg".into(), "--error-log".into()];
    let log = gunicorn.directory.join("stderr.log").into_os_string();
    let outside = triage(&[&named[..], &[log]].concat()).and_then(|said| must(&deaths, &said, "outside"));
    together([judged(&["--pid", &pid]), judged(&[]), outside].into_iter().filter_map(failure).collect())
}

/// Its workers, once there are two and this one is not among them.
fn replaced(gunicorn: &Running<'_>, pid: i32) -> Option<Vec<Seen>> {
    let now = gunicorn.workers();
    (now.len() == 2 && now.iter().all(|worker| worker.pid != pid)).then_some(now)
}

/// `gtune triage --format json` inside a host.
fn inside(host: &Host, arguments: &[&str]) -> Result<Said> {
    let gtune = host.gtune();
    let fixed = [gtune.as_os_str(), OsStr::new("triage"), OsStr::new("--format"), OsStr::new("json")];
    let argv: Vec<&OsStr> = fixed.into_iter().chain(arguments.iter().map(OsStr::new)).collect();
    Said::read(host.run(&argv)?)
}

/// The client of the tests.
fn connect() -> String {
    format!("{}/tests/support/connect.py", env!("CARGO_MANIFEST_DIR"))
}
