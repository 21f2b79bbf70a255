use super::*;
use crate::gunicorn::Version;
use crate::gunicorn::log::{Ending, Event, MasterSignal, Place, StopReason, Traceback};
use crate::triage::{Asked, How, MasterHow};
use crate::units::Pid;
use proptest::prelude::*;

const MASTER: i32 = 100;

/// A log that is written line by line: second, writer, event.
struct Log {
    rolls: Rolls,
    line: u64,
}

impl Log {
    fn new() -> Self {
        Self { rolls: Rolls::default(), line: 0 }
    }

    /// A master of this version with two workers, 1 and 2, that boot in the first second.
    fn of(version: Version) -> Self {
        Self::new().master(0, Event::Starting(Some(version))).boot(0, 1).boot(0, 2)
    }

    fn say(mut self, second: i64, writer: i32, event: Event) -> Self {
        self.line += 1;
        let told = Told {
            said: Said::Gunicorn(event),
            writer: Some(Pid(writer)),
            frame_pid: None,
            unit: None,
            time: jiff::Timestamp::from_second(1_795_000_000 + second).ok(),
            source: 0,
            place: Place { offset: self.line * 100, line: self.line },
            text: Box::default(),
        };
        self.rolls.take(0, 0, &told);
        self
    }

    fn master(self, second: i64, event: Event) -> Self {
        self.say(second, MASTER, event)
    }

    fn signal(self, second: i64, signal: MasterSignal) -> Self {
        self.master(second, Event::Handling(signal))
    }

    fn boot(self, second: i64, pid: i32) -> Self {
        self.say(second, pid, Event::Booting(Pid(pid)))
    }

    fn exit(self, second: i64, pid: i32) -> Self {
        self.say(second, pid, Event::Exiting(Pid(pid)))
    }

    fn ended(self, second: i64, pid: i32, ending: Ending) -> Self {
        self.master(second, Event::Ended { pid: Pid(pid), ending })
    }

    /// TERM, and everybody of these leaves at once.
    fn stop(self, second: i64, pids: &[i32]) -> Self {
        let asked = self.signal(second, MasterSignal::Term);
        let left = pids.iter().fold(asked, |log, pid| log.exit(second, *pid));
        left.master(second, Event::ShuttingDown)
    }

    fn finish(self) -> Rolled {
        self.rolls.finish()
    }
}

const OLD: Version = Version::new(20, 0, 4);
const NEW: Version = Version::new(27, 0, 1);
const KILLED: Ending = Ending::Signal { signal: 9, core: false };

fn pids(rolled: &Rolled) -> Vec<i32> {
    rolled.ended.iter().map(|ended| ended.pid.map_or(-1, |pid| pid.0)).collect()
}

#[test]
fn a_server_that_starts_and_stops_has_no_death() {
    for version in [OLD, NEW] {
        let rolled = Log::of(version).stop(9, &[2, 1]).finish();
        assert_eq!((rolled.ended.len(), rolled.masters.len(), rolled.normal.stopped), (0, 0, 2));
    }
}

#[test]
fn what_the_master_tells_is_a_death() {
    let rolled = Log::of(NEW).ended(5, 1, KILLED).boot(5, 3).stop(9, &[2, 3]).finish();
    assert_eq!(pids(&rolled), [1]);
    assert_eq!(rolled.ended[0].how, How::Told(KILLED));
    assert_eq!(rolled.ended[0].context.alive, 2);
    assert_eq!(rolled.normal.stopped, 2);
}

#[test]
fn an_end_that_is_told_twice_is_one() {
    let log = Log::of(Version::new(21, 2, 0)).ended(5, 1, Ending::Exit(1)).ended(5, 1, Ending::Exit(1));
    assert_eq!(pids(&log.boot(5, 3).stop(9, &[2, 3]).finish()), [1]);
}

