//! `heartbeat-age`: what each worker is doing, by its last heartbeat and its state.

use super::disk_wait::waiting_for_disk;
use super::heartbeat_place;
use super::weigh::weigh;
use super::worker_doing::{Doing, Pace};
use super::{Area, Check, Columns, InForce, Judge, Judgement, Remedy, Seen, Severity, Verdict, steps};
use crate::facts::{Facts, Heartbeat, Process, Reason, Service};
use crate::units::Pid;

/// What each worker is doing, by its last heartbeat and its state.
pub const CHECK: Check = Check {
    id: "heartbeat-age",
    area: Area::Heartbeat,
    title: "Workers beat in time",
    looks_at: "The time since each worker last touched its heartbeat file (fstat through /proc/<worker>/fd),\n\
               the state letter of /proc/<worker>/stat, and the kernel function it waits in (wchan).",
    why: "The age tells what a worker does. A sync worker beats before each request and never during\n\
          one: an old beat is a long request. Other classes beat from their main loop: an old beat is a\n\
          blocked loop, which stops every connection of that worker. A worker that has never beaten\n\
          imports the application. Most workers in uninterruptible sleep at once are a stalled disk.\n\
          When a beat is as old as the timeout the master sends SIGABRT, and SIGKILL a second later. A\n\
          gthread worker beats on even when all its threads hang: there a young beat proves only that\n\
          the main thread runs.",
    changes: "Nothing, where a worker is busy: what it does is the application's. Where a stalled disk holds\n\
              the heartbeat, gtune apply --tmpfs moves it into memory.",
    by_hand: &[
        "find /proc/WORKER/fd -lname '*wgunicorn*' -exec stat -L -c %z {} +   # when it last beat",
        "py-spy dump --pid WORKER   # the line it is in",
        "cat /proc/WORKER/wchan /proc/WORKER/stack   # what a worker in state D waits for",
    ],
    references: &["Gunicorn settings: timeout, worker_class", "proc_pid_stat(5), state", "proc_pid_wchan(5)"],
    judge: Judge::Service { each, fresh },
};

fn fresh(facts: &Facts) -> Judgement {
    Ok(steps::nothing_runs(facts, "worker"))
}

fn each(facts: &Facts, service: &Service) -> Judgement {
    if service.workers.is_empty() {
        return Err(heartbeat_place::no_worker());
    }
    weigh([waiting_for_disk(facts, service), stopped(service), late(service)])
}

/// Processes that a signal or a debugger has stopped.
fn stopped(service: &Service) -> Judgement {
    let stopped: Vec<&Process> = service.processes().filter(|process| process.state.is_stopped()).collect();
    if stopped.is_empty() {
        return Ok(Verdict::Healthy(Seen::default()));
    }
    let workers = stopped.iter().filter(|process| process.pid != service.master.pid).count();
    let severity = if workers == service.workers.len() { Severity::Critical } else { Severity::Warning };
    let consequence = match workers {
        0 => "A stopped master replaces no worker and obeys no signal but CONT and KILL.",
        _ => "A stopped worker keeps its requests and serves nothing until it is continued or the master kills it.",
    };
    let evidence = stopped.iter().map(|p| format!("/proc/{}/stat: state {}", p.pid, p.state.0)).collect();
    let observed = stopped.iter().map(|p| stopped_by(service, p)).collect::<Vec<_>>().join("; ");
    let seen = Seen { observed, wanted: "no stopped process".into(), evidence, ..Seen::default() };
    let by_hand = stopped.iter().map(|process| continue_it(process)).collect();
    Ok(Verdict::finding(severity, seen, consequence, Remedy { by_hand, ..Remedy::default() }))
}

fn stopped_by(service: &Service, process: &Process) -> String {
    let part = if process.pid == service.master.pid { "master, " } else { "" };
    let who = if process.state.0 == 't' { "a debugger" } else { "a signal (SIGSTOP)" };
    format!("{part}pid {} stopped by {who}", process.pid)
}

fn continue_it(process: &Process) -> String {
    match process.state.0 {
        't' => format!("grep TracerPid /proc/{}/status   # the debugger that holds it", process.pid),
        _ => format!("kill -CONT {}", process.pid),
    }
}

