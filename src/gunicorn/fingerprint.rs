//! What tells a Gunicorn's processes apart from outside: the signals they catch, the heartbeat file, the title.
//!
//! `SigCgt` of `/proc/<pid>/status` can be read by everyone (proc_pid_status(5)). The sets were read from running
//! 19.9, 20.1, 21.2, 23.0 and 27.0 with sync, gthread, gevent, eventlet, tornado, asgi, uvicorn and aiohttp workers,
//! idle, after a request, and while the application was being imported; they did not differ between versions.

use super::WorkerClass;
use super::program::{is_interpreter, mentions_gunicorn};
use crate::facts::SignalSet;

/// A master: HUP INT QUIT USR1 USR2 TERM CHLD TTIN TTOU WINCH.
pub const MASTER: SignalSet = SignalSet(0x0831_4a07);
/// A worker, also while it imports the application: INT QUIT ABRT USR1 TERM TTIN TTOU WINCH.
pub const WORKER: SignalSet = SignalSet(0x0830_4226);
/// A uvicorn worker that serves: INT QUIT USR1 TERM TTIN TTOU.
pub const UVICORN_WORKER: SignalSet = SignalSet(0x0030_4206);
/// A uvicorn worker that imports the application: USR1 TTIN TTOU, the last two left over from the master.
pub const UVICORN_WORKER_IMPORTING: SignalSet = SignalSet(0x0030_0200);
/// An aiohttp worker: a worker's and HUP USR2, but not CHLD.
pub const AIOHTTP_WORKER: SignalSet = SignalSet(0x0830_4a27);
/// A dirty arbiter (25.0 and later): a master's without USR2.
pub const DIRTY_ARBITER: SignalSet = SignalSet(0x0831_4207);
/// A dirty worker (25.0 and later): a worker's and CHLD.
pub const DIRTY_WORKER: SignalSet = SignalSet(0x0831_4226);

/// The signals Gunicorn sets in one process or another. Others (the C library's 32 and 33, the ones of Python's
/// faulthandler, an application's ALRM) say nothing about the role.
const TELLING: u64 = MASTER.0 | WORKER.0;

/// What every process of a Gunicorn catches from its first steps to its end, uvicorn workers too: USR1 TTIN TTOU.
/// Hardly any daemon in C catches TTIN and TTOU.
const COMMON: SignalSet = UVICORN_WORKER_IMPORTING;

/// The part a process of a Gunicorn plays, by the signals it catches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalRole {
    /// A master that listens to signals.
    Master,
    /// A worker of Gunicorn's own classes.
    Worker,
    /// A worker of uvicorn's.
    UvicornWorker,
    /// A worker of aiohttp's.
    AiohttpWorker,
    /// The parent of dirty workers.
    DirtyArbiter,
    /// A dirty worker; or a worker whose application catches CHLD, so its parent has to be a dirty arbiter.
    DirtyWorker,
    /// None of these: no Gunicorn, or a master that has not set its handlers yet.
    Unknown,
}

/// The part a process plays, given that it belongs to a Gunicorn: other pre-forking servers catch the same signals.
///
/// The sets as they were seen are certain. An application may add handlers, so a larger set is taken for the largest
/// role that fits in it; none of them is left out by adding.
pub fn role_by_signals(caught: SignalSet) -> SignalRole {
    let telling = SignalSet(caught.0 & TELLING);
    // Python's faulthandler catches ABRT everywhere; only beside WINCH does it tell a worker's from uvicorn's.
    let without_abort = SignalSet(telling.0 & !ABRT);
    match telling {
        _ if without_abort == MASTER => SignalRole::Master,
        AIOHTTP_WORKER => SignalRole::AiohttpWorker,
        DIRTY_WORKER => SignalRole::DirtyWorker,
        DIRTY_ARBITER => SignalRole::DirtyArbiter,
        _ if telling.has_all(WORKER) => SignalRole::Worker,
        _ if without_abort == UVICORN_WORKER_IMPORTING => SignalRole::UvicornWorker,
        _ if telling.has_all(UVICORN_WORKER) && !telling.has(USR2) => SignalRole::UvicornWorker,
        _ => SignalRole::Unknown,
    }
}

const ABRT: u64 = 1 << 5;
const USR2: i32 = 12;

/// Whether a process may be of a Gunicorn, so that its descriptors are worth looking at.
///
/// Lets through masters in every phase, applications that embed Gunicorn, retitled processes and every kind of worker;
/// keeps out what is neither Python nor handles a Gunicorn's signals. `argv` may be empty where it was not read.
pub fn worth_a_look(caught: SignalSet, comm: &str, argv: &[String]) -> bool {
    // A title may have words in front of it: `[ready] gunicorn`.
    caught.has_all(COMMON) || is_interpreter(comm) || comm.contains("gunicorn") || mentions_gunicorn(argv)
}

