//! Workers that exited: logs, descriptors, boot, and the rest; and fatal signals.

use super::{advice, only, verdict};
use crate::gunicorn::Version;
use crate::gunicorn::log::{Event, ManagerEvent, MasterSignal, StopReason};
use crate::triage::sample::{
    alone, at, emfile, ended, exited, kernel, manager, master, material, signalled, told, traceback,
};
use crate::triage::{Asked, Confidence, Ended, How, MasterHow, Verdict, judge};
use crate::units::Pid;

fn old(ended: Ended) -> Ended {
    Ended { version: Some(Version::new(20, 0, 4)), ..ended }
}

/// A worker that ended a second after USR1, with so many of four.
fn reopened(mut ended: Ended, together: usize) -> Ended {
    ended.context.reopened = Some(told(Event::Handling(MasterSignal::Usr1), 59));
    ended.context.ended_together = together;
    ended
}

#[test]
fn all_that_die_on_usr1_might_not_open_the_log() {
    assert_eq!(verdict(&alone([reopened(exited(815, 1, 60), 4)])), (Verdict::LogReopen, Confidence::Likely));
    assert_eq!(
        verdict(&alone([old(reopened(ended(815, How::Silent, 60), 4))])),
        (Verdict::LogReopen, Confidence::Likely)
    );
    assert_eq!(verdict(&alone([reopened(exited(815, 1, 60), 1)])), (Verdict::Exit, Confidence::Certain), "one of four");
    assert_eq!(verdict(&alone([reopened(signalled(815, 9, 60), 4)])).0, Verdict::Killed);
    assert_eq!(verdict(&alone([reopened(ended(815, How::Exited, 60), 4)])).0, Verdict::Exit, "its status was 0");
}

#[test]
fn the_refusal_itself_makes_it_certain() {
    let mut worker = reopened(exited(815, 1, 60), 1);
    let mut refused = traceback(
        "PermissionError: [Errno 13] Permission denied: '/srv/app/error.log'",
        Some(13),
        Some("/srv/app/error.log"),
    );
    refused.is_reopen = true;
    worker.context.loose = Some(told(Event::Loose(refused), 60));
    let death = only(&alone([worker]));
    assert_eq!((death.verdict, death.confidence), (Verdict::LogReopen, Confidence::Certain));
    assert_eq!(death.summary, "it might not open /srv/app/error.log (PermissionError) when USR1 had all logs reopened");
}

#[test]
fn an_exception_of_want_of_descriptors_is_certain_and_one_near_is_likely() {
    let mut worker = exited(815, 255, 60);
    worker.context.exception = Some(told(Event::WorkerException(emfile()), 60));
    assert_eq!(verdict(&material([worker.clone()])), (Verdict::FdExhaustion, Confidence::Certain));
    assert!(advice(&material([worker])).contains("gtune apply --nofile auto --unit gunicorn.service"));
    let mut worker = exited(815, 255, 60);
    worker.context.descriptor_error = Some(told(Event::SocketError(emfile()), 58));
    assert_eq!(verdict(&material([worker.clone()])), (Verdict::FdExhaustion, Confidence::Likely));
    worker.how = How::Exited;
    assert_eq!(verdict(&material([worker.clone()])).0, Verdict::Exit, "it was told to leave");
    assert_eq!(verdict(&material([old(worker)])), (Verdict::FdExhaustion, Confidence::Likely));
    let mut killed = signalled(815, 9, 60);
    killed.context.descriptor_error = Some(told(Event::SocketError(emfile()), 58));
    assert_eq!(verdict(&material([killed])).0, Verdict::Killed);
}

