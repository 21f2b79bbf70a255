use super::*;
use crate::gunicorn::log::Ending;

fn systemd(message: &str) -> Option<ManagerEvent> {
    event(b"systemd", message.as_bytes())
}

fn unit() -> Box<str> {
    "web.service".into()
}

#[test]
fn every_era_of_systemd_tells_how_the_main_process_ended() {
    let killed = ManagerEvent::MainExited { unit: unit(), ending: Ending::Signal { signal: 9, core: false } };
    assert_eq!(systemd("web.service: Main process exited, code=killed, status=9/KILL"), Some(killed.clone()));
    assert_eq!(systemd("web.service: main process exited, code=killed, status=9/KILL"), Some(killed));
    let dumped = ManagerEvent::MainExited { unit: unit(), ending: Ending::Signal { signal: 11, core: true } };
    assert_eq!(systemd("web.service: Main process exited, code=dumped, status=11/SEGV"), Some(dumped));
    let exited = ManagerEvent::MainExited { unit: unit(), ending: Ending::Exit(3) };
    assert_eq!(systemd("web.service: Main process exited, code=exited, status=3/NOTIMPLEMENTED"), Some(exited));
}

#[test]
fn what_was_done_to_a_unit_is_told_in_the_words_of_each_era() {
    let unit = unit;
    let failed = |result: &str| ManagerEvent::Failed { unit: unit(), result: result.into() };
    for (message, expected) in [
        (
            "web.service: A process of this unit has been killed by the OOM killer.",
            ManagerEvent::OomKilled { unit: unit() },
        ),
        (
            "web.service: systemd-oomd killed 3 process(es) in this unit.",
            ManagerEvent::OomdKilled { unit: unit(), processes: 3 },
        ),
        (
            "web.service: systemd-oomd killed some process(es) in this unit.",
            ManagerEvent::OomdKilled { unit: unit(), processes: 1 },
        ),
        ("web.service: Failed with result 'oom-kill'.", failed("oom-kill")),
        ("Unit web.service entered failed state.", failed("")),
        ("web.service: State 'stop-sigterm' timed out. Killing.", ManagerEvent::StopTimedOut { unit: unit() }),
        ("web.service: State 'final-sigterm' timed out. Killing.", ManagerEvent::StopTimedOut { unit: unit() }),
        ("web.service stop-sigterm timed out. Killing.", ManagerEvent::StopTimedOut { unit: unit() }),
        (
            "web.service: Killing process 812 (a) with signal SIGTERM.) with signal SIGKILL.",
            ManagerEvent::Killing { unit: unit(), pid: Pid(812), signal: 9 },
        ),
        ("web.service: Scheduled restart job, restart counter is at 3.", ManagerEvent::Restarting { unit: unit() }),
        ("web.service holdoff time over, scheduling restart.", ManagerEvent::Restarting { unit: unit() }),
        ("web.service: Service hold-off time over, scheduling restart.", ManagerEvent::Restarting { unit: unit() }),
        ("Starting web.service - gunicorn daemon...", ManagerEvent::Started { unit: unit() }),
        ("Started web.service - gunicorn daemon.", ManagerEvent::Started { unit: unit() }),
        ("Stopping web.service - gunicorn daemon…", ManagerEvent::Stopping { unit: unit() }),
        ("Starting gunicorn daemon...", ManagerEvent::Started { unit: "gunicorn daemon".into() }),
        ("Time has been changed", ManagerEvent::ClockStepped { seconds: None }),
    ] {
        assert_eq!(systemd(message), Some(expected), "{message}");
    }
    for message in [
        "web.service: Consumed 8.527s CPU time.",
        "Stopped web.service - gunicorn daemon.",
        "web.service: start operation timed out. Terminating.",
        "web.service: Main process exited, code=killed",
        "web.service: systemd-oomd killed many process(es) in this unit.",
        "web.service: Killing process 812 (a) with signal SIGNOT.",
    ] {
        assert_eq!(systemd(message), None, "{message}");
    }
}

#[test]
fn killers_are_told_with_whom_they_killed() {
    let chose = event(
        b"systemd-oomd",
        b"Killed /system.slice/web.service due to memory pressure for /system.slice being 68.1% > 50.0% for > 20s",
    );
    let why = "memory pressure for /system.slice being 68.1% > 50.0% for > 20s".into();
    assert_eq!(chose, Some(ManagerEvent::OomdChose { cgroup: "/system.slice/web.service".into(), why }));
    for (message, signal) in [
        ("sending SIGTERM to process 815 uid 33 \"gunicorn\": oom_score 800, VmRSS 190 MiB", 15),
        ("sending SIGKILL to process 815 \"gunicorn\": badness 800, VmRSS 190 MiB", 9),
        ("Killing process 'gunicorn' with signal 9, pid: 815, badness: 800", 9),
        ("Killing process: gunicorn, pid: 815, badness: 800, VmRSS: 190 MiB", 15),
    ] {
        let killed = ManagerEvent::EarlyoomKills { pid: Pid(815), signal };
        assert_eq!(event(b"earlyoom", message.as_bytes()), Some(killed), "{message}");
    }
    for message in ["Process 815 (gunicorn) of user 33 dumped core.", "[🡕] Process 815 (a) b) of user 33 dumped core."]
    {
        let dumped = ManagerEvent::CoreDumped { pid: Pid(815) };
        assert_eq!(event(b"systemd-coredump", message.as_bytes()), Some(dumped), "{message}");
    }
}

#[test]
fn steps_of_the_clock_are_told_in_seconds() {
    for (tag, message, seconds) in [
        ("chronyd", "System clock was stepped by -3599.999876 seconds", Some(-3600)),
        ("chronyd", "Forward time jump detected!", None),
        ("ntpd", "time reset +3600.123456 s", Some(3600)),
    ] {
        let stepped = ManagerEvent::ClockStepped { seconds };
        assert_eq!(event(tag.as_bytes(), message.as_bytes()), Some(stepped), "{message}");
    }
    assert_eq!(event(b"chronyd", b"System clock wrong by 1.5 seconds"), None);
}

#[test]
fn a_service_that_calls_itself_systemd_is_found_out_by_its_unit() {
    assert!(is_manager(b"systemd", b"init.scope") && is_manager(b"systemd", b"user@1000.service"));
    assert!(is_manager(b"systemd", b""), "a syslog file does not tell");
    assert!(!is_manager(b"systemd", b"web.service") && !is_manager(b"earlyoom", b"web.service"));
    assert!(!is_manager(b"gunicorn", b""));
}
