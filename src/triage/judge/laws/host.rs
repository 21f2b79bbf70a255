//! What runs now tells of what ran then.

use super::{only, verdict};
use crate::checks::healthy;
use crate::facts::{CgroupMemory, Fact, Service};
use crate::triage::sample::{at, contained, kill, master, material, signalled, timed_out};
use crate::triage::{Confidence, Ended, MasterEnd, MasterHow, Material, Verdict, judge};
use crate::units::{Pid, Seconds};

/// The material, on a host where the service runs; its master is 812 as in the log.
fn live(mut material: Material, change: impl FnOnce(&mut Service)) -> Material {
    material.facts = Some(healthy::with_service(change));
    material
}

fn memory(service: &mut Service, change: impl FnOnce(&mut CgroupMemory)) {
    if let Fact::Known(cgroup) = &mut service.cgroup
        && let Fact::Known(memory) = &mut cgroup.memory
    {
        change(memory);
    }
}

fn unread(mut material: Material) -> Material {
    material.kernel_sources.clear();
    material
}

#[test]
fn a_counter_that_accounts_for_every_death_is_likely_the_kernel() {
    let counted = |kills, deaths: &[Ended]| {
        let material = live(unread(material(deaths.to_vec())), |service| {
            memory(service, |memory| memory.oom_kills = Fact::Known(kills));
        });
        let death = &judge(&material).deaths[0];
        (death.verdict, death.confidence)
    };
    let two = [signalled(815, 9, 60), signalled(816, 9, 90)];
    assert_eq!(counted(2, &two), (Verdict::KernelOom, Confidence::Likely));
    assert_eq!(counted(1, &two), (Verdict::Killed, Confidence::Possible), "which of the two it was is not known");
    assert_eq!(counted(0, &two), (Verdict::Killed, Confidence::Likely), "nought speaks against memory");
}

#[test]
fn counters_of_another_master_say_nothing() {
    let material = live(unread(material([Ended { master: Some(Pid(700)), ..signalled(715, 9, 60) }])), |service| {
        memory(service, |memory| memory.oom_kills = Fact::Known(5));
    });
    assert_eq!(verdict(&material), (Verdict::Killed, Confidence::Possible));
}

#[test]
fn the_control_group_of_the_service_makes_a_kill_over_a_namespace_certain() {
    let inside = || Ended { master: Some(Pid(1)), ..signalled(2, 9, 60) };
    let with = |group: &'static str| {
        let mut material = live(material([inside()]), |service| {
            (service.master.pid, service.master.inner_pid) = (Pid(60_700), Pid(1));
            if let Fact::Known(cgroup) = &mut service.cgroup {
                cgroup.path = group.into();
            }
        });
        material.kills.push(contained(60_793, 60));
        verdict(&material)
    };
    assert_eq!(with("/kubepods/burstable/pod1"), (Verdict::KernelOom, Confidence::Certain));
    assert_eq!(with("/kubepods/burstable/pod2").1, Confidence::Likely, "a container that was started again");
}

#[test]
fn on_the_host_itself_a_neighbours_kill_in_the_group_is_not_taken() {
    let mut material = live(material([signalled(815, 9, 60)]), |_| ());
    material.kills.push(kill(999, 60));
    assert_eq!(verdict(&material).0, Verdict::Killed);
}

fn on(kind: &str, lingered: i64) -> (Verdict, Confidence) {
    let mut worker = timed_out(signalled(815, 9, 60), lingered);
    worker.context.timed_out_together = 4;
    verdict(&live(material([worker]), |service| {
        for worker in &mut service.workers {
            if let Fact::Known(heartbeat) = &mut worker.heartbeat {
                heartbeat.filesystem = Fact::Known(healthy::filesystem(kind, "/tmp"));
            }
        }
    }))
}

#[test]
fn heartbeats_on_a_disk_make_it_certain_and_those_in_memory_rule_it_out() {
    assert_eq!(on("ext4", 5), (Verdict::HeartbeatStorage, Confidence::Certain));
    assert_eq!(on("tmpfs", 5), (Verdict::Timeout, Confidence::Certain));
    assert_eq!(on("ext4", 1), (Verdict::Timeout, Confidence::Certain), "that alone proves nothing");
}

#[test]
fn the_timeout_in_force_is_told() {
    let material = live(material([timed_out(signalled(815, 9, 60), 1)]), |_| ());
    assert!(only(&material).summary.starts_with("killed by its master after 30 s without a heartbeat"));
}

#[test]
fn a_master_that_runs_is_no_death_and_one_that_does_not_is() {
    let mut material = live(material([]), |_| ());
    material.masters.push(master(MasterHow::Open, 60));
    assert_eq!(judge(&material).deaths, []);
    material.masters[0].pid = Pid(700);
    assert_eq!(verdict(&material), (Verdict::MasterLost, Confidence::Likely));
    if let Some(facts) = &mut material.facts {
        facts.services = Fact::unreadable("permission denied");
    }
    assert_eq!(judge(&material).deaths, [], "nobody could look");
}

#[test]
fn a_host_that_was_started_in_between_took_its_master_with_it() {
    let mut material = live(material([]), |_| ());
    material.masters.push(MasterEnd { pid: Pid(700), ..master(MasterHow::Open, 60) });
    let started = |material: &mut Material, seconds| {
        if let Some(facts) = &mut material.facts {
            facts.observed_at = at(3_600);
            facts.host.uptime_seconds = Fact::Known(Seconds(3_600.0 - f64::from(seconds)));
        }
    };
    started(&mut material, 90);
    assert!(only(&material).summary.contains("lost with its host"));
    started(&mut material, 30);
    assert!(!only(&material).summary.contains("lost with its host"), "it wrote lines after that");
}

#[test]
fn deaths_outside_of_the_window_are_left_out() {
    let mut material = material([signalled(815, 9, 60), signalled(816, 9, 90)]);
    material.since = Some(at(80));
    assert_eq!(only(&material).pid, Some(Pid(816)));
    material.until = Some(at(85));
    assert_eq!(judge(&material).deaths, []);
    material.ended[0].time = None;
    assert_eq!(only(&material).pid, Some(Pid(815)), "it may have been then");
}
