//! `version-quirks`: what this version of Gunicorn does that an operator must know.

use super::weigh::weigh;
use super::{Area, Check, Columns, Judge, Judgement, Remedy, Seen, Severity, Verdict, by_hand, steps};
use crate::facts::{Fact, Facts, InstalledVersion, LoadedUnit, Manager, Reason, Service, Upgrade};
use crate::gunicorn::{Quirk, WorkerClass, quirks_of};
use crate::units::quoted;

/// What this version of Gunicorn does that an operator must know.
pub const CHECK: Check = Check {
    id: "version-quirks",
    area: Area::Service,
    title: "Version and its quirks",
    looks_at: "The version of the gunicorn package the master would import, against what is known of versions\n\
               19 to 27; whether the package is younger than the master; whether an upgrade by USR2 was left\n\
               half done; and ExecReload= of the unit.",
    why: "Versions differ in what a host does to them: up to 21.2 a clock set forward kills every\n\
          worker, 25.1.0 can deadlock a worker as it is forked, up to 26.0 a Gunicorn that is process 1\n\
          of a container takes any orphan for a worker. What needs no action now is listed as evidence,\n\
          for the day a log puzzles you.",
    changes: "Nothing: an upgrade of Gunicorn is the application's to make.",
    by_hand: &[
        "VENV/bin/pip show gunicorn; ps -o lstart= -p MASTER   # is the package younger than the master?",
        "systemctl show -p ExecReload UNIT   # HUP, never USR2",
    ],
    references: &[
        "Gunicorn changelog",
        "Gunicorn: signal handling, upgrading on the fly",
        "systemd.service(5), ExecReload=",
    ],
    judge: Judge::Service { each, fresh },
};

fn fresh(facts: &Facts) -> Judgement {
    Ok(steps::nothing_runs(facts, "version to judge"))
}

fn each(_: &Facts, service: &Service) -> Judgement {
    weigh([installed(service), upgrade(service), reload_command(service)])
}

/// The quirks of the version, and whether the master runs it.
fn installed(service: &Service) -> Judgement {
    let installed = service.version.needed("version of Gunicorn")?;
    let concerned: Vec<&Quirk> = quirks_of(installed.version).filter(|quirk| concerns_class(service, quirk)).collect();
    let (to_act, to_know): (Vec<&Quirk>, Vec<&Quirk>) =
        concerned.into_iter().partition(|quirk| urgency(service, quirk.id).is_some());
    let columns = Columns { configured: Some(installed.version.to_string()), ..Columns::default() };
    let mut seen = Seen {
        observed: installed.version.to_string(),
        wanted: "a version that needs no action here".into(),
        evidence: vec![format!("{}: {}", installed.file, installed.version)],
        columns,
    };
    seen.evidence.extend(to_know.iter().map(|quirk| format!("good to know: {}: {}", quirk.text, quirk.advice)));
    let mut looks: Vec<Judgement> = to_act.into_iter().map(|quirk| Ok(acted_on(service, quirk, &seen))).collect();
    looks.extend(newer_than_master(service, installed, &seen).map(Ok));
    if looks.is_empty() {
        return Ok(Verdict::Healthy(seen));
    }
    weigh(looks)
}

fn concerns_class(service: &Service, quirk: &Quirk) -> bool {
    match quirk.id {
        "asgi-backlog-100" => service.known_class() == Some(&WorkerClass::Asgi),
        "gthread-cannot-be-imported" => {
            matches!(service.known_class(), Some(WorkerClass::Gthread | WorkerClass::Tornado))
        }
        _ => true,
    }
}

/// How much a quirk matters to this service now; nothing where it is only good to know.
fn urgency(service: &Service, id: &str) -> Option<Severity> {
    match id {
        "clock-jumps-kill-workers" => Some(Severity::Warning),
        "no-systemd-notify" => loaded(service).is_some_and(|l| l.kind == "notify").then_some(Severity::Warning),
        "orphans-reported-as-workers" => (service.master.inner_pid.0 == 1).then_some(Severity::Warning),
        "control-socket-fork-deadlock" => has_control_socket(service).then_some(Severity::Warning),
        "control-socket-leak-on-hup" => (service.master.threads >= LEAKING).then_some(Severity::Info),
        _ => None,
    }
}

/// Threads of a master from which reloads have leaked some: it has two with the control server, and each HUP of 25.1 to
/// 26.0 leaves one behind.
const LEAKING: u32 = 5;

/// Unless it is known to be off: it is on by default.
fn has_control_socket(service: &Service) -> bool {
    let off = service.settings.control_socket_disabled();
    !off.known().is_some_and(|off| off.value)
}

fn loaded(service: &Service) -> Option<&LoadedUnit> {
    service.unit.known().and_then(|unit| unit.loaded.known())
}

