//! `open-file-usage`: how near each process is to its limit of open files, now.

use crate::checks::open_file_limit::worker_need;
use crate::checks::steps::{apply, nothing_runs, raise_open_files, restart};
use crate::checks::weigh::weigh;
use crate::checks::{Area, Check, Columns, InForce, Judge, Judgement, Remedy, Seen, Severity, Verdict};
use crate::facts::{Descriptors, Facts, Process, Service};
use crate::gunicorn::{Version, recommended_open_files};
use crate::units::{Limit, Pid, quoted};

/// From this share on a burst of ordinary size no longer fits: connections are not spread evenly over workers.
const NEARLY_FULL: f64 = 0.75;

/// From this share on EMFILE is a matter of the next few connections.
const FULL: f64 = 0.90;

/// A process with this many times the descriptors its class and settings call for holds on to what it should close:
/// the formula already grants every request two descriptors and the process 64.
const LEAK_FACTOR: u64 = 4;

/// The check.
pub const CHECK: Check = Check {
    id: "open-file-usage",
    area: Area::Limits,
    title: "Open files in use",
    looks_at: "The number of descriptors in /proc/<pid>/fd of master and workers, against the soft limit in\n\
               force (/proc/<pid>/limits) and against what class and settings call for.",
    why: "At the limit a gthread worker dies with EMFILE, a gevent worker stops accepting, and an ASGI\n\
          worker writes its error log full at megabytes a second; the master cannot start workers.\n\
          A count that only grows is a leak, and a higher limit only puts off the day.",
    changes: "gtune apply --nofile auto --unit UNIT raises the limit. A leak it can only name.",
    by_hand: &[
        "ls -l /proc/PID/fd | awk '{print $NF}' | sed 's/[0-9]*//g' | sort | uniq -c | sort -n",
        "prlimit --pid PID --nofile=8192:   # at once, until the next restart",
        "kill -HUP MASTER   # new workers hold nothing yet; requests in flight are finished",
    ],
    references: &["proc_pid_fd(5)", "getrlimit(2)", "accept(2): EMFILE", "Gunicorn settings: max_requests"],
    judge: Judge::Service { each, fresh: |facts| Ok(nothing_runs(facts, "process that holds files")) },
};

fn each(_facts: &Facts, service: &Service) -> Judgement {
    let mut processes: Vec<&Process> = service.processes().collect();
    processes.sort_by(|a, b| share(b).total_cmp(&share(a)));
    let mut looks = processes.into_iter().map(|process| of_process(service, process));
    // The fullest speaks; the others bring their figures, not the same steps over again.
    let fullest = looks.next();
    weigh(fullest.into_iter().chain(looks.map(|look| look.map(without_steps))))
}

fn without_steps(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Finding(mut finding) if finding.severity > Severity::Info => {
            finding.remedy.by_hand.clear();
            Verdict::Finding(finding)
        }
        other => other.quietly(),
    }
}

/// The share of its limit a process uses; 0 where it is hidden.
fn share(process: &Process) -> f64 {
    match (process.descriptors.known(), process.limits.known()) {
        (Some(open), Some(limits)) => limits.open_files.soft.share_used(open.count),
        _ => 0.0,
    }
}

/// What one process holds, of what it may.
struct Use<'a> {
    process: &'a Process,
    open: &'a Descriptors,
    soft: Limit,
}

fn of_process(service: &Service, process: &Process) -> Judgement {
    let open = process.descriptors.needed("descriptors")?;
    let soft = process.limits.needed("limits")?.open_files.soft;
    let held = Use { process, open, soft };
    match (soft.share_used(open.count), leak(service, &held)) {
        (share, leaks) if share >= FULL => Ok(held.nearly_full(service, Severity::Critical, leaks)),
        (share, leaks) if share >= NEARLY_FULL => Ok(held.nearly_full(service, Severity::Warning, leaks)),
        (_, Some(leak)) => Ok(held.leaking(service, &leak)),
        (_, None) => Ok(Verdict::Healthy(held.seen(service))),
    }
}

/// Why this looks like a leak, where it does. Only workers have a need that is known from class and settings.
fn leak(service: &Service, held: &Use<'_>) -> Option<String> {
    let pid = held.process.pid;
    if pid == service.master.pid {
        return master_leak(service, held);
    }
    let need = worker_need(service).ok()?;
    let far_above = held.open.count > need.number.saturating_mul(LEAK_FACTOR);
    let siblings = siblings_hold(service, pid);
    far_above.then(|| match siblings {
        Some(most) if most < held.open.count / LEAK_FACTOR => {
            format!("{} calls for {}; its siblings hold at most {most}", need.because, need.number)
        }
        _ => format!("{} calls for {}", need.because, need.number),
    })
}

/// Gunicorn 25.1 to 26.0 leave descriptors of the control server behind in the master at every reload.
fn master_leak(service: &Service, held: &Use<'_>) -> Option<String> {
    let version = service.known_version()?;
    let leaks = Version::new(25, 1, 0) <= version && version < Version::new(26, 1, 0);
    let far_above = held.open.count > MASTER_OWN + 3 * service.workers.len() as u64;
    (leaks && far_above).then(|| format!("Gunicorn {version} leaks them in the master at every HUP; 26.1.0 does not"))
}

/// A master of 25.1 with its logs, pipes, epoll and control server holds 13 descriptors with three workers; four
/// times that is no longer its own.
const MASTER_OWN: u64 = 52;

fn siblings_hold(service: &Service, pid: Pid) -> Option<u64> {
    let others = service.workers.iter().map(|worker| &worker.process).filter(|process| process.pid != pid);
    others.filter_map(|process| process.descriptors.known()).map(|open| open.count).max()
}

