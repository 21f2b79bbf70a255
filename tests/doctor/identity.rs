//! Every Gunicorn is found and seen as it is, whatever it is called and however it was started.

use crate::support::{Host, Law, Need, Report, Result, Running, Seen, Shape, eventually, installed_version};
use serde_json::{Value, json};

/// Environment, class, `--worker-class`, application, and the package the class comes from.
type Class = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// The versions and classes, each tried over TCP and a unix socket at once.
const CLASSES: &[Class] = &[
    ("19.9.0", "sync", "sync", WSGI, "gunicorn"),
    ("20.1.0", "sync", "sync", WSGI, "gunicorn"),
    ("20.1.0", "gthread", "gthread", WSGI, "gunicorn"),
    ("21.2.0", "sync", "sync", WSGI, "gunicorn"),
    ("21.2.0", "gthread", "gthread", WSGI, "gunicorn"),
    ("23.0.0", "sync", "sync", WSGI, "gunicorn"),
    ("23.0.0", "gthread", "gthread", WSGI, "gunicorn"),
    ("23.0.0", "gevent", "gevent", WSGI, "gevent"),
    ("23.0.0", "uvicorn", "uvicorn.workers.UvicornWorker", ASGI, "uvicorn"),
    ("newest", "sync", "sync", WSGI, "gunicorn"),
    ("newest", "gthread", "gthread", WSGI, "gunicorn"),
    ("newest", "gevent", "gevent", WSGI, "gevent"),
    ("newest", "asgi", "asgi", ASGI, "gunicorn"),
    ("newest", "uvicorn", "uvicorn_worker.UvicornWorker", ASGI, "uvicorn-worker"),
    ("newest-setproctitle", "sync", "sync", WSGI, "setproctitle"),
    ("newest-setproctitle", "gthread", "gthread", WSGI, "setproctitle"),
];

const WSGI: &str = "app:application";
const ASGI: &str = "app:asgi";

/// The laws.
pub fn laws() -> Vec<Law> {
    let mut laws: Vec<Law> = CLASSES.iter().copied().map(class_law).collect();
    let needs = [Need::Namespaces, Need::Venv("23.0.0")];
    let newest = [Need::Namespaces, Need::Venv("newest")];
    let dirty = [Need::Namespaces, Need::Venv("newest"), Need::Major("newest", 25)];
    let retitled = [Need::Namespaces, Need::Venv("newest-setproctitle")];
    laws.extend([
        Law::new("threads_make_a_sync_service_gthread", &needs, threads_make_gthread),
        Law::new("a_class_given_by_the_environment_is_seen", &needs, class_given_by_the_environment),
        Law::new("a_class_given_by_a_file_is_seen", &needs, class_given_by_a_file),
        Law::new("a_gunicorn_run_as_a_module_is_seen", &needs, || shaped("23.0.0", Shape::Module)),
        Law::new("a_program_that_embeds_gunicorn_is_seen", &needs, || shaped("23.0.0", Shape::Embedded)),
        Law::new("a_retitled_program_that_embeds_gunicorn_is_seen", &retitled, || {
            shaped("newest-setproctitle", Shape::Embedded)
        }),
        Law::new("an_activated_gunicorn_is_seen", &needs, || shaped("23.0.0", Shape::Activated(77))),
        Law::new("an_activated_newest_gunicorn_is_seen", &newest, || shaped("newest", Shape::Activated(77))),
        Law::new("a_daemon_is_seen", &needs, a_daemon_is_seen),
        Law::new("both_masters_of_an_upgrade_are_seen", &needs, || upgrade("23.0.0")),
        Law::new("both_masters_of_a_retitled_upgrade_are_seen", &retitled, || upgrade("newest-setproctitle")),
        Law::new("dirty_workers_are_no_workers_and_their_arbiter_no_master", &dirty, dirty_workers),
        Law::new("a_gunicorn_in_private_namespaces_is_seen", &needs, private_namespaces),
        Law::new("services_side_by_side_are_kept_apart", &newest, side_by_side),
        Law::new("a_name_alone_makes_no_gunicorn", &[Need::Namespaces], a_name_alone_makes_no_gunicorn),
        Law::new("a_worker_that_was_added_is_seen", &needs, a_worker_that_was_added),
    ]);
    laws
}

fn class_law((venv, class, argument, application, package): Class) -> Law {
    let name = format!("a_{class}_service_of_{venv}_is_seen_as_it_is");
    Law::new(name, &[Need::Namespaces, Need::Venv(venv), Need::Package(venv, package)], move || {
        let host = Host::new()?;
        let socket = format!("unix:{}/app.sock", host.directory().display());
        let gunicorn = host
            .gunicorn(venv)
            .bind(&["127.0.0.1:8000", &socket])
            .args(&["--worker-class", argument])
            .application(application)
            .start()?;
        must_be_seen(&host.doctor(&[])?, &gunicorn, venv, class)
    })
}

/// The one service of a report is this Gunicorn, in every part.
fn must_be_seen(report: &Report, gunicorn: &Running, venv: &str, class: &str) -> Result {
    assert_eq!(report.services().len(), 1, "{:#}", report.json["services"]);
    let master = gunicorn.master()?;
    let service = report.service(master.pid)?;
    assert_eq!(workers(service), pids(&gunicorn.workers_of(&master)));
    assert_eq!(service["worker_class"], class);
    assert_eq!(service["version"], json!(installed_version(venv, "gunicorn")));
    assert_eq!(sorted(&service["listeners"]), listeners(gunicorn));
    Ok(())
}

