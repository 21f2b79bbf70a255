//! Who a Gunicorn hangs from, among its ancestors: a supervisor, a login session.

use super::processes::ProcessHandle;
use crate::facts::Manager;
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        fn any_ancestry_ends(parents in proptest::collection::vec(0i32..8, 8)) {
            let all: Relatives = parents.iter().enumerate()
                .map(|(pid, parent)| (Pid(pid as i32), Relative { parent: Pid(*parent), comm: "x".into(), started: 0 }))
                .collect();
            ancestors(Pid(3), &all);
        }
    }
}
