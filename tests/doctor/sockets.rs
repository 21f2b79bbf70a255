//! Listen queues: the cap in force, whose network namespace it comes from, and what mends it.

use crate::support::{Check, Host, Law, Need, Report, Result, Shape, eventually};

/// The laws.
pub fn laws() -> Vec<Law> {
    let old = [Need::Namespaces, Need::Venv("23.0.0")];
    let newest = [Need::Namespaces, Need::Venv("newest")];
    let asgi = [Need::Namespaces, Need::Venv("newest"), Need::Major("newest", 24)];
    let inherited = [Need::Namespaces, Need::Venv("newest"), Need::Major("newest", 27)];
    vec![
        Law::new("a_modern_somaxconn_is_ok_and_nobody_is_told_to_change_it", &old, a_modern_somaxconn_is_ok),
        Law::new("somaxconn_128_is_found_in_the_namespace_of_the_service", &old, somaxconn_of_the_service),
        Law::new("somaxconn_of_the_host_does_not_count_for_a_service_elsewhere", &old, somaxconn_of_the_host),
        Law::new("a_cap_stays_in_force_after_somaxconn_was_raised", &old, || raised("23.0.0", Mends::Upgrade)),
        Law::new("a_cap_of_the_newest_needs_a_restart", &inherited, || raised("newest", Mends::Restart)),
        Law::new("an_upgrade_mends_the_cap_of_an_old_version", &old, an_upgrade_mends_the_cap),
        Law::new("a_unix_listener_is_capped_too", &old, a_unix_listener_is_capped_too),
        Law::new("an_activated_listener_of_the_newest_keeps_its_backlog", &inherited, activated_keeps_its_backlog),
        Law::new("an_asgi_listener_ends_up_with_100", &asgi, asgi_ends_up_with_100),
        Law::new("refused_connections_are_counted", &newest, refused_connections_are_counted),
        Law::new("a_full_unix_queue_is_seen", &old, a_full_unix_queue_is_seen),
    ]
}

/// What makes a listening socket listen again.
#[derive(Clone, Copy, PartialEq)]
enum Mends {
    Upgrade,
    Restart,
}

fn in_force(check: &Check) -> Vec<String> {
    let entries = check.0["in_force"].as_array().into_iter().flatten();
    entries.filter_map(|entry| entry["value"].as_str().map(str::to_owned)).collect()
}

fn must_be_in_force(report: &Report, cap: &str) -> Result {
    let check = report.check("listen-backlog")?;
    let found = in_force(&check);
    let right = !found.is_empty() && found.iter().all(|value| value.split([' ', '/']).any(|word| word == cap));
    if right { Ok(()) } else { Err(format!("not {cap} in force: {:#}", check.0).into()) }
}

fn remedy(check: &Check) -> String {
    check.0["remedy"].to_string()
}

fn a_modern_somaxconn_is_ok() -> Result {
    let host = Host::new()?;
    host.set_somaxconn(4096)?;
    let _gunicorn = host.gunicorn("23.0.0").start()?;
    let report = host.doctor(&[])?;
    report.check("somaxconn")?.must_be("ok")?;
    report.check("listen-backlog")?.must_be("ok")?;
    must_be_in_force(&report, "2048")
}

fn somaxconn_of_the_service() -> Result {
    let host = Host::new()?;
    host.set_somaxconn(4096)?;
    let gunicorn = host.gunicorn("23.0.0").isolated("echo 128 > /proc/sys/net/core/somaxconn").start()?;
    let namespace = host.shell(&format!("stat -Lc %i /proc/{}/ns/net", gunicorn.master()?.pid))?;
    let report = host.doctor(&[])?;
    let check = report.check("somaxconn")?;
    check.must_find("warning")?;
    check.must_say(&["128", "namespace"])?;
    let named = check.says(namespace.trim()) || remedy(&check).contains("nsenter");
    assert!(named, "does not say which namespace ({}): {:#}", namespace.trim(), check.0);
    must_be_in_force(&report, "128")
}

fn somaxconn_of_the_host() -> Result {
    let host = Host::new()?;
    host.set_somaxconn(128)?;
    let _gunicorn = host.gunicorn("23.0.0").isolated("echo 4096 > /proc/sys/net/core/somaxconn").start()?;
    let report = host.doctor(&[])?;
    report.check("listen-backlog")?.must_be("ok")?;
    // What is stored for the next boot of the host does not reach the service, so it is nothing to find here.
    report.check("somaxconn")?.must_be("ok")
}

