use super::*;
use crate::checks::healthy;
use crate::checks::judged::found;
use crate::facts::{Cgroup, CgroupCpu};
use crate::gunicorn::{Settings, Value};

fn judged(facts: &Facts) -> Judgement {
    each(facts, &facts.services.known().unwrap()[0])
}

fn with(change: impl FnOnce(&mut Service)) -> Judgement {
    judged(&healthy::with_service(change))
}

fn cgroup(service: &mut Service) -> &mut Cgroup {
    let Fact::Known(cgroup) = &mut service.cgroup else { unreachable!() };
    cgroup
}

fn workers(service: &mut Service, number: i32) {
    service.workers = (0..number).map(|n| healthy::worker(815 + n)).collect();
    service.settings = healthy::settings(&[("workers", Value::Number(i64::from(number)))]);
}

fn quota(service: &mut Service, cpus: f64, throttled: u64) {
    cgroup(service).cpu =
        Fact::Known(CgroupCpu { quota_cpus: Fact::Known(cpus), throttled_periods: Fact::Known(throttled) });
}

#[test]
fn as_many_as_asked_for_or_more_is_well() {
    assert!(matches!(with(|_| ()), Ok(Verdict::Healthy(_))));
    assert!(matches!(with(|service| service.workers.push(healthy::worker(817))), Ok(Verdict::Healthy(_))));
}

#[test]
fn a_missing_worker_is_a_warning_and_none_at_all_critical() {
    let fewer = found(with(|service| service.workers.truncate(1)));
    assert_eq!(fewer.severity, Severity::Warning);
    assert!(fewer.seen.observed.starts_with("1 worker alive"), "{}", fewer.seen.observed);
    assert_eq!(found(with(|service| service.workers.clear())).severity, Severity::Critical);
}

#[test]
fn far_more_workers_than_cpus_take_turns() {
    let crowd = |throttled| {
        found(with(|service| {
            workers(service, 9);
            quota(service, 1.0, throttled);
        }))
    };
    assert_eq!(crowd(0).severity, Severity::Info);
    assert_eq!(crowd(40).severity, Severity::Warning);
    assert!(crowd(0).seen.evidence.iter().any(|line| line.contains("cpu quota of 1 CPUs")));
    let four = with(|service| {
        workers(service, 5);
        quota(service, 1.0, 40);
    });
    assert!(matches!(four, Ok(Verdict::Healthy(_))));
}

#[test]
fn a_single_sync_worker_is_information_outside_of_containers() {
    assert_eq!(found(with(|service| workers(service, 1))).severity, Severity::Info);
}

#[test]
fn workers_that_fill_the_memory_are_counted_down_to_what_fits() {
    let finding = found(with(|service| {
        workers(service, 6);
        let Fact::Known(memory) = &mut cgroup(service).memory else { unreachable!() };
        memory.limit_bytes = Limit::At(256 << 20);
    }));
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.seen.wanted.contains("at most 5"), "{}", finding.seen.wanted);
    assert!(finding.remedy.by_hand[0].contains("workers = 5"));
}

#[test]
fn a_worker_without_a_master_is_named() {
    let mut facts = healthy::host_with_gunicorn();
    facts.orphans = vec![healthy::process(700, 1, 0x0830_4226)];
    let finding = found(judged(&facts));
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.seen.observed.contains("pid 700"));
    facts.services = Fact::Known(vec![]);
    assert!(found(fresh(&facts)).remedy.by_hand[0].starts_with("kill -TERM 700"));
}

#[test]
fn an_orphan_is_named_once() {
    let mut facts = healthy::host_with_gunicorn();
    let mut other = healthy::service();
    other.master.pid = crate::units::Pid(900);
    other.master.arguments = Fact::Known(vec!["gunicorn".into(), "other".into()]);
    facts.services = Fact::Known(vec![healthy::service(), other]);
    facts.orphans = vec![crate::facts::Process {
        arguments: Fact::Known(vec!["gunicorn".into(), "other".into()]),
        ..healthy::process(700, 1, 0)
    }];
    let services = facts.services.known().unwrap();
    assert!(orphans_of(&facts, &services[0]).is_empty());
    assert_eq!(orphans_of(&facts, &services[1]).len(), 1);
}

#[test]
fn what_is_hidden_is_unknown() {
    let hidden = || Reason::new("permission denied");
    assert!(with(|s| s.settings = Settings { blind: Some(hidden()), ..Settings::default() }).is_err());
    assert!(with(|s| s.cgroup = Fact::Unreadable(hidden())).is_err());
    assert!(with(|s| cgroup(s).cpu = Fact::Unreadable(hidden())).is_err());
    assert!(with(|s| cgroup(s).memory = Fact::Unreadable(hidden())).is_err());
    let mut facts = healthy::host_with_gunicorn();
    facts.host.cpus = Fact::Unreadable(hidden());
    assert!(judged(&facts).is_err());
}
