//! `oom-policy`: whether one killed worker takes the whole service with it.

use crate::checks::by_hand::gtune;
use crate::checks::columns::of_directive;
use crate::checks::steps::{apply, by_hand, drop_in, nothing_runs, restart, systemctl};
use crate::checks::weigh::weigh;
use crate::checks::{Area, Check, Columns, InForce, Judge, Judgement, Remedy, Seen, Severity, Verdict};
use crate::facts::{CgroupMemory, Fact, Facts, LoadedUnit, Manager, Reason, Service, Unit};
use crate::units::quoted;

/// The version of systemd that brought `OOMPolicy=` (its NEWS, 243).
const FIRST_WITH_POLICY: u32 = 243;

const KEY: &str = "Service.OOMPolicy";

/// The check.
pub const CHECK: Check = Check {
    id: "oom-policy",
    area: Area::Memory,
    title: "What an OOM kill ends",
    looks_at: "OOMPolicy= of the unit, as its files say it and as systemd has loaded it, and\n\
               memory.oom.group of the control group.",
    why: "Gunicorn replaces a dead worker within a second. systemd does not let it: under its default,\n\
          OOMPolicy=stop, one worker killed for memory makes it stop the whole service, master and\n\
          all. memory.oom.group=1 does the same in the kernel; Kubernetes sets it since 1.28.\n\
          It matters without a memory limit too: the host itself can run out.",
    changes: "gtune apply --oom-policy continue --unit UNIT writes OOMPolicy=continue in a drop-in and\n\
              makes systemd read it. No restart is needed.",
    by_hand: &[
        "mkdir -p /etc/systemd/system/UNIT.d",
        "printf '[Service]\\nOOMPolicy=continue\\n' > /etc/systemd/system/UNIT.d/60-oom-policy.conf",
        "systemctl daemon-reload",
        "Kubernetes 1.32 and later: singleProcessOOMKill: true in the kubelet's configuration",
    ],
    references: &["systemd.service(5), OOMPolicy=", "Linux: cgroup-v2.rst, memory.oom.group", "oomd.conf(5)"],
    judge: Judge::Service { each, fresh },
};

fn each(facts: &Facts, service: &Service) -> Judgement {
    match &service.unit {
        Fact::Known(unit) => weigh([of_unit(facts, service, unit), of_group(service).map(Verdict::quietly)]),
        Fact::Unreadable(reason) => Err(reason.clone()),
        Fact::Absent => without_unit(service),
    }
}

fn without_unit(service: &Service) -> Judgement {
    match of_group(service)? {
        Verdict::NotApplicable(_) => Ok(Verdict::not_applicable(why_without_unit(service))),
        verdict => Ok(verdict),
    }
}

fn why_without_unit(service: &Service) -> String {
    match &service.manager {
        Manager::Supervisor { name, .. } => {
            format!("no unit runs it; where {name} is a unit, that one's OOMPolicy counts: see systemctl show")
        }
        _ => "no systemd unit runs it, and the kernel kills one process at a time".into(),
    }
}

fn of_unit(facts: &Facts, service: &Service, unit: &Unit) -> Judgement {
    let loaded = unit.loaded.needed("loaded unit")?;
    let seen = seen(service, unit, loaded);
    match loaded.oom_policy.as_str() {
        "continue" => Ok(kept_at_boot(service, unit, seen)),
        "" => no_policy(facts, unit),
        policy => {
            let consequence = match policy {
                "kill" => "One OOM-killed worker makes the kernel kill every process of the service.",
                _ => "One OOM-killed worker makes systemd stop the whole service.",
            };
            Ok(Verdict::finding(Severity::Warning, seen, consequence, remedy(service, unit, policy)))
        }
    }
}