fn raised(venv: &str, mends: Mends) -> Result {
    let host = Host::new()?;
    host.set_somaxconn(128)?;
    let _gunicorn = host.gunicorn(venv).start()?;
    host.set_somaxconn(4096)?;
    let report = host.doctor(&[])?;
    let check = report.check("listen-backlog")?;
    check.must_find("warning")?;
    must_be_in_force(&report, "128")?;
    assert!(!remedy(&check).contains("kill -HUP"), "{:#}", check.0);
    match mends {
        Mends::Upgrade => assert!(check.0["remedy"]["restart"] == true || remedy(&check).contains("USR2")),
        Mends::Restart => assert_eq!(check.0["remedy"]["restart"], true, "{:#}", check.0),
    }
    if mends == Mends::Restart {
        assert!(!remedy(&check).contains("kill -USR2"), "{:#}", check.0);
    }
    Ok(())
}

fn an_upgrade_mends_the_cap() -> Result {
    let host = Host::new()?;
    host.set_somaxconn(128)?;
    let gunicorn = host.gunicorn("23.0.0").start()?;
    host.set_somaxconn(4096)?;
    let old = gunicorn.master()?.pid;
    gunicorn.signal("HUP", old)?;
    eventually("a reload", || gunicorn.stderr().contains("Hang up: Master").then_some(()))?;
    must_be_in_force(&host.doctor(&["listen-backlog"])?, "128")?;
    gunicorn.signal("USR2", old)?;
    eventually("a second master", || (gunicorn.masters().len() == 2).then_some(()))?;
    gunicorn.signal("TERM", old)?;
    let has_left = || !host.processes().iter().any(|seen| seen.pid == old);
    eventually("one master", || (has_left() && gunicorn.workers().len() == 2).then_some(()))?;
    must_be_in_force(&host.doctor(&["listen-backlog"])?, "2048")
}

fn a_unix_listener_is_capped_too() -> Result {
    let host = Host::new()?;
    host.set_somaxconn(128)?;
    let socket = format!("unix:{}/app.sock", host.directory().display());
    let _gunicorn = host.gunicorn("23.0.0").bind(&[&socket]).start()?;
    host.set_somaxconn(4096)?;
    let report = host.doctor(&[])?;
    report.check("listen-backlog")?.must_find("warning")?;
    must_be_in_force(&report, "128")
}

fn activated_keeps_its_backlog() -> Result {
    let host = Host::new()?;
    host.set_somaxconn(4096)?;
    let _gunicorn = host.gunicorn("newest").shape(Shape::Activated(77)).start()?;
    let report = host.doctor(&[])?;
    must_be_in_force(&report, "77")?;
    report.check("listen-backlog")?.must_be("finding")
}

fn asgi_ends_up_with_100() -> Result {
    let host = Host::new()?;
    host.set_somaxconn(4096)?;
    let _gunicorn =
        host.gunicorn("newest").args(&["-k", "asgi", "--backlog", "300"]).application("app:asgi").start()?;
    must_be_in_force(&host.doctor(&[])?, "100")
}

fn refused_connections_are_counted() -> Result {
    let host = Host::new()?;
    let _gunicorn = host.gunicorn("newest").workers(1).args(&["--backlog", "2"]).start()?;
    let _busy = host.connect("127.0.0.1:8000", 1, &["/hang"])?;
    let _crowd = host.connect("127.0.0.1:8000", 20, &[])?;
    eventually("a refused connection", || (host.tcp_counter("ListenOverflows")? > 0).then_some(()))?;
    let check = host.doctor(&[])?.check("listen-overflows")?;
    check.must_be("finding")?;
    check.must_say(&["ListenOverflows"])
}

fn a_full_unix_queue_is_seen() -> Result {
    let host = Host::new()?;
    let socket = format!("unix:{}/app.sock", host.directory().display());
    let _gunicorn = host.gunicorn("23.0.0").bind(&[&socket]).workers(1).args(&["--backlog", "2"]).start()?;
    let _busy = host.connect(&socket, 1, &["/hang"])?;
    let _crowd = host.connect(&socket, 20, &[])?;
    // No kernel counter tells of refused unix connections; the full queue itself does.
    let report = host.doctor(&[])?;
    let full = report.checks().into_iter().filter(|check| check.text("id").starts_with("listen-"));
    let found = full.filter(|check| check.state() == "finding").count();
    assert!(found > 0, "{:#}", report.json["checks"]);
    Ok(())
}
