//! A report of `triage`, for tests: a kill by the kernel, forty time-outs, one whose number is not known, a lost master.

use crate::command::{Source, TriageReport, Window};
use crate::facts::Reason;
use crate::gunicorn::Version;
use crate::triage::{self, Cause, Confidence, Death, Evidence, Normal, Role, Triage, Verdict};
use crate::units::Pid;
use jiff::{SignedDuration, Timestamp};

/// Everything that a report can have.
pub fn report() -> TriageReport {
    let hostile = Death { pid: None, candidates: vec![Pid(901), Pid(902)], unit: None, time: None, ..death(0) };
    let lost = Death {
        role: Role::Master,
        verdict: Verdict::MasterLost,
        confidence: Confidence::Possible,
        workers: vec![Pid(701), Pid(702)],
        master_pid: None,
        unit: Some("api.service".into()),
        ..death(700)
    };
    let unknown = Death {
        verdict: Verdict::Unknown,
        confidence: Confidence::Likely,
        summary: "nothing tells \u{1b}[2J".into(),
        ..hostile
    };
    let mut deaths = vec![death(815), lost, unknown];
    deaths.extend(timeouts(40));
    TriageReport { triage: Triage { deaths, ..none_found() }, ..none() }.of_host()
}

/// The same of one death.
pub fn one() -> TriageReport {
    TriageReport { triage: Triage { deaths: vec![death(815)], ..none_found() }, ..none() }
}

/// Of logs that were named, in which nobody died.
pub fn none() -> TriageReport {
    TriageReport {
        observed_at: "2026-11-20T20:00:00Z".parse().unwrap(),
        host: None,
        window: Window { from: None, to: None },
        answer: "1 worker was killed by the kernel for want of memory, 40 timed out, and of one nothing is known"
            .into(),
        triage: none_found(),
        logs: vec![triage::Source {
            name: "/var/log/gunicorn/error.log".into(),
            unit: Some("gunicorn.service".into()),
            begins: Some("2026-11-15T00:00:03Z".parse().unwrap()),
            ends: Some("2026-11-20T19:59:58Z".parse().unwrap()),
            lost: None,
            has_managers: false,
            is_silent: false,
        }],
        kernel_logs: vec![Source {
            name: "/dev/kmsg".into(),
            begins: None,
            ends: None,
            is_live: true,
            has_kernel: true,
            records: Some(812),
            lost: Some(Reason::new("older records were overwritten")),
            notes: vec![],
            framed: true,
        }],
        is_blind: false,
        as_root: None,
    }
}

fn none_found() -> Triage {
    Triage {
        deaths: vec![],
        normal: Normal { recycled: 4, reloaded: 2, stopped: 0, scaled: 0 },
        blind_spots: vec!["kernel log begins at 2026-11-20T19:00:00Z, after the first death".into()],
    }
}

/// A worker that the kernel killed.
pub fn death(pid: i32) -> Death {
    Death {
        pid: Some(Pid(pid)),
        candidates: vec![],
        host_pid: None,
        role: Role::Worker,
        workers: vec![],
        master_pid: Some(Pid(812)),
        unit: Some("gunicorn.service".into()),
        time: Some("2026-11-20T19:14:07Z".parse().unwrap()),
        gunicorn: Some(Version::new(23, 0, 0)),
        verdict: Verdict::KernelOom,
        confidence: Confidence::Certain,
        summary: "killed by the kernel: its cgroup hit the 200 MiB limit".into(),
        evidence: vec![
            seen(
                "/var/log/gunicorn/error.log",
                Some(123),
                "[2026-11-20 19:14:07 +0000] [812] [ERROR] Worker (pid:815) was sent SIGKILL! Perhaps out of memory?",
            ),
            seen("/dev/kmsg", None, "Memory cgroup out of memory: Killed process 815 (gunicorn)"),
            seen("the journal", None, "gunicorn.service: A process of this unit has been killed by the OOM killer."),
            seen("/sys/fs/cgroup/system.slice/gunicorn.service/memory.events", None, "oom_kill 3"),
        ],
        advice: vec![
            "Find what this worker served last: it alone grew, where others hold 19 MiB.".into(),
            "gtune doctor memory-headroom --unit gunicorn.service".into(),
            "gtune frobnicate --unit gunicorn.service".into(),
        ],
    }
}

fn seen(source: &str, line: Option<u64>, text: &str) -> Evidence {
    let time = Some("2026-11-20T19:14:07Z".parse().unwrap());
    Evidence { source: source.into(), line, offset: None, time, text: text.into() }
}

/// Workers that timed out, one each minute.
pub fn timeouts(count: i32) -> Vec<Death> {
    let first: Timestamp = "2026-11-20T18:00:00Z".parse().unwrap();
    let one = |number: i32| Death {
        time: first.checked_add(SignedDuration::from_mins(number.into())).ok(),
        verdict: Verdict::Timeout,
        confidence: Confidence::Likely,
        summary: "killed by its master after 30 s without a heartbeat".into(),
        evidence: vec![seen(
            "/var/log/gunicorn/error.log",
            Some(200 + number as u64),
            "[2026-11-20 18:00:00 +0000] WORKER TIMEOUT",
        )],
        advice: vec!["Look at views.py:31: there the request hung.".into()],
        ..death(1_000 + number)
    };
    (0..count).map(one).collect()
}

/// One cause for each verdict and unit.
pub fn causes(report: &TriageReport) -> Vec<Cause<'_>> {
    let mut causes: Vec<Cause<'_>> = vec![];
    for death in &report.triage.deaths {
        let is_same = |cause: &&mut Cause<'_>| cause.verdict == death.verdict && cause.unit == death.unit.as_deref();
        match causes.iter_mut().find(is_same) {
            Some(cause) => {
                cause.deaths.push(death);
                cause.rhythm = Some("one each minute".into());
            }
            None => causes.push(Cause {
                verdict: death.verdict,
                confidence: death.confidence,
                unit: death.unit.as_deref(),
                deaths: vec![death],
                summary: death.summary.clone(),
                rhythm: None,
                advice: &death.advice,
            }),
        }
    }
    causes
}

impl TriageReport {
    fn of_host(self) -> Self {
        let window = Window {
            from: Some("2026-11-19T20:00:00Z".parse().unwrap()),
            to: Some("2026-11-20T20:00:00Z".parse().unwrap()),
        };
        Self {
            host: Some(crate::checks::healthy::fresh_host().host),
            window,
            as_root: Some("sudo gtune triage".into()),
            ..self
        }
    }
}
