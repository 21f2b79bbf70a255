//! The bed itself: what the other laws rely on.

use crate::support::{FrozenDisk, Host, Law, Need, PidsCgroup, Result, Shape, Until, eventually};
use std::fs;
use std::path::Path;

/// The laws of the bed.
pub fn laws() -> Vec<Law> {
    use Need::{Namespaces, Venv};
    vec![
        Law::new("a_host_sees_only_its_own_processes", &[Namespaces], a_host_sees_only_its_own_processes),
        Law::new("all_in_a_host_ends_with_it", &[Namespaces, Venv("23.0.0")], all_in_a_host_ends_with_it),
        Law::new("a_host_has_a_network_of_its_own", &[Namespaces], a_host_has_a_network_of_its_own),
        Law::new("a_directory_owned_by_a_host_can_be_changed", &[Namespaces], a_directory_can_be_owned),
        Law::new("the_bed_knows_master_and_workers", &[Namespaces, Venv("23.0.0")], the_bed_knows_master_and_workers),
        Law::new(
            "the_bed_knows_a_gunicorn_in_inner_namespaces",
            &[Namespaces, Venv("23.0.0")],
            the_bed_knows_inner_namespaces,
        ),
        Law::new("an_embedded_gunicorn_starts", &[Namespaces, Venv("23.0.0")], || starts(Shape::Embedded)),
        Law::new("an_activated_gunicorn_starts", &[Namespaces, Venv("23.0.0")], || starts(Shape::Activated(77))),
        Law::new("a_module_gunicorn_starts", &[Namespaces, Venv("20.1.0")], || starts(Shape::Module)),
        Law::new("a_frozen_disk_blocks_and_thaws", &[Namespaces, Need::LoopDevice], a_frozen_disk_blocks_and_thaws),
        Law::new(
            "a_pids_cgroup_holds_what_enters",
            &[Namespaces, Venv("23.0.0"), Need::PidsCgroup],
            a_pids_cgroup_holds_what_enters,
        ),
    ]
}

fn a_host_sees_only_its_own_processes() -> Result {
    let host = Host::new()?;
    let pids: Vec<i32> = host.processes().iter().map(|process| process.pid).collect();
    assert_eq!(pids, [1]);
    Ok(())
}

fn all_in_a_host_ends_with_it() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").start()?;
    let directory = gunicorn.directory.clone();
    drop(host);
    let alive = fs::read_dir("/proc")?.flatten().filter_map(|entry| fs::read_link(entry.path().join("cwd")).ok());
    assert_eq!(alive.filter(|cwd| cwd.starts_with(&directory)).count(), 0);
    assert!(!directory.exists());
    Ok(())
}

fn a_host_has_a_network_of_its_own() -> Result {
    let host = Host::new()?;
    host.set_somaxconn(77)?;
    assert_eq!(host.shell("cat /proc/sys/net/core/somaxconn")?.trim(), "77");
    assert_ne!(fs::read_to_string("/proc/sys/net/core/somaxconn")?.trim(), "77");
    Ok(())
}

fn a_directory_can_be_owned() -> Result {
    let host = Host::new()?;
    host.own("/etc/security")?;
    host.shell("echo 'www - nofile 77' > /etc/security/limits.d/gtune-bed.conf")?;
    assert!(host.seen_from_outside("/etc/security/limits.d/gtune-bed.conf").exists());
    assert!(!Path::new("/etc/security/limits.d/gtune-bed.conf").exists());
    Ok(())
}

fn the_bed_knows_master_and_workers() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").workers(3).start()?;
    let master = gunicorn.master()?;
    assert!(gunicorn.stderr().contains(&format!("Listening at: http://127.0.0.1:8000 ({})", master.pid)));
    for worker in gunicorn.workers() {
        assert!(gunicorn.stderr().contains(&format!("Booting worker with pid: {}", worker.pid)));
    }
    host.connect("127.0.0.1:8000", 1, &["/hang"])?;
    Ok(())
}

fn the_bed_knows_inner_namespaces() -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn("23.0.0").isolated("echo 128 > /proc/sys/net/core/somaxconn").start()?;
    assert_ne!(gunicorn.master()?.pid, 1);
    // Inside, Gunicorn is pid 1 of its namespace and logs that number.
    assert!(gunicorn.stderr().contains("Listening at: http://127.0.0.1:8000 (1)"));
    assert_ne!(host.shell("cat /proc/sys/net/core/somaxconn")?.trim(), "128");
    Ok(())
}

fn starts(shape: Shape) -> Result {
    let host = Host::new()?;
    let gunicorn = host.gunicorn(if shape == Shape::Module { "20.1.0" } else { "23.0.0" }).shape(shape).start()?;
    assert_eq!(gunicorn.workers().len(), 2);
    Ok(())
}

fn a_frozen_disk_blocks_and_thaws() -> Result {
    let host = Host::new()?;
    let mut disk = FrozenDisk::mounted_in(&host)?;
    disk.freeze(&host)?;
    let file = disk.directory.join("file").display().to_string();
    let mut writer = host.spawn("touch", &[&file])?;
    eventually("a blocked process", || host.processes().iter().any(|process| process.state == 'D').then_some(()))?;
    drop(disk);
    assert!(writer.wait()?.success());
    Ok(())
}

fn a_pids_cgroup_holds_what_enters() -> Result {
    let group = PidsCgroup::new()?;
    let host = Host::new()?;
    let enter = group.enter();
    let enter: Vec<&str> = enter.iter().map(String::as_str).collect();
    let gunicorn = host.gunicorn("23.0.0").under(&enter).until(Until::Forked).start()?;
    assert!(group.current()? >= 3);
    assert_eq!(gunicorn.workers().len(), 2);
    Ok(())
}
