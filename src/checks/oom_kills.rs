//! `oom-kills`: whether the OOM killer has taken processes of the service.

use crate::checks::steps::{by_hand, systemctl};
use crate::checks::weigh::weigh;
use crate::checks::worker_memory::raise_limit;
use crate::checks::{Area, Check, Judge, Judgement, Seen, Severity, Verdict};
use crate::facts::{CgroupMemory, Fact, Facts, OomKill, Service, Unit};

/// The check.
pub const CHECK: Check = Check {
    id: "oom-kills",
    area: Area::Memory,
    title: "Kills by the OOM killer",
    looks_at: "oom_kill in memory.events (or memory.oom_control) of the service's control group, oom_kill in\n\
               /proc/vmstat for the host, the Result systemd keeps of the unit, and what the kernel's own\n\
               buffer (/dev/kmsg) tells of each kill.",
    why: "A worker killed for want of memory loses its request and, before Gunicorn 21, leaves no word\n\
          in the log: only a new \"Booting worker\". Gunicorn's own \"Perhaps out of memory?\" is a guess\n\
          that is often wrong; these counters are not.",
    changes: "Nothing. gtune oom shows each kill, and gtune triage which worker it was.",
    by_hand: &[
        "journalctl -k -g 'Killed process'   # which process, and when; or: dmesg -T",
        "systemctl set-property UNIT MemoryMax=2G   # or fewer workers, or max_requests against growth",
        "gtune oom   # which process, when, at which limit",
    ],
    references: &[
        "Linux: cgroup-v2.rst, memory.events",
        "Linux: cgroup-v1/memory.rst, memory.oom_control",
        "Gunicorn settings: max_requests, max_requests_jitter",
    ],
    judge: Judge::Service { each, fresh },
};

fn each(facts: &Facts, service: &Service) -> Judgement {
    weigh([of_group(facts, service), of_unit(service)])
}

fn of_group(facts: &Facts, service: &Service) -> Judgement {
    let memory = service.cgroup.as_ref().and_then(|group| group.memory.as_ref());
    let count = memory.clone().and_then(|memory| memory.oom_kills.as_ref().map(|count| (memory, *count)));
    match (count, facts.host.oom_kills.known()) {
        (Fact::Known((memory, count)), _) if count > 0 => Ok(killed(facts, service, memory, count)),
        (Fact::Known((memory, _)), on_host) => Ok(spared(facts, memory, on_host.copied())),
        // The host counts the kills of all groups: none there is none here.
        (_, Some(0)) => {
            Ok(Verdict::healthy("no kill on this host since boot", "none", vec![HOST_COUNT.replace('N', "0")]))
        }
        (Fact::Absent, Some(count)) => Ok(Verdict::cannot_tell(format!(
            "{count} kills on this host since boot, and the service has no counter of its own: the kernel log says whose they were"
        ))),
        (Fact::Absent, None) => {
            Ok(Verdict::cannot_tell("this kernel does not count OOM kills (Linux 4.13 and later do)"))
        }
        (Fact::Unreadable(reason), _) => Err(reason),
    }
}

const IN_KERNEL_LOG: &str = "journalctl -k -g 'Killed process'   # which process, and when; or: dmesg -T";

const EVERY_KILL: [&str; 2] = [IN_KERNEL_LOG, "gtune oom --all   # every kill in the kernel log"];

const HOST_COUNT: &str = "/proc/vmstat: oom_kill N";

/// Kills that are named as evidence; a service in a loop of kills has hundreds, and `gtune oom` lists them.
const NAMED: usize = 3;

