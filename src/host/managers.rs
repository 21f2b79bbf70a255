//! Who started a Gunicorn, and the container it runs in.

use super::processes::ProcessHandle;
use crate::facts::{Container, Fact, Manager};
use crate::units::Pid;
use std::collections::HashMap;
use std::os::fd::BorrowedFd;

/// Programs that start others and start them again, by command name.
const SUPERVISORS: [&str; 10] =
    ["supervisord", "circusd", "runsv", "s6-supervise", "supervise", "monit", "honcho", "foreman", "dinit", "pm2"];

/// Programs that a login session hangs from, by the command name they have.
const SESSIONS: [&str; 8] = ["sshd", "sshd-session", "login", "su", "sudo", "screen", "tmux: server", "tmux"];

/// How far the ancestors of a process are followed; real chains have fewer than 20 links.
const DEEPEST_ANCESTRY: usize = 64;

/// A process as one of many, for finding ancestors.
#[derive(Debug, Clone)]
pub struct Relative {
    /// Its parent.
    pub parent: Pid,
    /// Its command name.
    pub comm: String,
    /// When it started, in clock ticks since boot.
    pub started: u64,
}

/// All processes of one pass, by number.
pub type Relatives = HashMap<Pid, Relative>;

/// The ancestors of a process, its parent first.
fn ancestors(of: Pid, all: &Relatives) -> Vec<(Pid, &Relative)> {
    let mut found = Vec::new();
    let mut next = all.get(&of);
    while let Some(child) = next {
        let parent = all.get(&child.parent).filter(|parent| parent.started <= child.started);
        found.extend(parent.map(|parent| (child.parent, parent)));
        next = parent.filter(|_| found.len() < DEEPEST_ANCESTRY);
    }
    found
}

/// The supervisor a process hangs from. One written in Python or Node may go by the name of its interpreter; its
/// command line tells then.
pub fn supervisor(of: Pid, all: &Relatives, proc: BorrowedFd<'_>) -> Option<Manager> {
    ancestors(of, all).into_iter().find_map(|(pid, relative)| {
        let name = supervisor_named(&relative.comm).or_else(|| supervisor_by_arguments(pid, relative, proc))?;
        Some(Manager::Supervisor { name: name.to_owned(), pid })
    })
}

fn supervisor_named(name: &str) -> Option<&'static str> {
    // pm2 calls its daemon `PM2 v5.3.0: God Daemon`.
    if name.starts_with("PM2 ") {
        return Some("pm2");
    }
    SUPERVISORS.iter().copied().find(|supervisor| *supervisor == name)
}

fn supervisor_by_arguments(pid: Pid, relative: &Relative, proc: BorrowedFd<'_>) -> Option<&'static str> {
    let interpreted = ["python", "node", "ruby", "perl"].iter().any(|language| relative.comm.starts_with(language));
    let handle = ProcessHandle::open(proc, pid).ok().filter(|_| interpreted)?;
    let line = handle.read("cmdline").known().cloned()?;
    let mut programs = line.split(|&byte| byte == 0).take(3).map(String::from_utf8_lossy);
    programs.find_map(|program| supervisor_named(program.rsplit('/').next()?))
}

/// The login session a process hangs from, by the program that opened it.
pub fn session(of: Pid, all: &Relatives) -> Option<Manager> {
    let opened = ancestors(of, all).into_iter().find(|(_, one)| SESSIONS.contains(&one.comm.as_str()))?;
    Some(Manager::Session(opened.1.comm.clone()))
}

/// The container a process runs in, where it is another one than gtune's own: a pid namespace of its own is what every
/// runtime gives, and the cgroup path names the container.
pub fn container(process: &ProcessHandle, cgroup_paths: &[String], own_pid_namespace: &Fact<u64>) -> Option<Container> {
    let named = cgroup_paths.iter().find_map(|path| named_container(path));
    let foreign = match (process.namespace("pid"), own_pid_namespace) {
        (Fact::Known(theirs), Fact::Known(own)) => theirs != *own,
        // Without the right to look at the namespace, NSpid tells: it holds a number for each level (proc_pid_status(5)).
        _ => inner_levels(process) > 1,
    };
    match (foreign, named) {
        (true, Some(named)) => Some(named),
        (true, None) => Some(Container {
            runtime: "namespace".to_owned(),
            id: None,
            because: format!("process {} has a pid namespace of its own", process.pid),
        }),
        (false, _) => None,
    }
}

fn inner_levels(process: &ProcessHandle) -> usize {
    let status = process.read_text("status").known().cloned().unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("NSpid:")).map_or(1, |pids| pids.split_whitespace().count())
}

