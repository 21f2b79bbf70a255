//! `stop-timeout`: whether a stop leaves requests in flight the time Gunicorn grants them.

use crate::checks::columns::stored;
use crate::checks::steps::{by_hand, drop_in, nothing_runs};
use crate::checks::weigh::weigh;
use crate::checks::{Area, Check, Columns, Judge, Judgement, Seen, Severity, Verdict};
use crate::facts::{Facts, LoadedUnit, Manager, Reason, Service, Unit};
use crate::gunicorn::Sourced;

/// What to add to `graceful_timeout`: the master checks once a second, and workers need a moment to leave.
const MARGIN_SECONDS: i64 = 5;

/// The check.
pub const CHECK: Check = Check {
    id: "stop-timeout",
    area: Area::Service,
    title: "Time to stop",
    looks_at: "graceful_timeout of Gunicorn against TimeoutStopSec= of the unit, and KillMode=.",
    why: "At a stop or restart Gunicorn lets requests in flight finish, for graceful_timeout seconds\n\
          (30 by default). A manager that loses patience earlier kills them with SIGKILL.\n\
          With KillMode=process or none, workers outlive the master and keep the port: the next\n\
          start fails with \"Connection in use\".",
    changes: "Nothing. It is one line in the unit.",
    by_hand: &[
        "mkdir -p /etc/systemd/system/UNIT.d",
        "printf '[Service]\\nTimeoutStopSec=35\\nKillMode=mixed\\n' > /etc/systemd/system/UNIT.d/60-stop.conf",
        "systemctl daemon-reload",
        "supervisord: stopwaitsecs=35 in [program:…] (its default is 10)",
        "docker: --stop-timeout 35 (default 10); Kubernetes: terminationGracePeriodSeconds: 35 (default 30)",
    ],
    references: &[
        "Gunicorn settings: graceful_timeout",
        "systemd.service(5), TimeoutStopSec=",
        "systemd.kill(5), KillMode=",
    ],
    judge: Judge::Service { each, fresh: |facts| Ok(nothing_runs(facts, "stop to be timed")) },
};

fn each(_facts: &Facts, service: &Service) -> Judgement {
    match &service.manager {
        Manager::SystemUnit(_) | Manager::UserUnit { .. } => {
            let unit = service.unit.needed("unit")?;
            let loaded = unit.loaded.needed("loaded unit")?;
            weigh([patience(service, unit, loaded), kill_mode(unit, loaded)])
        }
        manager => Ok(elsewhere(service, manager)),
    }
}

/// The time others grant is in a place gtune does not read; it says where.
fn elsewhere(service: &Service, manager: &Manager) -> Verdict {
    let graceful = graceful_in_words(service);
    match manager {
        Manager::Supervisor { name, .. } if name.starts_with("supervisord") => Verdict::cannot_tell(format!(
            "stopwaitsecs of supervisord is not read (default 10 s); it must exceed graceful_timeout {graceful}"
        )),
        Manager::Supervisor { name, .. } => Verdict::cannot_tell(format!(
            "the time {name} grants a stop is not read; it must exceed graceful_timeout {graceful}"
        )),
        Manager::Container => Verdict::cannot_tell(format!(
            "the runtime's stop time is not seen (docker 10 s, Kubernetes 30 s); it must exceed graceful_timeout {graceful}"
        )),
        _ => Verdict::not_applicable("no manager stops it, so none can lose patience"),
    }
}

fn graceful_in_words(service: &Service) -> String {
    let found = service.settings.graceful_timeout();
    found.known().map_or("(30 s by default)".into(), |found| format!("({} s)", found.value))
}

fn patience(service: &Service, unit: &Unit, loaded: &LoadedUnit) -> Judgement {
    let graceful = service.settings.graceful_timeout();
    let graceful = graceful.needed("graceful_timeout")?;
    let stop = loaded.stop_seconds();
    let stop = stop.needed("TimeoutStopUSec")?;
    let advised = graceful.value.saturating_add(MARGIN_SECONDS);
    let stop_in_words = stop.map_or("infinity".to_owned(), |seconds| format!("{} s", seconds.0));
    let seen = Seen {
        observed: format!("{stop_in_words} to stop, graceful_timeout {} s", graceful.value),
        wanted: format!("TimeoutStopSec above graceful_timeout: {advised} s"),
        evidence: vec![
            format!("systemctl show {}: TimeoutStopUSec={stop_in_words}", unit.name),
            format!("graceful_timeout = {} ({})", graceful.value, graceful.source),
        ],
        columns: columns(unit, graceful, &stop_in_words),
    };
    if stop.is_none_or(|seconds| seconds.0 > graceful.value as f64) {
        return Ok(Verdict::Healthy(seen));
    }
    let consequence = format!("Requests that need longer than {stop_in_words} are killed at every stop and restart.");
    let steps = drop_in(unit, "stop", &[format!("TimeoutStopSec={advised}")]);
    Ok(Verdict::finding(Severity::Warning, seen, consequence, by_hand(steps)))
}

