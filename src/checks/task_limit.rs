//! `task-limit`: whether there is room for the threads and processes of a reload.

use crate::checks::columns::of_directive;
use crate::checks::steps::{by_hand, drop_in, restart, set_property};
use crate::checks::weigh::weigh;
use crate::checks::{Area, Check, Columns, InForce, Judge, Judgement, Seen, Severity, Verdict};
use crate::facts::{CgroupTasks, Fact, Facts, Manager, Service};
use crate::units::Limit;

/// From this share on there is too little room to keep running threads of the application apart from an alarm.
const NEARLY_FULL: f64 = 0.90;

/// No lower limit is worth setting: it leaves a service of any class room for its threads.
const LEAST_RAISED: u64 = 512;

/// The check.
pub const CHECK: Check = Check {
    id: "task-limit",
    area: Area::Limits,
    title: "Room for processes and threads",
    looks_at: "pids.current, pids.max and pids.events of the control group (the tightest of it and those\n\
               above), Max processes in /proc/<pid>/limits, and the host's threads-max and pid_max\n\
               against the fourth field of /proc/loadavg.",
    why: "Workers and their threads are tasks. A reload starts all new workers before the old ones go,\n\
          so it needs twice as many. Where fork() is refused no worker comes back after a crash, and\n\
          threads of the application fail with \"can't start new thread\".",
    changes: "Nothing. The limit belongs to the unit, the container or the user.",
    by_hand: &[
        "systemctl show UNIT -p TasksCurrent,TasksMax",
        "systemctl set-property UNIT TasksMax=8192   # at once, and for the next boot",
        "docker and podman: --pids-limit 8192",
    ],
    references: &["systemd.resource-control(5), TasksMax=", "Linux: cgroup-v2.rst, PID", "getrlimit(2), RLIMIT_NPROC"],
    judge: Judge::Service { each, fresh },
};

fn each(facts: &Facts, service: &Service) -> Judgement {
    // The wider bounds are worth a word where they strain; else their evidence is enough.
    let wider = [of_user(service), of_host(facts, &Need::of(service))].map(|look| look.map(Verdict::quietly));
    weigh(std::iter::once(of_group(service)).chain(wider))
}

/// Tasks that are going to be asked for.
struct Need {
    one_worker: u64,
    reload: u64,
}

impl Need {
    /// A new worker has as many threads as the busiest now, and a reload starts one for each there is.
    fn of(service: &Service) -> Self {
        let threads = || service.workers.iter().map(|worker| u64::from(worker.process.threads));
        Self { one_worker: threads().max().unwrap_or(1).max(1), reload: threads().sum::<u64>().max(1) }
    }
}

/// How a bound stands to what is going to be asked for.
fn strain(current: u64, limit: Limit, need: &Need) -> Option<(Severity, &'static str)> {
    if !limit.allows(current.saturating_add(need.one_worker)) {
        Some((Severity::Critical, "There is no room for one more worker: one that dies cannot be replaced."))
    } else if !limit.allows(current.saturating_add(need.reload)) {
        Some((Severity::Warning, "A reload starts all new workers beside the old ones and will fail half-way."))
    } else if limit.share_used(current) >= NEARLY_FULL {
        Some((Severity::Warning, "The next threads or processes will be refused."))
    } else {
        None
    }
}

fn of_group(service: &Service) -> Judgement {
    let tasks = match service.cgroup.as_ref().and_then(|group| group.tasks.as_ref()) {
        Fact::Known(tasks) => tasks,
        Fact::Absent => return Ok(Verdict::healthy("no control group bounds it", "room for a reload", vec![])),
        Fact::Unreadable(reason) => return Err(reason),
    };
    let refused = match &tasks.refused {
        Fact::Known(count) => *count,
        // Kernels without the counter (before 4.3 there is no pids controller at all) leave the bound itself.
        Fact::Absent => 0,
        Fact::Unreadable(reason) => return Err(reason.clone()),
    };
    let seen = group_seen(service, tasks, refused);
    let strained = strain(tasks.current, tasks.limit, &Need::of(service)).or((refused > 0).then_some((
        Severity::Warning,
        "Forks have been refused since the group was made: workers or threads were missing then.",
    )));
    match strained {
        Some((severity, consequence)) => {
            Ok(Verdict::finding(severity, seen, consequence, by_hand(group_steps(service, tasks))))
        }
        None => Ok(Verdict::Healthy(seen)),
    }
}

