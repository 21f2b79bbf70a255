//! Whatever is found, the judge keeps its head.

use crate::gunicorn::Version;
use crate::gunicorn::log::{Ending, Event, ManagerEvent, MasterSignal, StopReason};
use crate::triage::sample::{
    UNIT, at, contained, emfile, ended, kernel, kill, manager, master, material, timed_out, told, traceback,
};
use crate::triage::{
    Asked, Confidence, Death, Ended, How, MasterEnd, MasterHow, Material, Role, Verdict, gather, judge,
};
use crate::units::Pid;
use proptest::collection::vec;
use proptest::prelude::*;

fn any_how() -> impl Strategy<Value = How> {
    prop_oneof![
        (0..40).prop_map(|signal| How::Told(Ending::Signal { signal, core: signal % 2 == 0 })),
        prop_oneof![Just(1), Just(3), Just(4), Just(255), 0..256].prop_map(|status| How::Told(Ending::Exit(status))),
        Just(How::Exited),
        Just(How::Silent),
    ]
}

fn any_ended() -> impl Strategy<Value = Ended> {
    let version = prop_oneof![Just(None), (19_u32..28).prop_map(|major| Some(Version::new(major, 0, 0)))];
    let master = prop_oneof![Just(None), Just(Some(Pid(1))), Just(Some(Pid(812)))];
    let pid = prop_oneof![Just(0), 1..6, 812..820];
    (pid, any_how(), 0_i64..300, version, master, 0_usize..6, any::<u16>()).prop_map(
        |(pid, how, seconds, version, master, together, bits)| {
            let is = |bit: u32| bits & (1 << bit) != 0;
            let mut worker = Ended { version, master, ..ended(pid, how, seconds) };
            if is(0) {
                worker = timed_out(worker, i64::from(bits % 9));
            }
            let context = &mut worker.context;
            (context.timed_out_together, context.ended_together) = (together, together);
            context.reopened = is(1).then(|| told(Event::Handling(MasterSignal::Usr1), seconds));
            context.exception = is(2).then(|| told(Event::WorkerException(emfile()), seconds));
            context.loose = is(3).then(|| told(Event::Loose(traceback("ImportError: x", None, None)), seconds));
            context.descriptor_error = is(4).then(|| told(Event::SocketError(emfile()), seconds));
            context.asked = is(5).then_some(Asked::Stopped);
            context.is_worker = !is(6) || is(7);
            context.booted = is(8).then(|| at(seconds - i64::from(bits % 200)));
            context.host_pid = is(9).then_some(Pid(815));
            if is(10) {
                worker.candidates = vec![Pid(815), Pid(816)];
                worker.pid = None;
            }
            if is(11) {
                worker.time = None;
            }
            if is(12) {
                worker.told.clear();
            }
            worker.source = usize::from(bits % 4);
            worker
        },
    )
}

fn any_master() -> impl Strategy<Value = MasterEnd> {
    let how = prop_oneof![
        Just(MasterHow::Lost),
        Just(MasterHow::Open),
        Just(MasterHow::Crashed(emfile())),
        Just(MasterHow::GaveUp(StopReason::WorkerFailedToBoot)),
        Just(MasterHow::CannotBind),
    ];
    (how, 0_i64..300, any::<bool>(), any::<bool>()).prop_map(|(how, seconds, asked, is_timeless)| {
        let mut end = MasterEnd { asked, ..master(how, seconds) };
        if is_timeless {
            end.time = None;
            end.told.clear();
        }
        end
    })
}

fn any_manager() -> impl Strategy<Value = ManagerEvent> {
    let unit = || Box::from(UNIT);
    prop_oneof![
        Just(ManagerEvent::OomKilled { unit: unit() }),
        Just(ManagerEvent::OomdKilled { unit: unit(), processes: 3 }),
        Just(ManagerEvent::OomdChose { cgroup: "/".into(), why: "x".into() }),
        Just(ManagerEvent::MainExited { unit: unit(), ending: Ending::Exit(1) }),
        Just(ManagerEvent::Failed { unit: unit(), result: "oom-kill".into() }),
        Just(ManagerEvent::StopTimedOut { unit: unit() }),
        Just(ManagerEvent::Killing { unit: unit(), pid: Pid(815), signal: 9 }),
        Just(ManagerEvent::EarlyoomKills { pid: Pid(815), signal: 15 }),
        Just(ManagerEvent::CoreDumped { pid: Pid(815) }),
        Just(ManagerEvent::ClockStepped { seconds: None }),
    ]
}

