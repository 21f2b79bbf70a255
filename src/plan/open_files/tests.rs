use super::*;
use crate::checks::healthy::{fresh_host, host_with_gunicorn, settings, unit as healthy_unit, with_service, worker};
use crate::facts::{Container, Fact, Reason, UnitAssignment};
use crate::gunicorn::{Source, Sourced, Value};
use crate::plan::{Change, OpenFiles};
use crate::units::{Limit, Pid, SoftHard};

const DROP_IN: &str = "/etc/systemd/system/gunicorn.service.d/60-gtune-open-files.conf";

fn request(asked: OpenFiles) -> Request {
    Request { open_files: Some(asked), ..Request::default() }
}

fn at(number: u64) -> Request {
    request(OpenFiles::At(number))
}

fn ground() -> Ground {
    Ground { started: [812, 815, 816, 820].map(|pid| (Pid(pid), 4711)).into(), ..Ground::default() }
}

/// A service whose unit and processes have this soft limit.
fn limited(service: &mut Service, soft: u64) {
    let loaded = match &mut service.unit {
        Fact::Known(unit) => &mut unit.loaded,
        _ => &mut Fact::Absent,
    };
    if let Fact::Known(loaded) = loaded {
        loaded.open_files_soft = Fact::Known(Limit::At(soft));
    }
    in_force(service, soft);
}

fn in_force(service: &mut Service, soft: u64) {
    let workers = service.workers.iter_mut().chain(service.dirty.iter_mut()).map(|worker| &mut worker.process);
    for process in std::iter::once(&mut service.master).chain(workers) {
        let Fact::Known(limits) = &mut process.limits else { continue };
        limits.open_files = SoftHard { soft: Limit::At(soft), hard: limits.open_files.hard.max(Limit::At(soft)) };
    }
}

fn class(service: &mut Service, value: WorkerClass) {
    service.class = Fact::Known(Sourced { value, source: Source::CommandLine });
}

fn gevent(soft: u64) -> Facts {
    with_service(|service| {
        class(service, WorkerClass::Gevent);
        limited(service, soft);
    })
}

fn subjects(topic: &Topic) -> Vec<String> {
    topic.changes.iter().map(Change::subject).collect()
}

fn content(topic: &Topic) -> String {
    let file = topic.changes.iter().find_map(|change| match change {
        Change::File { after: Some(after), .. } => Some(after.content.text()),
        _ => None,
    });
    file.unwrap_or_else(|| panic!("{topic:?}"))
}

#[test]
fn a_unit_gets_a_drop_in_and_every_process_the_limit() {
    let facts = with_service(|service| {
        service.dirty = vec![worker(820)];
        limited(service, 1024);
    });
    let topic = draft(&facts, &ground(), &at(8192));
    assert_eq!(subjects(&topic), [DROP_IN, "pid 812", "pid 815", "pid 816", "pid 820"]);
    assert!(content(&topic).ends_with("[Service]\nLimitNOFILE=8192:524288\n"), "{}", content(&topic));
    assert!(topic.needs_restart.is_empty());
    assert!(topic.warnings.iter().all(|text| text.contains("select(2)")), "{:?}", topic.warnings);
    assert!(places(&facts, &at(8192)).files.contains(DROP_IN));
}

#[test]
fn auto_is_what_doctor_calls_enough() {
    for (kind, connections) in [(WorkerClass::Gevent, 1000), (WorkerClass::Gthread, 9000), (WorkerClass::Asgi, 4000)] {
        let mut facts = with_service(|service| {
            class(service, kind);
            limited(service, 1024);
            service.settings = settings(&[("worker_connections", Value::Number(connections))]);
        });
        let topic = draft(&facts, &ground(), &request(OpenFiles::Auto));
        assert_eq!(topic.changes.len(), 4);
        let Change::ProcessLimit { after, .. } = &topic.changes[1] else { panic!() };
        let Fact::Known(services) = &mut facts.services else { panic!() };
        limited(&mut services[0], after.soft.number().unwrap());
        let judged = match crate::checks::open_file_limit::CHECK.judge {
            crate::checks::Judge::Service { each, .. } => each(&facts, &facts.services.known().unwrap()[0]),
            crate::checks::Judge::Host(_) => panic!(),
        };
        assert!(matches!(judged, Ok(crate::checks::Verdict::Healthy(_))), "{judged:?}");
        assert!(draft(&facts, &ground(), &request(OpenFiles::Auto)).changes.is_empty());
    }
}

#[test]
fn auto_leaves_what_is_enough() {
    let facts = with_service(|service| limited(service, 1024));
    let topic = draft(&facts, &ground(), &request(OpenFiles::Auto));
    assert!(topic.changes.is_empty(), "{topic:?}");
    assert_eq!(topic.already[0].what, "gunicorn.service: LimitNOFILE=1024:524288, and 68 are needed");
}

