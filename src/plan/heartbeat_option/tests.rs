//! Laws of the drop-in, on a host that is made of its files: what is performed is seen by the next look.

use super::*;
use crate::checks::healthy;
use crate::facts::{Container, Manager, parse_unit_file, unit_words};
use crate::gunicorn::{Source, Sourced, Value};
use crate::plan::{Change, DirectoryImage, FileImage, Place, TmpfsRequest};
use std::collections::BTreeMap;

const UNIT: &str = "/etc/systemd/system/gunicorn.service";
const DROP_INS: &str = "/etc/systemd/system/gunicorn.service.d";
const OWN: &str = "/etc/systemd/system/gunicorn.service.d/60-gtune-heartbeat.conf";

/// A host with one unit whose Gunicorn keeps its heartbeat on a disk.
#[derive(Clone)]
struct Host {
    name: &'static str,
    files: BTreeMap<String, FileImage>,
    facts: Facts,
    tmpfs: String,
}

impl Host {
    fn with(lines: &str) -> Self {
        let facts = healthy::with_service(|service| {
            for worker in &mut service.workers {
                let Fact::Known(heartbeat) = &mut worker.heartbeat else { panic!() };
                heartbeat.path = "/tmp/wgunicorn-x".into();
                heartbeat.filesystem = Fact::Known(healthy::filesystem("ext4", "/"));
            }
        });
        let host = Self { name: "gunicorn.service", files: BTreeMap::new(), facts, tmpfs: "/mem".into() };
        host.file(UNIT, &format!("[Service]\nExecStart=/srv/app/venv/bin/gunicorn wsgi\n{lines}\n"))
    }