/// Workers whose beat is late though they run; what could not be seen joins as reasons.
fn late(service: &Service) -> Judgement {
    let pace = Pace::of(service)?;
    let running = service.workers.iter().filter(|w| !w.process.state.is_blocked() && !w.process.state.is_stopped());
    let mut beats = Vec::new();
    let mut looks: Vec<Judgement> = Vec::new();
    for worker in running {
        match worker.heartbeat.needed("heartbeat file") {
            Ok(heartbeat) => beats.push((worker.process.pid, heartbeat, pace.doing(heartbeat))),
            Err(reason) => looks.push(Err(Reason::new(format!("pid {}: {reason}", worker.process.pid)))),
        }
    }
    looks.insert(0, Ok(judge(service, &pace, &beats)));
    weigh(looks)
}

type Beat<'a> = (Pid, &'a Heartbeat, Doing);

fn judge(service: &Service, pace: &Pace, beats: &[Beat]) -> Verdict {
    let late: Vec<&Beat> = beats.iter().filter(|(_, _, doing)| *doing != Doing::Well).collect();
    let mut seen = seen(service, pace, beats);
    // The one nearest to its end speaks for all; one that is never killed comes last.
    let left = |beat: &&&Beat| pace.seconds_left(beat.1).unwrap_or(f64::MAX);
    let Some((_, worst, doing)) = late.iter().min_by(|a, b| left(a).total_cmp(&left(b))) else {
        return Verdict::Healthy(seen);
    };
    seen.observed = observed(pace, &late);
    let nobody_free = late.len() == service.workers.len();
    let severity = severity(pace, worst, nobody_free);
    let consequence = match (nobody_free, doing) {
        (true, Doing::OneRequest) => "No worker is free: every new request waits in the listen queue.".into(),
        (_, doing) => consequence(pace, *doing),
    };
    let by_hand = steps(pace, &late);
    Verdict::finding(severity, seen, consequence, Remedy { by_hand, ..Remedy::default() })
}

/// Critical while a request is being killed, or while nobody answers; at `timeout` 0 the operator chose to wait.
fn severity(pace: &Pace, worst: &Heartbeat, nobody_free: bool) -> Severity {
    match pace.seconds_left(worst) {
        _ if nobody_free => Severity::Critical,
        Some(left) if left <= 0.0 => Severity::Critical,
        None if !worst.never_beaten => Severity::Info,
        _ => Severity::Warning,
    }
}

fn consequence(pace: &Pace, doing: Doing) -> String {
    let timeout = pace.timeout;
    match doing {
        Doing::Importing if pace.times_imports == Some(true) => format!(
            "An import longer than the timeout ({timeout} s) never ends: the master kills the worker and starts another."
        ),
        Doing::Importing if pace.times_imports == Some(false) => {
            "It serves nothing until the import ends, and this version of Gunicorn never times an import out.".into()
        }
        Doing::Importing => "It serves nothing until the import ends.".into(),
        _ if timeout == 0.0 => "Nothing ends it: with timeout 0 the master kills no worker.".into(),
        Doing::Blocked => format!(
            "Every connection of that worker stands still; {timeout} s after its last beat the master kills it with all \
             of them."
        ),
        Doing::OneRequest | Doing::Well => {
            format!("At {timeout} s the master kills the worker and that request fails.")
        }
    }
}

fn steps(pace: &Pace, late: &[&Beat]) -> Vec<String> {
    let mut steps: Vec<String> =
        late.iter().map(|(pid, ..)| format!("py-spy dump --pid {pid}   # the line it is in")).collect();
    steps.truncate(3);
    let doing = |wanted: Doing| late.iter().any(|(_, _, doing)| *doing == wanted);
    if doing(Doing::OneRequest) && pace.timeout > 0.0 {
        steps.push("raise --timeout only where requests are meant to take that long".into());
    }
    if doing(Doing::Blocked) {
        steps.push("move blocking calls out of the loop, into threads or processes".into());
    }
    if doing(Doing::Importing) && pace.times_imports == Some(true) {
        steps.push("start with a --timeout above the time of the import, or with --preload".into());
    }
    steps
}