fn acted_on(service: &Service, quirk: &Quirk, seen: &Seen) -> Verdict {
    let severity = urgency(service, quirk.id).unwrap_or(Severity::Info);
    let observed = match quirk.id {
        "orphans-reported-as-workers" => format!("{} runs as process 1", seen.observed),
        "no-systemd-notify" => format!("{} in a unit with Type=notify", seen.observed),
        "control-socket-leak-on-hup" => {
            format!("{} has {} threads in its master", seen.observed, service.master.threads)
        }
        "clock-jumps-kill-workers" => format!("{} beats by the wall clock", seen.observed),
        "control-socket-fork-deadlock" => format!("{} can deadlock a worker as it is forked", seen.observed),
        _ => seen.observed.clone(),
    };
    let by_hand = vec![quirk.advice.to_owned()];
    let seen = Seen { observed, ..seen.clone() };
    Verdict::finding(severity, seen, sentence(quirk.text), Remedy { by_hand, restart: true, ..Remedy::default() })
}

/// A clause as a sentence.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn newer_than_master(service: &Service, installed: &InstalledVersion, seen: &Seen) -> Option<Verdict> {
    if !installed.newer_than_master {
        return None;
    }
    let mut seen =
        Seen { observed: format!("{} was installed after the master started", installed.version), ..seen.clone() };
    seen.wanted = "a master that runs the installed version".into();
    let age = service.master.age_seconds;
    seen.evidence.push(format!("{} is younger than pid {}, which runs for {age}", installed.file, service.master.pid));
    let consequence = "The old code runs on, and workers of a reload may import parts of the new one into it.";
    let remedy = Remedy { command: None, by_hand: vec![steps::restart(service)], restart: true };
    Some(Verdict::finding(Severity::Warning, seen, consequence, remedy))
}

/// An upgrade by USR2 that has not ended: two masters serve.
fn upgrade(service: &Service) -> Judgement {
    let own = service.master.pid;
    let (old, new) = match service.upgrade {
        None => return Ok(Verdict::Healthy(Seen::default())),
        Some(Upgrade::Old { new }) => (own, new),
        Some(Upgrade::New { old }) => (old, own),
    };
    let seen = Seen {
        observed: format!("an upgrade by USR2 is half done: masters {old} (old) and {new} (new) both run"),
        wanted: "one master".into(),
        evidence: vec![format!("/proc/{new}/stat: its parent is {old}, which is a Gunicorn master too")],
        ..Seen::default()
    };
    let consequence =
        "Two sets of workers share the socket and the memory, and requests meet old and new code in turn.";
    let by_hand = vec![
        format!(
            "kill -TERM {old}   # to finish: the new master takes over; under systemd that ends the unit, restart it instead"
        ),
        format!("kill -TERM {new}   # to go back to the old one"),
    ];
    Ok(Verdict::finding(Severity::Warning, seen, consequence, Remedy { by_hand, ..Remedy::default() }))
}

/// A unit that reloads by USR2: the new master is not the main process, and systemd ends everything with the old one.
fn reload_command(service: &Service) -> Judgement {
    let Some(command) = exec_reload(service)?.filter(|command| sends_usr2(command)) else {
        return Ok(Verdict::Healthy(Seen::default()));
    };
    let unit = service.unit.known().map_or("the unit", |unit| unit.name.as_str());
    let seen = Seen {
        observed: "ExecReload= sends USR2".into(),
        wanted: "ExecReload=/bin/kill -s HUP $MAINPID".into(),
        evidence: vec![format!("systemctl show -p ExecReload {unit}: {command}")],
        ..Seen::default()
    };
    let consequence = "A reload starts a second master that systemd does not follow: when the old one leaves, the unit ends and takes the new one with it.";
    let by_hand = vec![
        format!(
            "systemctl edit {}   # under [Service]: ExecReload= on one line, then ExecReload=/bin/kill -s HUP $MAINPID",
            quoted(unit)
        ),
        by_hand::reload(service),
    ];
    Ok(Verdict::finding(Severity::Warning, seen, consequence, Remedy { by_hand, ..Remedy::default() }))
}

/// `ExecReload=` as loaded, else as the files of the unit have it; none where no unit runs the service.
fn exec_reload(service: &Service) -> Result<Option<&str>, Reason> {
    if !matches!(service.manager, Manager::SystemUnit(_) | Manager::UserUnit { .. }) {
        return Ok(None);
    }
    let unit = service.unit.needed("unit")?;
    match (&unit.loaded, unit.winner("Service.ExecReload")) {
        (Fact::Known(loaded), _) => Ok(Some(&loaded.exec_reload)),
        (_, Some(stored)) => Ok(Some(&stored.value)),
        (Fact::Unreadable(reason), None) if unit.stored.is_empty() => Err(reason.clone()),
        _ => Ok(None),
    }
}