#[test]
fn before_20_1_who_is_missing_at_the_stop_died_when_it_was_replaced() {
    // Also where the first was replaced so soon that its successor seems to be of the first burst.
    let rolled = Log::of(OLD).boot(1, 3).boot(20, 4).stop(30, &[3, 4]).finish();
    assert_eq!(pids(&rolled), [1, 2]);
    let since: Vec<i64> = rolled.ended.iter().map(|e| e.time.unwrap().as_second() - 1_795_000_000).collect();
    assert_eq!(since, [1, 20]);
    assert!(rolled.ended.iter().all(|ended| ended.how == How::Silent));
    assert_eq!(rolled.normal.stopped, 2);
}

#[test]
fn who_is_killed_for_not_leaving_in_time_is_no_death() {
    let rolled = Log::of(OLD).signal(9, MasterSignal::Term).exit(9, 1).master(39, Event::ShuttingDown).finish();
    assert_eq!((pids(&rolled).len(), rolled.normal.stopped), (0, 2));
}

#[test]
fn where_the_log_goes_on_one_of_those_who_were_there_died() {
    let rolled = Log::of(OLD).boot(50, 3).finish();
    assert_eq!(pids(&rolled), [-1]);
    assert_eq!(rolled.ended[0].candidates, [Pid(1), Pid(2)]);
    assert_eq!(Log::of(NEW).boot(50, 3).finish().ended.len(), 0, "a newer one would have told");
}

#[test]
fn a_time_out_that_nobody_tells_the_end_of_ends_with_the_next_boot() {
    let rolled = Log::of(OLD).master(41, Event::TimedOut(Pid(1))).boot(43, 3).stop(60, &[2, 3]).finish();
    assert_eq!(pids(&rolled), [1]);
    assert_eq!(rolled.ended[0].context.lingered_seconds, Some(2));
}

#[test]
fn who_times_out_with_others_is_counted_with_them() {
    let log = Log::of(NEW).master(41, Event::TimedOut(Pid(1))).master(42, Event::TimedOut(Pid(2)));
    let rolled = log.ended(46, 1, KILLED).ended(46, 2, KILLED).boot(46, 3).boot(46, 4).stop(60, &[3, 4]).finish();
    let together: Vec<usize> = rolled.ended.iter().map(|ended| ended.context.timed_out_together).collect();
    assert_eq!((pids(&rolled), together), (vec![1, 2], vec![2, 2]));
}

#[test]
fn recycling_scaling_and_reloading_are_normal() {
    for version in [OLD, NEW] {
        let log = Log::of(version).say(3, 1, Event::Autorestarting).exit(3, 1).boot(3, 3);
        let log = log.signal(9, MasterSignal::Ttin).boot(9, 4).signal(19, MasterSignal::Ttou).exit(19, 2);
        let log = log.signal(29, MasterSignal::Hup).master(29, Event::HangUp).boot(29, 5).boot(29, 6).exit(29, 3);
        let rolled = log.exit(30, 4).stop(60, &[5, 6]).finish();
        assert_eq!((pids(&rolled), rolled.masters.len()), (vec![], 0), "{version}");
        let normal = rolled.normal;
        assert_eq!((normal.recycled, normal.scaled, normal.reloaded, normal.stopped), (1, 1, 2, 2), "{version}");
    }
}

#[test]
fn who_has_not_left_yet_after_a_reload_did_not_die() {
    for last in [1, 2] {
        let log = Log::of(OLD).signal(9, MasterSignal::Hup).master(9, Event::HangUp).boot(9, 3).boot(9, 4);
        assert_eq!(pids(&log.exit(9, last).finish()), Vec::<i32>::new(), "{last} has left");
    }
    // One leaves while the others still come.
    let log = Log::of(OLD).signal(9, MasterSignal::Hup).master(9, Event::HangUp).boot(9, 3).exit(9, 2).boot(9, 4);
    assert_eq!(pids(&log.exit(9, 1).finish()), Vec::<i32>::new());
}

#[test]
fn sigterm_after_a_goodbye_that_was_asked_for_is_normal() {
    let log = Log::of(NEW).signal(9, MasterSignal::Term).exit(9, 1).exit(9, 2);
    let rolled = log.ended(9, 1, Ending::Signal { signal: 15, core: false }).master(9, Event::ShuttingDown).finish();
    assert_eq!((pids(&rolled).len(), rolled.normal.stopped), (0, 2));
}

