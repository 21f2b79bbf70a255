//! The machine: kernel, system, its own bounds, and who gtune is on it.

mod container;

use crate::facts::{
    Fact, FileTable, Host, HostMemory, KernelVersion, Pressure, parse_oom_kill, parse_pressure_some, parse_pretty_name,
    parse_tasks,
};
use crate::host::words;
use crate::host::{Root, systemd};
use crate::units::{Limit, Seconds, SoftHard};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, geteuid};
use sysctl::Sysctl;

/// Everything about the machine. Of an image only its os-release is told; the rest needs its kernel to run.
pub fn machine(root: &Root) -> Host {
    if root.is_live() { live(root) } else { image(root) }
}

fn live(root: &Root) -> Host {
    let (systemd, systemd_default_open_files) = systemd::manager_defaults();
    Host {
        kernel: kernel(),
        os: os(root),
        root: root.name().to_owned(),
        live: true,
        boot_id: text(root, "/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()),
        uptime_seconds: uptime(),
        container: container::container(root),
        uid: geteuid().as_raw(),
        cpus: cpus(),
        shell_open_files: own_open_files(),
        systemd,
        systemd_default_open_files,
        file_table: text(root, "/proc/sys/fs/file-nr").and_then(|text| parsed(FileTable::parse(&text), "file-nr")),
        nr_open: kernel_value("fs.nr_open"),
        task_limit: task_limit(),
        tasks: text(root, "/proc/loadavg").and_then(|text| parsed(parse_tasks(&text), "loadavg")),
        memory: text(root, "/proc/meminfo").and_then(|text| parsed(HostMemory::parse(&text), "meminfo")),
        oom_kills: text(root, "/proc/vmstat").and_then(|text| parse_oom_kill(&text).into()),
        pressure: pressure(root),
    }
}

fn image(root: &Root) -> Host {
    let reason = root.no_live_kernel();
    Host {
        // The newest directory of /lib/modules would be a guess: the boot loader decides.
        kernel: Fact::unreadable(&reason),
        os: os(root),
        root: root.name().to_owned(),
        live: false,
        boot_id: Fact::unreadable(&reason),
        uptime_seconds: Fact::unreadable(&reason),
        container: None,
        uid: geteuid().as_raw(),
        cpus: Fact::unreadable(&reason),
        shell_open_files: Fact::unreadable(&reason),
        systemd: Fact::unreadable(&reason),
        systemd_default_open_files: Fact::unreadable(&reason),
        file_table: Fact::unreadable(&reason),
        nr_open: Fact::unreadable(&reason),
        task_limit: Fact::unreadable(&reason),
        tasks: Fact::unreadable(&reason),
        memory: Fact::unreadable(&reason),
        oom_kills: Fact::unreadable(&reason),
        pressure: Fact::unreadable(&reason),
    }
}

/// A number of `/proc/sys` by its dotted name, in the namespaces gtune runs in; absent where the kernel has no such
/// key.
pub fn kernel_value(name: &str) -> Fact<u64> {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    let text = match sysctl::Ctl::new(name).and_then(|key| key.value_string()) {
        Ok(text) => text,
        // The crate says "not found" of a key that may not be opened as well.
        Err(sysctl::SysctlError::NotFound(_)) if !std::path::Path::new(&path).exists() => return Fact::Absent,
        Err(sysctl::SysctlError::NotFound(_)) => return Fact::unreadable(format!("cannot be opened: {path}")),
        Err(error) => return Fact::unreadable(format!("{}: {path}", error.to_string().to_lowercase())),
    };
    text.trim().parse().map_or_else(|_| Fact::unreadable(format!("not a number: {path}")), Fact::Known)
}

fn text(root: &Root, path: &str) -> Fact<String> {
    root.read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// What a parser made of a file that is there; a file it does not understand is not the same as none.
fn parsed<T>(value: Option<T>, file: &str) -> Fact<T> {
    value.map_or_else(|| Fact::unreadable(format!("{file} is not as the kernel writes it")), Fact::Known)
}

fn kernel() -> Fact<KernelVersion> {
    match nix::sys::utsname::uname() {
        Ok(names) => Fact::Known(KernelVersion::parse(&names.release().to_string_lossy())),
        Err(errno) => Fact::unreadable(format!("uname: {}", words(errno))),
    }
}

/// os-release(5): the file in `/etc` hides the vendor's.
fn os(root: &Root) -> Fact<String> {
    let own = text(root, "/etc/os-release");
    let file = if own == Fact::Absent { text(root, "/usr/lib/os-release") } else { own };
    file.and_then(|text| parse_pretty_name(&text).into())
}

fn uptime() -> Fact<Seconds> {
    match clock_gettime(ClockId::CLOCK_BOOTTIME) {
        Ok(time) => Fact::Known(Seconds(time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9)),
        Err(errno) => Fact::unreadable(format!("clock_gettime: {}", words(errno))),
    }
}

fn cpus() -> Fact<u64> {
    match sched_getaffinity(Pid::from_raw(0)) {
        Ok(set) => Fact::Known((0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).count() as u64),
        Err(errno) => Fact::unreadable(format!("sched_getaffinity: {}", words(errno))),
    }
}

/// The limits gtune was started with: those of the shell, since gtune changes none of its own.
fn own_open_files() -> Fact<SoftHard> {
    let limit = |n| if n == rlimit::INFINITY { Limit::Unlimited } else { Limit::At(n) };
    match rlimit::getrlimit(rlimit::Resource::NOFILE) {
        Ok((soft, hard)) => Fact::Known(SoftHard { soft: limit(soft), hard: limit(hard) }),
        Err(error) => Fact::unreadable(format!("getrlimit: {error}")),
    }
}

/// A task needs a number below `pid_max` and a place among `threads-max`, so the lower one is the bound.
fn task_limit() -> Fact<u64> {
    let threads = kernel_value("kernel.threads-max");
    kernel_value("kernel.pid_max").and_then(|pids| threads.map(|threads| threads.min(pids)))
}

fn pressure(root: &Root) -> Fact<Pressure> {
    let some = |resource: &str| {
        let file = format!("/proc/pressure/{resource}");
        text(root, &file).and_then(|text| parsed(parse_pressure_some(&text), &file))
    };
    some("io").and_then(|io_some| {
        some("memory").and_then(|memory_some| some("cpu").map(|cpu_some| Pressure { io_some, memory_some, cpu_some }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_live_machine_is_known() {
        let host = machine(&Root::open(Path::new("/")).unwrap());
        assert!(host.live && host.root == "/");
        assert!(host.kernel.known().is_some_and(|kernel| kernel.major >= 3));
        assert!(host.cpus.known().is_some_and(|cpus| *cpus >= 1));
        assert!(host.memory.known().is_some_and(|memory| memory.total_bytes.0 > 0));
        assert!(host.task_limit.known().is_some() && host.nr_open.known().is_some());
        assert!(host.uptime_seconds.known().is_some_and(|uptime| uptime.0 > 0.0));
        assert!(host.boot_id.known().is_some_and(|id| id.len() == 36));
    }

    #[test]
    fn of_an_image_only_its_files_are_told() {
        let image = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(image.path().join("usr/lib")).unwrap();
        std::fs::write(image.path().join("usr/lib/os-release"), "PRETTY_NAME=\"Debian 13\"\n").unwrap();
        let root = Root::open(image.path()).unwrap();
        let host = machine(&root);
        assert_eq!(host.os, Fact::Known("Debian 13".to_owned()));
        assert_eq!(host.cpus, Fact::unreadable(root.no_live_kernel()));
        assert_eq!(host.container, None);
        assert!(!host.live);
    }

    #[test]
    fn a_key_the_kernel_does_not_have_is_absent() {
        assert_eq!(kernel_value("fs.no_such_key"), Fact::Absent);
        assert!(kernel_value("net.core.somaxconn").known().is_some());
    }
}