fn any_material() -> impl Strategy<Value = Material> {
    let kills = (prop_oneof![1..6, 812..820], 0_i64..300, any::<u8>());
    let events = (any::<bool>(), 0_i64..300);
    let managers = (any_manager(), 0_i64..300);
    let lives = (vec(any_ended(), 0..8), vec(any_master(), 0..3));
    let others = (vec(kills, 0..8), vec(events, 0..4), vec(managers, 0..6), any::<u8>());
    (lives, others).prop_map(|((ended, masters), (kills, events, managers, bits))| {
        let mut material = material(ended);
        material.masters = masters;
        for (pid, seconds, bits) in kills {
            let mut settled = if bits & 1 == 0 { kill(pid, seconds) } else { contained(pid, seconds) };
            if bits & 2 == 0 {
                settled.moment = None;
            }
            material.kills.push(settled);
        }
        let fault =
            "gunicorn[815]: segfault at 10 ip 00007f0a2c828000 sp 00007ffd0 error 4 in libx.so[7f0a2c800000+155000]";
        let disk = "Buffer I/O error on dev sda1, logical block 7, async page read";
        material
            .events
            .extend(events.into_iter().map(|(is_fault, at)| kernel(if is_fault { fault } else { disk }, at)));
        material.manager.extend(managers.into_iter().map(|(event, at)| manager(event, at)));
        if bits & 1 == 0 {
            material.sources[0].unit = None;
        }
        if bits & 2 == 0 {
            material.kernel_sources.clear();
        }
        if bits & 4 == 0 {
            material.facts = Some(crate::checks::healthy::host_with_gunicorn());
        }
        material
    })
}

proptest! {
    #[test]
    fn every_death_is_told_once_with_evidence_and_advice(material in any_material()) {
        let triage = judge(&material);
        prop_assert!(triage.deaths.len() <= material.ended.len() + material.masters.len());
        let workers = material.ended.iter().filter(|ended| ended.context.is_worker).count();
        prop_assert!(triage.deaths.len() >= workers, "no worker's end is lost");
        for death in &triage.deaths {
            prop_assert!(!death.evidence.is_empty() && !death.advice.is_empty() && !death.summary.is_empty());
            prop_assert!(!death.summary.contains('\n') && !death.summary.ends_with('.'), "{}", death.summary);
        }
        let gathered: usize = gather(&triage.deaths).iter().map(|cause| cause.deaths.len()).sum();
        prop_assert_eq!(gathered, triage.deaths.len());
    }

    #[test]
    fn a_kill_for_memory_has_a_witness_other_than_gunicorn(material in any_material()) {
        let mut blind = material;
        blind.kills.clear();
        blind.manager.clear();
        blind.events.clear();
        blind.facts = None;
        for death in judge(&blind).deaths {
            prop_assert!(!matches!(death.verdict, Verdict::KernelOom | Verdict::UserspaceOom), "{death:#?}");
        }
    }

    #[test]
    fn without_other_witnesses_nothing_is_certain_of_whom_the_kernel_killed(mut material in any_material()) {
        for ended in &mut material.ended {
            let context = &mut ended.context;
            (context.timed_out, context.exception, context.loose) = (None, None, None);
            context.reopened = None;
        }
        let full = judge(&material).deaths;
        let of_kernel = |death: &&Death| death.verdict == Verdict::KernelOom && death.role == Role::Worker;
        let dead: Vec<_> = full.iter().filter(of_kernel).map(|death| (death.pid, death.time)).collect();
        let mut blind = material;
        (blind.kills, blind.kernel_sources, blind.events) = (vec![], vec![], vec![]);
        (blind.manager, blind.facts) = (vec![], None);
        for ended in &blind.ended {
            prop_assume!(!matches!(ended.how, How::Told(Ending::Exit(_))));
        }
        for death in judge(&blind).deaths.iter().filter(|death| dead.contains(&(death.pid, death.time))) {
            let is_sure = death.confidence == Confidence::Certain && death.role == Role::Worker;
            prop_assert!(!is_sure || death.verdict == Verdict::Crash, "{death:#?}");
        }
    }
}