#[test]
fn a_kill_in_the_middle_of_a_stop_is_kept_for_those_who_know_more() {
    let log = Log::of(NEW).signal(9, MasterSignal::Term).exit(9, 2).ended(9, 1, KILLED);
    let rolled = log.master(9, Event::ShuttingDown).finish();
    assert_eq!((pids(&rolled), rolled.ended[0].context.asked), (vec![1], Some(Asked::Stopped)));
}

#[test]
fn who_leaves_unasked_and_is_replaced_is_a_death() {
    let rolled = Log::of(NEW).exit(5, 1).boot(5, 3).stop(30, &[2, 3]).finish();
    assert_eq!((pids(&rolled), rolled.ended[0].how), (vec![1], How::Exited));
}

#[test]
fn a_stop_that_reaches_workers_before_their_master_is_a_stop() {
    let log = Log::of(NEW).exit(9, 1).exit(9, 2).signal(10, MasterSignal::Term);
    let rolled = log.master(10, Event::ShuttingDown).finish();
    assert_eq!((pids(&rolled).len(), rolled.normal.stopped), (0, 2));
}

#[test]
fn who_could_not_be_booted_is_a_death_and_its_siblings_are_told_to_stop() {
    let exception = Traceback { exception: Some("ValueError: x".into()), ..Traceback::default() };
    for version in [OLD, NEW] {
        let log = Log::of(version).say(1, 2, Event::WorkerException(exception.clone())).exit(1, 2);
        let log = if version == NEW { log.ended(1, 2, Ending::Exit(3)) } else { log };
        let log = log.exit(1, 1).master(1, Event::ShuttingDown);
        let rolled = log.master(1, Event::Reason(StopReason::WorkerFailedToBoot)).finish();
        assert_eq!((pids(&rolled), rolled.masters.len()), (vec![2], 0), "{version}");
        assert_eq!(rolled.ended[0].how, How::Told(Ending::Exit(3)), "{version}");
        assert!(rolled.ended[0].context.exception.is_some());
        assert_eq!(rolled.normal.stopped, 1);
    }
}

#[test]
fn an_application_that_is_not_found_is_told_by_the_first_who_left() {
    let log = Log::new().master(0, Event::Starting(Some(OLD))).boot(0, 1).exit(0, 1).boot(0, 2).exit(0, 2);
    let log = log.master(0, Event::ShuttingDown).master(0, Event::Reason(StopReason::AppFailedToLoad));
    let rolled = log.finish();
    assert_eq!((pids(&rolled), rolled.masters.len()), (vec![1, 2], 0));
}

#[test]
fn orphans_tell_that_their_master_is_lost() {
    let log = Log::of(NEW).say(3, 1, Event::ParentChanged).exit(3, 1).say(4, 2, Event::ParentChanged).exit(4, 2);
    let rolled = log.finish();
    assert_eq!((pids(&rolled).len(), rolled.masters.len()), (0, 1));
    assert_eq!((&rolled.masters[0].how, &rolled.masters[0].workers), (&MasterHow::Lost, &vec![Pid(1), Pid(2)]));
}

#[test]
fn a_log_that_just_ends_is_open_and_a_later_start_closes_it() {
    let rolled = Log::of(NEW).finish();
    assert_eq!(rolled.masters[0].how, MasterHow::Open);
    let rolled = Log::of(NEW).say(99, 300, Event::Starting(Some(NEW))).finish();
    let hows: Vec<&MasterHow> = rolled.masters.iter().map(|master| &master.how).collect();
    assert_eq!(hows, [&MasterHow::Lost, &MasterHow::Open]);
    assert_eq!(rolled.masters[0].workers, [Pid(1), Pid(2)]);
}

#[test]
fn two_masters_at_two_addresses_live_side_by_side() {
    let log = Log::new().master(0, Event::Starting(Some(NEW))).master(0, Event::Listening("a:1".into())).boot(0, 1);
    let log = log.say(50, 300, Event::Starting(Some(NEW))).say(50, 300, Event::Listening("a:2".into())).boot(50, 301);
    let rolled = log.finish();
    assert!(rolled.masters.iter().all(|master| master.how == MasterHow::Open));
    assert_eq!(rolled.masters[1].workers, [Pid(301)]);
}

