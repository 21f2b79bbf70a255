//! What a worker is doing, told by the age of its heartbeat.

use crate::facts::{Heartbeat, Reason, Service};
use crate::gunicorn::{Stall, Version, WorkerClass, late_beat_means, slow_after};
use crate::units::Seconds;

/// Stands for the timeout where that is 0: Gunicorn's default, as long as most proxies wait for an answer too.
const PATIENCE: f64 = 30.0;

/// Seconds the master needs to notice and kill: it looks once a second, and sends SIGKILL a look after SIGABRT.
const EXECUTION: f64 = 3.0;

/// From this version on a worker that has never beaten is not timed out: its file's fresh mtime is wall clock, which
/// the master compares with the monotonic clock and finds far in the future.
const IMPORTS_UNTIMED: Version = Version::new(22, 0, 0);

/// The pace a service's workers keep, and when the master kills.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pace {
    /// The worker class.
    pub class: WorkerClass,
    /// `timeout` in seconds; 0 where the master never kills.
    pub timeout: f64,
    /// Whether the master kills a worker that has never beaten; not known where the version is not.
    pub times_imports: Option<bool>,
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Doing {
    /// It beats.
    Well,
    /// It has not beaten yet.
    Importing,
    /// One request keeps it from beating (sync).
    OneRequest,
    /// Its main loop does not run (all other classes).
    Blocked,
}

impl Pace {
    /// The pace of a service.
    pub fn of(service: &Service) -> Result<Self, Reason> {
        let class = service.class.needed("worker class")?.value.clone();
        let timeout = service.settings.timeout().needed("timeout")?.value.max(0) as f64;
        let times_imports = service.known_version().map(|version| version < IMPORTS_UNTIMED);
        Ok(Self { class, timeout, times_imports })
    }

    /// The age up to which a beat is as it should be; never above the timeout, for then the master kills.
    pub fn allowance(&self) -> f64 {
        let patience = self.patience();
        slow_after(&self.class, patience as u64).map_or(patience, |late| late.0.min(patience))
    }

    /// How long an import may take before it is worth a word. Where the master times imports none grows older than
    /// the timeout, so half of it must do.
    fn import_allowance(&self) -> f64 {
        if self.times_imports == Some(true) { self.patience() / 2.0 } else { self.patience() }
    }

    fn patience(&self) -> f64 {
        if self.timeout > 0.0 { self.timeout } else { PATIENCE }
    }

    /// What a worker with this heartbeat is doing.
    pub fn doing(&self, heartbeat: &Heartbeat) -> Doing {
        let age = heartbeat.age_seconds.0;
        match heartbeat.never_beaten {
            true if age > self.import_allowance() => Doing::Importing,
            false if age > self.allowance() && late_beat_means(&self.class) == Stall::InRequest => Doing::OneRequest,
            false if age > self.allowance() => Doing::Blocked,
            _ => Doing::Well,
        }
    }

    /// `in one request for 22 s, killed in 8.0 s`.
    pub fn describe(&self, doing: Doing, heartbeat: &Heartbeat) -> String {
        let age = heartbeat.age_seconds;
        let fate = self.fate(heartbeat);
        match doing {
            Doing::Well if heartbeat.never_beaten => format!("importing the application for {age}"),
            Doing::Well => format!("beat {age} ago"),
            Doing::Importing if self.times_imports.is_none() => format!("importing the application for {age}"),
            Doing::Importing => format!("importing the application for {age}, {fate}"),
            Doing::OneRequest => format!("in one request for {age}, {fate}"),
            Doing::Blocked => format!("{} blocked, no beat for {age}, {fate}", self.loop_name()),
        }
    }