fn no_policy(facts: &Facts, unit: &Unit) -> Judgement {
    match facts.host.systemd.known() {
        Some(version) if *version < FIRST_WITH_POLICY => Ok(Verdict::not_applicable(format!(
            "systemd {version} leaves a service alone when one process is killed (OOMPolicy= came with 243)"
        ))),
        _ => Err(Reason::new(format!("systemctl show {}: holds no OOMPolicy", unit.name))),
    }
}

/// Loaded is `continue`; the files may say something else, and win at the next boot.
fn kept_at_boot(service: &Service, unit: &Unit, seen: Seen) -> Verdict {
    let Some(line) = unit.winner(KEY).filter(|line| line.value.trim() != "continue") else {
        return Verdict::Healthy(seen);
    };
    let seen = Seen { observed: format!("continue is loaded, the files say {}", line.value), ..seen };
    let consequence = "From the next daemon-reload or boot on, one killed worker ends the whole service.";
    Verdict::finding(Severity::Warning, seen, consequence, remedy(service, unit, &line.value))
}

fn seen(service: &Service, unit: &Unit, loaded: &LoadedUnit) -> Seen {
    let winner = unit.winner(KEY);
    let mut evidence = vec![format!("systemctl show {}: OOMPolicy={}", unit.name, loaded.oom_policy)];
    match winner {
        Some(line) => evidence.push(format!("{}:{}: OOMPolicy={}", line.file, line.line, line.value)),
        None => evidence.push(format!("{}: no OOMPolicy= in its files, so the manager's default holds", unit.name)),
    }
    Seen {
        observed: format!("OOMPolicy={}", loaded.oom_policy),
        wanted: "OOMPolicy=continue".into(),
        evidence,
        columns: Columns {
            live: Some(loaded.oom_policy.clone()),
            in_force: group_memory(service).known().and_then(|memory| in_force(memory)).into_iter().collect(),
            ..of_directive(Some(unit), "OOMPolicy")
        },
    }
}

fn in_force(memory: &CgroupMemory) -> Option<InForce> {
    let value = u8::from(*memory.oom_group.known()?).to_string();
    Some(InForce { subject: group_file(memory), value })
}

fn group_file(memory: &CgroupMemory) -> String {
    format!("{}/memory.oom.group", memory.directory)
}

fn remedy(service: &Service, unit: &Unit, policy: &str) -> Remedy {
    let mut steps = drop_in(unit, "oom-policy", &["OOMPolicy=continue".into()]);
    // The manager asks its table when a kill is reported, so a reload is enough; `kill` is a flag of the group, which
    // is set when the group is made.
    let kill = policy == "kill";
    if kill {
        steps.push(restart(service));
    } else {
        steps.push(format!("{} -p OOMPolicy   # now: continue", systemctl(unit, "show")));
    }
    Remedy { command: apply(service, "--oom-policy continue"), by_hand: steps, restart: kill }
}

fn group_memory(service: &Service) -> Fact<&CgroupMemory> {
    service.cgroup.as_ref().and_then(|group| group.memory.as_ref())
}

fn of_group(service: &Service) -> Judgement {
    let memory = match group_memory(service) {
        Fact::Known(memory) => memory,
        Fact::Absent => return Ok(Verdict::not_applicable("no memory control group")),
        Fact::Unreadable(reason) => return Err(reason),
    };
    let all = match &memory.oom_group {
        Fact::Known(all) => *all,
        Fact::Absent => return Ok(Verdict::not_applicable("version 1 control groups kill one process at a time")),
        Fact::Unreadable(reason) => return Err(reason.clone()),
    };
    let evidence = vec![format!("{}: {}", group_file(memory), u8::from(all))];
    if !all {
        return Ok(Verdict::healthy("an OOM kill takes one process", "memory.oom.group=0", evidence));
    }
    let seen = Seen {
        observed: "memory.oom.group=1".into(),
        wanted: "memory.oom.group=0".into(),
        evidence,
        ..Seen::default()
    };
    let consequence = "One worker out of memory makes the kernel kill every process of the service.";
    Ok(Verdict::finding(Severity::Warning, seen, consequence, by_hand(group_steps(service, memory))))
}

