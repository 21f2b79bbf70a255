//! `worker-count`: as many workers as asked for, as the CPUs carry, and as fit in memory.

use crate::checks::steps::{by_hand, nothing_runs};
use crate::checks::weigh::weigh;
use crate::checks::worker_memory::{WorkerSize, only_a_bound, worker_size};
use crate::checks::{Area, Check, Columns, InForce, Judge, Judgement, Seen, Severity, Verdict};
use crate::facts::{Fact, Facts, Manager, Process, Reason, Service};
use crate::gunicorn::WorkerClass;
use crate::units::{Bytes, Limit, quoted};

/// Gunicorn advises two workers a CPU and one more; twice that is still a choice, above it they take turns only.
const WORKERS_PER_CPU: f64 = 4.0;

/// The share of memory that workers may fill: the rest is for the master, page cache and the growth of a busy hour.
const MEMORY_FOR_WORKERS: f64 = 0.80;

/// The check.
pub const CHECK: Check = Check {
    id: "worker-count",
    area: Area::Service,
    title: "Number of workers",
    looks_at: "Workers alive against workers (or WEB_CONCURRENCY), the CPUs the service may use (cpu.max,\n\
               else the host's), their size (PSS) against the memory limit, and workers whose master\n\
               is gone.",
    why: "Fewer workers than asked for means that they die or cannot start. A count taken from the\n\
          host's CPUs inside a small container makes workers wait for each other until they time\n\
          out, or fills the memory. A worker without a master still holds the port and serves old code.",
    changes: "Nothing. The number belongs to Gunicorn's own settings.",
    by_hand: &[
        "ps -o pid,ppid,lstart,args --forest -C gunicorn   # masters and workers as they are now",
        "kill -TTIN MASTER   # one worker more until the next reload; TTOU: one fewer",
        "set workers = N in the configuration file, or WEB_CONCURRENCY=N",
    ],
    references: &["Gunicorn settings: workers", "Gunicorn design: How Many Workers?", "Linux: cgroup-v2.rst, cpu.max"],
    judge: Judge::Service { each, fresh },
};

fn each(facts: &Facts, service: &Service) -> Judgement {
    weigh([
        as_asked(service),
        for_cpus(facts, service),
        in_memory(facts, service),
        orphans(&orphans_of(facts, service)),
    ])
}

fn as_asked(service: &Service) -> Judgement {
    let alive = service.workers.len() as u64;
    if alive == 0 {
        let seen = seen(service, "no worker runs".into(), "at least one");
        return Ok(Verdict::finding(
            Severity::Critical,
            seen,
            "Nobody serves requests.",
            by_hand(missing_steps(service)),
        ));
    }
    let workers = service.settings.workers();
    let asked = workers.needed("workers")?;
    let wanted = format!("{} asked for ({})", asked.value, asked.source);
    let seen = Seen {
        columns: Columns {
            configured: Some(format!("workers={}", asked.value)),
            in_force: vec![InForce { subject: format!("master {}", service.master.pid), value: alive.to_string() }],
            ..Columns::default()
        },
        ..seen(service, format!("{} alive", count(service.workers.len())), &wanted)
    };
    // More than asked for is what TTIN does.
    if i128::from(alive) >= i128::from(asked.value) {
        return Ok(Verdict::Healthy(seen));
    }
    let consequence = "Workers die, cannot start, or were taken away by TTOU: fewer requests are served at a time.";
    Ok(Verdict::finding(Severity::Warning, seen, consequence, by_hand(missing_steps(service))))
}

fn missing_steps(service: &Service) -> [String; 3] {
    [
        "read the error log for 'Exception in worker process'".into(),
        format!("kill -HUP {}   # brings the number back where TTOU took some", service.master.pid),
        format!("gtune triage {}   # which workers died, and of what", named(service)),
    ]
}

/// The service as an option of gtune.
fn named(service: &Service) -> String {
    match &service.manager {
        Manager::SystemUnit(unit) => format!("--unit {}", quoted(unit)),
        _ => format!("--pid {}", service.master.pid),
    }
}

fn seen(service: &Service, observed: String, wanted: &str) -> Seen {
    let pids: Vec<String> = service.workers.iter().map(|worker| worker.process.pid.to_string()).collect();
    let evidence = vec![format!("/proc: children of master {}: {}", service.master.pid, pids.join(" "))];
    Seen { observed, wanted: wanted.into(), evidence, ..Seen::default() }
}

fn for_cpus(facts: &Facts, service: &Service) -> Judgement {
    let alive = service.workers.len();
    let (cpus, evidence) = cpus(facts, service)?;
    let most = (WORKERS_PER_CPU * cpus).floor() as usize + 1;
    let advised = ((2.0 * cpus).round() as usize + 1).max(2);
    let seen =
        Seen { evidence, ..seen(service, format!("{alive} workers on {cpus} CPUs"), &format!("about {advised}")) };
    if alive > most {
        let (severity, consequence) = match held_back(service) {
            true => (Severity::Warning, "The quota is used up again and again: workers wait and may time out."),
            false => {
                (Severity::Info, "They take turns on the CPUs and each costs memory; more of them serve no faster.")
            }
        };
        return Ok(Verdict::finding(severity, seen, consequence, by_hand(set_workers(service, advised))));
    }
    if alive == 1 && service.container.is_none() && service.known_class() == Some(&WorkerClass::Sync) {
        let consequence = "One slow request makes all others wait, and nobody serves while the worker is replaced.";
        return Ok(Verdict::finding(Severity::Info, seen, consequence, by_hand(set_workers(service, advised))));
    }
    Ok(Verdict::Healthy(Seen { observed: String::new(), wanted: String::new(), ..seen }))
}