    fn loop_name(&self) -> &'static str {
        match (late_beat_means(&self.class), &self.class) {
            (Stall::MainThreadBlocked, _) => "main thread",
            (Stall::LoopBlocked, WorkerClass::Gevent | WorkerClass::Eventlet) => "hub",
            (Stall::LoopBlocked, _) => "event loop",
            (Stall::InRequest | Stall::Unclear, _) => "worker",
        }
    }

    fn fate(&self, heartbeat: &Heartbeat) -> String {
        match self.seconds_left(heartbeat) {
            None => "never timed out".into(),
            Some(left) if left > 0.0 => format!("killed in {}", Seconds(left)),
            Some(left) if left > -EXECUTION => "being killed now".into(),
            Some(left) => format!("{} past its timeout and not killed: look at the master", Seconds(-left)),
        }
    }

    /// Seconds until the master kills the worker; none where it never does.
    pub fn seconds_left(&self, heartbeat: &Heartbeat) -> Option<f64> {
        let untimed = heartbeat.never_beaten && self.times_imports != Some(true);
        (self.timeout > 0.0 && !untimed).then_some(self.timeout - heartbeat.age_seconds.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::facts::Fact;

    fn heartbeat(age: f64, never_beaten: bool) -> Heartbeat {
        let Fact::Known(heartbeat) = healthy::worker(815).heartbeat else { panic!() };
        Heartbeat { age_seconds: Seconds(age), never_beaten, ..heartbeat }
    }

    fn pace(class: WorkerClass, timeout: f64) -> Pace {
        Pace { class, timeout, times_imports: Some(false) }
    }

    #[test]
    fn each_class_has_its_own_pace() {
        for (class, fine, late, doing) in [
            (WorkerClass::Sync, 16.0, 16.1, Doing::OneRequest),
            (WorkerClass::Uvicorn, 16.0, 16.1, Doing::Blocked),
            (WorkerClass::Gthread, 3.0, 3.1, Doing::Blocked),
            (WorkerClass::Gevent, 3.0, 3.1, Doing::Blocked),
            (WorkerClass::Asgi, 3.0, 3.1, Doing::Blocked),
            (WorkerClass::Other("mine".into()), 30.0, 30.1, Doing::Blocked),
        ] {
            let pace = pace(class, 30.0);
            assert_eq!(pace.doing(&heartbeat(fine, false)), Doing::Well, "{pace:?}");
            assert_eq!(pace.doing(&heartbeat(late, false)), doing, "{pace:?}");
        }
    }

    #[test]
    fn a_short_timeout_is_never_below_the_pace() {
        assert_eq!(pace(WorkerClass::Asgi, 2.0).allowance(), 2.0);
        assert_eq!(pace(WorkerClass::Sync, 1.0).allowance(), 1.0);
        assert_eq!(pace(WorkerClass::Sync, 0.0).allowance(), 16.0);
    }

    #[test]
    fn what_the_master_will_do_is_told_in_seconds() {
        let sync = pace(WorkerClass::Sync, 30.0);
        let told = |age| sync.describe(Doing::OneRequest, &heartbeat(age, false));
        assert_eq!(told(22.0), "in one request for 22 s, killed in 8.0 s");
        assert_eq!(told(31.0), "in one request for 31 s, being killed now");
        assert!(told(50.0).ends_with("20 s past its timeout and not killed: look at the master"));
        let never = pace(WorkerClass::Sync, 0.0);
        assert!(never.describe(Doing::OneRequest, &heartbeat(50.0, false)).ends_with("never timed out"));
    }

    #[test]
    fn an_import_is_timed_only_before_version_22() {
        let new = pace(WorkerClass::Sync, 30.0);
        assert_eq!(new.doing(&heartbeat(29.0, true)), Doing::Well);
        assert_eq!(new.doing(&heartbeat(412.0, true)), Doing::Importing);
        assert_eq!(new.seconds_left(&heartbeat(412.0, true)), None);
        let old = Pace { times_imports: Some(true), ..new };
        assert_eq!(old.doing(&heartbeat(20.0, true)), Doing::Importing);
        assert_eq!(old.seconds_left(&heartbeat(20.0, true)), Some(10.0));
    }

    #[test]
    fn of_a_version_that_is_not_known_nothing_is_claimed() {
        let unknown = Pace { times_imports: None, ..pace(WorkerClass::Sync, 30.0) };
        let told = unknown.describe(Doing::Importing, &heartbeat(412.0, true));
        assert_eq!(told, "importing the application for 6 min");
    }
}