fn columns(unit: &Unit, graceful: &Sourced<i64>, stop: &str) -> Columns {
    let line = unit.winner("Service.TimeoutStopSec").or_else(|| unit.winner("Service.TimeoutSec"));
    Columns {
        configured: Some(format!("graceful_timeout={}", graceful.value)),
        stored_for_boot: line.map(stored),
        live: Some(stop.to_owned()),
        in_force: vec![],
    }
}

fn kill_mode(unit: &Unit, loaded: &LoadedUnit) -> Judgement {
    let mode = loaded.kill_mode.as_str();
    let mut evidence = vec![format!("systemctl show {}: KillMode={mode}", unit.name)];
    match mode {
        "" => Err(Reason::new(format!("systemctl show {}: holds no KillMode", unit.name))),
        "process" | "none" => {
            let seen = Seen {
                observed: format!("KillMode={mode}"),
                wanted: "KillMode=mixed".into(),
                evidence,
                ..Seen::default()
            };
            let consequence = "Workers that outlive the master keep the port, and the next start fails.";
            let steps = drop_in(unit, "kill-mode", &["KillMode=mixed".into()]);
            Ok(Verdict::finding(Severity::Warning, seen, consequence, by_hand(steps)))
        }
        "control-group" => {
            evidence.push("workers get TERM twice, from systemd and the master: a log line more, no harm".into());
            Ok(Verdict::healthy("", "", evidence))
        }
        _ => Ok(Verdict::healthy("", "", evidence)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::checks::judged::found;
    use crate::facts::Fact;
    use crate::gunicorn::{Settings, Value};
    use crate::units::{Limit, Pid};

    fn judged(change: impl FnOnce(&mut Service)) -> Judgement {
        let facts = healthy::with_service(change);
        each(&facts, &facts.services.known().unwrap()[0])
    }

    fn loaded(service: &mut Service) -> &mut LoadedUnit {
        let Fact::Known(unit) = &mut service.unit else { unreachable!() };
        let Fact::Known(loaded) = &mut unit.loaded else { unreachable!() };
        loaded
    }

    #[test]
    fn a_stop_that_waits_longer_than_gunicorn_is_well() {
        assert!(matches!(judged(|_| ()), Ok(Verdict::Healthy(_))));
        assert!(matches!(judged(|s| loaded(s).timeout_stop = Fact::Known(Limit::Unlimited)), Ok(Verdict::Healthy(_))));
    }

    #[test]
    fn a_stop_that_waits_no_longer_kills_requests() {
        let finding =
            found(judged(|service| service.settings = healthy::settings(&[("graceful_timeout", Value::Number(90))])));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.seen.observed, "90 s to stop, graceful_timeout 90 s");
        assert!(finding.remedy.by_hand[1].contains("TimeoutStopSec=95"));
        assert!(!finding.remedy.restart);
    }

    #[test]
    fn workers_that_survive_the_master_keep_the_port() {
        for mode in ["process", "none"] {
            let finding = found(judged(|service| loaded(service).kill_mode = mode.into()));
            assert!(finding.consequence.contains("keep the port"));
        }
        assert!(matches!(
            judged(|service| loaded(service).kill_mode = "control-group".into()),
            Ok(Verdict::Healthy(_))
        ));
    }

    #[test]
    fn what_a_supervisor_or_container_grants_is_unknown_and_named() {
        let reason = |manager| match judged(|service| service.manager = manager) {
            Ok(Verdict::CannotTell(reason)) => reason.to_string(),
            other => panic!("unknown, not {other:?}"),
        };
        assert!(reason(Manager::Supervisor { name: "supervisord".into(), pid: Pid(1) }).contains("stopwaitsecs"));
        assert!(reason(Manager::Container).contains("docker 10 s"));
        assert!(matches!(judged(|service| service.manager = Manager::Nobody), Ok(Verdict::NotApplicable(_))));
    }

    #[test]
    fn what_is_hidden_is_unknown() {
        assert!(judged(|service| service.unit = Fact::unreadable("no bus")).is_err());
        assert!(judged(|service| loaded(service).timeout_stop = Fact::unreadable("not shown")).is_err());
        let blind = Settings { blind: Some(Reason::new("retitled")), ..Settings::default() };
        assert!(judged(|service| service.settings = blind).is_err());
    }
}
