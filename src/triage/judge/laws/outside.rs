//! SIGKILL from outside.

use super::{only, verdict};
use crate::gunicorn::Version;
use crate::gunicorn::log::ManagerEvent;
use crate::triage::sample::{UNIT, alone, at, ended, manager, material, signalled};
use crate::triage::{Confidence, Ended, How, Verdict};
use crate::units::Pid;

#[test]
fn a_kernel_log_that_covers_the_time_and_has_no_kill_speaks_against_memory() {
    assert_eq!(verdict(&material([signalled(815, 9, 60)])), (Verdict::Killed, Confidence::Likely));
}

#[test]
fn without_such_a_log_memory_cannot_be_ruled_out() {
    let why = |change: fn(&mut crate::triage::Material)| {
        let mut material = material([signalled(815, 9, 60)]);
        change(&mut material);
        let death = only(&material);
        assert_eq!((death.verdict, death.confidence), (Verdict::Killed, Confidence::Possible));
        assert!(death.advice[0].contains("--kernel-log"), "{:?}", death.advice);
        death.summary
    };
    assert!(why(|material| material.kernel_sources.clear()).ends_with("no kernel log was read"));
    assert!(why(|material| material.kernel_sources[0].begins = Some(at(61))).ends_with("begins later"));
    assert!(why(|material| material.kernel_sources[0].ends = Some(at(5))).ends_with("ends before"));
    assert!(why(|material| material.kernel_sources[0].begins = None).ends_with("has no wall clock"));
}

#[test]
fn systemd_that_says_so_is_a_witness() {
    let mut material = material([signalled(815, 9, 60)]);
    let killing = |pid| manager(ManagerEvent::Killing { unit: UNIT.into(), pid: Pid(pid), signal: 9 }, 60);
    material.manager.push(killing(816));
    assert_eq!(verdict(&material).1, Confidence::Likely, "of another process");
    material.manager.push(killing(815));
    assert_eq!(verdict(&material), (Verdict::Killed, Confidence::Certain));
    material.manager.push(manager(ManagerEvent::StopTimedOut { unit: UNIT.into() }, 60));
    assert!(only(&material).summary.contains("did not stop in time"));
}

#[test]
fn a_silent_death_is_unknown_where_the_kernels_log_was_not_read() {
    let old = |ended| Ended { version: Some(Version::new(20, 0, 4)), ..ended };
    let silent = || old(ended(815, How::Silent, 60));
    assert_eq!(verdict(&alone([silent()])), (Verdict::Unknown, Confidence::Possible));
    assert_eq!(verdict(&material([silent()])), (Verdict::Killed, Confidence::Possible));
    assert_eq!(verdict(&material([ended(815, How::Silent, 60)])).0, Verdict::Unknown, "23.0 would have told");
}