fn observed(pace: &Pace, late: &[&Beat]) -> String {
    const SHOWN: usize = 4;
    let told = |(pid, heartbeat, doing): &&Beat| format!("pid {pid}: {}", pace.describe(*doing, heartbeat));
    let mut lines: Vec<String> = late.iter().take(SHOWN).map(told).collect();
    if late.len() > SHOWN {
        lines.push(format!("{} more", late.len() - SHOWN));
    }
    lines.join("; ")
}

fn seen(service: &Service, pace: &Pace, beats: &[Beat]) -> Seen {
    let oldest = beats.iter().max_by(|a, b| a.1.age_seconds.0.total_cmp(&b.1.age_seconds.0));
    let in_force = |(pid, heartbeat, doing): &Beat| InForce {
        subject: format!("pid {pid}"),
        value: pace.describe(*doing, heartbeat),
    };
    let timeout = service.settings.timeout();
    let columns = Columns {
        configured: timeout.known().map(|told| format!("timeout {} ({})", told.value, told.source)),
        in_force: beats.iter().map(in_force).collect(),
        ..Columns::default()
    };
    Seen {
        observed: oldest
            .map(|(pid, heartbeat, doing)| oldest_beat(*pid, &pace.describe(*doing, heartbeat)))
            .unwrap_or_default(),
        wanted: format!("a beat within {} s ({}, timeout {})", pace.allowance(), pace.class, pace.timeout),
        evidence: beats
            .iter()
            .map(|(pid, heartbeat, doing)| line(*pid, heartbeat, &pace.describe(*doing, heartbeat)))
            .collect(),
        columns,
    }
}

fn oldest_beat(pid: Pid, told: &str) -> String {
    format!("the oldest: pid {pid} {told}")
}

