use super::*;
use crate::checks::healthy::{fresh_host, host_with_gunicorn, unit, with_service};
use crate::facts::{Container, Fact, KernelVersion, ListenerOrigin, Reason, Service, SysctlFile, UnitAssignment};
use crate::gunicorn::{Source, Sourced, WorkerClass};
use crate::plan::{AlreadyState, Backend, Change, FileImage, Left, NetworkOf, Obstacle, Place, TmpfsRequest};
use crate::units::Pid;
use proptest::prelude::*;

const OWN: &str = "/etc/sysctl.d/99-zz-gtune.conf";

fn request(value: u64) -> Request {
    Request { somaxconn: Some(value), ..Request::default() }
}

fn of_unit(value: u64) -> Request {
    Request { units: vec!["gunicorn.service".into()], ..request(value) }
}

fn ground(files: &[(&str, &str)], sysctl_conf: Option<&str>) -> Ground {
    let mut ground = Ground { started: [(Pid(812), 4711)].into(), ..Ground::default() };
    for (path, text) in files {
        ground.sysctl_files.push(SysctlFile { path: (*path).into(), content: Fact::Known(text.as_bytes().to_vec()) });
        ground.files.insert((*path).into(), Place::holding(*path, FileImage::configuration(*text)));
    }
    if let Some(text) = sysctl_conf {
        ground.sysctl_conf = Fact::Known(text.as_bytes().to_vec());
        let place = Place::holding("/etc/sysctl.conf", FileImage::configuration(text));
        ground.files.insert("/etc/sysctl.conf".into(), place);
    }
    ground
}

fn bare() -> Ground {
    ground(&[], None)
}

fn subjects(topic: &Topic) -> Vec<String> {
    topic.changes.iter().map(Change::subject).collect()
}

/// The host after the changes of a topic.
fn done(facts: &Facts, ground: &Ground, topic: &Topic) -> (Facts, Ground) {
    let (mut facts, mut ground) = (facts.clone(), ground.clone());
    for change in &topic.changes {
        ground.after(change);
        let Change::KernelValue { network, after, .. } = change else { continue };
        match network {
            NetworkOf::Gtune => facts.network.somaxconn = Fact::Known(*after),
            NetworkOf::Process(_) => only(&mut facts).network.somaxconn = Fact::Known(*after),
        }
    }
    (facts, ground)
}

fn only(facts: &mut Facts) -> &mut Service {
    let Fact::Known(services) = &mut facts.services else { panic!() };
    &mut services[0]
}

fn settled(facts: &Facts, ground: &Ground, request: &Request) -> Topic {
    let first = draft(facts, ground, request);
    assert!(first.refused.is_empty(), "{:?}", first.refused);
    let (facts, ground) = done(facts, ground, &first);
    let again = draft(&facts, &ground, request);
    assert!(again.changes.is_empty() && !again.already.is_empty(), "{again:?}");
    first
}

#[test]
fn a_higher_value_is_set_now_and_stored_for_boot() {
    let topic = settled(&host_with_gunicorn(), &bare(), &request(8192));
    assert_eq!(subjects(&topic), [OWN, "net.core.somaxconn"]);
    assert!(places(&host_with_gunicorn(), &request(8192)).files.contains(OWN));
}

#[test]
fn what_is_there_is_never_lowered_unless_that_is_meant() {
    let topic = draft(&host_with_gunicorn(), &bare(), &request(1024));
    assert!(topic.changes.is_empty(), "{topic:?}");
    let kept: Vec<String> = topic.already.iter().map(ToString::to_string).collect();
    assert_eq!(kept[1], "kept: net.core.somaxconn is 4096, above 1024; --force lowers it");
    assert!(kept[0].starts_with("kept: no sysctl file names net.core.somaxconn") && kept.len() == 2, "{kept:?}");
    let same = draft(&host_with_gunicorn(), &bare(), &request(4096)).already;
    assert!(same.iter().all(|already| already.state == AlreadyState::So), "{same:?}");
    let force = Request { force: true, ..request(1024) };
    assert_eq!(subjects(&settled(&host_with_gunicorn(), &bare(), &force)), [OWN, "net.core.somaxconn"]);
}

#[test]
fn a_modern_kernel_needs_no_file_for_its_own_default() {
    assert!(draft(&host_with_gunicorn(), &bare(), &request(4096)).changes.is_empty());
    let mut old = host_with_gunicorn();
    old.host.kernel = Fact::Known(KernelVersion::parse("4.18.0"));
    assert_eq!(subjects(&draft(&old, &bare(), &request(4096))), [OWN], "the live value was raised by hand");
}