/// The container that a cgroup path names.
fn named_container(path: &str) -> Option<Container> {
    let named = |runtime: &str, id: &str| Container {
        runtime: runtime.to_owned(),
        id: Some(id.to_owned()),
        because: format!("cgroup {path}"),
    };
    let in_kubernetes = path.contains("kubepods");
    let mut above = "";
    for part in path.split('/') {
        let name = part.strip_suffix(".scope").unwrap_or(part);
        let (runtime, id) = match name.rsplit_once('-') {
            Some(("docker", id)) => ("docker", id),
            Some(("libpod", id)) => ("podman", id),
            Some((_, id)) if in_kubernetes && is_container_id(id) => ("kubernetes", id),
            _ => match (above, name) {
                ("docker", id) => ("docker", id),
                ("lxc" | "lxc.payload", id) => ("lxc", id),
                (_, id) if in_kubernetes => ("kubernetes", id),
                _ => ("", ""),
            },
        };
        if is_container_id(id) || (runtime == "lxc" && !id.is_empty()) {
            return Some(named(runtime, id));
        }
        if let Some(id) = name.strip_prefix("lxc.payload.") {
            return Some(named("lxc", id));
        }
        if let Some(id) = part.strip_prefix("systemd-nspawn@").and_then(|id| id.strip_suffix(".service")) {
            return Some(named("systemd-nspawn", id));
        }
        if let Some(id) = name.strip_prefix("machine-").filter(|_| above == "machine.slice") {
            return Some(named("systemd-nspawn", id));
        }
        above = part;
    }
    None
}

/// Runtimes name containers by 64 hexadecimal digits.
fn is_container_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A container by the name an operator would type: the first twelve digits of an id.
pub fn short_name(container: &Container) -> Option<String> {
    container.id.as_ref().map(|id| if is_container_id(id) { id.chars().take(12).collect() } else { id.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_container_is_named_by_its_cgroup() {
        for (path, runtime, id) in [
            (format!("/docker/{ID}"), "docker", ID),
            (format!("/system.slice/docker-{ID}.scope"), "docker", ID),
            (format!("/machine.slice/libpod-{ID}.scope/container"), "podman", ID),
            (format!("/kubepods/besteffort/pod1f/{ID}"), "kubernetes", ID),
            (format!("/kubepods.slice/kubepods-pod1f.slice/cri-containerd-{ID}.scope"), "kubernetes", ID),
            ("/lxc/web/system.slice".into(), "lxc", "web"),
            ("/lxc.payload.web/init.scope".into(), "lxc", "web"),
            ("/machine.slice/machine-web.scope".into(), "systemd-nspawn", "web"),
            ("/machine.slice/systemd-nspawn@web.service/payload".into(), "systemd-nspawn", "web"),
        ] {
            let found = named_container(&path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((found.runtime.as_str(), found.id.as_deref()), (runtime, Some(id)), "{path}");
        }
        for path in ["/", "/system.slice/docker.service", "/user.slice/user-1000.slice/session-3.scope", "/docker/short"] {
            assert_eq!(named_container(path), None, "{path}");
        }
    }

    #[test]
    fn a_container_is_called_by_twelve_digits() {
        let container = named_container(&format!("/docker/{ID}")).unwrap();
        assert_eq!(short_name(&container).as_deref(), Some("0123456789ab"));
    }

    fn relatives() -> Relatives {
        let one = |parent, comm: &str, started| Relative { parent: Pid(parent), comm: comm.into(), started };
        HashMap::from([
            (Pid(1), one(0, "systemd", 0)),
            (Pid(70), one(1, "sshd", 50)),
            (Pid(80), one(70, "bash", 60)),
            (Pid(812), one(80, "gunicorn", 90)),
            (Pid(900), one(1, "gunicorn", 95)),
        ])
    }

    #[test]
    fn a_session_is_found_among_the_ancestors() {
        assert_eq!(session(Pid(812), &relatives()), Some(Manager::Session("sshd".into())));
        assert_eq!(session(Pid(900), &relatives()), None);
    }

    #[test]
    fn a_number_that_was_given_again_is_no_ancestor() {
        let mut all = relatives();
        all.get_mut(&Pid(70)).unwrap().started = 1000;
        assert_eq!(session(Pid(812), &all), None);
    }

    proptest! {
        #[test]
        fn any_path_and_ancestry_ends(path in ".*", parents in proptest::collection::vec(0i32..8, 8)) {
            named_container(&path);
            let all: Relatives = parents.iter().enumerate()
                .map(|(pid, parent)| (Pid(pid as i32), Relative { parent: Pid(*parent), comm: "x".into(), started: 0 }))
                .collect();
            ancestors(Pid(3), &all);
        }
    }
}