#[test]
fn a_worker_that_cannot_load_the_application_is_a_boot_failure_with_its_exception() {
    let mut worker = exited(815, 3, 60);
    worker.context.exception =
        Some(told(Event::WorkerException(traceback("RuntimeError: DATABASE_URL is not set", None, None)), 60));
    let death = only(&alone([worker]));
    assert_eq!((death.verdict, death.confidence), (Verdict::BootFailure, Confidence::Certain));
    assert_eq!(death.summary, "could not load the application: RuntimeError: DATABASE_URL is not set (wsgi.py:30)");
    let mut worker = exited(815, 4, 60);
    worker.context.booted = Some(crate::triage::sample::at(59));
    assert_eq!(verdict(&alone([worker.clone()])), (Verdict::BootFailure, Confidence::Likely));
    worker.context.booted = None;
    worker.context.booted = Some(crate::triage::sample::at(-600));
    assert_eq!(verdict(&alone([worker])).1, Confidence::Possible, "it served for ten minutes");
}

#[test]
fn where_no_status_is_told_the_masters_reason_tells() {
    let mut worker = old(ended(815, How::Exited, 60));
    worker.context.exception = Some(told(Event::WorkerException(traceback("RuntimeError: x", None, None)), 60));
    assert_eq!(verdict(&alone([worker.clone()])).0, Verdict::Exit);
    let mut material = alone([worker]);
    material.masters.push(master(MasterHow::GaveUp(StopReason::WorkerFailedToBoot), 61));
    assert_eq!(
        verdict(&material),
        (Verdict::BootFailure, Confidence::Certain),
        "and the master is no death of its own"
    );
}

#[test]
fn one_that_was_stopped_for_its_siblings_sake_could_not_boot_either() {
    let mut sibling = signalled(816, 15, 60);
    sibling.context.exception = Some(told(Event::WorkerException(traceback("RuntimeError: x", None, None)), 60));
    sibling.context.asked = Some(Asked::Stopped);
    let both = judge(&alone([exited(815, 3, 60), sibling.clone()])).deaths;
    assert!(both.iter().all(|death| death.verdict == Verdict::BootFailure), "{both:#?}");
    assert_eq!(verdict(&alone([sibling])).0, Verdict::Crash, "nobody failed to boot");
}

#[test]
fn an_import_that_fails_is_a_boot_failure_by_its_kind() {
    let mut worker = old(ended(815, How::Exited, 60));
    let missing = traceback("ModuleNotFoundError: No module named 'noapp'", None, None);
    worker.context.exception = Some(told(Event::WorkerException(missing), 60));
    assert_eq!(verdict(&alone([worker])), (Verdict::BootFailure, Confidence::Likely));
}

#[test]
fn an_exception_after_the_boot_is_an_exit_that_names_it() {
    let mut worker = exited(815, 255, 60);
    worker.context.exception = Some(told(Event::WorkerException(traceback("ValueError: x", None, None)), 60));
    let death = only(&alone([worker]));
    assert_eq!((death.verdict, death.confidence), (Verdict::Exit, Confidence::Certain));
    assert_eq!(death.summary, "exited with status 255: ValueError: x (wsgi.py:30)");
    assert_eq!(only(&alone([exited(815, 7, 60)])).summary, "exited with status 7");
}

#[test]
fn a_worker_that_leaves_unasked_is_an_exit_and_not_sure() {
    let death = only(&alone([ended(815, How::Exited, 60)]));
    assert_eq!((death.verdict, death.confidence), (Verdict::Exit, Confidence::Likely));
    assert!(death.summary.contains("SIGTERM or SIGINT from outside"));
}

const SEGFAULT: &str =
    "gunicorn[815]: segfault at 10 ip 00007f0a2c828000 sp 00007ffd0 error 4 in libxml2.so.2[7f0a2c800000+155000]";

