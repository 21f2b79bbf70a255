//! Kills for want of memory: by the kernel, and by killers in user space.

use super::{advice, only, verdict};
use crate::gunicorn::Version;
use crate::gunicorn::log::ManagerEvent;
use crate::kernel_log::{Moment, Part, Scope, Task};
use crate::triage::sample::{UNIT, alone, ended, kernel, kill, manager, material, moment, signalled, timed_out};
use crate::triage::{Asked, Confidence, How, Material, Verdict, judge};
use crate::units::Pid;
use std::sync::Arc;

const OOM: Verdict = Verdict::KernelOom;

/// Worker 815 that SIGKILL ended, and the kernel's kill of it.
fn killed() -> Material {
    let mut material = material([signalled(815, 9, 60)]);
    material.kills.push(kill(815, 60));
    material
}

fn oom_killed() -> ManagerEvent {
    ManagerEvent::OomKilled { unit: UNIT.into() }
}

#[test]
fn the_kernels_kill_of_this_process_at_this_time_is_certain() {
    let death = only(&killed());
    assert_eq!((death.verdict, death.confidence), (OOM, Confidence::Certain));
    assert_eq!(death.summary, "killed by the kernel: its control group hit the limit of 200 MiB while it held 148 MiB");
    let sources: Vec<&str> = death.evidence.iter().map(|line| line.source.as_str()).collect();
    assert_eq!(sources, ["kern.log", "error.log"], "in order of time");
    assert!(death.evidence[0].text.contains("Killed process 815"));
}

/// A number that comes again and again is compared with the kills about its time only, so that a flood of them takes no time.
#[test]
fn among_a_flood_of_kills_of_its_number_a_worker_has_its_own() {
    let mut material = material([signalled(815, 9, 50_000)]);
    material.kills.extend((0..5_000).map(|at| kill(815, at * 20)));
    let death = only(&material);
    assert_eq!((death.verdict, death.confidence), (OOM, Confidence::Certain));
}

#[test]
fn a_kill_at_another_time_was_of_another_process_with_that_number() {
    let mut material = killed();
    material.kills[0].moment = Some(moment(3_000));
    assert_eq!(verdict(&material), (Verdict::Killed, Confidence::Likely));
}

#[test]
fn a_kill_of_a_neighbour_is_not_this_ones() {
    let mut material = killed();
    material.kills[0].kill.pid = Pid(816);
    material.kills[0].kill.task_memcg = Some(b"/system.slice/other.service".to_vec());
    assert_eq!(verdict(&material), (Verdict::Killed, Confidence::Likely));
}

#[test]
fn a_kill_without_a_clock_goes_by_number_and_name_and_is_less_sure() {
    let mut material = killed();
    material.kills[0].moment = None;
    assert_eq!(verdict(&material), (OOM, Confidence::Likely));
    material.kills[0].kill.comm = b"nightly-report".to_vec();
    assert_eq!(verdict(&material).0, Verdict::Killed);
}

/// Makes the kernel's table list these processes.
fn list(material: &mut Material, pids: &[i32]) {
    let task = |pid: &i32| Task {
        pid: Pid(*pid),
        tgid: None,
        uid: None,
        comm: b"gunicorn"[..].into(),
        total_vm_pages: None,
        rss_pages: None,
        oom_score_adj: None,
    };
    Arc::make_mut(&mut material.kills[0].kill.report).tasks = pids.iter().map(task).collect();
}

#[test]
fn without_a_clock_a_table_that_lists_its_master_makes_it_certain() {
    let mut material = killed();
    material.kills[0].moment = None;
    list(&mut material, &[812, 815, 816]);
    assert_eq!(verdict(&material), (OOM, Confidence::Certain));
    list(&mut material, &[12, 815, 16]);
    assert_eq!(verdict(&material), (OOM, Confidence::Likely));
}