#[test]
fn an_upgrade_loses_no_master() {
    let log = Log::of(OLD).signal(5, MasterSignal::Usr2).say(5, 300, Event::Starting(Some(OLD)));
    let log = log.boot(5, 301).boot(5, 302).signal(9, MasterSignal::Term).exit(9, 1).exit(9, 2);
    let log = log.master(9, Event::ShuttingDown).say(10, 300, Event::Promoted);
    let log = log.say(20, 300, Event::Handling(MasterSignal::Term)).exit(20, 301).exit(20, 302);
    let rolled = log.say(20, 300, Event::ShuttingDown).finish();
    assert_eq!((pids(&rolled).len(), rolled.masters.len()), (0, 0));
    assert_eq!((rolled.normal.reloaded, rolled.normal.stopped), (2, 2));
}

#[test]
fn a_child_that_never_booted_is_no_worker_unless_the_log_is_cut() {
    let rolled = Log::of(NEW).ended(5, 77, KILLED).stop(9, &[1, 2]).finish();
    assert!(!rolled.ended[0].context.is_worker);
    let rolled = Log::new().ended(5, 77, KILLED).finish();
    assert!(rolled.ended[0].context.is_worker);
}

#[test]
fn those_who_die_after_usr1_are_counted_together() {
    let log = Log::of(NEW).signal(5, MasterSignal::Usr1).ended(5, 1, Ending::Exit(1)).boot(5, 3);
    let rolled = log.ended(6, 2, Ending::Exit(1)).boot(6, 4).stop(20, &[3, 4]).finish();
    let together: Vec<usize> = rolled.ended.iter().map(|ended| ended.context.ended_together).collect();
    assert_eq!((pids(&rolled), together), (vec![1, 2], vec![2, 2]));
    let log = Log::of(OLD).signal(5, MasterSignal::Usr1).boot(5, 3).boot(5, 4).stop(20, &[3, 4]);
    let rolled = log.finish();
    assert_eq!(pids(&rolled), [1, 2]);
    assert!(rolled.ended.iter().all(|ended| ended.context.reopened.is_some()), "{:?}", rolled.ended);
}

#[test]
fn a_master_that_crashes_takes_its_workers_along() {
    let traceback = Traceback { errno: Some(28), ..Traceback::default() };
    let log = Log::of(NEW).master(5, Event::MasterException(traceback)).exit(5, 1).exit(5, 2);
    let rolled = log.finish();
    assert_eq!((pids(&rolled).len(), rolled.masters.len()), (0, 1));
    assert!(matches!(rolled.masters[0].how, MasterHow::Crashed(_)));
}

#[test]
fn a_process_number_that_is_given_again_tells_of_a_death() {
    let rolled = Log::of(OLD).boot(50, 1).stop(60, &[1, 2]).finish();
    assert_eq!((pids(&rolled), rolled.ended[0].how), (vec![1], How::Silent));
}

#[test]
fn a_worker_is_of_the_master_that_speaks_of_it() {
    let two = Log::new()
        .master(0, Event::Starting(Some(Version::new(23, 0, 0))))
        .master(0, Event::Listening("a".into()))
        .boot(0, 1)
        .say(9, 200, Event::Starting(Some(Version::new(23, 0, 0))))
        .say(9, 200, Event::Listening("b".into()))
        .boot(9, 11);
    let kill = |pid| Event::Ended { pid: Pid(pid), ending: Ending::Signal { signal: 9, core: false } };
    // Both lose a worker at once, and who boots next is not told.
    let crossed = two.master(50, kill(1)).say(50, 200, kill(11)).boot(50, 2).boot(50, 12);
    let rolled = crossed.master(90, kill(2)).boot(90, 3).say(95, 200, kill(12)).boot(95, 13).finish();
    assert_eq!(pids(&rolled), [1, 11, 2, 12]);
    assert!(rolled.ended.iter().all(|ended| ended.context.is_worker));
}

#[test]
fn a_number_that_times_out_twice_is_of_two_workers() {
    let twice = Log::new().master(0, Event::TimedOut(Pid(8))).master(0, Event::TimedOut(Pid(8)));
    assert_eq!(pids(&twice.master(5_000, Event::TimedOut(Pid(8))).finish()), [8, 8]);
}