fn group_seen(service: &Service, tasks: &CgroupTasks, refused: u64) -> Seen {
    let refusals = if refused > 0 { format!(", {refused} forks refused") } else { String::new() };
    let mut evidence = vec![format!("{}: {}, now {}", tasks.limit_file, tasks.limit, tasks.current)];
    if refused > 0 {
        let events = tasks.limit_file.replace("pids.max", "pids.events");
        evidence.push(format!("{events}: max {refused}"));
    }
    Seen {
        observed: format!("{} of {} tasks in the control group{refusals}", tasks.current, tasks.limit),
        wanted: format!("room for {} more, for a reload", Need::of(service).reload),
        evidence,
        columns: columns(service, tasks),
    }
}

fn columns(service: &Service, tasks: &CgroupTasks) -> Columns {
    let loaded = service.unit.known().and_then(|unit| unit.loaded.known()).and_then(|loaded| loaded.tasks_max.known());
    Columns {
        live: loaded.map(Limit::to_string),
        in_force: vec![InForce { subject: tasks.limit_file.clone(), value: tasks.limit.to_string() }],
        ..of_directive(service.unit.known(), "TasksMax")
    }
}

fn group_steps(service: &Service, tasks: &CgroupTasks) -> Vec<String> {
    let raised = tasks.limit.number().unwrap_or(tasks.current).max(tasks.current).saturating_mul(2).max(LEAST_RAISED);
    let path = service.cgroup.known().map_or("", |group| group.path.as_str());
    let own = tasks.limit_file.ends_with(&format!("{path}/pids.max"));
    match (&service.unit, &service.manager) {
        (Fact::Known(unit), _) if own => vec![set_property(unit, &format!("TasksMax={raised}"))],
        (_, Manager::Container) => vec![
            format!("docker update --pids-limit {raised} CONTAINER   # podman: podman update"),
            "Kubernetes: podPidsLimit in the kubelet's configuration of that node".into(),
        ],
        _ => vec![format!("echo {raised} > {}   # until the group is made anew", tasks.limit_file)],
    }
}

/// RLIMIT_NPROC counts the tasks of the user on the whole host; those of this service are the least it can be.
fn of_user(service: &Service) -> Judgement {
    let Some(process) = service.workers.first().map(|worker| &worker.process) else {
        return Ok(Verdict::not_applicable("no worker runs yet"));
    };
    let limit = process.limits.needed("limits")?.processes.soft;
    if process.uid == 0 {
        return Ok(Verdict::not_applicable("the kernel does not bound the tasks of root"));
    }
    let own: u64 = service.processes().map(|process| u64::from(process.threads)).sum();
    let seen = Seen {
        observed: format!("uid {} has at least {own} of {limit} tasks", process.uid),
        wanted: "room for a reload".into(),
        evidence: vec![format!("/proc/{}/limits: Max processes soft {limit}", process.pid)],
        ..Seen::default()
    };
    match strain(own, limit, &Need::of(service)) {
        Some((severity, consequence)) => {
            Ok(Verdict::finding(severity, seen, consequence, by_hand(user_steps(service))))
        }
        None => Ok(Verdict::Healthy(seen)),
    }
}

fn user_steps(service: &Service) -> Vec<String> {
    match &service.unit {
        Fact::Known(unit) => {
            let mut steps = drop_in(unit, "processes", &["LimitNPROC=infinity".into()]);
            steps.push(restart(service));
            steps
        }
        _ => vec!["start it through: sh -c 'ulimit -u unlimited && exec gunicorn …'".into(), restart(service)],
    }
}

