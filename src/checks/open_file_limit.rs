//! `open-file-limit`: whether each process may open as many files as its class and settings call for.

use crate::checks::steps::{apply, by_hand, raise_open_files};
use crate::checks::unit_limit::open_file_columns;
use crate::checks::weigh::weigh;
use crate::checks::{Area, Check, Judge, Judgement, Remedy, Seen, Severity, Verdict};
use crate::facts::{Fact, Facts, Process, Reason, Service};
use crate::gunicorn::{Sourced, Version, WorkerClass, descriptors_needed, master_needs, recommended_open_files};
use crate::units::Limit;

/// select(2) has room for descriptors 0 to 1023 (FD_SETSIZE); Python raises ValueError above.
const SELECT_REACH: i32 = 1024;

/// Above this some other programs that walk all possible descriptors grow slow (Python 2, uwsgi, fail2ban); Gunicorn
/// on Python 3 does not, so it is a line of evidence and no finding.
const ABSURD: u64 = 1_048_576;

/// `worker_connections` where it is not set.
pub(crate) const DEFAULT_CONNECTIONS: u64 = 1000;

/// The check.
pub const CHECK: Check = Check {
    id: "open-file-limit",
    area: Area::Limits,
    title: "Limit of open files",
    looks_at: "The soft limit in force of the master and of each worker, from /proc/<pid>/limits,\n\
               against what the worker class, threads and worker_connections call for.\n\
               For sync workers also the highest descriptor in use.",
    why: "Each connection takes a descriptor, and each request a few more for databases and files.\n\
          A gthread or gevent worker accepts up to 1000 connections by default, but systemd gives a\n\
          service 1024 descriptors: it meets EMFILE before its own bound, and drops requests.\n\
          Connections are not spread evenly, so one worker must be able to take them all.",
    changes: "gtune apply --nofile auto --unit UNIT writes LimitNOFILE= in a drop-in of the unit,\n\
              and raises the limit of the running processes at once.",
    by_hand: &[
        "grep 'open files' /proc/PID/limits   # what counts: the running process",
        "mkdir -p /etc/systemd/system/UNIT.d",
        "printf '[Service]\\nLimitNOFILE=4096:524288\\n' > /etc/systemd/system/UNIT.d/60-open-files.conf",
        "systemctl daemon-reload && systemctl restart UNIT",
    ],
    references: &[
        "getrlimit(2)",
        "select(2)",
        "systemd.exec(5), LimitNOFILE=",
        "Gunicorn settings: worker_connections",
    ],
    judge: Judge::Service { each, fresh },
};

fn each(facts: &Facts, service: &Service) -> Judgement {
    weigh([workers(facts, service), master(facts, service), select_reach(service)])
}

fn workers(facts: &Facts, service: &Service) -> Judgement {
    let need = worker_need(service)?;
    // Before the first worker is up, the master shows what it will inherit.
    let processes: Vec<&Process> = match service.workers.as_slice() {
        [] => vec![&service.master],
        workers => workers.iter().map(|worker| &worker.process).collect(),
    };
    judge(facts, service, &processes, &need)
}

fn master(facts: &Facts, service: &Service) -> Judgement {
    judge(facts, service, &[&service.master], &master_need(service))
}

/// How many descriptors a process needs, and for what.
pub(crate) struct Need {
    /// `worker` or `master`.
    pub of: &'static str,
    pub number: u64,
    pub because: String,
}

/// The greatest need among the processes of a service. `gtune apply --nofile auto` goes by the same number, so that
/// this check finds nothing afterwards.
pub(crate) fn greatest_need(service: &Service) -> Result<Need, Reason> {
    let (worker, master) = (worker_need(service)?, master_need(service));
    Ok(if master.number > worker.number { master } else { worker })
}

fn master_need(service: &Service) -> Need {
    let workers = service.settings.workers().known().map_or(0, |found| found.value.max(0) as u64);
    let number = master_needs(listeners(service), workers.max(service.workers.len() as u64));
    Need { of: "master", number, because: "the master in a reload".into() }
}