/// What the kernel's buffer tells of the kills that were counted, the last ones first; `group` narrows it to a service.
fn told(facts: &Facts, group: Option<&str>, counted: u64) -> Vec<String> {
    let log = match &facts.oom_log {
        Fact::Known(log) => log,
        Fact::Absent => return vec![],
        Fact::Unreadable(reason) => return vec![format!("which process, and when, the kernel log says: {reason}")],
    };
    let kills: Vec<&OomKill> =
        log.kills.iter().filter(|kill| group.is_none_or(|group| kill.is_within(group))).collect();
    let mut lines: Vec<String> = kills.iter().rev().take(NAMED).map(|kill| format!("/dev/kmsg: {kill}")).collect();
    let told: u64 = kills.iter().map(|kill| u64::from(kill.lines)).sum();
    if told < counted {
        let lost = if log.lost { ", whose older records were overwritten" } else { "" };
        lines.push(format!(
            "/dev/kmsg{lost} tells of {told} of {counted}; gtune oom reads the journal and log files too"
        ));
    }
    lines
}

fn killed(facts: &Facts, service: &Service, memory: &CgroupMemory, count: u64) -> Verdict {
    let mut evidence = vec![format!("{} {count}", memory.oom_kills_from)];
    evidence.extend(told(facts, service.cgroup.known().map(|group| group.path.as_str()), count));
    evidence.push(format!("{}: {}", memory.limit_file, memory.limit_bytes));
    let seen = Seen {
        observed: format!("{} by the OOM killer since the control group was made", processes(count)),
        wanted: "none".into(),
        evidence,
        ..Seen::default()
    };
    let consequence = "Each killed worker lost the request it was serving.";
    Verdict::finding(Severity::Critical, seen, consequence, by_hand(steps(service)))
}

fn processes(count: u64) -> String {
    if count == 1 { "1 process killed".into() } else { format!("{count} processes killed") }
}

fn steps(service: &Service) -> Vec<String> {
    let memory = service.cgroup.known().and_then(|group| group.memory.known());
    let raise = memory.map(|memory| format!("{}   # more than now", raise_limit(service, memory)));
    let mut steps = vec![IN_KERNEL_LOG.to_owned()];
    steps.extend(raise);
    steps.extend([
        "or fewer workers, or --max-requests 1000 --max-requests-jitter 100 where workers grow".into(),
        "gtune oom   # which process, when, at which limit".into(),
        "gtune triage   # which of the dead workers it was".into(),
    ]);
    steps
}

/// The group is well; kills elsewhere on the host are worth knowing, for they may have been of this service's past.
fn spared(facts: &Facts, memory: &CgroupMemory, on_host: Option<u64>) -> Verdict {
    let mut evidence = vec![format!("{} 0", memory.oom_kills_from)];
    let Some(count) = on_host.filter(|count| *count > 0) else {
        return Verdict::healthy("none since the control group was made", "none", evidence);
    };
    evidence.push(HOST_COUNT.replace('N', &count.to_string()));
    evidence.extend(told(facts, None, count));
    let seen = Seen {
        observed: format!("none in this service, {} elsewhere on the host since boot", processes(count)),
        wanted: "none".into(),
        evidence,
        ..Seen::default()
    };
    let consequence = "The group is made anew at each start of the service: earlier kills may have been its own.";
    Verdict::finding(Severity::Info, seen, consequence, by_hand(EVERY_KILL))
}

/// systemd remembers how the last run ended.
fn of_unit(service: &Service) -> Judgement {
    let loaded = service.unit.as_ref().and_then(|unit| unit.loaded.as_ref().map(|loaded| (unit, loaded)));
    let Fact::Known((unit, loaded)) = loaded else {
        return Ok(Verdict::not_applicable("no unit says how the last run ended"));
    };
    if loaded.result != "oom-kill" {
        return Ok(Verdict::not_applicable("the unit knows of no OOM kill"));
    }
    let seen = Seen {
        observed: "systemd says the unit was hit by the OOM killer".into(),
        wanted: "Result=success".into(),
        evidence: vec![format!("systemctl show {}: Result=oom-kill", unit.name)],
        ..Seen::default()
    };
    let consequence = "Under OOMPolicy=stop or kill, one killed worker ends the whole service.";
    Ok(Verdict::finding(Severity::Critical, seen, consequence, by_hand(steps(service))))
}