fn group_steps(service: &Service, memory: &CgroupMemory) -> Vec<String> {
    let now = format!("echo 0 > {}   # until the group is made anew", group_file(memory));
    let kept = match service.container.as_ref().map(|container| container.runtime.as_str()) {
        Some("kubernetes") => "singleProcessOOMKill: true in the kubelet's configuration (Kubernetes 1.32 and later)",
        Some(_) => "take the oom.group option out of the container's configuration",
        None => "OOMPolicy=continue in the unit of whatever starts it",
    };
    vec![now, kept.into()]
}

fn fresh(facts: &Facts) -> Judgement {
    if facts.stopped_units.is_empty() {
        return Ok(nothing_runs(facts, "unit whose policy would count"));
    }
    weigh(facts.stopped_units.iter().map(|unit| at_its_start(facts, unit)))
}

/// A unit that is to be started: what systemd has loaded, else what its files say, else systemd's default.
fn at_its_start(facts: &Facts, unit: &Unit) -> Judgement {
    let (policy, evidence) = match (&unit.loaded, unit.fragment.needed("unit file"), unit.winner(KEY)) {
        (Fact::Known(loaded), ..) if loaded.oom_policy.is_empty() => return no_policy(facts, unit),
        (Fact::Known(loaded), ..) => {
            (loaded.oom_policy.as_str(), format!("systemctl show {}: OOMPolicy={}", unit.name, loaded.oom_policy))
        }
        (_, Err(reason), _) => return Err(reason),
        (_, _, Some(line)) => (line.value.trim(), format!("{}:{}: OOMPolicy={}", line.file, line.line, line.value)),
        (_, Ok(file), None) => ("stop", format!("{file}: no OOMPolicy=, and systemd's default is stop")),
    };
    let seen = Seen {
        observed: format!("{}: OOMPolicy={policy}", unit.name),
        wanted: "OOMPolicy=continue".into(),
        evidence: vec![evidence],
        columns: of_directive(Some(unit), "OOMPolicy"),
    };
    if policy == "continue" {
        return Ok(Verdict::Healthy(seen));
    }
    let consequence = "Once it runs, one OOM-killed worker ends the whole service.";
    let command = format!("{} apply --oom-policy continue --unit {}", gtune(facts), quoted(&unit.name));
    let remedy = Remedy { command: Some(command), by_hand: steps_before_start(facts, unit), restart: false };
    Ok(Verdict::finding(Severity::Warning, seen, consequence, remedy))
}