/// Whether a kill command names the signal: `-USR2`, `-s SIGUSR2`, `-12`.
fn sends_usr2(command: &str) -> bool {
    command.split_whitespace().any(|word| word.contains("USR2") || word == "-12")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{fresh_host, host_with_gunicorn, settings, with_service};
    use crate::checks::judged::*;
    use crate::gunicorn::{Value, Version};
    use crate::units::Pid;

    fn of_version(major: u32, minor: u32, patch: u32, change: impl FnOnce(&mut Service)) -> Facts {
        with_service(|s| {
            let Fact::Known(installed) = &mut s.version else { panic!() };
            installed.version = Version::new(major, minor, patch);
            let Fact::Known(unit) = &mut s.unit else { panic!() };
            let Fact::Known(loaded) = &mut unit.loaded else { panic!() };
            loaded.kind = "simple".into();
            change(s);
        })
    }

    #[test]
    fn a_version_with_nothing_to_do_is_healthy_and_says_what_is_good_to_know() {
        let seen = healthy(judged(&host_with_gunicorn(), each));
        assert_eq!(seen.observed, "23.0.0");
        assert!(seen.evidence.iter().any(|line| line.starts_with("good to know: ")));
        for (major, minor) in [(22, 0), (24, 1), (25, 3), (26, 2), (27, 0)] {
            healthy(judged(&of_version(major, minor, 0, |_| {}), each));
        }
    }

    #[test]
    fn what_can_kill_workers_is_a_warning() {
        let finding = found(judged(&of_version(21, 2, 0, |_| {}), each));
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.consequence.contains("clock"));
        assert_eq!(found(judged(&of_version(25, 1, 0, |_| {}), each)).severity, Severity::Warning);
        let off = of_version(25, 1, 0, |s| s.settings = settings(&[("control_socket_disable", Value::Flag(true))]));
        healthy(judged(&off, each));
    }

    #[test]
    fn a_quirk_counts_only_where_its_circumstances_are_met() {
        let first = of_version(23, 0, 0, |s| s.master.inner_pid = Pid(1));
        assert!(found(judged(&first, each)).seen.observed.contains("runs as process 1"));
        healthy(judged(&of_version(26, 1, 0, |s| s.master.inner_pid = Pid(1)), each));
        let notify = of_version(19, 9, 0, |s| {
            let Fact::Known(unit) = &mut s.unit else { panic!() };
            let Fact::Known(loaded) = &mut unit.loaded else { panic!() };
            loaded.kind = "notify".into();
        });
        assert!(found(judged(&notify, each)).seen.observed.contains("Type=notify"));
        let leaking = of_version(25, 2, 0, |s| s.master.threads = 9);
        assert_eq!(found(judged(&leaking, each)).severity, Severity::Info);
    }

    #[test]
    fn a_package_younger_than_its_master_wants_a_restart() {
        let facts = with_service(|s| {
            let Fact::Known(installed) = &mut s.version else { panic!() };
            installed.newer_than_master = true;
        });
        let finding = found(judged(&facts, each));
        assert!(finding.seen.observed.contains("installed after the master started"));
        assert!(finding.remedy.restart);
    }

    #[test]
    fn an_upgrade_that_never_ended_names_both_masters() {
        let facts = with_service(|s| s.upgrade = Some(Upgrade::New { old: Pid(700) }));
        let finding = found(judged(&facts, each));
        assert!(finding.seen.observed.contains("masters 700 (old) and 812 (new)"));
        assert!(finding.remedy.by_hand[1].starts_with("kill -TERM 812"));
    }

    #[test]
    fn a_unit_that_reloads_by_usr2_is_warned() {
        for (command, is_usr2) in
            [("/bin/kill -s USR2 $MAINPID", true), ("/bin/kill -12 5", true), ("/bin/kill -s HUP 1", false)]
        {
            assert_eq!(sends_usr2(command), is_usr2, "{command}");
        }
        let facts = with_service(|s| {
            let Fact::Known(unit) = &mut s.unit else { panic!() };
            let Fact::Known(loaded) = &mut unit.loaded else { panic!() };
            loaded.exec_reload = "/bin/kill -USR2 $MAINPID".into();
        });
        assert_eq!(found(judged(&facts, each)).severity, Severity::Warning);
    }

    #[test]
    fn a_version_that_could_not_be_read_has_no_verdict() {
        cannot_tell(judged(&with_service(|s| hide(&mut s.version)), each));
        cannot_tell(judged(&with_service(|s| hide(&mut s.unit)), each));
        not_applicable(fresh(&fresh_host()));
    }
}