impl Use<'_> {
    fn nearly_full(&self, service: &Service, severity: Severity, leak: Option<String>) -> Verdict {
        let wanted = recommended_open_files(self.open.count.saturating_mul(2));
        let consequence = match &leak {
            Some(why) => format!("It looks like a leak ({why}): a higher limit only delays the end."),
            None => "The next connections fail with EMFILE, and the master may fail to start a worker.".to_owned(),
        };
        let mut steps = vec![format!("ls -l /proc/{}/fd   # what it holds", self.process.pid)];
        steps.push(format!("prlimit --pid {} --nofile={wanted}:   # at once, until the restart", self.process.pid));
        let command = match leak {
            Some(_) => {
                steps.push(self.relief(service));
                None
            }
            None => {
                steps.extend(raise_open_files(service, wanted));
                apply(service, "--nofile auto")
            }
        };
        let restart_needed = command.is_some();
        Verdict::finding(
            severity,
            self.seen(service),
            consequence,
            Remedy { command, by_hand: steps, restart: restart_needed },
        )
    }

    fn leaking(&self, service: &Service, why: &str) -> Verdict {
        let consequence = format!("It looks like a leak ({why}): raising the limit would only delay the end.");
        let steps = vec![format!("ls -l /proc/{}/fd   # what it holds", self.process.pid), self.relief(service)];
        let remedy = Remedy { command: None, by_hand: steps, restart: false };
        Verdict::finding(Severity::Info, self.seen(service), consequence, remedy)
    }

    /// What gives leaked descriptors back: they go with the process.
    fn relief(&self, service: &Service) -> String {
        match self.process.pid == service.master.pid {
            true => format!("{}   # and upgrade Gunicorn", restart(service)),
            false => format!("kill -HUP {}   # new workers; then set max_requests", service.master.pid),
        }
    }

    fn seen(&self, service: &Service) -> Seen {
        let pid = self.process.pid;
        let part = if pid == service.master.pid { "master" } else { "worker" };
        Seen {
            observed: format!("{part} {pid}: {} of {}{}", self.open.count, self.soft, self.share()),
            wanted: format!("below {:.0}%", NEARLY_FULL * 100.0),
            evidence: vec![
                format!("/proc/{pid}/fd: {} open{}", self.open.count, mostly(self.open)),
                format!("/proc/{pid}/limits: Max open files soft {}", self.soft),
            ],
            columns: Columns { in_force: vec![self.in_force()], ..Columns::default() },
        }
    }

    fn share(&self) -> String {
        match self.soft {
            Limit::At(_) => format!(" ({:.0}%)", self.soft.share_used(self.open.count) * 100.0),
            Limit::Unlimited => String::new(),
        }
    }

    fn in_force(&self) -> InForce {
        InForce { subject: format!("pid {}", self.process.pid), value: self.soft.to_string() }
    }
}

/// The two commonest kinds: `, mostly socket (820), /var/lib/app (12)`.
fn mostly(open: &Descriptors) -> String {
    let kinds: Vec<String> =
        open.kinds.iter().take(2).map(|(kind, count)| format!("{} ({count})", quoted(kind))).collect();
    if kinds.is_empty() { String::new() } else { format!(", mostly {}", kinds.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::checks::judged::found;
    use crate::facts::Fact;

    fn judged(change: impl FnOnce(&mut Service)) -> Judgement {
        let facts = healthy::with_service(change);
        let service = &facts.services.known().unwrap()[0];
        each(&facts, service)
    }

    fn holding(count: u64) -> Fact<Descriptors> {
        Fact::Known(Descriptors { count, kinds: vec![("socket".into(), count)], highest: count as i32 })
    }

    #[test]
    fn few_open_files_are_well() {
        assert!(matches!(judged(|_| ()), Ok(Verdict::Healthy(_))));
    }

    #[test]
    fn a_worker_at_its_limit_is_critical_and_names_what_it_holds() {
        let finding = found(judged(|service| service.workers[1].process.descriptors = holding(4000)));
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.seen.observed.starts_with("worker 816: 4000 of 4096 (98%)"), "{}", finding.seen.observed);
        assert!(finding.seen.evidence[0].contains("mostly socket (4000)"));
    }

    #[test]
    fn a_sync_worker_with_thousands_leaks_and_is_not_told_to_raise_the_limit() {
        let finding = found(judged(|service| service.workers[1].process.descriptors = holding(4000)));
        assert!(finding.consequence.contains("leak"), "{}", finding.consequence);
        assert!(finding.consequence.contains("siblings hold at most 11"));
        assert_eq!(finding.remedy.command, None);
    }

    #[test]
    fn a_full_process_that_needs_so_many_gets_a_higher_limit() {
        let finding = found(judged(|service| {
            let limits = service.master.limits.known().copied().map(|mut limits| {
                limits.open_files.soft = Limit::At(64);
                limits
            });
            service.workers[0].process.limits = limits.into();
            service.workers[0].process.descriptors = holding(50);
        }));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --nofile auto --unit gunicorn.service"));
    }

    #[test]
    fn a_leak_below_the_limit_is_information() {
        let finding = found(judged(|service| service.workers[0].process.descriptors = holding(900)));
        assert_eq!((finding.severity, finding.remedy.command), (Severity::Info, None));
    }

    #[test]
    fn descriptors_or_limits_that_are_hidden_are_unknown() {
        assert!(
            judged(|service| service.workers[0].process.descriptors = Fact::unreadable("permission denied")).is_err()
        );
        assert!(judged(|service| service.master.limits = Fact::unreadable("permission denied")).is_err());
    }
}