fn fresh(facts: &Facts) -> Judgement {
    let of_units = facts.stopped_units.iter().map(last_run);
    weigh(of_units.chain([of_host(facts)]))
}

/// How the last run of a unit that is down ended: under `OOMPolicy=stop` one kill ends it all.
fn last_run(unit: &Unit) -> Judgement {
    let Some(loaded) = unit.loaded.known().filter(|loaded| loaded.result == "oom-kill") else {
        return Ok(Verdict::not_applicable(format!("{} knows of no OOM kill", unit.name)));
    };
    let seen = Seen {
        observed: format!("{} is {}: the OOM killer hit it", unit.name, loaded.active_state),
        wanted: "none".into(),
        evidence: vec![
            format!("systemctl show {}: Result=oom-kill, ActiveState={}", unit.name, loaded.active_state),
            format!("systemctl show {}: OOMPolicy={}", unit.name, loaded.oom_policy),
        ],
        ..Seen::default()
    };
    let consequence = "The service is down: no worker answers before it is started again.";
    let start =
        format!("{}   # then mend oom-policy, and give it more memory or fewer workers", systemctl(unit, "start"));
    Ok(Verdict::finding(Severity::Critical, seen, consequence, by_hand([IN_KERNEL_LOG.to_owned(), start])))
}