#[test]
fn a_kernel_log_of_another_zone_is_likely_and_no_more() {
    let mut material = killed();
    let zoneless = |seconds| {
        let moment = moment(seconds);
        let uncertainty = crate::kernel_log::Uncertainty { zone_assumed: true, ..moment.uncertainty };
        Some(Moment { uncertainty, ..moment })
    };
    material.kills[0].moment = zoneless(60 + 5 * 3600);
    assert_eq!(verdict(&material), (OOM, Confidence::Likely));
    material.kills[0].moment = zoneless(60 + 5 * 3600 + 400);
    assert_eq!(verdict(&material).0, Verdict::Killed);
}

#[test]
fn each_kill_is_used_once() {
    let mut material = material([signalled(815, 9, 60), signalled(815, 9, 61)]);
    material.kills.push(kill(815, 60));
    let verdicts: Vec<Verdict> = judge(&material).deaths.iter().map(|death| death.verdict).collect();
    assert_eq!(verdicts, [OOM, Verdict::Killed]);
}

#[test]
fn a_worker_that_exited_was_not_killed_by_a_kill_of_its_number() {
    let mut material = killed();
    material.ended = vec![crate::triage::sample::exited(815, 7, 60)];
    assert_eq!(verdict(&material), (Verdict::Exit, Confidence::Certain));
}

#[test]
fn of_those_that_may_have_died_silently_the_kill_tells_which() {
    let mut silent = ended(0, How::Silent, 60);
    (silent.pid, silent.candidates, silent.version) = (None, vec![Pid(815), Pid(816)], Some(Version::new(20, 0, 4)));
    let mut material = material([silent]);
    material.kills.push(kill(816, 60));
    let death = only(&material);
    assert_eq!((death.pid, death.candidates.len(), death.verdict), (Some(Pid(816)), 0, OOM));
    assert_eq!(death.confidence, Confidence::Certain);
    assert!(death.advice.iter().any(|text| text.contains("before 20.1")), "{:?}", death.advice);
}

#[test]
fn what_ran_out_is_told_as_the_kernel_tells_it() {
    for (scope, part, text) in [
        (Scope::Global, Part::Chosen, "killed by the kernel: the host ran out of memory while it held 148 MiB"),
        (
            Scope::Memcg,
            Part::Group,
            "killed by the kernel with its whole control group (memory.oom.group): its control group hit the limit of 200 MiB",
        ),
        (Scope::Manual, Part::Chosen, "killed by the kernel's OOM killer, which somebody asked for (sysrq f)"),
        (Scope::Unknown, Part::Chosen, "killed by the kernel for want of memory while it held 148 MiB"),
    ] {
        let mut material = killed();
        (material.kills[0].kill.scope, material.kills[0].kill.part) = (scope, part);
        assert_eq!(only(&material).summary, text);
    }
    let mut material = killed();
    Arc::make_mut(&mut material.kills[0].kill.report).oom_memcg = Some(b"/system.slice".to_vec());
    assert!(only(&material).summary.contains("a control group above its own hit"), "{}", only(&material).summary);
}

#[test]
fn that_systemd_stopped_the_service_for_one_worker_is_said_with_the_way_out() {
    let mut material = killed();
    assert!(!advice(&material).contains("--oom-policy"));
    material.manager.push(manager(ManagerEvent::Failed { unit: UNIT.into(), result: "oom-kill".into() }, 62));
    assert!(only(&material).summary.ends_with("systemd then stopped the whole service for it (OOMPolicy=stop)"));
    assert!(advice(&material).contains("gtune apply --oom-policy continue --unit gunicorn.service"));
    material.manager.clear();
    material.ended[0].context.asked = Some(Asked::Stopped);
    assert!(only(&material).summary.contains("its master was stopping then"), "without the journal");
}

#[test]
fn systemds_word_on_the_unit_is_likely_and_of_another_unit_nothing() {
    let mut material = material([signalled(815, 9, 60)]);
    material.manager.push(manager(oom_killed(), 59));
    assert_eq!(verdict(&material), (OOM, Confidence::Possible), "the kernel log has no such kill");
    material.kernel_sources.clear();
    assert_eq!(verdict(&material), (OOM, Confidence::Likely));
    material.sources[0].unit = Some("other.service".into());
    assert_eq!(verdict(&material).0, Verdict::Killed);
    material.sources[0].unit = None;
    assert_eq!(verdict(&material), (OOM, Confidence::Likely), "a journal of one unit that was named beside the log");
    material.manager.push(manager(ManagerEvent::Restarting { unit: "other.service".into() }, 5));
    assert_eq!(verdict(&material).0, Verdict::Killed, "whose of two units it was is not known");
}