#[test]
fn auto_without_a_class_is_refused_with_a_number_to_name() {
    let facts = with_service(|service| service.class = Fact::Unreadable(Reason::new("permission denied")));
    let refused = draft(&facts, &ground(), &request(OpenFiles::Auto)).refused;
    assert_eq!(refused[0].hints, ["gtune apply --nofile 4096 --unit gunicorn.service"]);
}

#[test]
fn a_limit_is_never_lowered_unless_that_is_meant() {
    let topic = draft(&host_with_gunicorn(), &ground(), &at(2048));
    assert!(topic.changes.is_empty(), "{topic:?}");
    assert!(topic.already[0].to_string().starts_with("kept: gunicorn.service: LimitNOFILE="), "{:?}", topic.already);
    assert!(topic.already[0].what.ends_with(", above 2048; --force lowers it"), "{:?}", topic.already);
    let force = Request { force: true, ..at(2048) };
    let topic = draft(&host_with_gunicorn(), &ground(), &force);
    assert_eq!(topic.changes.len(), 4);
    let Change::ProcessLimit { after, .. } = &topic.changes[1] else { panic!() };
    assert_eq!(*after, SoftHard { soft: Limit::At(2048), hard: Limit::At(524_288) }, "the hard one stays");
    let unlimited = with_service(|service| {
        let Fact::Known(unit) = &mut service.unit else { panic!() };
        let Fact::Known(loaded) = &mut unit.loaded else { panic!() };
        loaded.open_files_soft = Fact::Known(Limit::Unlimited);
    });
    assert!(draft(&unlimited, &ground(), &at(4096)).changes.is_empty(), "infinity stays");
}

#[test]
fn a_limit_above_what_the_kernel_allows_is_cut_and_said() {
    let mut facts = gevent(1024);
    facts.host.nr_open = Fact::Known(2048);
    let topic = draft(&facts, &ground(), &at(8192));
    assert!(content(&topic).contains("LimitNOFILE=2048:2048"), "{}", content(&topic));
    assert!(topic.warnings[0].contains("sysctl -w fs.nr_open=8192"), "{:?}", topic.warnings);
}

#[test]
fn select_is_mentioned_for_sync_workers_alone() {
    let said = |facts: &Facts| {
        let topic = draft(facts, &ground(), &at(8192));
        topic.warnings.iter().filter(|text| text.contains("select(2)")).count()
    };
    assert_eq!(said(&with_service(|service| limited(service, 1024))), 1);
    assert_eq!(said(&gevent(1024)), 0);
}

#[test]
fn a_second_draft_changes_nothing() {
    let facts = gevent(1024);
    let mut ground = ground();
    draft(&facts, &ground, &at(8192)).changes.iter().for_each(|change| ground.after(change));
    let again = draft(&gevent(8192), &ground, &at(8192));
    assert!(again.changes.is_empty() && again.left.is_empty() && !again.already.is_empty(), "{again:?}");
    let unread = with_service(|service| {
        limited(service, 1024);
        in_force(service, 8192);
    });
    let unread = draft(&unread, &ground, &at(8192));
    assert!(unread.changes.is_empty());
    assert_eq!(unread.left[0].command, "systemctl daemon-reload");
}

#[test]
fn a_restart_brings_the_limit_to_the_processes() {
    let restart = Request { restart: true, ..at(8192) };
    let topic = draft(&gevent(1024), &ground(), &restart);
    assert_eq!(
        (subjects(&topic), topic.needs_restart),
        (vec![DROP_IN.to_owned()], vec!["gunicorn.service".to_owned()])
    );
    assert!(draft(&gevent(8192), &ground(), &restart).needs_restart.is_empty());
}

#[test]
fn a_process_that_was_not_seen_waits_for_a_restart() {
    let facts = with_service(|service| {
        limited(service, 1024);
        service.workers[1].process.limits = Fact::Unreadable(Reason::new("permission denied"));
    });
    let topic = draft(&facts, &ground(), &at(8192));
    assert_eq!(topic.needs_restart, ["gunicorn.service"]);
    let mut ended = ground();
    ended.started.remove(&Pid(816));
    let topic = draft(&gevent(1024), &ended, &at(8192));
    assert_eq!(subjects(&topic), [DROP_IN, "pid 812", "pid 815"]);
    assert!(topic.needs_restart.is_empty());
}