/// In an image the drop-in lies below its root, and no manager is there to read it anew.
fn steps_before_start(facts: &Facts, unit: &Unit) -> Vec<String> {
    let steps = drop_in(unit, "oom-policy", &["OOMPolicy=continue".into()]);
    if facts.host.live {
        return steps;
    }
    let below = format!("{}/etc/systemd/system", facts.host.root.trim_end_matches('/'));
    let writes = steps.into_iter().filter(|step| step.contains("/etc/systemd/system"));
    writes.map(|step| step.replace("/etc/systemd/system", &below)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::checks::judged::found;
    use crate::facts::UnitAssignment;

    #[test]
    fn a_unit_in_an_image_is_judged_by_its_files() {
        let mut facts = healthy::fresh_host();
        (facts.host.live, facts.host.root) = (false, "/mnt".into());
        facts.services = Fact::unreadable("/mnt is an image: only a live kernel shows processes");
        assert!(matches!(fresh(&facts), Ok(Verdict::CannotTell(_))));
        facts.stopped_units = vec![Unit { loaded: Fact::unreadable("not asked"), ..healthy::unit() }];
        let finding = found(fresh(&facts));
        assert!(finding.seen.evidence[0].contains("no OOMPolicy="), "{:?}", finding.seen.evidence);
        assert!(finding.remedy.by_hand.iter().all(|step| step.contains("/mnt/etc/systemd/system")));
        let line = UnitAssignment { value: "continue".into(), file: "/etc/systemd/system/x.conf".into(), line: 2 };
        facts.stopped_units[0].stored.insert(KEY.into(), vec![line]);
        assert!(matches!(fresh(&facts), Ok(Verdict::Healthy(_))));
    }

    fn with_unit(change: impl FnOnce(&mut Unit, &mut LoadedUnit)) -> Facts {
        healthy::with_service(|service| {
            let Fact::Known(unit) = &mut service.unit else { unreachable!() };
            let Fact::Known(mut loaded) = unit.loaded.clone() else { unreachable!() };
            change(unit, &mut loaded);
            unit.loaded = Fact::Known(loaded);
        })
    }

    fn judged(facts: &Facts) -> Judgement {
        each(facts, &facts.services.known().unwrap()[0])
    }

    fn with_group(all: Fact<bool>, unit: Fact<Unit>) -> Facts {
        healthy::with_service(|service| {
            service.unit = unit;
            let Fact::Known(cgroup) = &mut service.cgroup else { unreachable!() };
            let Fact::Known(memory) = &mut cgroup.memory else { unreachable!() };
            memory.oom_group = all;
        })
    }

    #[test]
    fn continue_is_well() {
        assert!(matches!(judged(&healthy::host_with_gunicorn()), Ok(Verdict::Healthy(_))));
    }

    #[test]
    fn the_default_of_systemd_stops_the_whole_service() {
        let finding = found(judged(&with_unit(|_, loaded| loaded.oom_policy = "stop".into())));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.consequence, "One OOM-killed worker makes systemd stop the whole service.");
        let command = finding.remedy.command.as_deref();
        assert_eq!(command, Some("gtune apply --oom-policy continue --unit gunicorn.service"));
        assert!(!finding.remedy.restart);
    }

    #[test]
    fn a_policy_that_is_stored_otherwise_is_found_before_the_boot() {
        let facts = with_unit(|unit, _| {
            let file = "/etc/systemd/system/gunicorn.service".into();
            unit.stored.insert(KEY.into(), vec![UnitAssignment { value: "stop".into(), file, line: 9 }]);
        });
        let finding = found(judged(&facts));
        assert!(finding.consequence.contains("next daemon-reload or boot"));
        assert_eq!(finding.seen.columns.stored_for_boot.unwrap().line, Some(9));
    }

    #[test]
    fn an_old_systemd_has_no_policy() {
        let mut facts = with_unit(|_, loaded| loaded.oom_policy.clear());
        assert!(judged(&facts).is_err(), "systemd 252 always shows one");
        facts.host.systemd = Fact::Known(241);
        let Fact::Known(services) = &mut facts.services else { unreachable!() };
        let Fact::Known(cgroup) = &mut services[0].cgroup else { unreachable!() };
        cgroup.memory = Fact::Absent;
        assert!(matches!(judged(&facts), Ok(Verdict::NotApplicable(_))));
    }

    #[test]
    fn a_group_that_dies_together_is_found_with_and_without_a_unit() {
        assert!(found(judged(&with_group(Fact::Known(true), Fact::Absent))).consequence.contains("every process"));
        let with_unit = with_group(Fact::Known(true), Fact::Known(healthy::unit()));
        assert_eq!(found(judged(&with_unit)).seen.observed, "memory.oom.group=1");
        assert!(matches!(judged(&with_group(Fact::Absent, Fact::Absent)), Ok(Verdict::NotApplicable(_))));
    }

    #[test]
    fn what_is_hidden_is_unknown() {
        let hidden = || Fact::unreadable("permission denied");
        assert!(judged(&healthy::with_service(|service| service.unit = Fact::unreadable("no bus"))).is_err());
        assert!(judged(&with_group(hidden(), Fact::Absent)).is_err());
        assert!(judged(&with_group(hidden(), Fact::Known(healthy::unit()))).is_err());
    }
}
