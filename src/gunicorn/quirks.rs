//! What is peculiar to some versions of Gunicorn, as far as it misleads an operator or harms a host.
//!
//! From the sources and from runs of the releases between 19.7 and 27.0.1.

use super::{Version, WorkerClass};
use crate::facts::ListenerOrigin;
use serde::Serialize;

/// One peculiarity of a range of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quirk {
    /// Its name, kebab-case.
    pub id: &'static str,
    /// The first version that has it; none: as far back as 19.7.
    pub from: Option<Version>,
    /// The first version that no longer has it; none: still there in 27.0.1.
    pub before: Option<Version>,
    /// What it does, in one sentence.
    pub text: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

impl Quirk {
    /// Whether this version has it.
    pub fn concerns(&self, version: Version) -> bool {
        self.from.is_none_or(|from| version >= from) && self.before.is_none_or(|before| version < before)
    }
}

/// The peculiarities of a version, in the order of the table.
pub fn quirks_of(version: Version) -> impl Iterator<Item = &'static Quirk> {
    QUIRKS.iter().filter(move |quirk| quirk.concerns(version))
}

const fn v(major: u32, minor: u32, patch: u32) -> Option<Version> {
    Some(Version::new(major, minor, patch))
}

/// Every peculiarity, oldest versions first.
pub const QUIRKS: &[Quirk] = &[
    Quirk {
        id: "no-systemd-notify",
        from: None,
        before: v(20, 0, 0),
        text: "it never tells systemd that it is ready, so a unit with Type=notify ends in a start time-out",
        advice: "use Type=simple, or upgrade to 20.0 or later",
    },
    Quirk {
        id: "gthread-cannot-be-imported",
        from: None,
        before: v(20, 0, 0),
        text: "the gthread and tornado workers cannot be imported on recent Python (seen with 3.11)",
        advice: "upgrade Gunicorn before Python",
    },
    Quirk {
        id: "silent-signal-deaths",
        from: None,
        before: v(20, 1, 0),
        text: "a worker killed by a signal, the kernel's OOM killer included, leaves no line in the error log",
        advice: "look at the kernel log and upgrade to 20.1 or later",
    },
    Quirk {
        id: "silent-exits",
        from: None,
        before: v(21, 0, 0),
        text: "a worker that exits with an error leaves no line in the error log",
        advice: "upgrade to 21.0 or later",
    },
    Quirk {
        id: "clock-jumps-kill-workers",
        from: None,
        before: v(22, 0, 0),
        text: "the heartbeat is compared with the wall clock, so a clock set forward by more than the time-out kills \
               every worker at once",
        advice: "let the clock be slewed, not stepped, or upgrade to 22.0 or later",
    },
    Quirk {
        id: "reuse-port-without-effect",
        from: None,
        before: v(24, 0, 0),
        text: "reuse_port sets the option on the one socket that all workers share, which changes nothing",
        advice: "leave reuse_port out, or upgrade to 24.0 or later",
    },
    Quirk {
        id: "loggers-not-reread-on-hup",
        from: None,
        before: v(26, 1, 0),
        text: "HUP does not pick up changed log settings",
        advice: "restart after changing loglevel, errorlog, accesslog or logconfig",
    },
    Quirk {
        id: "orphans-reported-as-workers",
        from: None,
        before: v(26, 1, 0),
        text: "as process 1 it reports the exit of any orphan as that of a worker, and one that exits with 3 or 4 \
               stops the server",
        advice: "run an init such as tini as process 1 of the container",
    },
    Quirk {
        id: "exit-lines-twice",
        from: v(21, 0, 0),
        before: v(24, 0, 0),
        text: "the exit of a worker is logged twice, so deaths counted by lines are too many",
        advice: "count process numbers, not lines",
    },
    Quirk {
        id: "core-dump-hides-signal",
        from: v(21, 0, 0),
        before: v(24, 0, 0),
        text: "a worker that dumped core is logged as `sent code N`, where N is 128 and the signal",
        advice: "take 128 from the number for the signal",
    },
    Quirk {
        id: "memory-blamed-for-kills",
        from: v(21, 0, 0),
        before: None,
        text: "every worker that died of SIGKILL is logged with `Perhaps out of memory?`, also where the master \
               killed it after a time-out",
        advice: "look for WORKER TIMEOUT of the same process number before, and for the kernel's own lines",
    },
    Quirk {
        id: "boot-never-times-out",
        from: v(22, 0, 0),
        before: None,
        text: "a worker that hangs while it imports the application is never timed out and nothing is logged",
        advice: "look for workers that have never beaten, and bound what the import waits for",
    },
    Quirk {
        id: "asgi-backlog-100",
        from: v(24, 0, 0),
        // Still so in the last version that was tried, 27.0.1.
        before: None,
        text: "the asgi worker listens again with a queue of 100, whatever the backlog setting says",
        advice: "serve through more workers, or use a uvicorn worker, which keeps the setting",
    },
    Quirk {
        id: "control-socket-fork-deadlock",
        from: v(25, 1, 0),
        before: v(25, 1, 1),
        text: "the control server's thread can hold a lock while a worker is forked, and that worker hangs",
        advice: "upgrade to 25.2 or later, or start with --no-control-socket",
    },
    Quirk {
        id: "control-socket-in-working-directory",
        from: v(25, 1, 0),
        before: v(25, 2, 0),
        text: "the control socket is made in the working directory",
        advice: "name a path with --control-socket, or start with --no-control-socket",
    },
    Quirk {
        id: "control-socket-leak-on-hup",
        from: v(25, 1, 0),
        before: v(26, 1, 0),
        text: "each HUP leaks a thread and its descriptors in the master",
        advice: "restart instead of reloading, start with --no-control-socket, or upgrade to 26.1 or later",
    },
    Quirk {
        id: "control-socket-shared",
        from: v(25, 1, 0),
        before: None,
        text: "all instances of one user share one control socket path by default: the second takes it away from the \
               first",
        advice: "give each instance its own --control-socket, or start with --no-control-socket",
    },
    Quirk {
        id: "timeout-looks-like-oom",
        from: v(26, 0, 0),
        before: None,
        text: "a plain time-out of a sync worker ends in SIGKILL and is logged with `Perhaps out of memory?`",
        advice: "look for WORKER TIMEOUT of the same process number before it; that is no shortage of memory",
    },
    Quirk {
        id: "inherited-sockets-keep-their-backlog",
        from: v(27, 0, 0),
        before: None,
        text: "sockets handed over by systemd or by USR2 are not listened on again, so the backlog setting does not \
               reach them",
        advice: "set Backlog= in the socket unit, or restart instead of USR2",
    },
];

