use super::*;
use crate::checks::healthy;
use crate::checks::judged::found;
use crate::facts::{Descriptors, InstalledVersion, Manager, ProcessLimits};
use crate::gunicorn::{Settings, Source, Value};
use crate::units::SoftHard;

fn judged(change: impl FnOnce(&mut Service)) -> Judgement {
    let facts = healthy::with_service(change);
    each(&facts, &facts.services.known().unwrap()[0])
}

fn limit(service: &mut Service, soft: u64) {
    let set = |process: &mut Process| {
        let open_files = SoftHard { soft: Limit::At(soft), hard: Limit::At(524_288) };
        let processes = SoftHard { soft: Limit::Unlimited, hard: Limit::Unlimited };
        process.limits = Fact::Known(ProcessLimits { open_files, processes });
    };
    set(&mut service.master);
    service.workers.iter_mut().for_each(|worker| set(&mut worker.process));
}

fn class(service: &mut Service, value: WorkerClass) {
    service.class = Fact::Known(Sourced { value, source: Source::CommandLine });
}

fn highest(descriptor: i32) -> Fact<Descriptors> {
    Fact::Known(Descriptors { count: 12, kinds: vec![], highest: descriptor })
}

#[test]
fn a_sync_gunicorn_is_well_with_the_default_of_systemd() {
    assert!(matches!(judged(|service| limit(service, 1024)), Ok(Verdict::Healthy(_))));
}

#[test]
fn a_gthread_or_gevent_gunicorn_is_not() {
    for kind in [WorkerClass::Gthread, WorkerClass::Gevent] {
        let finding = found(judged(|service| {
            class(service, kind);
            limit(service, 1024);
        }));
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.seen.wanted.contains("worker_connections=1000"), "{}", finding.seen.wanted);
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --nofile auto --unit gunicorn.service"));
        assert!(finding.remedy.by_hand[1].contains("LimitNOFILE=4096:524288"), "{:?}", finding.remedy.by_hand);
        assert!(finding.remedy.restart);
        assert_eq!(finding.seen.columns.in_force.len(), 3);
    }
}

#[test]
fn fewer_connections_need_fewer_descriptors() {
    let judged = judged(|service| {
        class(service, WorkerClass::Gevent);
        limit(service, 1024);
        service.settings = healthy::settings(&[("worker_connections", Value::Number(100))]);
    });
    assert!(matches!(judged, Ok(Verdict::Healthy(_))));
}

#[test]
fn a_master_is_judged_by_its_workers() {
    let finding = found(judged(|service| {
        service.settings = healthy::settings(&[("workers", Value::Number(600))]);
        limit(service, 1024);
    }));
    assert!(finding.seen.observed.contains("master"), "{}", finding.seen.observed);
}

#[test]
fn a_sync_worker_cannot_wait_for_descriptors_above_1023() {
    let finding = found(judged(|service| service.workers[0].process.descriptors = highest(1024)));
    assert!(finding.consequence.contains("select()"));
    assert_eq!(finding.remedy.command, None, "a higher limit is no help");
    let gevent = judged(|service| {
        class(service, WorkerClass::Gevent);
        service.workers[0].process.descriptors = highest(2000);
    });
    assert!(matches!(gevent, Ok(Verdict::Healthy(_))));
}

#[test]
fn masters_up_to_23_wait_in_select_too() {
    let master = |major| {
        judged(|service| {
            class(service, WorkerClass::Gevent);
            let (version, file) = (Version::new(major, 0, 0), "gunicorn-dist-info".into());
            service.version = Fact::Known(InstalledVersion { version, file, newer_than_master: false });
            service.master.descriptors = highest(1100);
        })
    };
    assert!(found(master(23)).consequence.contains("select()"));
    assert!(matches!(master(27), Ok(Verdict::Healthy(_))));
}

#[test]
fn a_huge_limit_is_a_line_of_evidence_and_no_finding() {
    let Ok(Verdict::Healthy(seen)) = judged(|service| limit(service, 1 << 30)) else { panic!("well") };
    assert!(seen.evidence.iter().any(|line| line.contains("no harm")));
}

#[test]
fn the_cap_of_the_kernel_is_raised_first() {
    let mut facts = healthy::with_service(|service| {
        class(service, WorkerClass::Gevent);
        limit(service, 1024);
    });
    facts.host.nr_open = Fact::Known(2048);
    let finding = found(each(&facts, &facts.services.known().unwrap()[0]));
    assert!(finding.remedy.by_hand[0].starts_with("sysctl -w fs.nr_open=4096"), "{:?}", finding.remedy.by_hand);
}

#[test]
fn gtune_offers_nothing_where_it_has_nothing_to_write() {
    let finding = found(judged(|service| {
        class(service, WorkerClass::Gevent);
        limit(service, 1024);
        service.manager = Manager::Container;
    }));
    assert_eq!(finding.remedy.command, None);
    assert!(finding.remedy.by_hand[0].contains("--ulimit nofile=4096"));
}

#[test]
fn what_is_hidden_is_unknown() {
    let class_hidden = judged(|service| service.class = Fact::unreadable("permission denied"));
    assert!(class_hidden.unwrap_err().to_string().contains("a sync worker needs"));
    assert!(judged(|service| service.workers[0].process.limits = Fact::unreadable("permission denied")).is_err());
    assert!(judged(|service| service.master.limits = Fact::unreadable("permission denied")).is_err());
    assert!(
        judged(|service| {
            class(service, WorkerClass::Gevent);
            service.settings = Settings { blind: Some(Reason::new("retitled")), ..Settings::default() };
        })
        .is_err()
    );
}

#[test]
fn a_fresh_host_serves_a_default_gunicorn() {
    let mut facts = healthy::fresh_host();
    let Ok(Verdict::Healthy(seen)) = fresh(&facts) else { panic!("well") };
    assert!(seen.wanted.contains("gevent"));
    facts.host.systemd_default_open_files = Fact::Known(Limit::At(32));
    assert_eq!(found(fresh(&facts)).severity, Severity::Warning);
    facts.host.systemd_default_open_files = Fact::unreadable("not in an image");
    facts.host.shell_open_files = Fact::unreadable("not in an image");
    assert!(fresh(&facts).is_err());
}
