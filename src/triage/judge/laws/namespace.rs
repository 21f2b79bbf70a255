//! Kills over pid namespaces.

use super::{only, verdict};
use crate::kernel_log::Task;
use crate::triage::sample::{alone, at, contained, kill, master, material, signalled, timed_out};
use crate::triage::{Confidence, Ended, MasterEnd, MasterHow, Material, Verdict, judge};
use crate::units::Pid;
use std::sync::Arc;

/// A log of a container's, whose master is process 1; the kernel's log is of the host.
fn contained_log(deaths: &[(i32, i64)]) -> Material {
    let inside = |(pid, at): &(i32, i64)| Ended { master: Some(Pid(1)), ..signalled(*pid, 9, *at) };
    let mut material = material(deaths.iter().map(inside));
    material.sources.truncate(1);
    material.sources[0].unit = None;
    material
}

fn host_pids(material: &Material) -> Vec<Option<i32>> {
    judge(material).deaths.iter().map(|death| death.host_pid.map(|pid| pid.0)).collect()
}

#[test]
fn over_a_pid_namespace_kills_and_deaths_are_matched_in_order_of_time() {
    let mut material = contained_log(&[(2, 60), (3, 62)]);
    material.kills = vec![contained(60_793, 60), contained(60_794, 62)];
    assert_eq!(verdict_of_all(&material), [(Verdict::KernelOom, Confidence::Likely); 2]);
    assert_eq!(host_pids(&material), [Some(60_793), Some(60_794)]);
}

fn verdict_of_all(material: &Material) -> Vec<(Verdict, Confidence)> {
    judge(material).deaths.iter().map(|death| (death.verdict, death.confidence)).collect()
}

#[test]
fn one_kill_explains_one_death() {
    let mut material = contained_log(&[(2, 60), (3, 60)]);
    material.kills = vec![contained(60_793, 60)];
    let verdicts: Vec<Verdict> = judge(&material).deaths.iter().map(|death| death.verdict).collect();
    assert_eq!(verdicts, [Verdict::KernelOom, Verdict::Killed]);
}

#[test]
fn a_number_of_a_container_is_none_of_the_hosts() {
    let mut material = contained_log(&[(2, 60)]);
    let mut other = kill(2, 60);
    other.kill.comm = b"kthreadd".to_vec();
    material.kills = vec![other];
    assert_eq!(verdict(&material).0, Verdict::Killed);
}

#[test]
fn a_kill_of_another_program_in_the_same_second_is_not_taken() {
    let mut material = contained_log(&[(2, 60)]);
    let mut other = contained(60_793, 60);
    other.kill.comm = b"postgres".to_vec();
    material.kills = vec![other];
    assert_eq!(verdict(&material), (Verdict::Killed, Confidence::Likely));
}

#[test]
fn a_timeout_takes_no_kill_of_the_same_second() {
    let mut material = contained_log(&[(2, 60)]);
    material.ended = material.ended.into_iter().map(|ended| timed_out(ended, 1)).collect();
    material.kills = vec![contained(60_793, 60)];
    assert_eq!(verdict(&material).0, Verdict::Timeout);
}

#[test]
fn the_frame_of_the_journal_knows_the_hosts_number() {
    let mut material = contained_log(&[(2, 60)]);
    material.ended[0].context.host_pid = Some(Pid(60_793));
    material.kills = vec![contained(60_793, 60)];
    let death = only(&material);
    assert_eq!((death.verdict, death.confidence), (Verdict::KernelOom, Confidence::Certain));
    assert_eq!((death.pid, death.host_pid), (Some(Pid(2)), Some(Pid(60_793))));
}

#[test]
fn on_the_host_a_python_that_dies_in_the_same_second_is_another() {
    let mut material = alone([signalled(815, 9, 60)]);
    material.kernel_sources = crate::triage::sample::material([]).kernel_sources;
    let mut other = kill(60_793, 60);
    other.kill.comm = b"python3".to_vec();
    other.kill.task_memcg = Some(b"/user.slice/user-0.slice/session-3.scope".to_vec());
    material.kills = vec![other];
    assert_eq!(verdict(&material).0, Verdict::Killed);
}

#[test]
fn a_kill_in_the_units_group_whose_table_lists_the_master_was_of_another_process() {
    let listing = |master| {
        let mut settled = kill(60_793, 60);
        let task = Task {
            pid: Pid(master),
            tgid: None,
            uid: None,
            comm: b"gunicorn"[..].into(),
            total_vm_pages: None,
            rss_pages: None,
            oom_score_adj: None,
        };
        Arc::make_mut(&mut settled.kill.report).tasks = vec![task];
        settled
    };
    let mut material = material([signalled(815, 9, 60)]);
    material.kills = vec![listing(812)];
    assert_eq!(verdict(&material).0, Verdict::Killed);
    material.kills = vec![listing(60_700)];
    assert_eq!(verdict(&material), (Verdict::KernelOom, Confidence::Certain), "its master has another number there");
}

#[test]
fn without_a_clock_the_times_between_must_be_the_same() {
    let mut material = contained_log(&[(2, 60), (3, 90)]);
    material.kills = vec![contained(60_793, 60), contained(60_794, 91)];
    material.kills.iter_mut().for_each(|settled| settled.moment = None);
    assert_eq!(verdict_of_all(&material), [(Verdict::KernelOom, Confidence::Likely); 2]);
    material.kills[1].kill.stamp.boot_micros = Some(1);
    assert!(verdict_of_all(&material).iter().all(|(verdict, _)| *verdict == Verdict::Killed));
}

#[test]
fn a_kill_of_a_service_of_the_host_is_hardly_a_containers() {
    let mut material = contained_log(&[(2, 60)]);
    let mut other = kill(60_793, 60);
    other.kill.task_memcg = Some(b"/system.slice/celery.service".to_vec());
    material.kills = vec![other];
    assert_eq!(verdict(&material), (Verdict::KernelOom, Confidence::Possible));
}

#[test]
fn a_kill_long_after_the_last_line_of_a_containers_master_may_be_anybodys() {
    let lost = |killed_at| {
        let mut material = contained_log(&[]);
        let end = MasterEnd { noticed: Some(at(9_000)), ..master(MasterHow::Lost, 60) };
        material.masters = vec![MasterEnd { pid: Pid(1), workers: vec![], told: vec![], ..end }];
        material.kills = vec![contained(60_793, killed_at)];
        verdict(&material)
    };
    assert_eq!(lost(8_990), (Verdict::KernelOom, Confidence::Likely), "the next start follows at once");
    assert_eq!(lost(5_000), (Verdict::KernelOom, Confidence::Possible));
}