#[test]
fn who_leaves_on_ttou_in_a_log_that_is_cut_was_asked_to() {
    let cut =
        Log::new().signal(0, MasterSignal::Ttou).exit(0, 7).signal(50, MasterSignal::Ttin).boot(50, 8).boot(99, 9);
    let rolled = cut.finish();
    assert!(!pids(&rolled).contains(&7));
    assert_eq!(rolled.normal.scaled, 1);
}

#[test]
fn who_was_told_to_leave_and_whose_number_is_given_again_is_no_death() {
    let reload = |log: Log, second| log.signal(second, MasterSignal::Hup).master(second, Event::HangUp);
    let once = reload(Log::of(Version::new(23, 0, 0)), 100).boot(100, 3).boot(100, 4);
    let twice = reload(once, 200).boot(200, 1).boot(200, 2).finish();
    assert_eq!(pids(&twice), Vec::<i32>::new());
    assert_eq!(twice.normal.reloaded, 2);
}

#[test]
fn a_master_that_speaks_again_was_not_lost() {
    let start = |log: Log, second, pid| log.say(second, pid, Event::Starting(Some(Version::new(23, 0, 0))));
    let other = start(start(Log::new().master(0, Event::TimedOut(Pid(1))), 50, 200), 60, 300);
    let lost =
        |rolled: Rolled| rolled.masters.iter().filter(|end| end.pid.0 == MASTER && end.how == MasterHow::Lost).count();
    assert_eq!(lost(other.finish()), 1);
    let other = start(start(Log::new().master(0, Event::TimedOut(Pid(1))), 50, 200), 60, 300);
    assert_eq!(lost(other.master(90, Event::TimedOut(Pid(2))).finish()), 0);
}

#[test]
fn a_log_of_two_handlers_tells_the_same_as_one() {
    let lines: [(i64, i32, Event); 7] = [
        (0, MASTER, Event::Starting(Some(Version::new(20, 0, 4)))),
        (0, 1, Event::Booting(Pid(1))),
        (0, 2, Event::Booting(Pid(2))),
        (50, 1, Event::Exiting(Pid(1))),
        (51, 3, Event::Booting(Pid(3))),
        (60, 4, Event::Booting(Pid(4))),
        (90, MASTER, Event::Handling(MasterSignal::Term)),
    ];
    let write = |times: usize| {
        let each = lines.iter().flat_map(|line| std::iter::repeat_n(line.clone(), times));
        each.fold(Log::new(), |log, (second, writer, event)| log.say(second, writer, event))
    };
    let ends = |log: Log| {
        let rolled =
            [3, 4].into_iter().fold(log, |log, pid| log.exit(90, pid)).master(90, Event::ShuttingDown).finish();
        (pids(&rolled), rolled.normal, rolled.masters.len())
    };
    assert_eq!(ends(write(1)).0, [1, 2]);
    assert_eq!(ends(write(2)), ends(write(1)));
}

#[test]
fn a_worker_that_booted_before_the_log_begins_is_recycled_all_the_same() {
    let recycled = Log::new().say(20, 7, Event::Autorestarting).exit(20, 7).boot(21, 8).boot(99, 9).finish();
    assert!(!pids(&recycled).contains(&7));
    assert_eq!(recycled.normal.recycled, 1);
}

#[test]
fn whom_winch_sends_away_was_asked_to_unless_another_comes() {
    let sent = |log: Log| log.signal(60, MasterSignal::Winch).exit(60, 1).exit(60, 2);
    let away = sent(Log::of(Version::new(23, 0, 0))).signal(90, MasterSignal::Hup).master(90, Event::HangUp);
    assert_eq!(pids(&away.boot(90, 3).boot(90, 4).finish()), Vec::<i32>::new());
    let ignored = Log::of(Version::new(23, 0, 0)).signal(60, MasterSignal::Winch).exit(70, 1).boot(70, 3);
    assert_eq!(pids(&ignored.stop(200, &[2, 3]).finish()), [1]);
}