#[test]
fn a_file_of_others_that_is_enough_is_named_with_its_line() {
    let facts = with_live(16_384);
    let ground = ground(&[("/etc/sysctl.d/50-app.conf", "# x\nnet.core.somaxconn = 16384\n")], None);
    let topic = draft(&facts, &ground, &request(8192));
    assert!(topic.changes.is_empty());
    assert!(topic.already.iter().any(|a| a.what.contains("/etc/sysctl.d/50-app.conf, line 2")), "{:?}", topic.already);
}

fn with_live(value: u64) -> Facts {
    let mut facts = host_with_gunicorn();
    facts.network.somaxconn = Fact::Known(value);
    facts
}

#[test]
fn the_file_is_read_after_every_rival() {
    for (rival, own) in [
        ("/etc/sysctl.d/99-sysctl.conf", OWN),
        ("/usr/lib/sysctl.d/99-zzz.conf", "/etc/sysctl.d/99-zzzz-gtune.conf"),
        ("/etc/sysctl.d/local.conf", "/etc/sysctl.d/zz-gtune.conf"),
        ("/etc/sysctl.d/zzz.conf", "/etc/sysctl.d/zzzz-gtune.conf"),
        ("/etc/sysctl.d/zzzzz.conf", "/etc/sysctl.d/zzzzzz-gtune.conf"),
    ] {
        let ground = ground(&[(rival, "net.core.somaxconn = 512\n")], None);
        assert_eq!(subjects(&settled(&host_with_gunicorn(), &ground, &request(8192)))[0], own, "{rival}");
    }
}

#[test]
fn a_file_that_takes_the_key_back_later_is_refused_or_passed() {
    let ground = ground(&[("/etc/sysctl.d/zzzzzz.conf", "-net.core.somaxconn\n")], None);
    let topic = draft(&host_with_gunicorn(), &ground, &request(8192));
    assert!(topic.refused[0].reason.contains("takes the key back"), "{:?}", topic.refused);
}

#[test]
fn gtunes_own_file_is_found_again_and_what_was_added_to_it_stays() {
    let text = "# Written by gtune\nnet.core.somaxconn = 5000\nvm.swappiness = 1\n";
    let ground = ground(&[(OWN, text)], None);
    let topic = settled(&host_with_gunicorn(), &ground, &request(8192));
    let Change::File { path, before: Some(_), after: Some(after) } = &topic.changes[0] else { panic!("{topic:?}") };
    assert_eq!(path, OWN);
    assert_eq!(after.content.text(), text.replace("5000", "8192"));
}

#[test]
fn a_lower_line_of_sysctl_conf_is_left_to_the_operator_or_adopted() {
    // Debian 12: the link is read by systemd as well, and loses against the own file.
    let text = "net.core.somaxconn = 1024\n";
    let ground = ground(&[("/etc/sysctl.d/99-sysctl.conf", text)], Some(text));
    let topic = settled(&host_with_gunicorn(), &ground, &request(8192));
    assert_eq!(subjects(&topic)[0], OWN);
    assert!(topic.warnings.iter().any(|text| text.contains("/etc/sysctl.conf, line 1")), "{:?}", topic.warnings);
    assert!(topic.left[0].command.contains("line 1: net.core.somaxconn = 8192"), "{:?}", topic.left);
    let adopt = Request { adopt: true, ..request(8192) };
    let topic = settled(&host_with_gunicorn(), &ground, &adopt);
    assert_eq!(subjects(&topic), [OWN, "/etc/sysctl.conf", "net.core.somaxconn"]);
    let Change::Line { new_line: Some(line), .. } = &topic.changes[1] else { panic!() };
    assert_eq!(line.text(), "net.core.somaxconn = 8192");
}

#[test]
fn a_value_that_only_procps_would_set_is_stored_for_systemd() {
    let ground = ground(&[], Some("net.core.somaxconn = 16384\n"));
    let topic = draft(&host_with_gunicorn(), &ground, &request(8192));
    assert_eq!(subjects(&topic)[0], OWN, "Debian 13 reads no sysctl.conf at boot");
    assert!(topic.warnings.iter().all(|text| !text.contains("sysctl.conf")));
}

#[test]
fn what_may_win_and_cannot_be_read_is_refused() {
    let mut hidden = bare();
    let content = Fact::Unreadable(Reason::new("permission denied"));
    hidden.sysctl_files.push(SysctlFile { path: "/etc/sysctl.d/50-x.conf".into(), content });
    let topic = draft(&host_with_gunicorn(), &hidden, &request(8192));
    assert!(topic.refused[0].reason.contains("50-x.conf"), "{:?}", topic.refused);
    let mut blocked = bare();
    blocked.files.insert(OWN.into(), Place { obstacle: Some(Obstacle::ReadOnly), ..Place::free(OWN) });
    assert!(draft(&host_with_gunicorn(), &blocked, &request(8192)).refused[0].reason.contains("read-only"));
}