fn set_workers(service: &Service, number: usize) -> [String; 2] {
    [
        format!("workers = {number} in the configuration file, or WEB_CONCURRENCY={number}"),
        format!("kill -HUP {}   # enough for the file; the environment needs a restart", service.master.pid),
    ]
}

fn held_back(service: &Service) -> bool {
    let cpu = service.cgroup.as_ref().and_then(|group| group.cpu.as_ref());
    cpu.and_then(|cpu| cpu.throttled_periods.as_ref()).known().is_some_and(|periods| **periods > 0)
}

/// CPUs the service may use: the quota where it is lower than what the host has.
fn cpus(facts: &Facts, service: &Service) -> Result<(f64, Vec<String>), Reason> {
    let host = *facts.host.cpus.needed("number of CPUs")? as f64;
    let group = service.cgroup.as_ref();
    let quota =
        group.and_then(|group| group.cpu.as_ref().and_then(|cpu| cpu.quota_cpus.as_ref()).map(|cpus| (group, *cpus)));
    match quota {
        Fact::Known((group, quota)) if quota < host => {
            Ok((quota, vec![format!("{}: cpu quota of {quota} CPUs", group.path)]))
        }
        Fact::Known(_) | Fact::Absent => Ok((host, vec![format!("sched_getaffinity: {host} CPUs")])),
        Fact::Unreadable(reason) => Err(reason),
    }
}

fn in_memory(facts: &Facts, service: &Service) -> Judgement {
    let alive = service.workers.len() as u64;
    if alive == 0 {
        return Ok(Verdict::not_applicable("no worker runs"));
    }
    let (limit, of_what) = memory_limit(facts, service)?;
    let size = worker_size(service)?;
    let for_workers = (limit.0 as f64 * MEMORY_FOR_WORKERS) as u64;
    let fit = for_workers / size.bytes().0.max(1);
    let evidence = vec![format!("/proc/<worker>/smaps_rollup: {}", size.in_words()), of_what];
    if alive <= fit {
        return Ok(Verdict::healthy("", "", evidence));
    }
    if matches!(size, WorkerSize::AtMost(_)) {
        return Err(only_a_bound(service));
    }
    let observed = format!("{alive} workers of {} in {limit}", size.bytes());
    let seen = Seen {
        evidence,
        ..seen(service, observed, &format!("at most {}: {:.0} % of it", fit.max(1), MEMORY_FOR_WORKERS * 100.0))
    };
    let consequence = "They leave no room to grow or to reload: the OOM killer takes one under load.";
    Ok(Verdict::finding(Severity::Warning, seen, consequence, by_hand(set_workers(service, fit.max(1) as usize))))
}

/// The limit of the group, or the whole host where there is none or a larger one.
fn memory_limit(facts: &Facts, service: &Service) -> Result<(Bytes, String), Reason> {
    let total = facts.host.memory.needed("/proc/meminfo")?.total_bytes;
    let of_host = (total, format!("/proc/meminfo: MemTotal {} kB", total.0 / 1024));
    match service.cgroup.as_ref().and_then(|group| group.memory.as_ref()) {
        Fact::Known(memory) => Ok(match memory.limit_bytes {
            Limit::At(limit) if limit < total.0 => (Bytes(limit), format!("{}: {limit}", memory.limit_file)),
            _ => of_host,
        }),
        Fact::Absent => Ok(of_host),
        Fact::Unreadable(reason) => Err(reason),
    }
}

/// Orphans show the command line of the master they had. One that fits no service is named with the first.
fn orphans_of<'a>(facts: &'a Facts, service: &Service) -> Vec<&'a Process> {
    let services = facts.services.known().map_or(&[][..], Vec::as_slice);
    let owner = |orphan: &Process| {
        let same = |service: &&Service| {
            service.master.arguments.known().is_some_and(|own| orphan.arguments.known() == Some(own))
        };
        services.iter().find(same).or(services.first()).map(|service| service.master.pid)
    };
    facts.orphans.iter().filter(|orphan| owner(orphan) == Some(service.master.pid)).collect()
}

fn orphans(orphans: &[&Process]) -> Judgement {
    let Some(first) = orphans.first() else { return Ok(Verdict::not_applicable("no worker without a master")) };
    let pids: Vec<String> = orphans.iter().map(|orphan| orphan.pid.to_string()).collect();
    let seen = Seen {
        observed: format!("{} without a master (pid {})", count(orphans.len()), pids.join(", ")),
        wanted: "none".into(),
        evidence: orphans.iter().map(|orphan| format!("/proc/{}/status: PPid {}", orphan.pid, orphan.parent)).collect(),
        ..Seen::default()
    };
    let consequence = "They still take connections from the same port, with the code of before, until they leave.";
    let steps = [
        format!("kill -TERM {}   # each finishes its request first", pids.join(" ")),
        format!("grep PPid /proc/{}/status   # gone: nothing there", first.pid),
    ];
    Ok(Verdict::finding(Severity::Warning, seen, consequence, by_hand(steps)))
}

fn count(workers: usize) -> String {
    if workers == 1 { "1 worker".into() } else { format!("{workers} workers") }
}

fn fresh(facts: &Facts) -> Judgement {
    match facts.orphans.is_empty() {
        true => Ok(nothing_runs(facts, "worker to count")),
        false => orphans(&facts.orphans.iter().collect::<Vec<_>>()),
    }
}

#[cfg(test)]
mod tests;
