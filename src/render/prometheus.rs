//! A file for node_exporter's textfile collector.
//!
//! No timestamps: the collector refuses the whole file for one. Labels are bounded: no process ids, no messages. The
//! exit code stays that of `doctor`, so that a timer's unit says `SuccessExitStatus=1 3`.

use super::visible::visible;
use crate::checks::{Row, Severity};
use crate::command::{Report, State};
use crate::facts::{Fact, Listener, Service};
use crate::units::Limit;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Samples of one metric by their labels: a series is never written twice.
type Series = BTreeMap<Labels, f64>;

/// Label names and values in the order they are written.
type Labels = Vec<(&'static str, String)>;

/// How two samples of the same series become one: the worse is kept.
type Worse = fn(f64, f64) -> f64;

/// What `doctor` found.
pub fn doctor(report: &Report<'_>) -> String {
    let mut out = String::new();
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    let build = Series::from([(version, 1.0)]);
    let looked = Series::from([(vec![], report.facts.observed_at.as_second() as f64)]);
    metric(&mut out, "gtune_build_info", "gauge", "Version of gtune that wrote this file.", &build);
    metric(
        &mut out,
        "gtune_last_run_timestamp_seconds",
        "gauge",
        "When gtune last looked at this host, in seconds since 1970.",
        &looked,
    );
    metric(
        &mut out,
        "gtune_check_state",
        "gauge",
        "State of a check: 1 for the state it is in, 0 for the others.",
        &states(report),
    );
    metric(&mut out, "gtune_findings", "gauge", "Number of findings by severity.", &findings(report));
    services(&mut out, report);
    out
}

/// One gauge a state, for each check and subject; the worst where subjects fall together.
fn states(report: &Report<'_>) -> Series {
    let mut worst: BTreeMap<(String, &'static str), State> = BTreeMap::new();
    for row in &report.rows {
        let state = State::of(&row.outcome);
        let key = (row_subject(report, row), row.check.id);
        let kept = worst.entry(key).or_insert(state);
        if badness(state) > badness(*kept) {
            *kept = state;
        }
    }
    let labels = |subject: &str, check: &str, state: State| {
        vec![("check", check.to_owned()), ("subject", subject.to_owned()), ("state", state.name().to_owned())]
    };
    let each = |((subject, check), is): (&(String, &'static str), &State)| {
        State::ALL.map(|state| (labels(subject, check, state), if state == *is { 1.0 } else { 0.0 }))
    };
    worst.iter().flat_map(each).collect()
}

fn badness(state: State) -> u8 {
    match state {
        State::Skipped => 0,
        State::NotApplicable => 1,
        State::Ok => 2,
        State::Unknown => 3,
        State::Finding => 4,
    }
}

fn findings(report: &Report<'_>) -> Series {
    let severities = [Severity::Critical, Severity::Warning, Severity::Info];
    let label = |severity| vec![("severity", super::style::word(severity).to_owned())];
    severities.map(|severity| (label(severity), report.count(severity) as f64)).into()
}

/// A metric of services.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    worse: Worse,
    samples: fn(&Service) -> Vec<(Labels, f64)>,
}

const OF_SERVICES: [Family; 6] = [
    Family {
        name: "gtune_listen_queue_limit",
        kind: "gauge",
        help: "Most connections that may wait at a listening socket: the cap in force.",
        worse: f64::min,
        samples: |service| listeners(service, |listener| listener.limit),
    },
    Family {
        name: "gtune_listen_queue_length",
        kind: "gauge",
        help: "Connections that wait at a listening socket to be accepted.",
        worse: f64::max,
        samples: |service| listeners(service, |listener| listener.queued),
    },
    Family {
        name: "gtune_heartbeat_age_seconds",
        kind: "gauge",
        help: "Seconds since the worker that is silent longest touched its heartbeat file.",
        worse: f64::max,
        samples: heartbeat_ages,
    },
    Family {
        name: "gtune_open_descriptors",
        kind: "gauge",
        help: "Open file descriptors of the master or worker that has most.",
        worse: f64::max,
        samples: descriptors,
    },
    Family {
        name: "gtune_open_descriptors_limit",
        kind: "gauge",
        help: "Lowest soft limit of open files among master and workers.",
        worse: f64::min,
        samples: descriptor_limits,
    },
    Family {
        name: "gtune_oom_kills_total",
        kind: "counter",
        help: "Processes in the control group of the service that the kernel killed for want of memory.",
        worse: f64::max,
        samples: oom_kills,
    },
];

fn services(out: &mut String, report: &Report<'_>) {
    for family in &OF_SERVICES {
        let series = gathered(report, family.worse, family.samples);
        metric(out, family.name, family.kind, family.help, &series);
    }
}

fn gathered(report: &Report<'_>, worse: Worse, samples: fn(&Service) -> Vec<(Labels, f64)>) -> Series {
    let mut series = Series::new();
    for service in report.services.known().into_iter().flatten() {
        for (mut labels, value) in samples(service) {
            labels.insert(0, ("subject", subject(service)));
            series.entry(labels).and_modify(|kept| *kept = worse(*kept, value)).or_insert(value);
        }
    }
    series
}

fn listeners(service: &Service, value: fn(&Listener) -> u64) -> Vec<(Labels, f64)> {
    let sample = |listener: &Listener| (vec![("socket", listener.address.clone())], value(listener) as f64);
    service.listeners.known().into_iter().flatten().map(sample).collect()
}

fn heartbeat_ages(service: &Service) -> Vec<(Labels, f64)> {
    let known = service.workers.iter().filter_map(|worker| worker.heartbeat.known());
    known.map(|heartbeat| (vec![], heartbeat.age_seconds.0.max(0.0))).collect()
}

fn descriptors(service: &Service) -> Vec<(Labels, f64)> {
    let known = service.processes().filter_map(|process| process.descriptors.known());
    known.map(|descriptors| (vec![], descriptors.count as f64)).collect()
}

fn descriptor_limits(service: &Service) -> Vec<(Labels, f64)> {
    let known = service.processes().filter_map(|process| process.limits.known());
    known.map(|limits| (vec![], number(limits.open_files.soft))).collect()
}

fn oom_kills(service: &Service) -> Vec<(Labels, f64)> {
    let memory = service.cgroup.known().and_then(|cgroup| cgroup.memory.known());
    memory.and_then(|memory| memory.oom_kills.known()).map(|kills| (vec![], *kills as f64)).into_iter().collect()
}

fn number(limit: Limit) -> f64 {
    limit.number().map_or(f64::INFINITY, |number| number as f64)
}

fn row_subject(report: &Report<'_>, row: &Row) -> String {
    let services = report.services.known().into_iter().flatten();
    services.into_iter().find(|service| service.name == row.subject).map_or(row.subject.clone(), |s| subject(s))
}

/// The name of a service, unless it is a process id: that would be a new series at each start, so the socket it
/// listens at stands for it.
fn subject(service: &Service) -> String {
    if service.name != format!("pid {}", service.master.pid) {
        return service.name.clone();
    }
    match &service.listeners {
        Fact::Known(all) => all.first().map_or("unmanaged".to_owned(), |listener| listener.address.clone()),
        Fact::Absent | Fact::Unreadable(_) => "unmanaged".to_owned(),
    }
}

/// A metric family in the text format 0.0.4; nothing where there is no sample.
fn metric(out: &mut String, name: &str, kind: &str, help: &str, series: &Series) {
    if series.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in series {
        let _ = writeln!(out, "{name}{} {}", braces(labels), sample(*value));
    }
}

fn braces(labels: &Labels) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

/// What the format asks for, in text that a terminal does not obey either.
fn escaped(value: &str) -> String {
    let lines = value.split('\n').map(|line| visible(line).replace('\\', "\\\\").replace('"', "\\\""));
    lines.collect::<Vec<_>>().join("\\n")
}

fn sample(value: f64) -> String {
    if value == f64::INFINITY { "+Inf".to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{host_with_gunicorn, listener, service, with_service};
    use crate::facts::Facts;
    use crate::render::sample::{HEARTBEAT, finding, judged, rows};
    use std::collections::HashSet;

    fn text(facts: &Facts, rows: Vec<Row>) -> String {
        let services = facts.services.as_ref().map(|all| all.iter().collect());
        doctor(&Report { facts, services, rows, fail_on: Severity::Warning })
    }

    fn series(text: &str) -> Vec<&str> {
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(s, _)| s)
            .collect()
    }

    #[test]
    fn the_figures_of_a_service_are_there() {
        let text = text(&host_with_gunicorn(), rows());
        for line in [
            "gtune_findings{severity=\"critical\"} 1",
            "gtune_listen_queue_limit{subject=\"gunicorn.service\",socket=\"127.0.0.1:8000\"} 2048",
            "gtune_heartbeat_age_seconds{subject=\"gunicorn.service\"} 4",
            "gtune_open_descriptors{subject=\"gunicorn.service\"} 11",
            "gtune_open_descriptors_limit{subject=\"gunicorn.service\"} 4096",
            "gtune_oom_kills_total{subject=\"gunicorn.service\"} 0",
            "gtune_last_run_timestamp_seconds 1795200360",
            "gtune_check_state{check=\"somaxconn\",subject=\"host\",state=\"ok\"} 1",
            "gtune_check_state{check=\"somaxconn\",subject=\"host\",state=\"finding\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn a_process_id_is_never_a_label_and_no_series_comes_twice() {
        let mut facts = host_with_gunicorn();
        let unmanaged = |pid: i32| {
            let mut service = service();
            service.name = format!("pid {pid}");
            service.master.pid = crate::units::Pid(pid);
            service
        };
        facts.services = Fact::Known(vec![unmanaged(900), unmanaged(901)]);
        let rows = vec![
            judged(&HEARTBEAT, "pid 900", crate::checks::Verdict::healthy("a", "b", vec![])),
            judged(&HEARTBEAT, "pid 901", finding(Severity::Warning)),
        ];
        let text = text(&facts, rows);
        assert!(!text.contains("pid 9"), "{text}");
        assert!(text.contains("{check=\"heartbeat-filesystem\",subject=\"127.0.0.1:8000\",state=\"finding\"} 1"));
        let all = series(&text);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "{text}");
    }

    #[test]
    fn a_label_is_escaped() {
        let address = "unix:/run/a\"b\\c\nd.sock";
        let text = text(&with_service(|service| service.listeners = Fact::Known(vec![listener(address, 5)])), vec![]);
        assert!(text.contains(r#"socket="unix:/run/a\"b\\c\nd.sock"} 5"#), "{text}");
    }

    #[test]
    fn a_label_holds_nothing_a_terminal_obeys() {
        let address = "unix:/run/\u{1b}[2J\u{202e}.sock";
        let text = text(&with_service(|service| service.listeners = Fact::Known(vec![listener(address, 5)])), vec![]);
        assert!(text.contains(r#"socket="unix:/run/\\u{1b}[2J\\u{202e}.sock"} 5"#), "{text}");
    }

    #[test]
    fn what_was_not_seen_has_no_sample() {
        let text = text(&with_service(|service| service.cgroup = Fact::unreadable("no")), vec![]);
        assert!(!text.contains("gtune_oom_kills_total"), "{text}");
    }

    #[test]
    fn every_family_has_help_and_type_before_its_samples() {
        let text = text(&host_with_gunicorn(), rows());
        for name in series(&text).iter().map(|series| series.split('{').next().unwrap()) {
            let help = text.find(&format!("# HELP {name} ")).unwrap();
            assert!(help < text.find(&format!("\n{name}")).unwrap());
            assert!(text.contains(&format!("# TYPE {name} ")));
        }
    }
}
