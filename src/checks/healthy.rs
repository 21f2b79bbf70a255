//! A healthy host with one healthy Gunicorn, for tests: each starts here and breaks one thing.

use crate::facts::*;
use crate::gunicorn::{Settings, Source, Sourced, Value, Version, WorkerClass};
use crate::units::*;
use std::collections::BTreeMap;

/// A host without any Gunicorn, as a modern distribution with /tmp in memory comes.
pub fn fresh_host() -> Facts {
    Facts {
        observed_at: "2026-11-20T18:46:00Z".parse().unwrap(),
        host: host(),
        services: Fact::Known(vec![]),
        stopped_units: vec![],
        orphans: vec![],
        fstab: Fact::Known(Fstab::default()),
        mounts: Fact::Known(vec![mount("/", "ext4", &["rw"]), mount("/tmp", "tmpfs", &["rw", "nosuid", "nodev"])]),
        mount_units: vec![],
        sysctl_store: SysctlStore::default(),
        limits_conf: Fact::Known(LimitsConf::default()),
        network: network(),
        default_heartbeat: Fact::Known(DefaultHeartbeat {
            directory: "/tmp".into(),
            filesystem: Fact::Known(filesystem("tmpfs", "/tmp")),
            because: "/tmp is mounted so".into(),
        }),
        oom_log: Fact::Known(OomLog::default()),
        blind_spots: vec![],
    }
}

/// The same host with one `gunicorn.service`: version 23.0.0, sync, two workers, heartbeat on tmpfs.
pub fn host_with_gunicorn() -> Facts {
    let mut facts = fresh_host();
    facts.services = Fact::Known(vec![service()]);
    facts
}

/// Breaks one thing of the only service.
pub fn with_service(change: impl FnOnce(&mut Service)) -> Facts {
    let mut facts = host_with_gunicorn();
    let Fact::Known(services) = &mut facts.services else { unreachable!() };
    change(&mut services[0]);
    facts
}

/// The machine.
pub fn host() -> Host {
    Host {
        kernel: Fact::Known(KernelVersion::parse("6.1.0-18-amd64")),
        os: Fact::Known("Debian GNU/Linux 12 (bookworm)".into()),
        root: "/".into(),
        live: true,
        boot_id: Fact::Known("a8f3c2de-0000-4000-8000-000000000001".into()),
        uptime_seconds: Fact::Known(Seconds(86_400.0)),
        container: None,
        uid: 0,
        cpus: Fact::Known(4),
        shell_open_files: Fact::Known(soft_hard(1024, 524_288)),
        systemd: Fact::Known(252),
        systemd_default_open_files: Fact::Known(Limit::At(1024)),
        file_table: Fact::Known(FileTable { used: 2000, limit: 9_223_372_036_854_775_807 }),
        nr_open: Fact::Known(1_048_576),
        task_limit: Fact::Known(30_000),
        tasks: Fact::Known(200),
        memory: Fact::Known(HostMemory {
            total_bytes: Bytes(8 << 30),
            available_bytes: Bytes(6 << 30),
            swap_bytes: Bytes(0),
        }),
        oom_kills: Fact::Known(0),
        pressure: Fact::Known(Pressure { io_some: (0.0, 0.0), memory_some: (0.0, 0.0), cpu_some: (0.0, 0.0) }),
    }
}

/// A service that needs nothing.
pub fn service() -> Service {
    Service {
        name: "gunicorn.service".into(),
        identity: Identity::Heartbeat,
        master: process(812, 1, 0x0831_4a07),
        workers: vec![worker(815), worker(816)],
        dirty: vec![],
        upgrade: None,
        version: Fact::Known(InstalledVersion {
            version: Version::new(23, 0, 0),
            file: "/srv/app/venv/lib/python3.11/site-packages/gunicorn/__init__.py".into(),
            newer_than_master: false,
        }),
        class: Fact::Known(Sourced { value: WorkerClass::Sync, source: Source::Default }),
        settings: settings(&[("workers", Value::Number(2))]),
        retitled: false,
        listeners: Fact::Known(vec![listener("127.0.0.1:8000", 2048)]),
        control_socket: Fact::Absent,
        network: network(),
        mounts: Fact::Known(vec![mount("/", "ext4", &["rw"]), mount("/mem", "tmpfs", TMPFS_OPTIONS)]),
        cgroup: Fact::Known(cgroup()),
        manager: Manager::SystemUnit("gunicorn.service".into()),
        unit: Fact::Known(unit()),
        container: None,
        home: Fact::Known(Home { directory: "/srv/app".into(), writable: Fact::Known(true) }),
    }
}

const TMPFS_OPTIONS: &[&str] = &["rw", "nosuid", "nodev", "noexec", "noatime", "size=65536k", "nr_inodes=4096"];

/// Settings given on the command line.
pub fn settings(given: &[(&str, Value)]) -> Settings {
    let sourced = |value: &Value| Sourced { value: value.clone(), source: Source::CommandLine };
    Settings { given: given.iter().map(|(k, v)| ((*k).to_owned(), sourced(v))).collect(), blind: None }
}

/// A process with room in all its limits.
pub fn process(pid: i32, parent: i32, caught: u64) -> Process {
    Process {
        pid: Pid(pid),
        parent: Pid(parent),
        inner_pid: Pid(pid),
        comm: "gunicorn".into(),
        arguments: Fact::Known(vec![
            "/srv/app/venv/bin/python3".into(),
            "/srv/app/venv/bin/gunicorn".into(),
            "wsgi".into(),
        ]),
        state: ProcessState('S'),
        uid: 33,
        gid: 33,
        age_seconds: Seconds(3600.0),
        threads: 1,
        caught: SignalSet(caught),
        ignored: SignalSet(0),
        capabilities: 0,
        rss_bytes: Fact::Known(Bytes(50 << 20)),
        pss_bytes: Fact::Known(Bytes(40 << 20)),
        limits: Fact::Known(ProcessLimits {
            open_files: soft_hard(4096, 524_288),
            processes: soft_hard(30_000, 30_000),
        }),
        descriptors: Fact::Known(Descriptors { count: 11, kinds: vec![("socket".into(), 3)], highest: 12 }),
        wait_channel: Fact::Known("do_select".into()),
    }
}