fn of_host(facts: &Facts) -> Judgement {
    let count = match &facts.host.oom_kills {
        Fact::Known(count) => *count,
        Fact::Absent => {
            return Ok(Verdict::cannot_tell("this kernel does not count OOM kills (Linux 4.13 and later do)"));
        }
        Fact::Unreadable(reason) => return Err(reason.clone()),
    };
    let mut evidence = vec![HOST_COUNT.replace('N', &count.to_string())];
    if count == 0 {
        return Ok(Verdict::healthy("none since boot", "none", evidence));
    }
    evidence.extend(told(facts, None, count));
    let observed = format!("{} on this host since boot", processes(count));
    let seen = Seen { observed, wanted: "none".into(), evidence, ..Seen::default() };
    let consequence = "Memory has run out here before; the workers of a Gunicorn are often the largest processes.";
    Ok(Verdict::finding(Severity::Info, seen, consequence, by_hand(EVERY_KILL)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::checks::judged::found;
    use crate::facts::OomLog;
    use crate::units::Pid;

    #[test]
    fn a_service_that_the_oom_killer_took_down_is_critical_though_nothing_runs() {
        let mut facts = healthy::fresh_host();
        let mut unit = healthy::unit();
        let Fact::Known(loaded) = &mut unit.loaded else { unreachable!() };
        (loaded.active_state, loaded.result) = ("failed".into(), "oom-kill".into());
        facts.stopped_units = vec![unit];
        let Verdict::Finding(finding) = fresh(&facts).unwrap() else { panic!() };
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.seen.observed.starts_with("gunicorn.service is failed"), "{}", finding.seen.observed);
        assert!(finding.remedy.by_hand.iter().any(|step| step.starts_with("systemctl start gunicorn.service")));
    }

    #[test]
    fn a_service_that_was_stopped_in_good_order_is_no_finding() {
        let mut facts = healthy::fresh_host();
        facts.stopped_units = vec![healthy::unit()];
        assert!(matches!(fresh(&facts), Ok(Verdict::Healthy(_))));
    }

    fn facts(in_group: Fact<u64>, on_host: Fact<u64>) -> Facts {
        let mut facts = healthy::with_service(|service| {
            let Fact::Known(cgroup) = &mut service.cgroup else { unreachable!() };
            let Fact::Known(memory) = &mut cgroup.memory else { unreachable!() };
            memory.oom_kills = in_group;
        });
        facts.host.oom_kills = on_host;
        facts
    }

    fn judged(facts: &Facts) -> Judgement {
        each(facts, &facts.services.known().unwrap()[0])
    }

    #[test]
    fn a_kill_in_the_group_is_critical_and_names_its_counter() {
        let finding = found(judged(&facts(Fact::Known(3), Fact::Known(3))));
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.seen.evidence[0].ends_with("memory.events: oom_kill 3"), "{:?}", finding.seen.evidence);
        assert!(finding.seen.observed.starts_with("3 processes killed"));
    }

    fn kill(cgroup: &str) -> OomKill {
        let limit_bytes = Some(200 << 20);
        OomKill {
            time: None,
            pid: Pid(9),
            comm: "gunicorn".into(),
            cgroup: Some(cgroup.into()),
            rss_bytes: None,
            lines: 1,
            limit_bytes,
        }
    }

    #[test]
    fn the_kernels_own_buffer_says_which_process_it_was_and_what_it_has_lost() {
        let mut facts = facts(Fact::Known(2), Fact::Known(3));
        let group = facts.services.known().unwrap()[0].cgroup.known().unwrap().path.clone();
        facts.oom_log = Fact::Known(OomLog { kills: vec![kill(&group), kill("/other")], lost: true });
        let evidence = found(judged(&facts)).seen.evidence;
        assert_eq!(evidence.iter().filter(|line| line.contains("gunicorn (pid 9)")).count(), 1, "{evidence:?}");
        assert!(evidence.iter().any(|line| line.contains("overwritten tells of 1 of 2")), "{evidence:?}");
        let told_twice = OomKill { lines: 2, ..kill(&group) };
        facts.oom_log = Fact::Known(OomLog { kills: vec![told_twice], lost: false });
        let evidence = found(judged(&facts)).seen.evidence;
        assert!(!evidence.iter().any(|line| line.contains("tells of")), "the counter has it twice too: {evidence:?}");
        facts.oom_log = Fact::unreadable("permission denied: /dev/kmsg");
        let evidence = found(judged(&facts)).seen.evidence;
        assert!(evidence.iter().any(|line| line.contains("permission denied")), "{evidence:?}");
    }

    #[test]
    fn a_kill_elsewhere_is_information() {
        assert_eq!(found(judged(&facts(Fact::Known(0), Fact::Known(2)))).severity, Severity::Info);
        assert!(matches!(judged(&facts(Fact::Known(0), Fact::Known(0))), Ok(Verdict::Healthy(_))));
    }

    #[test]
    fn no_kill_on_the_host_proves_none_in_a_group_that_cannot_be_read() {
        let hidden = || Fact::unreadable("permission denied: memory.events");
        assert!(matches!(judged(&facts(hidden(), Fact::Known(0))), Ok(Verdict::Healthy(_))));
        assert!(judged(&facts(hidden(), Fact::Known(1))).is_err());
        assert!(judged(&facts(hidden(), Fact::unreadable("not mounted"))).is_err());
        assert!(judged(&facts(Fact::Absent, Fact::Absent)).unwrap_err().to_string().contains("4.13"));
    }

    #[test]
    fn the_result_of_the_unit_counts_too() {
        let facts = healthy::with_service(|service| {
            let Fact::Known(unit) = &mut service.unit else { unreachable!() };
            let Fact::Known(loaded) = &mut unit.loaded else { unreachable!() };
            loaded.result = "oom-kill".into();
        });
        assert!(found(judged(&facts)).seen.observed.contains("systemd"));
    }

    #[test]
    fn a_fresh_host_is_judged_by_its_own_counter() {
        let mut facts = healthy::fresh_host();
        assert!(matches!(fresh(&facts), Ok(Verdict::Healthy(_))));
        facts.host.oom_kills = Fact::Known(1);
        assert!(found(fresh(&facts)).seen.observed.starts_with("1 process killed"));
        facts.host.oom_kills = Fact::unreadable("not in an image");
        assert!(fresh(&facts).is_err());
    }
}