fn workers(service: &Value) -> Vec<i64> {
    let mut pids: Vec<i64> = service["workers"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
    pids.sort_unstable();
    pids
}

fn pids(processes: &[Seen]) -> Vec<i64> {
    processes.iter().map(|process| i64::from(process.pid)).collect()
}

fn sorted(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut all: Vec<String> = texts.map(str::to_owned).collect();
    all.sort();
    all
}

fn listeners(gunicorn: &Running) -> Vec<String> {
    let mut all = gunicorn.listeners.clone();
    all.sort();
    all
}

fn threads_make_gthread() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").args(&["--threads", "3"]).start()?;
    must_be_seen(&host.doctor(&[])?, &gunicorn, "23.0.0", "gthread")
}

fn class_given_by_the_environment() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").env("GUNICORN_CMD_ARGS", "--worker-class gthread").start()?;
    must_be_seen(&host.doctor(&[])?, &gunicorn, "23.0.0", "gthread")
}

fn class_given_by_a_file() -> Result {
    let host = Host::new()?;
    let file = host.directory().join("settings.py");
    std::fs::write(&file, "import multiprocessing\nworker_class = 'gthread'  # threads\nthreads = 2\n")?;
    let gunicorn = host.gunicorn("23.0.0").args(&["--config", &file.to_string_lossy()]).start()?;
    must_be_seen(&host.doctor(&[])?, &gunicorn, "23.0.0", "gthread")
}

fn shaped(venv: &str, shape: Shape) -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn(venv).shape(shape).start()?;
    must_be_seen(&host.doctor(&[])?, &gunicorn, venv, "sync")
}

fn a_daemon_is_seen() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").args(&["--daemon", "--error-logfile", "error.log"]).start()?;
    assert_eq!(gunicorn.master()?.parent, 1);
    must_be_seen(&host.doctor(&[])?, &gunicorn, "23.0.0", "sync")
}

fn upgrade(venv: &str) -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn(venv).start()?;
    gunicorn.signal("USR2", gunicorn.master()?.pid)?;
    let masters = eventually("a second master with its workers", || {
        let masters = gunicorn.masters();
        (masters.len() == 2 && masters.iter().all(|master| gunicorn.workers_of(master).len() == 2)).then_some(masters)
    })?;
    let report = host.doctor(&[])?;
    assert_eq!(report.services().len(), 2, "{:#}", report.json["services"]);
    for master in masters {
        let service = report.service(master.pid)?;
        assert_eq!(workers(service), pids(&gunicorn.workers_of(&master)));
        assert_eq!(sorted(&service["listeners"]), listeners(&gunicorn));
    }
    Ok(())
}

fn dirty_workers() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("newest").args(&["--dirty-workers", "2", "--dirty-app", "dirty:Idle"]).start()?;
    eventually("a dirty arbiter with its workers", || (gunicorn.masters().len() == 2).then_some(()))?;
    let report = host.doctor(&[])?;
    must_be_seen(&report, &gunicorn, "newest", "sync")
}

fn private_namespaces() -> Result {
    let host = Host::new()?;
    let socket = format!("unix:{}/app.sock", host.directory().display());
    let gunicorn = host.gunicorn("23.0.0").bind(&["127.0.0.1:8000", &socket]).isolated("true").start()?;
    must_be_seen(&host.doctor(&[])?, &gunicorn, "23.0.0", "sync")
}

fn side_by_side() -> Result {
    let host = Host::new()?;
    let first = host.gunicorn("newest").bind(&["127.0.0.1:8001"]).start()?;
    let second = host.gunicorn("newest").bind(&["127.0.0.1:8002"]).workers(1).args(&["-k", "gthread"]).start()?;
    let report = host.doctor(&[])?;
    assert_eq!(report.services().len(), 2);
    for (gunicorn, class) in [(&first, "sync"), (&second, "gthread")] {
        let service = report.service(gunicorn.master()?.pid)?;
        assert_eq!(workers(service), pids(&gunicorn.workers()));
        assert_eq!(sorted(&service["listeners"]), listeners(gunicorn));
        assert_eq!(service["worker_class"], class);
    }
    let one = host.doctor(&["--pid", &second.master()?.pid.to_string()])?;
    assert_eq!(one.services().len(), 1);
    one.service(second.master()?.pid).map(drop)
}

fn a_name_alone_makes_no_gunicorn() -> Result {
    let host = Host::new()?;
    host.spawn("bash", &["-c", "exec -a 'gunicorn: master [app]' sleep 1000"])?;
    host.spawn("bash", &["-c", "exec -a gunicorn sleep 1000"])?;
    eventually("two sleepers", || (host.processes().len() >= 3).then_some(()))?;
    let report = host.doctor(&[])?;
    assert_eq!(report.services().len(), 0, "{:#}", report.json["services"]);
    Ok(())
}

fn a_worker_that_was_added() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").start()?;
    gunicorn.signal("TTIN", gunicorn.master()?.pid)?;
    eventually("a third worker", || (gunicorn.workers().len() == 3).then_some(()))?;
    must_be_seen(&host.doctor(&[])?, &gunicorn, "23.0.0", "sync")
}
