//! How often a worker beats, from when a beat is late, and what a late beat means.
//!
//! Measured in running 23.0 and 27.0; eventlet and tornado by their source.

use super::WorkerClass;
use crate::units::Seconds;
use serde::Serialize;

/// What a late beat means; it depends on which part of a worker beats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stall {
    /// The worker is inside one request, for about as long as the beat is old.
    InRequest,
    /// Something blocks the event loop or gevent's hub; all its requests stand still.
    LoopBlocked,
    /// The main thread does not run; its request threads may.
    MainThreadBlocked,
    /// Not known for this class.
    Unclear,
}

/// The time between two beats of an idle worker, for `timeout` in seconds; nothing for a class that is not known.
pub fn beats_every(class: &WorkerClass, timeout_seconds: u64) -> Option<Seconds> {
    let half = timeout_seconds as f64 / 2.0;
    match class {
        // select() waits for `timeout or 0.5` of a worker, which is half of the setting.
        WorkerClass::Sync => Some(Seconds(if timeout_seconds == 0 { 0.5 } else { half })),
        // Looked at on every tick, each 0.1 s.
        WorkerClass::Uvicorn => Some(Seconds(half.max(0.1))),
        WorkerClass::Other(_) => None,
        _ => Some(Seconds(1.0)),
    }
}

/// The age from which a beat is late.
///
/// Half the time-out classes: one second above their cadence, which is the master's own granularity. One-second
/// classes: three seconds, that is two beats missed, which load alone does not cause.
pub fn slow_after(class: &WorkerClass, timeout_seconds: u64) -> Option<Seconds> {
    let every = beats_every(class, timeout_seconds)?;
    match class {
        WorkerClass::Sync | WorkerClass::Uvicorn => Some(Seconds(every.0 + 1.0)),
        _ => Some(Seconds(3.0)),
    }
}

/// What a late beat of a worker of this class means.
pub fn late_beat_means(class: &WorkerClass) -> Stall {
    match class {
        WorkerClass::Sync => Stall::InRequest,
        WorkerClass::Gthread => Stall::MainThreadBlocked,
        WorkerClass::Other(_) => Stall::Unclear,
        _ => Stall::LoopBlocked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sync_and_uvicorn_beat_at_half_the_timeout() {
        assert_eq!(beats_every(&WorkerClass::Sync, 30), Some(Seconds(15.0)));
        assert_eq!(beats_every(&WorkerClass::Sync, 0), Some(Seconds(0.5)));
        assert_eq!(beats_every(&WorkerClass::Uvicorn, 30), Some(Seconds(15.0)));
        assert_eq!(beats_every(&WorkerClass::Gevent, 30), Some(Seconds(1.0)));
        assert_eq!(beats_every(&WorkerClass::Other("x".into()), 30), None);
    }

    #[test]
    fn a_beat_is_late_only_after_the_next_one_was_due() {
        for class in [WorkerClass::Sync, WorkerClass::Gthread, WorkerClass::Uvicorn, WorkerClass::Asgi] {
            for timeout in [0, 1, 30, 3600] {
                assert!(slow_after(&class, timeout) > beats_every(&class, timeout), "{class} {timeout}");
            }
        }
    }

    #[test]
    fn a_late_beat_of_gthread_says_nothing_of_a_request() {
        assert_eq!(late_beat_means(&WorkerClass::Gthread), Stall::MainThreadBlocked);
        assert_eq!(late_beat_means(&WorkerClass::Sync), Stall::InRequest);
    }
}