pub(crate) fn worker_need(service: &Service) -> Result<Need, Reason> {
    let class = match &service.class {
        Fact::Known(found) => &found.value,
        Fact::Absent => return Err(class_unknown("not found")),
        Fact::Unreadable(reason) => return Err(class_unknown(&reason.to_string())),
    };
    let threads = match class {
        WorkerClass::Gthread | WorkerClass::Other(_) => number(service.settings.threads(), "threads")?,
        _ => 1,
    };
    let connections = match class {
        WorkerClass::Sync => 1,
        _ => number(service.settings.worker_connections(), "worker_connections")?,
    };
    let because = match class {
        WorkerClass::Sync => "a sync worker".to_owned(),
        _ => format!("a {class} worker with worker_connections={connections}"),
    };
    let number = descriptors_needed(class, threads, connections, listeners(service));
    Ok(Need { of: "worker", number, because })
}

fn class_unknown(why: &str) -> Reason {
    let need = |class| descriptors_needed(&class, 1, DEFAULT_CONNECTIONS, 1);
    let (sync, gevent) = (need(WorkerClass::Sync), need(WorkerClass::Gevent));
    Reason::new(format!(
        "worker class not known ({why}); a sync worker needs {sync} descriptors, a gevent one {gevent}"
    ))
}

/// A negative number is refused by Gunicorn at start; here it counts as none.
fn number(setting: Fact<Sourced<i64>>, name: &str) -> Result<u64, Reason> {
    setting.needed(name).map(|found| u64::try_from(found.value).unwrap_or(0))
}

/// One listener adds one to a need of 66 and more, so where sock_diag could not say, one is near enough.
fn listeners(service: &Service) -> u64 {
    service.listeners.known().map_or(1, |listeners| listeners.len().max(1) as u64)
}

fn judge(facts: &Facts, service: &Service, processes: &[&Process], need: &Need) -> Judgement {
    let mut soft_limits = Vec::new();
    for process in processes {
        soft_limits.push((process, process.limits.needed("limits")?.open_files.soft));
    }
    let lowest = soft_limits.iter().map(|(_, soft)| *soft).min().unwrap_or(Limit::Unlimited);
    let seen = Seen {
        observed: format!("{} {lowest}", need.of),
        wanted: format!("at least {} for {}", need.number, need.because),
        evidence: soft_limits.iter().flat_map(|(process, _)| limit_lines(process)).collect(),
        columns: open_file_columns(facts, service),
    };
    if lowest.allows(need.number) {
        return Ok(Verdict::Healthy(seen));
    }
    let consequence = format!(
        "Under load a process runs out of descriptors at {lowest}: connections are refused or workers die with EMFILE."
    );
    Ok(Verdict::finding(Severity::Warning, seen, consequence, remedy(facts, service, need)))
}

fn limit_lines(process: &Process) -> Vec<String> {
    let Some(limits) = process.limits.known() else { return vec![] };
    let (soft, hard) = (limits.open_files.soft, limits.open_files.hard);
    let mut lines = vec![format!("/proc/{}/limits: Max open files {soft} {hard}", process.pid)];
    if soft > Limit::At(ABSURD) {
        lines.push(format!("{soft} is more than any Gunicorn needs; it does no harm on Python 3"));
    }
    lines
}

fn remedy(facts: &Facts, service: &Service, need: &Need) -> Remedy {
    let wanted = recommended_open_files(need.number);
    let mut steps = raise_open_files(service, wanted);
    if let Some(cap) = facts.host.nr_open.known().filter(|cap| **cap < wanted) {
        let sysctl = format!("sysctl -w fs.nr_open={wanted}   # now {cap}, and no limit may be above it");
        steps.splice(0..0, [sysctl, format!("echo 'fs.nr_open = {wanted}' > /etc/sysctl.d/90-nr-open.conf")]);
    }
    Remedy { command: apply(service, "--nofile auto"), by_hand: steps, restart: true }
}

