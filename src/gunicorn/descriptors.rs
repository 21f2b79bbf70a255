//! How many descriptors a Gunicorn's processes need.
//!
//! Counted in running 19.9 to 27.0 with an error log, an access log and one listener: an idle worker holds 9 to 14, a
//! master 11 to 13 with three workers, and every connection is one more.

use super::WorkerClass;

/// What a process holds before its first connection: about 14 of Gunicorn's own, the rest for the application's
/// pools, logs and imports.
const WORKER_BASE: u64 = 64;
/// The same for a master, which runs no application unless it preloads one.
const MASTER_BASE: u64 = 32;
/// What the application opens for one request: a database connection, and an upstream connection or a file.
const PER_REQUEST: u64 = 2;
/// Below this no limit is worth setting: 4096 covers every class with its defaults, and costs nothing.
const LEAST: u64 = 4096;

/// The descriptors one worker may come to need.
///
/// Connections are not spread evenly over workers: 30 idle ones were seen on one worker of three, so each is judged
/// as if it took all of them.
pub fn descriptors_needed(class: &WorkerClass, threads: u64, worker_connections: u64, listeners: u64) -> u64 {
    let (connections, requests) = match class {
        WorkerClass::Sync => (1, 1),
        // Idle keep-alive connections count, but only `threads` requests run.
        WorkerClass::Gthread | WorkerClass::Other(_) => (worker_connections, threads),
        // For asgi, uvicorn, tornado and aiohttp `worker_connections` is no bound, so this is the least they need.
        WorkerClass::Gevent
        | WorkerClass::Eventlet
        | WorkerClass::Tornado
        | WorkerClass::Asgi
        | WorkerClass::Uvicorn
        | WorkerClass::Aiohttp => (worker_connections, worker_connections),
    };
    WORKER_BASE
        .saturating_add(listeners)
        .saturating_add(connections)
        .saturating_add(requests.saturating_mul(PER_REQUEST))
}

/// The soft limit to set for that need: a quarter more, because a worker that reaches its limit does not recover
/// (gthread leaves, uvicorn fills the log), up to the next power of two, and never below 4096.
pub fn recommended_open_files(need: u64) -> u64 {
    let with_room = need.saturating_add(need / 4);
    with_room.checked_next_power_of_two().unwrap_or(u64::MAX).max(LEAST)
}

/// The descriptors a master needs: its own, the listeners, and a heartbeat file a worker, of which there are twice as
/// many while HUP replaces them.
pub fn master_needs(listeners: u64, workers: u64) -> u64 {
    MASTER_BASE.saturating_add(listeners).saturating_add(workers.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_every_class_fit_into_4096() {
        for (class, need) in [(WorkerClass::Sync, 68), (WorkerClass::Gthread, 1075), (WorkerClass::Gevent, 3065)] {
            assert_eq!(descriptors_needed(&class, 5, 1000, 1), need, "{class}");
            assert_eq!(recommended_open_files(need), 4096, "{class}");
        }
    }

    #[test]
    fn more_connections_need_a_higher_limit() {
        let need = descriptors_needed(&WorkerClass::Gevent, 1, 4000, 1);
        assert_eq!(recommended_open_files(need), 16_384);
    }

    #[test]
    fn absurd_settings_do_not_overflow() {
        let need = descriptors_needed(&WorkerClass::Asgi, u64::MAX, u64::MAX, u64::MAX);
        assert_eq!((need, recommended_open_files(need)), (u64::MAX, u64::MAX));
        assert_eq!(master_needs(1, u64::MAX), u64::MAX);
    }
}