/// An idle sync worker of master 812.
pub fn worker(pid: i32) -> Worker {
    Worker {
        process: process(pid, 812, 0x0830_4226),
        heartbeat: Fact::Known(Heartbeat {
            seen_in: Pid(pid),
            descriptor: 7,
            path: format!("/mem/wgunicorn-{pid}"),
            file: FileId { device: DeviceId(0x1b), inode: pid as u64 },
            filesystem: Fact::Known(filesystem("tmpfs", "/mem")),
            age_seconds: Seconds(4.0),
            never_beaten: false,
        }),
    }
}

/// A file system with room.
pub fn filesystem(kind: &str, mount_point: &str) -> Filesystem {
    Filesystem {
        kind: FsKind::named(kind),
        device: DeviceId(0x1b),
        mount_point: mount_point.into(),
        source: kind.into(),
        options: TMPFS_OPTIONS.iter().map(|o| (*o).to_owned()).collect(),
        room: Fact::Known(Room {
            total_bytes: Bytes(64 << 20),
            available_bytes: Bytes(64 << 20),
            total_inodes: 4096,
            available_inodes: 4090,
        }),
    }
}

/// A mount.
pub fn mount(mount_point: &str, kind: &str, options: &[&str]) -> Mount {
    Mount {
        id: 30,
        parent: 1,
        device: "0:27".into(),
        root: "/".into(),
        mount_point: mount_point.into(),
        kind: FsKind::named(kind),
        source: kind.into(),
        options: options.iter().map(|o| (*o).to_owned()).collect(),
    }
}

/// The host's network namespace with a modern kernel's defaults.
pub fn network() -> Network {
    Network {
        namespace: Fact::Known(4_026_531_840),
        is_gtunes: Fact::Known(true),
        somaxconn: Fact::Known(4096),
        tcp_syncookies: Fact::Known(1),
        overflows: Fact::Known(ListenCounters { overflows: 0, drops: 0, overflows_during_look: 0, look_seconds: 0.1 }),
    }
}

/// An empty listening socket.
pub fn listener(address: &str, limit: u64) -> Listener {
    Listener {
        kind: if address.starts_with("unix:") { ListenerKind::Unix } else { ListenerKind::Tcp },
        address: address.into(),
        inode: 777,
        queued: 0,
        limit,
        held_by: vec![Pid(812), Pid(815), Pid(816)],
        origin: ListenerOrigin::Master,
    }
}

/// A control group with a limit and room below it.
pub fn cgroup() -> Cgroup {
    Cgroup {
        path: "/system.slice/gunicorn.service".into(),
        memory: Fact::Known(CgroupMemory {
            version: CgroupVersion::V2,
            directory: "/sys/fs/cgroup/system.slice/gunicorn.service".into(),
            limit_bytes: Limit::At(1 << 30),
            limit_file: "/sys/fs/cgroup/system.slice/gunicorn.service/memory.max".into(),
            high_bytes: Fact::Known(Limit::Unlimited),
            usage_bytes: Fact::Known(Bytes(150 << 20)),
            inactive_file_bytes: Fact::Known(Bytes(20 << 20)),
            oom_kills: Fact::Known(0),
            oom_kills_from: "/sys/fs/cgroup/system.slice/gunicorn.service/memory.events: oom_kill".into(),
            oom_group: Fact::Known(false),
        }),
        tasks: Fact::Known(CgroupTasks {
            current: 3,
            limit: Limit::At(4915),
            limit_file: "/sys/fs/cgroup/system.slice/gunicorn.service/pids.max".into(),
            refused: Fact::Known(0),
        }),
        cpu: Fact::Known(CgroupCpu { quota_cpus: Fact::Absent, throttled_periods: Fact::Known(0) }),
    }
}

/// A unit that needs nothing.
pub fn unit() -> Unit {
    Unit {
        name: "gunicorn.service".into(),
        of_user: false,
        fragment: Fact::Known("/etc/systemd/system/gunicorn.service".into()),
        drop_ins: vec![],
        stored: BTreeMap::new(),
        loaded: Fact::Known(LoadedUnit {
            kind: "notify".into(),
            main_pid: 812,
            active_state: "active".into(),
            result: "success".into(),
            restarts: Some(0),
            oom_policy: "continue".into(),
            kill_mode: "mixed".into(),
            timeout_stop: Fact::Known(Limit::At(90_000_000)),
            open_files_soft: Fact::Known(Limit::At(4096)),
            open_files_hard: Fact::Known(Limit::At(524_288)),
            tasks_max: Fact::Known(Limit::At(4915)),
            memory_max: Fact::Known(Limit::At(1 << 30)),
            exec_start: vec!["/srv/app/venv/bin/gunicorn".into(), "wsgi".into()],
            exec_reload: "/bin/kill -s HUP $MAINPID".into(),
            environment: vec![],
            environment_files: vec![],
            user: "www-data".into(),
            working_directory: "/srv/app".into(),
            socket_units: vec![],
            need_daemon_reload: false,
            sandbox: BTreeMap::new(),
        }),
    }
}

fn soft_hard(soft: u64, hard: u64) -> SoftHard {
    SoftHard { soft: Limit::At(soft), hard: Limit::At(hard) }
}