fn of_host(facts: &Facts, need: &Need) -> Judgement {
    let tasks = *facts.host.tasks.needed("number of tasks")?;
    let limit = *facts.host.task_limit.needed("kernel.threads-max")?;
    let seen = Seen {
        observed: format!("{tasks} of {limit} tasks on the host"),
        wanted: "room for a reload".into(),
        evidence: vec![
            format!("/proc/loadavg: {tasks} tasks"),
            format!("/proc/sys/kernel/threads-max, pid_max: the lower is {limit}"),
        ],
        ..Seen::default()
    };
    let Some((severity, consequence)) = strain(tasks, Limit::At(limit), need) else {
        return Ok(Verdict::Healthy(seen));
    };
    let raised = limit.saturating_mul(2);
    let steps = [
        "ps -eLf | awk '{print $1}' | sort | uniq -c | sort -n | tail   # who has so many".to_owned(),
        format!("sysctl -w kernel.threads-max={raised} kernel.pid_max={raised}"),
        format!("printf 'kernel.threads-max = {raised}\\nkernel.pid_max = {raised}\\n' > /etc/sysctl.d/90-tasks.conf"),
    ];
    Ok(Verdict::finding(severity, seen, consequence, by_hand(steps)))
}

fn fresh(facts: &Facts) -> Judgement {
    // A small Gunicorn to come: a master and a few workers.
    of_host(facts, &Need { one_worker: 1, reload: 8 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::checks::judged::found;

    fn judged(change: impl FnOnce(&mut Service)) -> Judgement {
        let facts = healthy::with_service(change);
        each(&facts, &facts.services.known().unwrap()[0])
    }

    fn with_tasks(current: u64, limit: u64, refused: u64) -> Judgement {
        judged(|service| {
            let Fact::Known(cgroup) = &mut service.cgroup else { unreachable!() };
            let limit_file = "/sys/fs/cgroup/system.slice/gunicorn.service/pids.max".into();
            let (limit, refused) = (Limit::At(limit), Fact::Known(refused));
            cgroup.tasks = Fact::Known(CgroupTasks { current, limit, limit_file, refused });
        })
    }

    #[test]
    fn a_group_with_room_for_a_reload_is_well() {
        assert!(matches!(with_tasks(3, 4915, 0), Ok(Verdict::Healthy(_))));
        assert!(matches!(with_tasks(38, 44, 0), Ok(Verdict::Healthy(_))));
    }

    #[test]
    fn no_room_for_a_worker_is_critical_and_none_for_a_reload_a_warning() {
        assert_eq!(found(with_tasks(10, 10, 0)).severity, Severity::Critical);
        let reload = found(with_tasks(9, 10, 0));
        assert_eq!(reload.severity, Severity::Warning);
        assert!(reload.consequence.contains("reload"));
        assert_eq!(reload.remedy.by_hand, ["systemctl set-property gunicorn.service TasksMax=512"]);
    }

    #[test]
    fn refused_forks_are_a_warning_even_when_there_is_room_again() {
        let refused = found(with_tasks(3, 4915, 7));
        assert_eq!(refused.severity, Severity::Warning);
        assert!(refused.seen.observed.contains("7 forks refused"));
        assert!(refused.seen.evidence[1].ends_with("pids.events: max 7"));
    }

    #[test]
    fn the_bound_of_the_user_counts_but_for_root() {
        let bound = |uid| {
            judged(|service| {
                for worker in &mut service.workers {
                    worker.process.uid = uid;
                    let Fact::Known(limits) = &mut worker.process.limits else { unreachable!() };
                    limits.processes.soft = Limit::At(3);
                }
            })
        };
        assert_eq!(found(bound(33)).severity, Severity::Critical);
        assert!(matches!(bound(0), Ok(Verdict::Healthy(_))));
    }

    #[test]
    fn a_full_host_is_found_before_a_gunicorn_is_started() {
        let mut facts = healthy::fresh_host();
        assert!(matches!(fresh(&facts), Ok(Verdict::Healthy(_))));
        facts.host.tasks = Fact::Known(30_000);
        assert_eq!(found(fresh(&facts)).severity, Severity::Critical);
    }

    #[test]
    fn what_is_hidden_is_unknown() {
        assert!(judged(|service| service.cgroup = Fact::unreadable("permission denied")).is_err());
        assert!(judged(|service| service.workers[0].process.limits = Fact::unreadable("permission denied")).is_err());
        let mut facts = healthy::fresh_host();
        facts.host.task_limit = Fact::unreadable("not in an image");
        assert!(fresh(&facts).is_err());
    }
}
