//! Masters: lost, crashed, or only out of sight.

use super::{only, spots, verdict};
use crate::gunicorn::log::{Ending, Event, ManagerEvent, StopReason};
use crate::triage::sample::{
    UNIT, alone, at, contained, emfile, kill, manager, master, material, moment, told, traceback,
};
use crate::triage::{Confidence, MasterEnd, MasterHow, Material, Role, Verdict, judge};
use crate::units::Pid;

fn of(end: MasterEnd) -> Material {
    let mut material = material([]);
    material.masters.push(end);
    material
}

fn lost() -> Material {
    let mut end = master(MasterHow::Lost, 60);
    end.told.push(told(Event::Starting(None), 90));
    end.noticed = Some(at(90));
    of(end)
}

#[test]
fn a_master_that_a_later_start_replaces_was_lost_and_its_orphans_make_it_certain() {
    let death = only(&lost());
    assert_eq!((death.verdict, death.confidence), (Verdict::MasterLost, Confidence::Likely));
    assert_eq!((death.role, death.workers.len()), (Role::Master, 2));
    let mut material = lost();
    material.masters[0].told.push(told(Event::ParentChanged, 63));
    assert_eq!(verdict(&material), (Verdict::MasterLost, Confidence::Certain));
}

#[test]
fn the_kernels_kill_of_the_master_tells_why() {
    let mut material = lost();
    material.kills.push(kill(812, 75));
    let death = only(&material);
    assert_eq!((death.verdict, death.confidence), (Verdict::KernelOom, Confidence::Certain));
    assert!(death.summary.starts_with("the master was killed by the kernel"));
    assert_eq!(death.time, Some(moment(75).time), "and when");
    material.kills[0].moment = Some(moment(300));
    assert_eq!(verdict(&material).0, Verdict::MasterLost, "after the next one had started");
    material.kills[0].moment = Some(moment(-300));
    assert_eq!(verdict(&material).0, Verdict::MasterLost, "it wrote lines after that");
}

#[test]
fn a_container_whose_group_was_hit_lost_its_master_to_that() {
    let mut end = master(MasterHow::Lost, 60);
    (end.pid, end.told, end.noticed) = (Pid(1), vec![told(Event::Starting(None), 90)], Some(at(90)));
    let mut material = of(end);
    material.sources[0].unit = None;
    material.kills.push(contained(60_793, 70));
    assert_eq!(verdict(&material), (Verdict::KernelOom, Confidence::Likely));
}

#[test]
fn systemd_tells_of_the_unit() {
    let mut material = lost();
    material.manager.push(manager(ManagerEvent::Failed { unit: UNIT.into(), result: "oom-kill".into() }, 62));
    assert_eq!(verdict(&material), (Verdict::KernelOom, Confidence::Likely));
    material.manager = vec![manager(ManagerEvent::OomdKilled { unit: UNIT.into(), processes: 3 }, 61)];
    assert_eq!(verdict(&material), (Verdict::UserspaceOom, Confidence::Certain));
    let exited = |ending| vec![manager(ManagerEvent::MainExited { unit: UNIT.into(), ending }, 62)];
    material.manager = exited(Ending::Signal { signal: 9, core: false });
    assert_eq!(verdict(&material), (Verdict::MasterLost, Confidence::Certain));
    material.manager = exited(Ending::Signal { signal: 11, core: false });
    assert_eq!(verdict(&material).0, Verdict::Crash);
    material.manager = exited(Ending::Exit(1));
    assert_eq!(verdict(&material).0, Verdict::Exit);
}

#[test]
fn a_log_that_ends_is_no_death_but_a_blind_spot() {
    let material = of(master(MasterHow::Open, 60));
    assert_eq!(judge(&material).deaths, []);
    assert!(
        spots(&material).contains("error.log ends at 2026-11-20 19:15:00 UTC without a shutdown: whether master 812")
    );
}

#[test]
fn a_log_that_ends_where_the_kernel_killed_its_master_is_one() {
    let mut material = of(master(MasterHow::Open, 60));
    material.kills.push(kill(812, 61));
    assert_eq!(verdict(&material), (Verdict::KernelOom, Confidence::Certain));
    assert!(!spots(&material).contains("whether master"));
}