#[test]
fn one_that_was_told_to_leave_and_timed_out_is_not_replaced() {
    let reload = Log::of(Version::new(20, 0, 4)).signal(50, MasterSignal::Hup).master(50, Event::HangUp);
    let late = reload.boot(50, 3).boot(50, 4).exit(51, 2).master(70, Event::TimedOut(Pid(1)));
    // The boot at 200 is for 4, which says nothing.
    let rolled = late.boot(200, 5).stop(300, &[3, 5]).finish();
    assert_eq!(pids(&rolled), [1, 4]);
    assert_eq!(rolled.normal.stopped, 2);
}

/// A log made to fill the memory: what is kept has an end, and what was not kept is counted.
#[test]
fn of_endless_masters_and_units_the_latest_are_kept_and_the_others_counted() {
    let masters = i32::try_from(MOST_KEPT).unwrap() + 2;
    let log = (1..=masters).fold(Log::new(), |log, pid| log.say(i64::from(pid), pid, Event::Starting(None)));
    let rolled = log.finish();
    assert_eq!(rolled.masters.len() + usize::try_from(rolled.left_out).unwrap(), MOST_KEPT + 2);
    assert_eq!(rolled.masters.last().map(|end| end.pid), Some(Pid(masters)));

    let mut rolls = Rolls::default();
    for unit in 0..MOST_ROLLS + 5 {
        let said = Said::Gunicorn(Event::Booting(Pid(1)));
        let unit = Some(format!("{unit}.service").into());
        let told = Told { said, unit, ..starting() };
        rolls.take(0, 0, &told);
    }
    assert_eq!((rolls.by_log.len(), rolls.finish().left_out), (MOST_ROLLS, 5));
}

fn starting() -> Told {
    Told {
        said: Said::Gunicorn(Event::Starting(None)),
        writer: Some(Pid(MASTER)),
        frame_pid: None,
        unit: None,
        time: None,
        source: 0,
        place: Place::default(),
        text: Box::default(),
    }
}

fn events() -> impl Strategy<Value = (i64, i32, Event)> {
    let pid = 1..6_i32;
    let ending = prop_oneof![Just(KILLED), Just(Ending::Exit(1)), Just(Ending::Exit(3))];
    let event = prop_oneof![
        4 => pid.clone().prop_map(|pid| Event::Booting(Pid(pid))),
        2 => pid.clone().prop_map(|pid| Event::Exiting(Pid(pid))),
        1 => pid.clone().prop_map(|pid| Event::TimedOut(Pid(pid))),
        2 => (pid, ending).prop_map(|(pid, ending)| Event::Ended { pid: Pid(pid), ending }),
        1 => Just(Event::Starting(Some(OLD))),
        1 => Just(Event::HangUp),
        1 => Just(Event::ShuttingDown),
        1 => Just(Event::ParentChanged),
        1 => Just(Event::Autorestarting),
        1 => Just(Event::Handling(MasterSignal::Term)),
        1 => Just(Event::Handling(MasterSignal::Ttou)),
        1 => Just(Event::Handling(MasterSignal::Usr1)),
        1 => Just(Event::Reason(StopReason::AppFailedToLoad)),
    ];
    (0..3_i64, 1..4_i32, event)
}

proptest! {
    #[test]
    fn no_order_of_lines_panics_and_who_booted_ends_at_most_once(all in proptest::collection::vec(events(), 0..80)) {
        let mut second = 0;
        let mut log = Log::new();
        let (mut boots, mut seen_before) = (0, 0);
        for (passed, writer, event) in all {
            second += passed;
            match &event {
                Event::Booting(_) => boots += 1,
                // Of these the boot may be before the log.
                Event::Exiting(_)
                | Event::TimedOut(_)
                | Event::Ended { .. }
                | Event::Autorestarting
                | Event::WorkerException(_) => seen_before += 1,
                _ => {}
            }
            log = log.say(second, writer, event);
        }
        let rolled = log.finish();
        let normal = rolled.normal;
        let ends = rolled.ended.len() as u64 + normal.recycled + normal.reloaded + normal.stopped + normal.scaled;
        prop_assert!(ends <= boots + seen_before, "{ends} ends of {boots} boots");
    }
}