#[test]
fn what_the_files_would_take_back_is_not_so_yet() {
    let facts = with_service(|service| {
        let Fact::Known(unit) = &mut service.unit else { panic!() };
        let line = UnitAssignment { value: "1024:infinity".into(), file: "x".into(), line: 3 };
        unit.stored.insert("Service.LimitNOFILE".into(), vec![line]);
    });
    assert_eq!(subjects(&draft(&facts, &ground(), &at(4096))), [DROP_IN]);
}

fn down(exec_start: &str) -> Facts {
    let mut facts = fresh_host();
    facts.host.live = false;
    facts.services = Fact::unreadable("an image");
    facts.host.nr_open = Fact::unreadable("an image");
    let mut unit = healthy_unit();
    unit.loaded = Fact::unreadable("an image");
    let line = UnitAssignment { value: exec_start.into(), file: "x".into(), line: 3 };
    unit.stored.insert("Service.ExecStart".into(), vec![line]);
    facts.stopped_units = vec![unit];
    facts
}

#[test]
fn a_unit_that_does_not_run_gets_what_its_arguments_call_for() {
    let drafted = |exec_start| draft(&down(exec_start), &ground(), &request(OpenFiles::Auto));
    let usual = drafted("/venv/bin/gunicorn wsgi");
    assert!(content(&usual).contains("LimitNOFILE=4096:524288"), "{}", content(&usual));
    assert!(usual.warnings[0].contains("configuration file was not read"), "{:?}", usual.warnings);
    let many = drafted("/venv/bin/gunicorn -k gevent --worker-connections 4000 wsgi");
    assert!(content(&many).contains("LimitNOFILE=16384:524288"), "{}", content(&many));
    let mut ground = ground();
    usual.changes.iter().for_each(|change| ground.after(change));
    assert!(draft(&down("/venv/bin/gunicorn wsgi"), &ground, &request(OpenFiles::Auto)).changes.is_empty());
}

#[test]
fn what_systemd_gives_by_default_is_not_lowered_where_nothing_is_stored() {
    let facts = down("/venv/bin/gunicorn wsgi");
    let topic = draft(&facts, &ground(), &at(10));
    assert!(topic.changes.is_empty(), "{topic:?}");
    let kept = "kept: gunicorn.service: systemd gives it LimitNOFILE=1024, above 10; --force lowers it";
    assert_eq!(topic.already[0].to_string(), kept);
    let force = Request { force: true, ..at(10) };
    assert!(content(&draft(&facts, &ground(), &force)).contains("LimitNOFILE=10:524288"));
    let mut generous = facts;
    generous.host.systemd_default_open_files = Fact::Known(Limit::At(65_536));
    assert!(draft(&generous, &ground(), &at(8192)).changes.is_empty(), "what its manager gives counts");
}

fn managed(manager: Manager) -> Facts {
    with_service(|service| {
        limited(service, 1024);
        service.unit = Fact::Absent;
        service.manager = manager;
    })
}

#[test]
fn each_manager_has_its_own_way() {
    let drafted = |facts: Facts| draft(&facts, &ground(), &at(8192));
    let session = drafted(managed(Manager::Session("session-3.scope".into())));
    assert_eq!(subjects(&session)[0], "/etc/security/limits.d/90-gtune.conf");
    assert_eq!(session.changes.len(), 4);
    let supervised = drafted(managed(Manager::Supervisor { name: "supervisord".into(), pid: Pid(9) }));
    assert_eq!(subjects(&supervised), ["pid 812", "pid 815", "pid 816"]);
    assert!(supervised.left[0].command.contains("minfds=8192"), "{:?}", supervised.left);
    let by_hand = drafted(managed(Manager::Nobody));
    assert!(by_hand.left[0].command.contains("ulimit -n 8192"), "{:?}", by_hand.left);
}

#[test]
fn what_gtune_cannot_write_is_refused_with_steps() {
    let of_user = with_service(|service| {
        let Fact::Known(unit) = &mut service.unit else { panic!() };
        unit.of_user = true;
        service.manager = Manager::UserUnit { unit: "gunicorn.service".into(), uid: 1000 };
    });
    let container = with_service(|service| {
        service.container = Some(Container { runtime: "docker".into(), id: None, because: "cgroup".into() });
    });
    for (facts, word) in [(of_user, "systemctl --user"), (container, "--ulimit nofile=8192:8192")] {
        let topic = draft(&facts, &ground(), &at(8192));
        assert!(topic.changes.is_empty());
        assert!(topic.refused[0].hints.iter().any(|hint| hint.contains(word)), "{:?}", topic.refused);
    }
    let nobody = draft(&fresh_host(), &ground(), &at(8192)).refused;
    assert_eq!(nobody[0].hints, ["gtune apply --nofile 4096 --unit NAME.service"]);
    assert_eq!(draft(&host_with_gunicorn(), &ground(), &at(0)).refused.len(), 1);
}