/// What makes a listening socket call listen(2) again, and so take a new backlog or somaxconn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListensAgain {
    /// A restart of the service; it asks for Gunicorn's `backlog`.
    Restart,
    /// A restart of the socket unit with the service stopped; systemd asks for its `Backlog=`.
    RestartSocketUnit,
    /// HUP to the master: its new workers bind sockets of their own.
    Reload,
    /// USR2 to the master; not under systemd, which ends the service with the old master.
    Upgrade,
}

/// What makes a socket listen again, gentlest first. With the version hidden, only what holds for all of them.
///
/// HUP alone does not, unless workers bind for themselves. An asgi worker does it at each start, but always with 100,
/// so that nothing here raises its queue.
pub fn listens_again_on(
    version: Option<Version>,
    origin: ListenerOrigin,
    class: Option<&WorkerClass>,
) -> Vec<ListensAgain> {
    if class == Some(&WorkerClass::Asgi) {
        return Vec::new();
    }
    // Since 27.0 an inherited socket is left as it is.
    let relistens = version.map(|version| version < Version::new(27, 0, 0));
    match (origin, relistens) {
        (ListenerOrigin::Worker, _) => vec![ListensAgain::Reload, ListensAgain::Restart],
        (ListenerOrigin::Master, Some(true)) => vec![ListensAgain::Upgrade, ListensAgain::Restart],
        (ListenerOrigin::Master, _) => vec![ListensAgain::Restart],
        (ListenerOrigin::SocketUnit, Some(true)) => vec![ListensAgain::Restart],
        (ListenerOrigin::SocketUnit, Some(false)) => vec![ListensAgain::RestartSocketUnit],
        // Both: whichever version it is, one of them listens again.
        (ListenerOrigin::SocketUnit, None) => vec![ListensAgain::RestartSocketUnit, ListensAgain::Restart],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn ids(major: u32, minor: u32, patch: u32) -> Vec<&'static str> {
        quirks_of(Version::new(major, minor, patch)).map(|quirk| quirk.id).collect()
    }

    #[test]
    fn a_quirk_has_one_name_one_range_and_says_what_to_do() {
        let mut names = HashSet::new();
        for quirk in QUIRKS {
            assert!(names.insert(quirk.id), "{}", quirk.id);
            assert!(quirk.from.zip(quirk.before).is_none_or(|(from, before)| from < before), "{}", quirk.id);
            assert!(!quirk.text.ends_with('.') && !quirk.advice.is_empty(), "{}", quirk.id);
        }
    }

    #[test]
    fn each_quirk_ends_where_it_was_mended() {
        assert!(ids(20, 0, 4).contains(&"silent-signal-deaths"));
        assert!(!ids(20, 1, 0).contains(&"silent-signal-deaths"));
        assert!(ids(20, 1, 0).contains(&"silent-exits"));
        assert!(ids(21, 2, 0).contains(&"clock-jumps-kill-workers"));
        assert!(!ids(22, 0, 0).contains(&"clock-jumps-kill-workers"));
        assert!(ids(25, 1, 0).contains(&"control-socket-fork-deadlock"));
        assert!(!ids(25, 3, 0).contains(&"control-socket-fork-deadlock"));
        assert!(!ids(26, 1, 0).contains(&"control-socket-leak-on-hup"));
        assert!(ids(27, 0, 1).contains(&"asgi-backlog-100"));
        assert!(!ids(23, 0, 0).contains(&"asgi-backlog-100"));
    }

    #[test]
    fn a_restart_always_listens_again_on_a_socket_of_its_own() {
        for version in [None, v(19, 9, 0), v(26, 2, 0), v(27, 0, 1)] {
            for origin in [ListenerOrigin::Master, ListenerOrigin::Worker] {
                assert!(listens_again_on(version, origin, None).contains(&ListensAgain::Restart));
            }
        }
    }

    #[test]
    fn usr2_listens_again_only_before_27() {
        let on = |version| listens_again_on(version, ListenerOrigin::Master, Some(&WorkerClass::Sync));
        assert!(on(v(26, 2, 0)).contains(&ListensAgain::Upgrade));
        assert!(!on(v(27, 0, 0)).contains(&ListensAgain::Upgrade));
        assert!(!on(None).contains(&ListensAgain::Upgrade));
    }

    #[test]
    fn a_socket_unit_decides_by_itself_since_27() {
        let on = |version| listens_again_on(version, ListenerOrigin::SocketUnit, None);
        assert_eq!(on(v(26, 2, 0)), [ListensAgain::Restart]);
        assert_eq!(on(v(27, 0, 0)), [ListensAgain::RestartSocketUnit]);
    }

    #[test]
    fn nothing_raises_the_queue_of_an_asgi_worker() {
        assert_eq!(listens_again_on(v(27, 0, 1), ListenerOrigin::Master, Some(&WorkerClass::Asgi)), []);
    }
}