/// The path of a heartbeat file, where a descriptor's link is one: `…/wgunicorn-XXXXXXXX (deleted)`.
///
/// Python's tempfile adds eight of `[a-z0-9_]`; Python 2 added six of `[a-zA-Z0-9_]`.
pub fn is_heartbeat_link(link: &[u8]) -> Option<&[u8]> {
    let path = link.strip_suffix(b" (deleted)")?;
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    let random = name.strip_prefix(b"wgunicorn-")?;
    let lower = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    let fits = match random.len() {
        8 => random.iter().all(lower),
        6 => random.iter().all(|byte| lower(byte) || byte.is_ascii_uppercase()),
        _ => false,
    };
    (fits && path.first() == Some(&b'/')).then_some(path)
}

/// The class of a worker whose settings are hidden, and what was seen; nothing where it could be more than one.
///
/// `mapped` holds the names or paths of the shared objects in its memory. Only for a worker that has beaten: before,
/// gevent, tornado and eventlet have not made their epoll descriptor yet and look like sync.
pub fn class_by_sight(
    caught: SignalSet,
    threads: u32,
    mapped: &[String],
    has_eventpoll: bool,
) -> Option<(WorkerClass, String)> {
    let role = role_by_signals(caught);
    match role {
        SignalRole::UvicornWorker => return seen(WorkerClass::Uvicorn, "catches the signals of a uvicorn worker"),
        SignalRole::AiohttpWorker => return seen(WorkerClass::Aiohttp, "catches the signals of an aiohttp worker"),
        SignalRole::Worker | SignalRole::DirtyWorker => {}
        _ => return None,
    }
    let has = |module: &str| mapped.iter().any(|file| is_module(file, module));
    // Gunicorn imports ssl and so maps this one, unless Python was built with its modules inside: then a module
    // that is not mapped may be there all the same.
    let modules_show = has("_ssl");
    match has_eventpoll {
        true if has("_gevent_cgreenlet") => seen(WorkerClass::Gevent, "an epoll descriptor, gevent's hub is loaded"),
        true if has("loop") && mapped.iter().any(|file| file.contains("uvloop")) => {
            seen(WorkerClass::Asgi, "an epoll descriptor, uvloop is loaded")
        }
        // Tornado, eventlet, asgi, and gthread with an application that imports asyncio all look alike.
        true if !modules_show || has("_asyncio") || has("_gevent_cgreenlet") => None,
        true if threads > 1 => seen(WorkerClass::Gthread, "an epoll descriptor and threads, no event loop is loaded"),
        true => seen(WorkerClass::Gthread, "an epoll descriptor, no event loop is loaded"),
        false => seen(WorkerClass::Sync, "no epoll descriptor, so it waits in select"),
    }
}

fn seen(class: WorkerClass, what: &str) -> Option<(WorkerClass, String)> {
    Some((class, what.to_owned()))
}