#[test]
fn systemds_word_is_of_the_process_that_the_kernel_names() {
    let mut material = material([signalled(815, 9, 60)]);
    material.ended[0].told[0].frame_pid = Some(Pid(812));
    material.manager.push(manager(oom_killed(), 59));
    material.kills.push(kill(999, 60));
    assert_eq!(verdict(&material), (Verdict::Killed, Confidence::Likely), "a child of another worker");
}

#[test]
fn systemds_word_at_another_time_is_of_another_death() {
    let mut material = material([signalled(815, 9, 60)]);
    material.manager.push(manager(oom_killed(), 30));
    assert_eq!(verdict(&material).0, Verdict::Killed);
}

#[test]
fn perhaps_out_of_memory_alone_is_no_evidence() {
    let mut worker = signalled(815, 9, 60);
    worker.told[0].text = b"Worker (pid:815) was sent SIGKILL! Perhaps out of memory?"[..].into();
    assert_eq!(verdict(&alone([worker])), (Verdict::Killed, Confidence::Possible));
}

#[test]
fn a_timeout_beside_a_kill_in_the_unit_stays_a_timeout_unless_it_was_this_process() {
    let mut material = material([timed_out(signalled(815, 9, 60), 1)]);
    material.manager.push(manager(oom_killed(), 60));
    material.kills.push(kill(999, 60));
    assert_eq!(verdict(&material).0, Verdict::Timeout);
    material.kills.push(kill(815, 60));
    assert_eq!(verdict(&material), (OOM, Confidence::Certain));
}

#[test]
fn earlyoom_names_its_victim() {
    let mut material = material([ended(815, How::Exited, 60)]);
    material.manager.push(manager(ManagerEvent::EarlyoomKills { pid: Pid(815), signal: 15 }, 58));
    assert_eq!(verdict(&material), (Verdict::UserspaceOom, Confidence::Certain));
    material.manager[0] = manager(ManagerEvent::EarlyoomKills { pid: Pid(816), signal: 15 }, 58);
    assert_eq!(verdict(&material).0, Verdict::Exit);
}

#[test]
fn systemd_oomd_takes_the_whole_unit() {
    let mut material = material([signalled(815, 9, 60)]);
    let chose = |cgroup: &str| {
        let why = "memory pressure for /system.slice being 68.1% > 50.0%".into();
        manager(ManagerEvent::OomdChose { cgroup: cgroup.into(), why }, 60)
    };
    material.manager.push(chose("/system.slice/other.service"));
    assert_eq!(verdict(&material).0, Verdict::Killed);
    material.manager.push(chose("/system.slice/gunicorn.service"));
    assert_eq!(verdict(&material), (Verdict::UserspaceOom, Confidence::Certain));
    assert!(only(&material).summary.contains("by systemd-oomd with its whole control group: memory pressure"));
    material.manager = vec![manager(ManagerEvent::OomdKilled { unit: UNIT.into(), processes: 4 }, 61)];
    assert_eq!(verdict(&material), (Verdict::UserspaceOom, Confidence::Certain));
}

#[test]
fn metas_oomd_speaks_in_the_kernels_log_and_a_dry_run_kills_nobody() {
    let line = |killer| {
        format!(
            "oomd kill: 62.1 40.2 11.0 system.slice/gunicorn.service 209715200 ruleset:[a] detectorgroup:[b] killer:{killer} v2"
        )
    };
    let mut material = material([signalled(815, 9, 60)]);
    material.events.push(kernel(&line("(dry)kill_by_memory"), 60));
    assert_eq!(verdict(&material).0, Verdict::Killed);
    material.events.push(kernel(&line("kill_by_memory"), 60));
    assert_eq!(verdict(&material).0, Verdict::UserspaceOom);
}
