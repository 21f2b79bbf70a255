//! Time-outs, and what they are taken for: memory, the disk, the clock.

use super::{advice, only, verdict};
use crate::gunicorn::log::{Event, ManagerEvent, Traceback};
use crate::gunicorn::{Version, WorkerClass};
use crate::triage::sample::{alone, ended, exited, kernel, manager, material, signalled, timed_out, told, traceback};
use crate::triage::{Confidence, Ended, How, Material, Verdict};

const CERTAIN: (Verdict, Confidence) = (Verdict::Timeout, Confidence::Certain);

#[test]
fn a_sigkill_after_a_timeout_is_the_masters_in_every_version() {
    for version in [None, Some(Version::new(20, 0, 4)), Some(Version::new(23, 0, 0)), Some(Version::new(27, 0, 1))] {
        let material = alone([Ended { version, ..timed_out(signalled(815, 9, 60), 1) }]);
        assert_eq!(verdict(&material), CERTAIN);
        assert!(!advice(&material).contains("fewer workers"), "{}", advice(&material));
    }
    assert_eq!(verdict(&alone([timed_out(ended(815, How::Silent, 60), 2)])), CERTAIN);
    assert_eq!(verdict(&alone([timed_out(exited(815, 1, 60), 1)])), CERTAIN);
    assert_eq!(verdict(&alone([signalled(815, 9, 60)])).0, Verdict::Killed, "without the time-out it is from outside");
}

#[test]
fn an_abort_after_a_timeout_is_no_crash_and_without_one_it_is() {
    let uvicorn = Ended { class: Some(WorkerClass::Uvicorn), ..signalled(815, 6, 60) };
    assert_eq!(verdict(&alone([timed_out(uvicorn.clone(), 0)])), CERTAIN);
    assert_eq!(verdict(&alone([uvicorn])).0, Verdict::Crash);
    assert_eq!(verdict(&alone([timed_out(signalled(815, 11, 60), 0)])).0, Verdict::Crash, "nobody but itself did that");
}

#[test]
fn the_line_that_hung_is_named() {
    let mut worker = timed_out(exited(815, 1, 60), 0);
    let mut aborted = traceback("SystemExit: 1", None, None);
    worker.context.request_error = Some(told(Event::RequestError { request: None, traceback: aborted.clone() }, 60));
    assert_eq!(
        only(&alone([worker.clone()])).summary,
        "killed by its master for want of a heartbeat",
        "an older error"
    );
    aborted.is_abort = true;
    worker.context.request_error = Some(told(Event::RequestError { request: None, traceback: aborted }, 60));
    let death = only(&alone([worker]));
    assert_eq!(
        death.summary,
        "killed by its master for want of a heartbeat; it hung in application (/srv/app/wsgi.py:30)"
    );
    assert_eq!(death.evidence.len(), 3);
}

#[test]
fn the_quirk_of_the_version_is_said() {
    let of = |version, signal| {
        advice(&alone([Ended { version: Some(version), ..timed_out(signalled(815, signal, 60), 1) }]))
    };
    assert!(of(Version::new(27, 0, 1), 9).contains("26.0 and later print it for plain time-outs"));
    assert!(of(Version::new(23, 0, 0), 9).contains("stands behind every SIGKILL"));
    assert!(!of(Version::new(23, 0, 0), 6).contains("Perhaps"));
    assert!(!of(Version::new(20, 1, 0), 9).contains("Perhaps"));
}

#[test]
fn each_class_is_told_what_a_timeout_means_for_it() {
    let of = |class| advice(&alone([Ended { class: Some(class), ..timed_out(signalled(815, 9, 60), 1) }]));
    assert!(of(WorkerClass::Sync).contains("between requests"));
    assert!(of(WorkerClass::Gthread).contains("GIL"));
    assert!(of(WorkerClass::Gevent).contains("hub"));
    assert!(of(WorkerClass::Uvicorn).contains("event loop"));
}