fn select_reach(service: &Service) -> Judgement {
    let Some(class) = service.known_class() else {
        return Ok(Verdict::not_applicable("the worker class is unknown"));
    };
    let far: Vec<&Process> = waiting_in_select(service, class).filter(|process| beyond_select(process)).collect();
    if far.is_empty() {
        return Ok(Verdict::not_applicable("nothing that waits in select() has a descriptor above 1023"));
    }
    let seen = Seen {
        observed: format!("descriptors above {} in a process that waits in select()", SELECT_REACH - 1),
        wanted: format!("below {SELECT_REACH}"),
        evidence: far.iter().filter_map(|process| highest_line(process)).collect(),
        ..Seen::default()
    };
    let consequence = "A listener or pipe that lands there raises 'filedescriptor out of range in select()': \
                       the process ends.";
    let steps = [
        format!("ls -l /proc/{}/fd   # what it holds: a sync worker needs no hundreds", far[0].pid),
        "close what the application opens at import, or use worker_class = \"gthread\", which does not select()".into(),
    ];
    Ok(Verdict::finding(Severity::Warning, seen, consequence, by_hand(steps)))
}

/// Sync workers wait in select(2) in every version, masters up to 23 (24.0 brought another wake-up).
fn waiting_in_select<'a>(service: &'a Service, class: &WorkerClass) -> impl Iterator<Item = &'a Process> {
    let sync = *class == WorkerClass::Sync;
    let old = service.known_version().is_some_and(|version| version < Version::new(24, 0, 0));
    let workers = service.workers.iter().map(|worker| &worker.process).filter(move |_| sync);
    std::iter::once(&service.master).filter(move |_| old).chain(workers)
}

fn beyond_select(process: &Process) -> bool {
    process.descriptors.known().is_some_and(|open| open.highest >= SELECT_REACH)
}

fn highest_line(process: &Process) -> Option<String> {
    let open = process.descriptors.known()?;
    Some(format!("/proc/{}/fd: {} open, highest {}", process.pid, open.count, open.highest))
}

fn fresh(facts: &Facts) -> Judgement {
    let need = descriptors_needed(&WorkerClass::Sync, 1, 1, 1);
    let of_service = &facts.host.systemd_default_open_files;
    let of_shell = facts.host.shell_open_files.as_ref().map(|limits| limits.soft);
    if of_service.known().is_none() {
        of_shell.needed("limit of open files")?;
    }
    let lowest = of_service.known().into_iter().chain(of_shell.known()).min().copied().unwrap_or(Limit::Unlimited);
    let seen = Seen {
        observed: format!("a program started now gets {lowest}"),
        wanted: format!("{need} for sync workers; {} for gthread, gevent or ASGI", recommended_for_async()),
        evidence: fresh_lines(of_service, &of_shell),
        ..Seen::default()
    };
    if lowest.allows(need) {
        return Ok(Verdict::Healthy(seen));
    }
    let consequence = "Not even a Gunicorn with default settings can serve under load.";
    Ok(Verdict::finding(Severity::Warning, seen, consequence, by_hand(CHECK.by_hand.iter().copied())))
}

fn recommended_for_async() -> u64 {
    recommended_open_files(descriptors_needed(&WorkerClass::Gevent, 1, DEFAULT_CONNECTIONS, 1))
}

fn fresh_lines(of_service: &Fact<Limit>, of_shell: &Fact<Limit>) -> Vec<String> {
    let service = of_service.known().map(|soft| format!("systemd: DefaultLimitNOFILESoft={soft}"));
    let shell = of_shell.known().map(|soft| format!("this shell: ulimit -Sn {soft}"));
    service.into_iter().chain(shell).collect()
}

#[cfg(test)]
mod tests;