#[test]
fn values_the_kernel_would_not_take_are_refused() {
    for value in [0, MOST + 1, u64::MAX] {
        assert_eq!(draft(&host_with_gunicorn(), &bare(), &request(value)).refused.len(), 1, "{value}");
    }
    assert!(draft(&host_with_gunicorn(), &bare(), &request(MOST)).refused.is_empty());
    let mut old = host_with_gunicorn();
    old.host.kernel = Fact::Known(KernelVersion::parse("3.10.0-1160.el7"));
    assert!(draft(&old, &bare(), &request(65_536)).refused[0].reason.contains("65535"));
}

fn apart(change: impl FnOnce(&mut Service)) -> Facts {
    with_service(|service| {
        service.network.is_gtunes = Fact::Known(false);
        service.network.namespace = Fact::Known(4_026_532_999);
        change(service);
    })
}

#[test]
fn a_named_unit_with_a_network_of_its_own_is_changed_there_and_nothing_is_stored() {
    let topic = settled(&apart(|_| {}), &bare(), &of_unit(8192));
    assert_eq!(subjects(&topic), ["net.core.somaxconn in the network of pid 812"]);
    assert!(topic.left[0].command.starts_with("nsenter -t 812 -n"), "{:?}", topic.left);
    let private = apart(|service| {
        let mut unit = unit();
        let line = UnitAssignment { value: "yes".into(), file: "x".into(), line: 1 };
        unit.stored.insert("Service.PrivateNetwork".into(), vec![line]);
        service.unit = Fact::Known(unit);
    });
    assert!(draft(&private, &bare(), &of_unit(8192)).left[0].command.contains("ExecStartPre=+/sbin/sysctl"));
    let restart = Request { restart: true, ..of_unit(8192) };
    assert!(draft(&private, &bare(), &restart).warnings.iter().any(|text| text.contains("makes its network")));
    let mut ended = bare();
    ended.started.clear();
    assert!(draft(&apart(|_| {}), &ended, &of_unit(8192)).refused[0].reason.contains("has ended"));
}

#[test]
fn services_in_one_namespace_are_changed_once() {
    let mut facts = apart(|_| {});
    let Fact::Known(services) = &mut facts.services else { panic!() };
    let mut twin = services[0].clone();
    twin.name = "api.service".into();
    twin.manager = crate::facts::Manager::SystemUnit("api.service".into());
    twin.master.pid = Pid(900);
    services.push(twin);
    let both = Request { units: vec!["gunicorn.service".into(), "api.service".into()], ..request(8192) };
    let mut ground = bare();
    ground.started.insert(Pid(900), 4712);
    assert_eq!(draft(&facts, &ground, &both).changes.len(), 1);
}

#[test]
fn a_named_unit_in_the_hosts_network_or_down_means_the_host() {
    assert_eq!(subjects(&draft(&host_with_gunicorn(), &bare(), &of_unit(8192))), [OWN, "net.core.somaxconn"]);
    let mut down = fresh_host();
    down.stopped_units = vec![unit()];
    assert_eq!(subjects(&draft(&down, &bare(), &of_unit(8192))), [OWN, "net.core.somaxconn"]);
    assert!(!draft(&fresh_host(), &bare(), &of_unit(8192)).refused.is_empty(), "no such unit");
}

#[test]
fn without_a_name_the_host_is_meant_and_every_service_it_does_not_reach() {
    let topic = draft(&apart(|_| {}), &bare(), &request(8192));
    let values = topic.changes.iter().filter(|change| matches!(change, Change::KernelValue { .. })).count();
    assert_eq!(values, 2, "{:?}", topic.changes);
    let short = draft(&apart(|service| listener(service).limit = 128), &bare(), &request(8192));
    assert_eq!(short.needs_restart, ["gunicorn.service"], "a queue in a network of its own waits as any other does");
}

fn container(runtime: &str) -> Option<Container> {
    Some(Container { runtime: runtime.into(), id: None, because: "cgroup".into() })
}

#[test]
fn a_container_is_refused_with_the_words_of_its_runtime() {
    for (runtime, word) in [
        ("docker", "docker run --sysctl net.core.somaxconn=8192"),
        ("podman", "podman run"),
        ("kubernetes", "securityContext"),
    ] {
        let inside = apart(|service| service.container = container(runtime));
        let refused = draft(&inside, &bare(), &of_unit(8192)).refused;
        assert!(refused[0].hints[0].contains(word), "{refused:?}");
        let mut facts = fresh_host();
        facts.host.container = container(runtime);
        assert!(draft(&facts, &bare(), &request(8192)).refused[0].hints[0].contains(word));
    }
    let mut lxc = fresh_host();
    lxc.host.container = container("lxc");
    assert!(draft(&lxc, &bare(), &request(8192)).refused.is_empty(), "a system container has kernel values of its own");
}