#[test]
fn before_22_a_slow_import_is_timed_too() {
    let of = |version| {
        let mut worker = Ended { version: Some(version), ..timed_out(ended(815, How::Exited, 60), 0) };
        worker.context.booted = Some(crate::triage::sample::at(30));
        advice(&alone([worker]))
    };
    assert!(of(Version::new(21, 2, 0)).contains("--preload"));
    assert!(!of(Version::new(22, 0, 0)).contains("--preload"));
}

/// All four workers that timed out within a second, found dead so many seconds later.
fn all_at_once(lingered: i64) -> Material {
    let worker = |pid| {
        let mut worker = timed_out(signalled(pid, 9, 60), lingered);
        worker.context.timed_out_together = 4;
        worker
    };
    material([worker(815)])
}

const DISK: &str = "I/O error, dev sda, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2";

#[test]
fn workers_that_outlive_sigkill_together_were_held_by_the_disk() {
    assert_eq!(verdict(&all_at_once(5)), (Verdict::HeartbeatStorage, Confidence::Likely));
    assert!(advice(&all_at_once(5)).contains("gtune apply --tmpfs /mem --unit gunicorn.service"));
    assert_eq!(verdict(&all_at_once(2)), CERTAIN);
    assert!(only(&all_at_once(2)).summary.contains("4 workers timed out together"));
    assert!(advice(&all_at_once(2)).contains("look at what they share"));
}

#[test]
fn workers_that_answered_the_abort_were_not_held_by_the_disk() {
    let mut material = all_at_once(5);
    let aborted = Traceback { is_abort: true, ..traceback("SystemExit: 1", None, None) };
    let error = Event::RequestError { request: None, traceback: aborted };
    material.ended[0].context.request_error = Some(told(error, 56));
    assert_eq!(verdict(&material), CERTAIN);
}

#[test]
fn one_that_outlives_sigkill_alone_is_a_timeout() {
    let mut material = all_at_once(5);
    material.ended[0].context.timed_out_together = 1;
    assert_eq!(verdict(&material), CERTAIN);
}

#[test]
fn a_disk_that_fails_at_the_time_tells_and_one_that_failed_an_hour_ago_does_not() {
    let mut material = all_at_once(1);
    material.events.push(kernel(DISK, -3_000));
    assert_eq!(verdict(&material), CERTAIN);
    material.events.push(kernel(DISK, 40));
    assert_eq!(verdict(&material), (Verdict::HeartbeatStorage, Confidence::Likely));
    material.events = vec![kernel("INFO: task jbd2/sda1-8:311 blocked for more than 120 seconds.", 180)];
    assert_eq!(verdict(&material).0, Verdict::HeartbeatStorage);
    material.events = vec![kernel("INFO: task dockerd:311 blocked for more than 120 seconds.", 180)];
    assert_eq!(verdict(&material), CERTAIN);
}

#[test]
fn a_clock_that_was_set_forward_times_everybody_out_before_22() {
    let with = |version, seconds| {
        let mut material = all_at_once(1);
        material.ended[0].version = Some(version);
        material.manager.push(manager(ManagerEvent::ClockStepped { seconds }, 58));
        only(&material)
    };
    let death = with(Version::new(21, 2, 0), Some(40));
    assert_eq!((death.verdict, death.confidence), CERTAIN);
    assert!(death.summary.contains("the clock was set by 40 s"), "{}", death.summary);
    for small in [Some(1), None] {
        assert_eq!(with(Version::new(21, 2, 0), small).confidence, Confidence::Likely, "it may have been a small one");
    }
    assert!(with(Version::new(21, 2, 0), None).summary.contains("the clock was set at that time"));
    assert!(!with(Version::new(21, 2, 0), Some(-40)).summary.contains("the clock was set"), "backward kills nobody");
    assert!(!with(Version::new(22, 0, 0), Some(40)).summary.contains("the clock was set"));
}