#[test]
fn a_crash_is_certain_with_the_kernels_line_which_names_the_library() {
    let mut material = material([signalled(815, 11, 60)]);
    assert_eq!(verdict(&material), (Verdict::Crash, Confidence::Likely));
    material.events.push(kernel(SEGFAULT, 60));
    let death = only(&material);
    assert_eq!((death.verdict, death.confidence), (Verdict::Crash, Confidence::Certain));
    assert_eq!(death.summary, "crashed with SIGSEGV in libxml2.so.2");
    material.events = vec![kernel(&SEGFAULT.replace("815", "999"), 60)];
    assert_eq!(verdict(&material), (Verdict::Crash, Confidence::Likely), "a thread of some Gunicorn");
    assert!(only(&material).summary.contains("libxml2"));
    material.events[0].event = kernel(SEGFAULT, 60).event;
    material.events[0].moment = None;
    assert_eq!(verdict(&material), (Verdict::Crash, Confidence::Likely), "a log without a clock");
    assert!(only(&material).summary.contains("libxml2"));
    material.events = vec![kernel(SEGFAULT, 600)];
    assert!(!only(&material).summary.contains("libxml2"), "another time");
}

#[test]
fn a_silent_worker_crashed_where_the_kernel_names_it_and_only_then() {
    let mut material = material([old(ended(815, How::Silent, 60))]);
    material.events.push(kernel(&SEGFAULT.replace("815", "999"), 60));
    assert_eq!(verdict(&material).0, Verdict::Killed);
    material.events.push(kernel(SEGFAULT, 60));
    assert_eq!(verdict(&material), (Verdict::Crash, Confidence::Certain));
}

#[test]
fn a_core_dump_is_a_witness() {
    let mut material = material([signalled(815, 6, 60)]);
    material.manager.push(manager(ManagerEvent::CoreDumped { pid: Pid(815) }, 62));
    assert_eq!(verdict(&material), (Verdict::Crash, Confidence::Certain));
}

#[test]
fn a_witness_that_names_one_of_several_tells_who_it_was() {
    let mut silent = old(ended(0, How::Silent, 60));
    (silent.pid, silent.candidates) = (None, vec![Pid(815), Pid(816)]);
    let mut material = material([silent]);
    material.manager.push(manager(ManagerEvent::CoreDumped { pid: Pid(816) }, 60));
    let death = only(&material);
    assert_eq!((death.pid, death.candidates.len(), death.verdict), (Some(Pid(816)), 0, Verdict::Crash));
}

#[test]
fn signals_from_outside_say_who_may_have_sent_them() {
    assert!(only(&alone([signalled(815, 15, 60)])).summary.contains("SIGTERM: somebody sent it from outside"));
    let hangup = only(&alone([signalled(815, 1, 60)]));
    assert!(hangup.summary.contains("SIGHUP: somebody signalled the whole service"));
    assert!(hangup.advice[0].contains("--kill-whom=main"));
    // At level warning a stop by systemd is told by its SIGTERMs alone.
    let mut hidden = signalled(815, 15, 60);
    (hidden.version, hidden.context.booted) = (None, None);
    let stopped = only(&alone([hidden]));
    assert_eq!(stopped.confidence, Confidence::Possible);
    assert!(stopped.summary.contains("its service was stopped"), "{}", stopped.summary);
}

#[test]
fn a_process_that_never_was_a_worker_is_no_death() {
    let mut stranger = exited(4242, 3, 60);
    stranger.context.is_worker = false;
    let triage = judge(&alone([stranger]));
    assert_eq!(triage.deaths.len(), 0);
    assert!(
        triage.blind_spots.iter().any(|spot| spot.contains("that was no worker: lines of their boot are missing")),
        "{:?}",
        triage.blind_spots
    );
}

#[test]
fn who_leaves_when_the_log_has_just_begun_may_have_been_asked_to() {
    let leaving = |begins| {
        let mut left = exited(815, 0, 60);
        left.how = How::Exited;
        left.context.booted = None;
        let mut material = alone([left]);
        material.sources[0].begins = Some(at(begins));
        only(&material).confidence
    };
    assert_eq!((leaving(59), leaving(-3_600)), (Confidence::Possible, Confidence::Likely));
}