#[test]
fn a_stop_that_was_asked_for_is_no_death_unless_systemd_lost_its_patience() {
    let mut material = of(MasterEnd { asked: true, ..master(MasterHow::Open, 60) });
    assert_eq!(judge(&material).deaths, []);
    assert_eq!(spots(&material), "");
    material.manager.push(manager(ManagerEvent::StopTimedOut { unit: UNIT.into() }, 150));
    assert_eq!(verdict(&material), (Verdict::MasterLost, Confidence::Certain));
}

#[test]
fn a_master_that_cannot_make_a_heartbeat_file_ends_for_its_directory() {
    let crashed =
        |exception: &str, errno, path| only(&of(master(MasterHow::Crashed(traceback(exception, errno, path)), 60)));
    let inodes = "OSError: [Errno 28] No space left on device: '/mnt/hb/wgunicorn-t1p5u4rv'";
    let death = crashed(inodes, Some(28), Some("/mnt/hb/wgunicorn-t1p5u4rv"));
    assert_eq!((death.verdict, death.confidence), (Verdict::HeartbeatStorage, Confidence::Certain));
    assert_eq!(death.summary, "the server ended: no inode was free for a heartbeat file in /mnt/hb");
    let missing = "RuntimeError: /srv/app/no-such-dir doesn't exist. Can't create workertmp.";
    assert!(crashed(missing, None, None).summary.contains("/srv/app/no-such-dir, does not exist"));
    let none = "FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp', '/srv/app']";
    assert_eq!(crashed(none, Some(2), None).verdict, Verdict::HeartbeatStorage);
    let denied = "PermissionError: [Errno 13] Permission denied: '/hb/wgunicorn-x'";
    assert_eq!(crashed(denied, Some(13), Some("/hb/wgunicorn-x")).verdict, Verdict::HeartbeatStorage);
    let other = "OSError: [Errno 28] No space left on device: '/var/log/x'";
    assert_eq!(crashed(other, Some(28), Some("/var/log/x")).verdict, Verdict::Exit, "no heartbeat file");
}

#[test]
fn a_master_without_descriptors_is_that_and_not_its_directory() {
    let mut raised = emfile();
    raised.path = Some("/tmp/wgunicorn-1py3e2gq".into());
    assert_eq!(verdict(&of(master(MasterHow::Crashed(raised), 60))), (Verdict::FdExhaustion, Confidence::Certain));
}

#[test]
fn a_master_that_gave_up_speaks_for_itself_where_no_worker_does() {
    let material = of(master(MasterHow::GaveUp(StopReason::AppFailedToLoad), 60));
    assert_eq!(verdict(&material), (Verdict::BootFailure, Confidence::Certain));
    assert_eq!(verdict(&of(master(MasterHow::CannotBind, 60))), (Verdict::Exit, Confidence::Certain));
}

#[test]
fn a_log_alone_that_ends_says_so_too() {
    let mut material = alone([]);
    material.masters.push(master(MasterHow::Open, 60));
    assert_eq!(judge(&material).deaths, []);
    assert!(spots(&material).contains("no kernel log was read"));
}

#[test]
fn what_is_told_of_the_master_before_is_not_told_of_the_one_that_started_after_it() {
    let killed = ManagerEvent::MainExited { unit: UNIT.into(), ending: Ending::Signal { signal: 9, core: false } };
    let oomd = ManagerEvent::OomdKilled { unit: UNIT.into(), processes: 3 };
    for event in [killed, oomd, ManagerEvent::StopTimedOut { unit: UNIT.into() }] {
        let deaths = |started, said_at| {
            let started = Some(told(Event::Starting(None), started));
            let mut material = of(MasterEnd { started, ..master(MasterHow::Open, 60) });
            material.manager = vec![manager(event.clone(), said_at)];
            judge(&material).deaths.len()
        };
        assert_eq!(deaths(60, 58), 0, "{event:?}");
        assert_eq!(deaths(0, 61), 1, "{event:?}");
    }
}