/// Whether a file is this extension module: `_ssl.cpython-311-x86_64-linux-gnu.so`, `_ssl.abi3.so`, `_ssl.so`.
fn is_module(file: &str, module: &str) -> bool {
    let name = file.rsplit_once('/').map_or(file, |(_, name)| name);
    name.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A master that imports the application (`--preload`) or has only begun: INT, which is Python's own handler. Empty
    /// where it was started as a shell's background job, which ignores INT. USR1 and HUP kill it.
    const MASTER_IMPORTING: SignalSet = SignalSet(0x2);

    #[test]
    fn each_set_that_was_seen_is_one_role() {
        for (caught, role) in [
            (0x0831_4a07, SignalRole::Master),
            // A second thread of the master (25.1 and later) or of gthread after its first request adds signal 33.
            (0x1_0831_4a07, SignalRole::Master),
            (0x0830_4226, SignalRole::Worker),
            (0x1_0830_4226, SignalRole::Worker),
            (0x0030_4206, SignalRole::UvicornWorker),
            (0x0030_0200, SignalRole::UvicornWorker),
            (0x0830_4a27, SignalRole::AiohttpWorker),
            (0x0831_4207, SignalRole::DirtyArbiter),
            (0x0831_4226, SignalRole::DirtyWorker),
            // An application with handlers of its own for HUP and CHLD.
            (0x0831_4227, SignalRole::Worker),
            (0x2, SignalRole::Unknown),
            (0, SignalRole::Unknown),
        ] {
            assert_eq!(role_by_signals(SignalSet(caught)), role, "{caught:#x}");
        }
    }

    #[test]
    fn faulthandler_and_alarms_do_not_change_a_role() {
        // `python -X faulthandler` catches ILL ABRT BUS FPE SEGV; ALRM is the application's.
        const ADDED: u64 = 0x4e8 | 1 << 13;
        for role in [MASTER, WORKER, UVICORN_WORKER, UVICORN_WORKER_IMPORTING, AIOHTTP_WORKER, DIRTY_WORKER] {
            assert_eq!(role_by_signals(SignalSet(role.0 | ADDED)), role_by_signals(role), "{:#x}", role.0);
        }
    }

    #[test]
    fn every_gunicorn_is_worth_a_look() {
        let argv = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for set in [MASTER, WORKER, UVICORN_WORKER, UVICORN_WORKER_IMPORTING, AIOHTTP_WORKER, DIRTY_ARBITER] {
            assert!(worth_a_look(set, "[ready] app", &[]), "{:#x}", set.0);
        }
        assert!(worth_a_look(MASTER_IMPORTING, "gunicorn", &[]));
        assert!(worth_a_look(SignalSet(0), "python3.11", &argv("python3.11 app.py")));
        assert!(worth_a_look(SignalSet(0), "pypy3", &[]));
        // As setproctitle leaves it during --preload: the command name is the beginning of a path.
        let joined = ["/var/venv/bin/python3 /var/venv/bin/gunicorn --preload app".to_owned()];
        assert!(worth_a_look(MASTER_IMPORTING, "/var/venv/bin/p", &joined));
    }

    #[test]
    fn daemons_in_c_are_passed_over() {
        // nginx's master by ngx_process.c: HUP INT QUIT USR1 USR2 ALRM TERM CHLD WINCH IO.
        assert!(!worth_a_look(SignalSet(0x1801_6a07), "nginx", &["nginx: master process nginx".to_owned()]));
        // As read from running ones: bash with and without a terminal, timeout, sort.
        for (caught, comm) in
            [(0x4b81_3efb, "bash"), (0x4381_7efb, "bash"), (0x1_6007, "timeout"), (0x1780_7007, "sort")]
        {
            assert!(!worth_a_look(SignalSet(caught), comm, &[comm.to_owned()]), "{comm}");
        }
    }

    #[test]
    fn a_heartbeat_file_is_known_by_its_name_and_that_it_is_gone() {
        for (link, path) in [
            ("/tmp/wgunicorn-a_b0c1d2 (deleted)", Some("/tmp/wgunicorn-a_b0c1d2")),
            ("/wgunicorn-abcdefgh (deleted)", Some("/wgunicorn-abcdefgh")),
            ("/tmp/wgunicorn-aBcD9_ (deleted)", Some("/tmp/wgunicorn-aBcD9_")),
            ("/tmp/wgunicorn-abcdefgh", None),
            ("/tmp/wgunicorn-ABCDEFGH (deleted)", None),
            ("/tmp/wgunicorn-abcdefghi (deleted)", None),
            ("/tmp/xwgunicorn-abcdefgh (deleted)", None),
            ("/tmp/wgunicorn-abcdefgh/x (deleted)", None),
            ("wgunicorn-abcdefgh (deleted)", None),
            ("socket:[1]", None),
        ] {
            assert_eq!(is_heartbeat_link(link.as_bytes()), path.map(str::as_bytes), "{link}");
        }
        assert!(is_heartbeat_link(b"/\xff\n/wgunicorn-abcdefgh (deleted)").is_some());
    }

    const SSL: &str = "_ssl.cpython-311-x86_64-linux-gnu.so";
    const ASYNCIO: &str = "_asyncio.cpython-311-x86_64-linux-gnu.so";
    const GEVENT: &str = "_gevent_cgreenlet.cpython-311-x86_64-linux-gnu.so";
    const UVLOOP: &str = "/venv/lib/python3.11/site-packages/uvloop/loop.cpython-311-x86_64-linux-gnu.so";

    #[test]
    fn a_class_is_told_by_what_running_workers_showed() {
        for (caught, threads, mapped, epoll, class) in [
            (WORKER, 1, vec![SSL], false, Some(WorkerClass::Sync)),
            (WORKER, 1, vec![SSL, ASYNCIO], false, Some(WorkerClass::Sync)),
            (WORKER, 1, vec![SSL], true, Some(WorkerClass::Gthread)),
            (SignalSet(0x1_0830_4226), 2, vec![SSL], true, Some(WorkerClass::Gthread)),
            (WORKER, 1, vec![SSL, GEVENT], true, Some(WorkerClass::Gevent)),
            (UVICORN_WORKER, 1, vec![SSL, ASYNCIO], true, Some(WorkerClass::Uvicorn)),
            (AIOHTTP_WORKER, 1, vec![SSL, ASYNCIO], true, Some(WorkerClass::Aiohttp)),
            (WORKER, 1, vec![SSL, ASYNCIO, UVLOOP], true, Some(WorkerClass::Asgi)),
            (WORKER, 1, vec![SSL, ASYNCIO], true, None),
            (WORKER, 1, vec![], true, None),
            (MASTER, 1, vec![SSL], false, None),
        ] {
            let mapped: Vec<String> = mapped.into_iter().map(str::to_owned).collect();
            assert_eq!(class_by_sight(caught, threads, &mapped, epoll).map(|(class, _)| class), class, "{mapped:?}");
        }
    }

    proptest! {
        #[test]
        fn any_link_is_looked_at(link in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(path) = is_heartbeat_link(&link) {
                prop_assert!(link.starts_with(path));
            }
        }

        #[test]
        fn handlers_below_and_beyond_the_telling_ones_never_change_a_role(added in any::<u64>()) {
            for set in [MASTER, WORKER, UVICORN_WORKER, AIOHTTP_WORKER, DIRTY_ARBITER, DIRTY_WORKER] {
                let larger = SignalSet(set.0 | (added & !TELLING));
                prop_assert_eq!(role_by_signals(larger), role_by_signals(set));
            }
        }
    }
}