#[test]
fn in_an_image_only_the_file_is_written() {
    let mut facts = fresh_host();
    facts.host.live = false;
    facts.host.kernel = Fact::unreadable("an image");
    facts.services = Fact::unreadable("an image");
    facts.network.somaxconn = Fact::unreadable("an image");
    assert_eq!(subjects(&settled(&facts, &bare(), &request(4096))), [OWN]);
}

#[test]
fn a_socket_that_listens_already_waits_for_a_restart() {
    let short = || with_service(|service| listener(service).limit = 128);
    let topic = draft(&short(), &bare(), &request(8192));
    assert_eq!(topic.needs_restart, ["gunicorn.service"]);
    let restart = |left: &Left| left.command.starts_with("systemctl restart gunicorn.service");
    assert!(topic.left.iter().any(restart), "{:?}", topic.left);
    let restart = Request { restart: true, ..request(2048) };
    let topic = draft(&short(), &bare(), &restart);
    assert!(topic.left.is_empty() && topic.needs_restart == ["gunicorn.service"], "{topic:?}");
    assert!(draft(&host_with_gunicorn(), &bare(), &request(8192)).needs_restart.is_empty(), "2048 is what it asks for");
}

fn listener(service: &mut Service) -> &mut crate::facts::Listener {
    let Fact::Known(listeners) = &mut service.listeners else { panic!() };
    &mut listeners[0]
}

#[test]
fn a_socket_unit_is_restarted_by_hand_since_27() {
    let socket = |major| {
        with_service(|service| {
            listener(service).limit = 128;
            listener(service).origin = ListenerOrigin::SocketUnit;
            let Fact::Known(version) = &mut service.version else { panic!() };
            version.version = crate::gunicorn::Version::new(major, 0, 0);
        })
    };
    let restart = Request { restart: true, ..request(8192) };
    let topic = draft(&socket(27), &bare(), &restart);
    assert!(topic.left.iter().any(|left| left.command.contains("restart gunicorn.socket")), "{:?}", topic.left);
    assert!(topic.needs_restart.is_empty());
    assert_eq!(draft(&socket(26), &bare(), &restart).needs_restart, ["gunicorn.service"]);
}

#[test]
fn an_asgi_queue_that_no_restart_makes_longer_waits_for_none() {
    let facts = with_service(|service| {
        listener(service).limit = 100;
        service.class = Fact::Known(Sourced { value: WorkerClass::Asgi, source: Source::CommandLine });
    });
    let topic = draft(&facts, &bare(), &request(8192));
    assert!(topic.needs_restart.is_empty());
    assert!(topic.warnings.iter().any(|text| text.contains("asgi")), "{:?}", topic.warnings);
}

#[test]
fn a_value_above_the_backlog_says_what_else_it_takes() {
    let topic = draft(&host_with_gunicorn(), &bare(), &request(8192));
    assert!(topic.left[0].command.contains("GUNICORN_CMD_ARGS=--backlog 8192"), "{:?}", topic.left);
    assert!(shlex::split(&topic.left[0].command).is_some() && topic.warnings.is_empty(), "it can be pasted: {topic:?}");
    assert!(draft(&host_with_gunicorn(), &bare(), &request(2048)).left.is_empty());
    let tmpfs = TmpfsRequest { directory: "/mem".into(), size: None, backend: Backend::Fstab };
    let both = Request { tmpfs: Some(tmpfs), ..request(8192) };
    assert_eq!(draft(&host_with_gunicorn(), &bare(), &both).left[0].command, "gunicorn --backlog 8192 …");
}

proptest! {
    #[test]
    fn whatever_is_stored_a_plan_wins_once_or_is_refused(
        names in prop::collection::vec("[0-9a-z~]{1,6}", 0..4),
        texts in prop::collection::vec("(net.core.somaxconn = [0-9]{1,5}|-net.core.somaxconn|net.core.* = 9|vm.a = 1)\n", 4),
        conf in prop::option::of("(net.core.somaxconn = [0-9]{1,5}|#)\n"),
        value in 1u64..20_000,
    ) {
        let paths: Vec<String> = names.iter().map(|name| format!("/etc/sysctl.d/{name}.conf")).collect();
        let files: Vec<(&str, &str)> = paths.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
        let ground = ground(&files, conf.as_deref());
        let adopt = Request { adopt: true, ..request(value) };
        let first = draft(&host_with_gunicorn(), &ground, &adopt);
        if first.refused.is_empty() {
            let (facts, ground) = done(&host_with_gunicorn(), &ground, &first);
            let again = draft(&facts, &ground, &adopt);
            prop_assert!(again.changes.is_empty() && again.refused.is_empty(), "{again:?}");
        }
    }
}