fn line(pid: Pid, heartbeat: &Heartbeat, told: &str) -> String {
    format!("/proc/{}/fd/{}: pid {pid} {told}", heartbeat.seen_in, heartbeat.descriptor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::*;
    use crate::checks::judged::*;
    use crate::facts::{Fact, ProcessState, Worker};
    use crate::gunicorn::{Source, Sourced, Value, Version, WorkerClass};
    use crate::units::Seconds;

    fn beat(worker: &mut Worker) -> &mut Heartbeat {
        let Fact::Known(heartbeat) = &mut worker.heartbeat else { panic!() };
        heartbeat
    }

    fn aged(ages: [f64; 2]) -> Facts {
        with_service(|s| s.workers.iter_mut().zip(ages).for_each(|(w, age)| beat(w).age_seconds = Seconds(age)))
    }

    #[test]
    fn workers_that_beat_in_time_are_healthy() {
        let seen = healthy(judged(&aged([4.0, 16.0]), each));
        assert_eq!(seen.observed, "the oldest: pid 816 beat 16 s ago");
        assert_eq!(seen.wanted, "a beat within 16 s (sync, timeout 30)");
        assert_eq!(seen.evidence.len(), 2);
    }

    #[test]
    fn a_sync_worker_with_an_old_beat_is_in_one_request() {
        let finding = found(judged(&aged([4.0, 22.0]), each));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.seen.observed, "pid 816: in one request for 22 s, killed in 8.0 s");
        assert!(finding.remedy.by_hand[0].contains("py-spy dump --pid 816"));
    }

    #[test]
    fn a_request_that_is_killed_now_is_critical_and_so_is_nobody_free() {
        assert_eq!(found(judged(&aged([4.0, 30.5]), each)).severity, Severity::Critical);
        let finding = found(judged(&aged([18.0, 22.0]), each));
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.consequence.contains("No worker is free"));
    }

    #[test]
    fn a_class_that_beats_every_second_is_blocked_after_three() {
        let mut facts = aged([1.0, 12.0]);
        let Fact::Known(services) = &mut facts.services else { panic!() };
        services[0].class = Fact::Known(Sourced { value: WorkerClass::Gevent, source: Source::Default });
        let finding = found(judged(&facts, each));
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.seen.observed.contains("hub blocked, no beat for 12 s, killed in 18 s"));
    }

    #[test]
    fn without_a_timeout_nothing_is_killed() {
        let mut facts = aged([1.0, 50.0]);
        let Fact::Known(services) = &mut facts.services else { panic!() };
        services[0].settings = settings(&[("timeout", Value::Number(0))]);
        let finding = found(judged(&facts, each));
        assert_eq!(finding.severity, Severity::Info);
        assert!(finding.consequence.contains("kills no worker"));
    }

    #[test]
    fn a_young_worker_may_import_and_an_old_one_is_named() {
        let importing = |age: f64| {
            with_service(|s| {
                beat(&mut s.workers[1]).never_beaten = true;
                beat(&mut s.workers[1]).age_seconds = Seconds(age);
            })
        };
        healthy(judged(&importing(20.0), each));
        let finding = found(judged(&importing(412.0), each));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.seen.observed, "pid 816: importing the application for 6 min, never timed out");
        let mut old = importing(25.0);
        let Fact::Known(services) = &mut old.services else { panic!() };
        let Fact::Known(installed) = &mut services[0].version else { panic!() };
        installed.version = Version::new(20, 1, 0);
        let finding = found(judged(&old, each));
        assert!(finding.seen.observed.contains("killed in 5.0 s"));
        assert!(finding.consequence.contains("starts another"));
    }

    fn waiting(count: usize, kind: &'static str, age: f64) -> Facts {
        with_service(|s| {
            for worker in s.workers.iter_mut().take(count) {
                worker.process.state = ProcessState('D');
                worker.process.wait_channel = Fact::Known("percpu_rwsem_wait".into());
                beat(worker).filesystem = Fact::Known(filesystem(kind, "/tmp"));
                beat(worker).age_seconds = Seconds(age);
            }
        })
    }

    #[test]
    fn most_workers_in_state_d_on_a_heartbeat_on_disk_are_a_frozen_disk() {
        let finding = found(judged(&waiting(2, "ext4", 5.0), each));
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.consequence.contains("frozen"));
        assert!(finding.seen.evidence[0].contains("percpu_rwsem_wait"));
        assert!(finding.seen.evidence.iter().any(|line| line.starts_with("/proc/pressure/io")));
        assert!(finding.remedy.command.is_some());
    }

    #[test]
    fn a_single_wait_is_a_remark_until_the_beat_is_late() {
        assert_eq!(found(judged(&waiting(1, "ext4", 5.0), each)).severity, Severity::Info);
        assert_eq!(found(judged(&waiting(1, "tmpfs", 20.0), each)).severity, Severity::Warning);
        assert_eq!(found(judged(&waiting(2, "tmpfs", 5.0), each)).severity, Severity::Warning);
    }

    #[test]
    fn a_stopped_process_is_named_with_the_way_to_continue_it() {
        let finding = found(judged(&with_service(|s| s.workers[0].process.state = ProcessState('T')), each));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.remedy.by_hand, ["kill -CONT 815"]);
        let finding = found(judged(&with_service(|s| s.master.state = ProcessState('T')), each));
        assert!(finding.consequence.contains("master"));
        let all = with_service(|s| s.workers.iter_mut().for_each(|w| w.process.state = ProcessState('t')));
        assert_eq!(found(judged(&all, each)).severity, Severity::Critical);
    }

    #[test]
    fn what_could_not_be_seen_is_never_in_time() {
        for hide_one in [
            (|s: &mut Service| hide(&mut s.workers[1].heartbeat)) as fn(&mut Service),
            |s| hide(&mut s.class),
            |s| s.settings.blind = Some(Reason::new("permission denied")),
            |s| s.workers.clear(),
        ] {
            cannot_tell(judged(&with_service(hide_one), each));
        }
    }

    #[test]
    fn a_late_worker_is_found_though_another_could_not_be_seen() {
        let mut facts = aged([22.0, 4.0]);
        let Fact::Known(services) = &mut facts.services else { panic!() };
        hide(&mut services[0].workers[1].heartbeat);
        assert_eq!(found(judged(&facts, each)).severity, Severity::Warning);
    }
}