    fn file(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.into(), FileImage::configuration(content));
        self
    }

    fn service(mut self, change: impl FnOnce(&mut Service)) -> Self {
        let Fact::Known(services) = &mut self.facts.services else { panic!() };
        change(&mut services[0]);
        self
    }

    fn running(self, setting: &str, value: &str, source: Source) -> Self {
        let sourced = Sourced { value: Value::Text(value.into()), source };
        self.service(|service| drop(service.settings.given.insert(setting.into(), sourced)))
    }

    fn heartbeats_in(self, directory: &str, kind: &str) -> Self {
        self.service(|service| {
            for worker in &mut service.workers {
                let Fact::Known(heartbeat) = &mut worker.heartbeat else { panic!() };
                heartbeat.path = format!("{directory}/wgunicorn-x");
                heartbeat.filesystem = Fact::Known(healthy::filesystem(kind, directory));
            }
        })
    }

    /// The unit as a look at the files, and at a manager that has just read them, finds it.
    fn unit(&self) -> Unit {
        let mut unit = healthy::unit();
        unit.name = self.name.into();
        let is_unit = |path: &str| path.starts_with("/etc/systemd/system/");
        for (path, file) in self.files.iter().filter(|(path, _)| is_unit(path)) {
            parse_unit_file(path, &file.content.0, &mut unit.stored);
            if path.ends_with(".conf") {
                unit.drop_ins.push(path.clone());
            }
        }
        if let Fact::Known(loaded) = &mut unit.loaded {
            let values = |key: &str| {
                let lines = unit.stored.get(&format!("Service.{key}")).into_iter().flatten();
                lines.map(|line| line.value.clone()).collect::<Vec<_>>()
            };
            let words = values("Environment").iter().flat_map(|value| unit_words(value)).collect::<Vec<_>>();
            loaded.environment = words.iter().map(|word| word.replace("%%", "%").replace("%i", "web")).collect();
            loaded.environment_files = values("EnvironmentFile").into_iter().map(|path| (path, false)).collect();
            for key in ["ReadWritePaths", "ProtectSystem", "DynamicUser", "PrivateTmp", "RootDirectory", "BindPaths"] {
                loaded.sandbox.insert(key.into(), values(key).join(" ").replace("%%", "%"));
            }
        }
        unit
    }

    fn seen(&self) -> Facts {
        let unit = self.unit();
        let mut facts = self.facts.clone();
        match &mut facts.services {
            Fact::Known(services) if !services.is_empty() => {
                if let Manager::SystemUnit(name) = &mut services[0].manager {
                    *name = self.name.into();
                }
                services[0].unit =
                    Fact::Known(Unit { of_user: matches!(services[0].manager, Manager::UserUnit { .. }), ..unit });
            }
            _ => facts.stopped_units = vec![unit],
        }
        facts
    }

    fn ground(&self, places: &Places) -> Ground {
        let mut ground = Ground::default();
        for path in &places.files {
            let place = match self.files.get(path) {
                Some(file) => Place::holding(path, file.clone()),
                None => Place::free(path),
            };
            ground.files.insert(path.clone(), place);
            for directory in crate::plan::ground::ancestors(path) {
                ground.directories.insert(directory.clone(), Place::holding(directory, DirectoryImage::OF_ROOT));
            }
        }
        ground
    }

    fn request(&self, units: &[&str]) -> Request {
        let tmpfs = TmpfsRequest { directory: self.tmpfs.clone(), size: None, backend: Default::default() };
        let units = units.iter().map(|unit| (*unit).to_owned()).collect();
        Request { tmpfs: Some(tmpfs), units, ..Request::default() }
    }

    fn asked(&self, units: &[&str]) -> Topic {
        let (facts, request) = (self.seen(), self.request(units));
        let ground = self.ground(&places(&facts, &request));
        draft(&facts, &ground, &request)
    }

    fn apply(&self) -> Topic {
        self.asked(&[self.name])
    }

    fn perform(mut self, topic: &Topic) -> Self {
        for change in &topic.changes {
            match change {
                Change::File { path, after: Some(after), .. } => drop(self.files.insert(path.clone(), after.clone())),
                Change::Directory { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        self
    }

    /// The lines of the drop-in, and that a second apply changes nothing.
    fn drop_in(&self) -> String {
        let topic = self.apply();
        assert!(topic.refused.is_empty(), "{:?}", topic.refused);
        let [.., Change::File { after: Some(file), .. }] = topic.changes.as_slice() else { panic!("{topic:?}") };
        let second = self.clone().perform(&topic).apply();
        assert!(second.changes.is_empty() && second.refused.is_empty(), "{second:?}");
        assert_eq!(second.already.len(), 1);
        file.content.text()
    }

    fn line(&self, key: &str) -> Option<String> {
        self.drop_in().lines().find(|line| line.starts_with(&format!("{key}="))).map(str::to_owned)
    }

    fn environment(&self) -> String {
        self.line("Environment").unwrap()
    }

    fn refused(&self) -> Refusal {
        let topic = self.apply();
        assert!(topic.changes.is_empty(), "{:?}", topic.changes);
        topic.refused.into_iter().next().unwrap()
    }

    fn is_already(&self, place: &str) -> Topic {
        let topic = self.apply();
        assert!(topic.changes.is_empty() && topic.refused.is_empty(), "{topic:?}");
        assert!(topic.already[0].what.contains(place), "{:?}", topic.already);
        topic
    }
}

#[test]
fn a_service_is_told_by_a_drop_in_and_needs_a_restart() {
    let host = Host::with("");
    let content = "# Written by gtune: this Gunicorn keeps its heartbeat files in memory,\n\
                   # where touching one never waits for a disk.\n\
                   # Take it back: gtune history, then: gtune rollback ID\n\
                   [Unit]\nRequiresMountsFor=/mem\n[Service]\nEnvironment=\"GUNICORN_CMD_ARGS=--worker-tmp-dir /mem\"\n";
    assert_eq!(host.drop_in(), content);
    let topic = host.apply();
    assert_eq!(topic.changes[0].subject(), OWN);
    assert_eq!(topic.needs_restart, ["gunicorn.service"]);
}

#[test]
fn nothing_is_drafted_where_no_tmpfs_was_asked_for() {
    let facts = healthy::host_with_gunicorn();
    let request = Request { units: vec!["gunicorn.service".into()], ..Request::default() };
    assert_eq!(places(&facts, &request), Places::default());
    assert_eq!(draft(&facts, &Ground::default(), &request), Topic::default());
}

#[test]
fn what_the_variable_holds_is_kept() {
    let host = Host::with("Environment=TZ=UTC \"GUNICORN_CMD_ARGS=--workers 4 -e 'A=b c'\"");
    assert_eq!(host.environment(), "Environment=\"GUNICORN_CMD_ARGS=--workers 4 -e 'A=b c' --worker-tmp-dir /mem\"");
    let host = Host::with("Environment=\"GUNICORN_CMD_ARGS=--worker-tmp-dir=/tmp -w4\"");
    assert_eq!(host.environment(), "Environment=\"GUNICORN_CMD_ARGS=-w4 --worker-tmp-dir /mem\"");
}

#[test]
fn specifiers_stay_specifiers_in_the_drop_in_of_an_instance() {
    let mut host = Host::with("Environment=\"GUNICORN_CMD_ARGS=--name %i --env A=5%%\"");
    host.name = "gunicorn@web.service";
    assert!(host.environment().contains("--name %i --env A=5%% --worker-tmp-dir /mem\""), "{}", host.environment());
    assert!(host.apply().changes[0].subject().starts_with("/etc/systemd/system/gunicorn@web.service.d/"));
}

#[test]
fn another_directory_replaces_the_one_of_an_earlier_run_and_a_new_base_is_followed() {
    let mut host = Host::with("Environment=\"GUNICORN_CMD_ARGS=-w4\"");
    let first = host.apply();
    host = host.perform(&first);
    host.tmpfs = "/fast".into();
    assert_eq!(host.environment(), "Environment=\"GUNICORN_CMD_ARGS=-w4 --worker-tmp-dir /fast\"");
    assert_eq!(host.apply().changes[0].subject(), OWN);
    let host = host.file(UNIT, "[Service]\nExecStart=/usr/bin/gunicorn wsgi\nEnvironment=\"GUNICORN_CMD_ARGS=-w8\"\n");
    assert_eq!(host.environment(), "Environment=\"GUNICORN_CMD_ARGS=-w8 --worker-tmp-dir /fast\"");
}

#[test]
fn what_only_the_manager_knows_is_kept_also_by_a_second_run() {
    let host = Host::with("");
    let mut facts = host.seen();
    let Fact::Known(services) = &mut facts.services else { panic!() };
    let Fact::Known(unit) = &mut services[0].unit else { panic!() };
    let Fact::Known(loaded) = &mut unit.loaded else { panic!() };
    loaded.environment = vec!["GUNICORN_CMD_ARGS=-w4 -n 5%".into()];
    let request = host.request(&["gunicorn.service"]);
    let mut ground = host.ground(&places(&facts, &request));
    let topic = draft(&facts, &ground, &request);
    let Some(Change::File { after: Some(file), .. }) = topic.changes.last() else { panic!("{topic:?}") };
    assert!(file.content.text().contains("=-w4 -n 5%% --worker-tmp-dir /mem\""), "{file:?}");
    topic.changes.iter().for_each(|change| ground.after(change));
    assert!(draft(&facts, &ground, &request).changes.is_empty());
}

#[test]
fn a_drop_in_of_an_operator_is_beaten_and_followed() {
    let override_conf = format!("{DROP_INS}/override.conf");
    let host = Host::with("").file(&override_conf, "[Service]\nEnvironment=\"GUNICORN_CMD_ARGS=-w2\"\n");
    assert_eq!(host.environment(), "Environment=\"GUNICORN_CMD_ARGS=-w2 --worker-tmp-dir /mem\"");
    assert!(host.apply().changes[0].subject().ends_with("/zz-gtune-heartbeat.conf"));
}

#[test]
fn a_file_that_empties_the_environment_after_ours_is_named() {
    let host = Host::with("");
    let topic = host.apply();
    let host = host.perform(&topic).file(&format!("{DROP_INS}/zz.conf"), "[Service]\nEnvironment=\n");
    assert!(host.refused().reason.contains("empties Environment="), "{:?}", host.refused());
}

#[test]
fn a_service_that_is_told_already_is_left_alone() {
    let there = |host: Host| host.heartbeats_in("/mem", "tmpfs");
    let file = Source::ConfigFile { file: "/srv/app/gunicorn.conf.py".into(), line: 7 };
    let told = there(Host::with("").running("worker_tmp_dir", "/mem/", file.clone()));
    assert!(told.is_already("/srv/app/gunicorn.conf.py, line 7").needs_restart.is_empty());
    there(Host::with("Environment=TMPDIR=/mem")).is_already("Python's directory");
    there(Host::with("Environment=\"GUNICORN_CMD_ARGS=--worker-tmp-dir /mem\"")).is_already("gunicorn.service, line 3");
    let line = Host::with("").file(UNIT, "[Service]\nExecStart=/usr/bin/gunicorn --worker-tmp-dir=/mem wsgi\n");
    there(line).is_already("command line");
    let not_yet = Host::with("").running("worker_tmp_dir", "/mem", file);
    assert_eq!(not_yet.is_already("gunicorn.conf.py").needs_restart, ["gunicorn.service"]);
    let on_disk = Host::with("Environment=TMPDIR=/mem").heartbeats_in("/mem", "ext4");
    assert_eq!(on_disk.is_already("Python's").needs_restart, ["gunicorn.service"], "the mount hides the old files");
}

#[test]
fn an_earlier_run_that_was_not_followed_by_a_restart_still_needs_one() {
    let host = Host::with("");
    let topic = host.apply();
    let host = host.perform(&topic);
    assert_eq!(host.is_already(OWN).needs_restart, ["gunicorn.service"]);
    assert!(host.heartbeats_in("/mem", "tmpfs").is_already(OWN).needs_restart.is_empty());
}

#[test]
fn what_was_rolled_back_is_written_again_though_workers_still_have_it() {
    let variable = Source::Variable("GUNICORN_CMD_ARGS".into());
    let host = Host::with("").heartbeats_in("/mem", "tmpfs").running("worker_tmp_dir", "/mem", variable);
    assert!(host.environment().contains("--worker-tmp-dir /mem"));
}

#[test]
fn the_command_line_wins_and_is_named() {
    let file = "[Service]\nExecStart=/usr/bin/gunicorn --worker-tmp-dir /tmp wsgi\n";
    let refusal = Host::with("").file(UNIT, file).refused();
    assert_eq!(refusal.what, "make gunicorn.service use /mem");
    assert!(refusal.reason.contains("command line says --worker-tmp-dir /tmp"), "{}", refusal.reason);
    assert_eq!(refusal.hints, ["systemctl edit --full gunicorn.service   # in ExecStart=: --worker-tmp-dir /mem"]);
    let running = Host::with("").running("worker_tmp_dir", "/tmp", Source::CommandLine);
    assert!(!running.apply().changes.is_empty(), "ExecStart= was changed since");
    let wrapped = running.file(UNIT, "[Service]\nExecStart=/bin/sh -c 'exec gunicorn $OPTIONS wsgi'\n");
    assert!(wrapped.refused().reason.contains("command line"));
}

fn with_environment_file(content: &str) -> Host {
    Host::with("EnvironmentFile=/etc/app.env").file("/etc/app.env", content)
}

#[test]
fn a_file_of_the_environment_wins_and_its_hint_fulfils_the_wish() {
    let host = with_environment_file("# options\nA=1\nGUNICORN_CMD_ARGS=\"-w 4\"\n");
    let refusal = host.refused();
    assert!(refusal.reason.starts_with("/etc/app.env, line 3, sets GUNICORN_CMD_ARGS"), "{}", refusal.reason);
    let line = refusal.hints[0].strip_prefix("in /etc/app.env, line 3: ").unwrap();
    assert_eq!(line, "GUNICORN_CMD_ARGS=\"-w 4 --worker-tmp-dir /mem\"");
    with_environment_file(&format!("# options\nA=1\n{line}\n")).is_already("/etc/app.env, line 3");
    assert!(with_environment_file("A=1\nexport GUNICORN_CMD_ARGS=-w2\n").environment().contains("=--worker-tmp-dir"));
}

#[test]
fn options_of_a_file_that_not_all_can_read_are_not_repeated() {
    let mut host = with_environment_file("GUNICORN_CMD_ARGS=-e KEY=hunter2\n");
    host.files.get_mut("/etc/app.env").unwrap().mode = 0o640;
    let refusal = format!("{:?}", host.refused());
    assert!(!refusal.contains("hunter2") && refusal.contains("GUNICORN_CMD_ARGS=… --worker-tmp-dir /mem"), "{refusal}");
}

#[test]
fn a_file_that_cannot_be_read_may_set_it() {
    let host = with_environment_file("");
    let (facts, request) = (host.seen(), host.request(&["gunicorn.service"]));
    let mut ground = host.ground(&places(&facts, &request));
    ground.files.get_mut("/etc/app.env").unwrap().image = Fact::unreadable("permission denied");
    let refusal = &draft(&facts, &ground, &request).refused[0];
    assert!(refusal.reason.contains("/etc/app.env may set") && refusal.reason.ends_with("permission denied"));
}

#[test]
fn a_pattern_of_files_is_refused_unless_the_running_master_shows_that_none_sets_it() {
    let pattern = Host::with("EnvironmentFile=/etc/app/*.env");
    assert!(!pattern.apply().changes.is_empty());
    let stopped = down(pattern);
    assert!(stopped.refused().reason.contains("/etc/app/*.env"));
}

#[test]
fn a_variable_that_is_taken_away_or_comes_from_elsewhere_is_refused() {
    let unset = Host::with("UnsetEnvironment=A GUNICORN_CMD_ARGS").refused();
    assert!(unset.reason.contains("UnsetEnvironment=") && unset.hints[0].starts_with(&format!("in {UNIT}, line 3")));
    assert!(Host::with("PassEnvironment=GUNICORN_CMD_ARGS").refused().reason.contains("systemd's own environment"));
    let script = Host::with("").running("workers", "4", Source::Variable("GUNICORN_CMD_ARGS".into())).refused();
    assert!(script.hints[0].contains("add: --worker-tmp-dir /mem") && script.hints[1].starts_with("systemctl restart"));
}

#[test]
fn a_program_that_embeds_gunicorn_is_told_in_its_own_options() {
    let argv = ["/usr/bin/python3", "/srv/app/serve.py"].map(str::to_owned).to_vec();
    let embeds = Host::with("").service(|service| {
        service.master.arguments = Fact::Known(argv);
        service.settings.blind = Some(crate::facts::Reason::new("the application embeds Gunicorn"));
    });
    let refusal = embeds.refused();
    assert_eq!(refusal.reason, "/srv/app/serve.py embeds Gunicorn and ignores GUNICORN_CMD_ARGS");
    assert!(refusal.hints[0].ends_with("\"worker_tmp_dir\": \"/mem\""), "{:?}", refusal.hints);
    embeds.heartbeats_in("/mem", "tmpfs").is_already("its own program");
}

#[test]
fn a_start_that_cannot_be_seen_is_warned_of() {
    let host = Host::with("").file(UNIT, "[Service]\nExecStart=/srv/app/start.sh\n").service(|service| {
        service.master.arguments = Fact::Known(vec!["gunicorn: master [wsgi]".into()]);
        service.retitled = true;
    });
    assert!(host.apply().warnings[0].contains("/srv/app/start.sh"));
}

#[test]
fn the_unit_of_a_user_is_left_to_that_user_with_the_lines() {
    let host = Host::with("Environment=GUNICORN_CMD_ARGS=-w4")
        .service(|service| service.manager = Manager::UserUnit { unit: "gunicorn.service".into(), uid: 1000 });
    let hints = host.refused().hints;
    assert!(hints[0].contains("systemctl --user edit gunicorn.service"), "{hints:?}");
    assert_eq!(
        hints[1..],
        [
            "[Service]",
            "Environment=\"GUNICORN_CMD_ARGS=-w4 --worker-tmp-dir /mem\"",
            "systemctl --user restart gunicorn.service"
        ]
    );
}

#[test]
fn neither_mount_nor_environment_goes_into_a_container() {
    let container = Container { runtime: "docker".into(), id: None, because: "cgroup".into() };
    let host = Host::with("").service(|service| service.container = Some(container));
    assert!(host.refused().reason.contains("docker"));
    assert_eq!(host.asked(&[]), Topic::default());
}

#[test]
fn a_service_started_by_a_socket_is_told_like_any_other() {
    let host = Host::with("Sockets=gunicorn.socket").service(|service| {
        let Fact::Known(listeners) = &mut service.listeners else { panic!() };
        listeners[0].origin = crate::facts::ListenerOrigin::SocketUnit;
    });
    assert!(host.environment().contains("/mem"));
}

fn down(mut host: Host) -> Host {
    host.facts.services = Fact::Known(vec![]);
    host
}

#[test]
fn a_unit_that_is_down_gets_its_drop_in_and_needs_nothing() {
    let host = down(Host::with(""));
    assert!(host.environment().contains("/mem"));
    assert!(host.apply().needs_restart.is_empty() && host.apply().left.is_empty());
}

#[test]
fn of_an_image_the_stored_lines_tell_all() {
    let host =
        down(Host::with("Environment=GUNICORN_CMD_ARGS=-w4\nProtectSystem=strict\nEnvironmentFile=-/etc/app.env"));
    let mut facts = host.seen();
    facts.stopped_units[0].loaded = Fact::unreadable("the service manager was not asked");
    let request = host.request(&["gunicorn.service"]);
    let asked = places(&facts, &request);
    assert!(asked.files.contains("/etc/app.env"));
    let topic = draft(&facts, &host.ground(&asked), &request);
    let Some(Change::File { after: Some(file), .. }) = topic.changes.last() else { panic!("{topic:?}") };
    let content = file.content.text();
    assert!(content.ends_with("-w4 --worker-tmp-dir /mem\"\nReadWritePaths=/mem\n"), "{content}");
}

#[test]
fn a_sandbox_is_opened_only_where_it_is_closed() {
    let paths = |lines: &str| Host::with(lines).line("ReadWritePaths");
    assert_eq!(paths("ProtectSystem=full\nProtectHome=yes\nPrivateTmp=yes"), None);
    assert_eq!(paths("ProtectSystem=strict"), Some("ReadWritePaths=/mem".into()));
    assert_eq!(paths("DynamicUser=yes"), Some("ReadWritePaths=/mem".into()));
    assert_eq!(paths("ProtectSystem=strict\nReadWritePaths=-/mem /srv"), None);
    assert_eq!(paths("ProtectSystem=strict\nBindPaths=/mem"), None);
    let mut host = Host::with("ProtectSystem=strict");
    host.tmpfs = "/dev/shm".into();
    assert_eq!(host.line("ReadWritePaths"), None, "strict leaves /dev as it is");
}

#[test]
fn a_closed_sandbox_is_opened_also_where_the_option_is_given_elsewhere() {
    let file = Source::ConfigFile { file: "/srv/app/gunicorn.conf.py".into(), line: 7 };
    let host = Host::with("ProtectSystem=strict").running("worker_tmp_dir", "/mem", file);
    let content = host.drop_in();
    assert!(content.ends_with("[Unit]\nRequiresMountsFor=/mem\n[Service]\nReadWritePaths=/mem\n"), "{content}");
    host.heartbeats_in("/mem", "tmpfs").is_already("gunicorn.conf.py");
}

fn stored_access(lines: &str, directory: &str) -> Access {
    let mut unit = healthy::unit();
    unit.loaded = Fact::unreadable("not asked");
    parse_unit_file("web.service", format!("[Service]\n{lines}\n").as_bytes(), &mut unit.stored);
    Sandbox::of(&unit, &[]).access(directory)
}

#[test]
fn the_nearest_entry_of_a_sandbox_decides() {
    for (lines, directory, expected) in [
        ("", "/mem", Access::Writable),
        ("ReadOnlyPaths=/", "/mem", Access::ReadOnly),
        ("ReadOnlyPaths=/\nReadWritePaths=/srv", "/srv/mem", Access::Writable),
        ("ReadOnlyPaths=/srv/a\nReadWritePaths=/srv", "/srv/a/mem", Access::ReadOnly),
        ("ReadOnlyDirectories=-/srv", "/srv/mem", Access::ReadOnly),
        ("ReadOnlyPaths=/me", "/mem", Access::Writable),
        ("ProtectSystem=full", "/etc/mem", Access::ReadOnly),
        ("ProtectSystem=yes", "/etc/mem", Access::Writable),
        ("ProtectSystem=strict\nRuntimeDirectory=gunicorn", "/run/gunicorn", Access::Writable),
        ("ProtectSystem=strict", "/run/gunicorn", Access::ReadOnly),
        ("ProtectHome=read-only", "/home/app/mem", Access::ReadOnly),
        ("DynamicUser=1", "/root/mem", Access::ReadOnly),
        ("BindReadOnlyPaths=/srv", "/srv/mem", Access::ReadOnly),
        ("TemporaryFileSystem=/srv:ro\nBindPaths=/srv/mem", "/srv/mem", Access::Writable),
        ("RootDirectory=/", "/mem", Access::Writable),
        ("PrivateTmp=no", "/tmp/mem", Access::Writable),
    ] {
        assert_eq!(stored_access(lines, directory), expected, "{lines} {directory}");
    }
}

#[test]
fn what_cannot_be_opened_is_named_with_a_way_out() {
    for (lines, directory, key, way) in [
        ("InaccessiblePaths=/srv\nReadWritePaths=/srv/mem", "/srv/mem", "InaccessiblePaths=", "take /srv out"),
        ("ProtectHome=yes", "/home/app/mem", "ProtectHome=", "outside"),
        ("ProtectHome=tmpfs", "/home/app/mem", "ProtectHome=tmpfs", "BindPaths=/home/app/mem"),
        ("PrivateTmp=yes", "/tmp/mem", "PrivateTmp=", "BindPaths=/tmp/mem"),
        ("DynamicUser=yes", "/var/tmp/mem", "PrivateTmp=", "BindPaths="),
        ("TemporaryFileSystem=/srv:ro", "/srv/mem", "TemporaryFileSystem=", "BindPaths=/srv/mem"),
        ("RootDirectory=/srv/jail", "/mem", "RootDirectory=", "BindPaths=/mem"),
        ("RootDirectory=/srv/jail\nBindPaths=/srv/mem:/mem", "/mem", "RootDirectory=", "BindPaths=/mem"),
        ("RootImage=/srv/a.raw", "/mem", "RootImage=", "BindPaths=/mem"),
        ("ReadOnlyPaths=/mem", "/mem", "ReadOnlyPaths=", "take /mem out"),
    ] {
        let Access::Hidden { reason, hint } = stored_access(lines, directory) else { panic!("{lines}") };
        assert!(reason.contains(key) && hint.contains(way), "{lines}: {reason}; {hint}");
    }
    assert!(Host::with("RootDirectory=/srv/jail").refused().hints[0].ends_with("BindPaths=/mem"));
}

#[test]
fn a_directory_is_quoted_for_each_key() {
    let mut host =
        Host::with("ReadOnlyPaths=/").file(UNIT, "[Service]\nExecStart=/usr/bin/gunicorn wsgi\nProtectSystem=strict\n");
    host.tmpfs = "/my \"5%\" mem/".into();
    assert_eq!(host.line("RequiresMountsFor").unwrap(), r#"RequiresMountsFor="/my \"5%%\" mem""#);
    assert_eq!(host.line("ReadWritePaths").unwrap(), r#"ReadWritePaths="/my \"5%%\" mem""#);
    assert_eq!(host.environment(), r#"Environment="GUNICORN_CMD_ARGS=--worker-tmp-dir '/my \"5%%\" mem'""#);
    host.tmpfs = "/mem\nExecStart=/bin/sh".into();
    assert!(host.refused().reason.contains("control character"));
}

#[test]
fn without_a_unit_the_option_is_left_to_do_in_the_right_place() {
    let left = |host: &Host| host.asked(&[]).left.into_iter().map(|left| left.command).collect::<Vec<_>>();
    assert_eq!(left(&Host::with("")), ["gtune apply --tmpfs /mem --unit gunicorn.service --restart"]);
    assert_eq!(left(&down(Host::with(""))), ["gtune apply --tmpfs /mem --unit gunicorn.service"]);
    let file = Source::ConfigFile { file: "/srv/app/gunicorn.conf.py".into(), line: 7 };
    let steps = left(&Host::with("").running("worker_tmp_dir", "/tmp", file.clone()));
    assert_eq!(steps[0], "in /srv/app/gunicorn.conf.py, line 7: worker_tmp_dir = \"/mem\"");
    assert!(steps[1].starts_with("kill -HUP 812"), "{steps:?}");
    assert_eq!(left(&Host::with("").running("worker_tmp_dir", "/mem", file)).len(), 1, "only the reload");
    let session = Host::with("").service(|service| service.manager = Manager::Session("session-3.scope".into()));
    let mut facts = session.seen();
    let Fact::Known(services) = &mut facts.services else { panic!() };
    services[0].unit = Fact::Absent;
    let topic = draft(&facts, &Ground::default(), &session.request(&[]));
    assert_eq!(topic.left[0].command, "start it with: gunicorn --worker-tmp-dir /mem …");
    assert!(session.asked(&[]).changes.is_empty());
    assert!(left(&with_environment_file("GUNICORN_CMD_ARGS=-w2"))[0].starts_with("in /etc/app.env, line 1"));
}

#[test]
fn a_host_without_gunicorn_is_told_how_to_start_one() {
    let facts = healthy::fresh_host();
    let topic = draft(&facts, &Ground::default(), &Host::with("").request(&[]));
    assert_eq!(topic.left[0].command, "gunicorn --worker-tmp-dir /mem …");
}

#[test]
fn nothing_is_left_for_a_service_that_is_told_already() {
    let host = Host::with("").heartbeats_in("/mem", "tmpfs").running("worker_tmp_dir", "/mem", Source::CommandLine);
    assert_eq!(host.asked(&[]), Topic::default());
    let by_variable = Host::with("Environment=TMPDIR=/mem").heartbeats_in("/mem", "tmpfs");
    assert_eq!(by_variable.asked(&[]), Topic::default());
}

#[test]
fn an_unknown_unit_is_refused() {
    let topic = Host::with("").asked(&["api.service"]);
    assert_eq!(topic.refused[0].hints, ["gtune doctor   # shows those that do: gunicorn.service"]);
}

#[test]
fn what_is_in_the_way_of_the_file_is_refused_without_a_restart() {
    let host = Host::with("");
    let (facts, request) = (host.seen(), host.request(&["gunicorn.service"]));
    let mut ground = host.ground(&places(&facts, &request));
    ground.files.get_mut(OWN).unwrap().obstacle = Some(crate::plan::Obstacle::Immutable);
    let topic = draft(&facts, &ground, &request);
    assert_eq!(topic.refused[0].hints, [format!("chattr -i {OWN}")]);
    assert!(topic.needs_restart.is_empty());
}
