use super::*;
use crate::perform::Care;
use crate::perform::model::*;
use crate::perform::performer::perform_with;
use crate::perform::wish::{Restarts, Systemd};
use crate::perform::{Origin, history, perform};
use crate::plan::{FileImage, Standing, StepOutcome};
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::RefCell;

const WISH: Wish<'static> = Wish {
    mode: Mode::Perform,
    care: Care::Respect,
    restarts: Restarts::AsApplied,
    systemd: Systemd::Running,
    boot_id: Some("this boot"),
    network: None,
    holders: &|_| Holders { who: "pid 812".into(), units: vec![] },
};

/// Performs a plan, perhaps only until the process is killed, and gives the host as the next process finds it.
fn performed(world: World, actions: &[Action]) -> World {
    let cell = RefCell::new(world);
    let _ = perform_with(&ModelHand(&cell), &mut ModelBook(&cell), actions);
    cell.into_inner().fresh()
}

/// The same of a rollback.
fn rolled_back(mut world: World, wish: &Wish<'_>) -> (World, RolledBack) {
    let all = world.kept();
    world.journal.truncate(all[0].sound_length as usize);
    let transaction = world.transaction();
    let cell = RefCell::new(world);
    let hand = ModelHand(&cell);
    let rollback = Rollback::new(&hand, &transaction, &all, wish, true);
    let mut book = ModelBook(&cell);
    let result = rollback.run((wish.mode == Mode::Perform).then_some(&mut book));
    let result = result.unwrap_or(RolledBack { transaction: Some(ID.into()), ..Default::default() });
    (cell.into_inner(), result)
}

fn outcome<'a>(result: &'a RolledBack, subject: &str) -> &'a UndoOutcome {
    let is_meant = |step: &&UndoStep| matches!(&step.action, Action::Change(change) if change.subject() == subject);
    result.steps.iter().find(is_meant).unwrap().outcome.as_ref().unwrap()
}

fn state(world: &World) -> TransactionState {
    world.transaction().state
}

#[test]
fn a_transaction_that_is_taken_back_has_never_been() {
    let (world, actions) = whole_plan();
    let applied = performed(world.clone(), &actions);
    assert_ne!(applied.host, world.host);
    let (after, result) = rolled_back(applied, &WISH);
    assert_eq!(after.host, world.host);
    assert!(result.is_complete() && state(&after) == TransactionState::RolledBack);
    let (again, result) = rolled_back(after.clone().fresh(), &WISH);
    assert_eq!((again.count, result.steps.len(), result.is_complete()), (0, 0, true));
}

/// The plan of all changes, and one without a mount that would show by itself who was not restarted.
fn plans() -> [(World, Vec<Action>); 2] {
    [whole_plan(), plan(&[false, true, true, true, true, true, false, true, true], &[false; 9], 2)]
}

/// What a killed `apply` may leave, for every operation in which it can be killed.
fn stopped_anywhere() -> Vec<(World, World)> {
    let mut all = vec![];
    for (world, actions) in plans() {
        for end in 0..60 {
            let stopped = performed(World { killed_in: Some(end), ..world.clone() }, &actions);
            match stopped.journal.is_empty() {
                true => assert_eq!(stopped.host, world.host, "nothing is done before the journal has begun"),
                false => all.push((world.clone(), stopped)),
            }
        }
    }
    all
}

#[test]
fn wherever_it_was_killed_and_its_rollback_too_another_rollback_ends_it() {
    for (world, stopped) in stopped_anywhere() {
        for second in 0..60 {
            let (half, _) = rolled_back(World { killed_in: Some(second), ..stopped.clone() }, &WISH);
            if half.count <= second {
                break; // It had ended before it was to be killed.
            }
            let (after, result) = rolled_back(half.fresh(), &WISH);
            assert_eq!(after.host, world.host, "killed again in {second}: {result:?}");
            assert!(result.is_complete() && state(&after) == TransactionState::RolledBack);
        }
    }
}

#[test]
fn whatever_fails_in_a_rollback_is_told_and_done_by_the_next() {
    for (world, stopped) in stopped_anywhere() {
        for at in 0..60 {
            let faults = [(at, Fault::Clean)].into();
            let (half, result) = rolled_back(World { faults, ..stopped.clone() }, &WISH);
            if half.count <= at {
                break;
            }
            let says_all = !result.steps.is_empty() && result.is_complete();
            assert!(half.host == world.host || !says_all, "{at}: {result:?}");
            let (after, result) = rolled_back(half.fresh(), &WISH);
            assert_eq!(after.host, world.host, "{at}: {result:?}");
            assert_eq!(state(&after), TransactionState::RolledBack);
        }
    }
}

#[test]
fn what_is_foreseen_is_what_is_done_and_nothing_is_touched() {
    let (world, actions) = whole_plan();
    for end in 1..60 {
        let stopped = performed(World { killed_in: Some(end), ..world.clone() }, &actions);
        let wish = Wish { mode: Mode::Foresee, ..WISH };
        let (untouched, foreseen) = rolled_back(stopped.clone(), &wish);
        assert_eq!((untouched.host, untouched.count), (stopped.host.clone(), 0));
        let (_, done) = rolled_back(stopped, &WISH);
        let actions = |result: &RolledBack| result.steps.iter().map(|step| step.action.clone()).collect::<Vec<_>>();
        assert_eq!(actions(&foreseen), actions(&done));
        for (foreseen, done) in foreseen.steps.iter().zip(&done.steps) {
            let foreseen = foreseen.outcome.as_ref().unwrap_or(&UndoOutcome::Restored);
            assert_eq!(Some(foreseen), done.outcome.as_ref(), "{end}");
        }
    }
}

#[test]
fn a_mount_in_use_waits_and_what_lies_below_it_too() {
    let (world, actions) = whole_plan();
    let applied = performed(world.clone(), &actions);
    let (waiting, result) = rolled_back(applied, &Wish { restarts: Restarts::Leave, ..WISH });
    let command = "systemctl restart gunicorn.service api.service".to_owned();
    let waits = UndoOutcome::Waits { reason: "files in /mem are open in pid 812".into(), command };
    assert_eq!(result.steps.iter().filter(|step| step.outcome.as_ref() == Some(&waits)).count(), 2, "{result:?}");
    assert_eq!(waiting.host.files, world.host.files, "all else is taken back");
    assert_eq!(state(&waiting), TransactionState::PartlyRolledBack);
    let mut restarted = waiting.fresh();
    ["gunicorn.service", "api.service"].iter().for_each(|unit| restarted.host.restart(unit));
    let (after, result) = rolled_back(restarted, &Wish { restarts: Restarts::Leave, ..WISH });
    assert_eq!(after.host, world.host);
    assert!(result.is_complete());
}

#[test]
fn the_work_of_others_stays_unless_it_is_to_be_overwritten() {
    let (world, actions) = whole_plan();
    let mut edited = performed(world.clone(), &actions);
    let theirs = FileImage::configuration("theirs\n");
    edited.host.files.insert(SYSCTL.into(), theirs.clone());
    edited.host.files.insert(FSTAB.into(), FileImage::configuration("root\ntmpfs /mem tmpfs\nnfs\n"));
    edited.host.values.insert("net.core.somaxconn".into(), 65_535);
    edited.host.files.insert("/etc/systemd/system/gunicorn.service.d/theirs.conf".into(), theirs.clone());
    let (after, result) = rolled_back(edited, &WISH);
    assert_eq!(after.host.files[SYSCTL], theirs);
    assert_eq!(*outcome(&result, SYSCTL), UndoOutcome::Conflict("another file".into()));
    assert_eq!(after.host.files[FSTAB].content.text(), "root\nnfs\n");
    assert_eq!(after.host.values["net.core.somaxconn"], 65_535);
    let UndoOutcome::Left(reason) = outcome(&result, "/etc/systemd/system/gunicorn.service.d") else { panic!() };
    assert!(reason.contains("theirs.conf"));
    assert!(after.host.mounts.is_empty() && after.host.links.is_empty());
    assert_eq!(state(&after), TransactionState::PartlyRolledBack);
    let (forced, result) = rolled_back(after.fresh(), &Wish { care: Care::Overwrite, ..WISH });
    assert_eq!(forced.host.files[SYSCTL], world.host.files[SYSCTL]);
    assert_eq!(forced.host.files[FSTAB].content.text(), "root\nnfs\n", "that line is in nobody's way");
    assert_eq!(forced.host.values, world.host.values);
    assert!(result.is_complete());
}

#[test]
fn what_was_live_in_an_earlier_boot_is_left() {
    let (world, actions) = whole_plan();
    let mut booted = performed(world.clone(), &actions);
    let (mounts, value) = (booted.host.mounts.clone(), booted.host.values.clone());
    booted.host.running.clear();
    let wish = Wish { boot_id: Some("next boot"), restarts: Restarts::Leave, ..WISH };
    let (after, result) = rolled_back(booted, &wish);
    let UndoOutcome::Left(why) = outcome(&result, "net.core.somaxconn") else { panic!("{result:?}") };
    assert!(why.contains("until the next boot, or: sysctl -w net.core.somaxconn=128"), "{why}");
    assert!(matches!(outcome(&result, "pid 812"), UndoOutcome::Left(_)));
    assert_eq!(after.host.values, value);
    assert!(!mounts.is_empty() && after.host.mounts.is_empty(), "fstab had mounted it again");
    assert!(result.is_complete());
}

#[test]
fn a_value_of_another_network_namespace_is_left() {
    let (world, actions) = whole_plan();
    let mut elsewhere = performed(world, &actions);
    let line = String::from_utf8(elsewhere.journal).unwrap().replacen("\"network\":null", "\"network\":41", 1);
    elsewhere.journal = line.into_bytes();
    let value = elsewhere.host.values.clone();
    let (after, result) = rolled_back(elsewhere.clone(), &Wish { network: Some(42), ..WISH });
    assert!(matches!(outcome(&result, "net.core.somaxconn"), UndoOutcome::Left(_)), "{result:?}");
    assert_eq!(after.host.values, value);
    let (_, result) = rolled_back(elsewhere, &Wish { network: Some(41), ..WISH });
    assert_eq!(outcome(&result, "net.core.somaxconn"), &UndoOutcome::Restored);
}

#[test]
fn a_mount_that_somebody_has_stored_in_another_way_stays() {
    let (world, actions) = whole_plan();
    let mut theirs = performed(world, &actions);
    theirs.host.files.remove(FSTAB);
    let (after, result) = rolled_back(theirs, &WISH);
    assert!(matches!(outcome(&result, FSTAB), UndoOutcome::Conflict(_)), "{result:?}");
    let stays = UndoOutcome::Conflict(format!("{FSTAB} still mounts /mem"));
    let of_mem =
        result.steps.iter().filter(|step| matches!(&step.action, Action::Change(change) if change.subject() == "/mem"));
    let outcomes: Vec<_> = of_mem.filter_map(|step| step.outcome.clone()).collect();
    assert_eq!(outcomes, [stays.clone(), stays]);
    assert!(after.host.mounts.contains_key("/mem"));
}

#[test]
fn a_process_that_has_ended_is_left() {
    let (world, actions) = whole_plan();
    let mut later = performed(world, &actions);
    later.host.ended.insert(PROCESS);
    let (_, result) = rolled_back(later, &WISH);
    assert_eq!(*outcome(&result, "pid 812"), UndoOutcome::Left("pid 812 has ended".into()));
    assert!(result.is_complete());
}

/// A world in which a later transaction changed the same file, and both journals.
fn changed_later() -> (World, Vec<Kept>) {
    let (world, actions) = whole_plan();
    let mut edited = performed(world, &actions);
    edited.host.files.insert(SYSCTL.into(), FileImage::configuration("later\n"));
    let mut all = edited.kept();
    let mut later = edited.transaction();
    later.begin.id = "ffffff".into();
    all.push(Kept { name: "20261121T130000Z-ffffff.jsonl".into(), transaction: Ok(later), sound_length: 0 });
    (edited, all)
}

#[test]
fn what_a_later_transaction_changed_is_refused_before_anything_is_begun() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::open(directory.path()).unwrap();
    let state = StateDirectory::make(&root).unwrap();
    let (edited, mut all) = changed_later();
    let transaction = edited.transaction();
    let cell = RefCell::new(edited);
    let hand = ModelHand(&cell);
    let refused = |all: &[Kept], wish| Rollback::new(&hand, &transaction, all, wish, true).refuse_before_later(&state);
    let trouble = refused(&all, &WISH).unwrap_err();
    let told = format!("cannot roll back {ID}: transaction ffffff changed {SYSCTL} later");
    let first = format!("gtune --root {} rollback ffffff", directory.path().display());
    assert_eq!((trouble.to_string(), trouble.hint), (told, Some(first)));
    assert_eq!(cell.borrow().count, 0);
    assert_eq!(refused(&all, &Wish { care: Care::Overwrite, ..WISH }), Ok(()), "--force");
    all[1].transaction.as_mut().unwrap().state = TransactionState::RolledBack;
    assert_eq!(refused(&all, &WISH), Ok(()), "then somebody else did it, which is a conflict");
}

#[test]
fn a_later_transaction_is_in_the_way_only_where_it_relies_on_this_one() {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDirectory::make(&Root::open(directory.path()).unwrap()).unwrap();
    let (mut edited, mut all) = changed_later();
    edited.host.files.insert(SYSCTL.into(), FileImage::configuration("new\n"));
    let transaction = edited.transaction();
    let cell = RefCell::new(edited);
    let hand = ModelHand(&cell);
    let refused = |all: &[Kept], wish| Rollback::new(&hand, &transaction, all, wish, true).refuse_before_later(&state);
    let trouble = refused(&all, &WISH).unwrap_err();
    assert_eq!(trouble.reason, "transaction ffffff made use of /mem later", "its drop-in names the directory");
    assert_eq!(refused(&all, &Wish { care: Care::Overwrite, ..WISH }), Ok(()), "--force");
    let later = all[1].transaction.as_mut().unwrap();
    later.steps.retain(|step| step.change.subject() == SYSCTL);
    assert_eq!(refused(&all, &WISH), Ok(()));
}

fn told_services(world: &World) -> Vec<&str> {
    let is_telling = |done: &&str| *done == "reload" || done.starts_with("restart ");
    world.done.iter().map(String::as_str).filter(is_telling).collect()
}

const ALL_TOLD: [&str; 3] = ["reload", "restart gunicorn.service", "restart api.service"];

#[test]
fn where_nothing_is_taken_back_no_service_is_restarted() {
    let (world, actions) = whole_plan();
    let applied = performed(world.clone(), &actions);
    let by_script = World { host: world.host.clone(), ..applied.clone() };
    let (after, result) = rolled_back(by_script, &WISH);
    assert!(result.is_complete() && told_services(&after).is_empty(), "{result:?}");
    // The same where apply had been cut short before it.
    let mut unfinished = applied.clone();
    let end = unfinished.journal.len() - b"{\"record\":\"applied\"}\n".len();
    unfinished.journal.truncate(end);
    assert_eq!(state(&unfinished), TransactionState::Unfinished);
    let (after, result) = rolled_back(World { host: world.host, ..unfinished }, &WISH);
    assert!(result.is_complete() && told_services(&after).is_empty(), "{result:?}");
    // And where a conflict is all that is left.
    let mut edited = applied;
    edited.host.files.insert(SYSCTL.into(), FileImage::configuration("theirs\n"));
    let (partly, _) = rolled_back(edited, &WISH);
    assert_eq!((told_services(&partly), state(&partly)), (ALL_TOLD.to_vec(), TransactionState::PartlyRolledBack));
    let (again, _) = rolled_back(partly.fresh(), &WISH);
    assert!(told_services(&again).is_empty() && !again.transaction().untold);
}

#[test]
fn a_rollback_killed_before_services_were_told_tells_them_when_run_again() {
    let (world, actions) = plan(&[false, true, true, true, true, true, false, true, true], &[false; 9], 2);
    let applied = performed(world.clone(), &actions);
    let mut seen = 0;
    for end in 0..60 {
        let (half, _) = rolled_back(World { killed_in: Some(end), ..applied.clone() }, &WISH);
        let half = half.fresh();
        let is_untold = half.host.files == world.host.files && half.host.running != world.host.running;
        if !is_untold {
            continue;
        }
        seen += 1;
        let (after, _) = rolled_back(half, &WISH);
        assert_eq!((told_services(&after), after.host == world.host), (ALL_TOLD.to_vec(), true), "killed in {end}");
    }
    assert!(seen >= 3, "{seen}: before the reload, before either restart");
}

#[test]
fn services_that_could_not_or_were_not_to_be_told_are_told_by_the_next_rollback() {
    let (world, actions) = whole_plan();
    let mut applied = performed(world.clone(), &actions);
    applied.host.files.insert(SYSCTL.into(), FileImage::configuration("theirs\n"));
    let (done, _) = rolled_back(applied.clone(), &WISH);
    let faults = (0..done.count).map(|at| [(at, Fault::Clean)].into());
    let failed = faults.map(|faults| rolled_back(World { faults, ..applied.clone() }, &WISH).0);
    let not_told = failed.filter(|world| told_services(world).len() < ALL_TOLD.len());
    let left = rolled_back(applied.clone(), &Wish { restarts: Restarts::Leave, ..WISH }).0;
    for half in not_told.chain([left]).filter(|half| !half.done.is_empty()) {
        assert!(half.transaction().untold);
        let (after, _) = rolled_back(half.fresh(), &WISH);
        assert_eq!(told_services(&after), ALL_TOLD);
        assert_eq!(after.host.running.values().filter(|files| files.contains_key(DROP_IN)).count(), 0);
    }
}

#[test]
fn what_was_taken_back_once_and_is_there_again_is_somebody_elses() {
    let (world, actions) = whole_plan();
    let applied = performed(world, &actions);
    let (mut waiting, _) = rolled_back(applied, &Wish { restarts: Restarts::Leave, ..WISH });
    waiting.host.files.insert(SYSCTL.into(), FileImage::configuration("new\n"));
    let (after, result) = rolled_back(waiting.fresh(), &WISH);
    assert_eq!(after.host.files[SYSCTL].content.text(), "new\n");
    assert!(result.is_complete());
}

#[test]
fn a_full_disk_begins_no_rollback() {
    let (world, actions) = whole_plan();
    let mut applied = performed(world, &actions);
    applied.full_from = Some(0);
    let (after, result) = rolled_back(applied.clone(), &WISH);
    assert_eq!((after.host, after.journal, result.steps.len()), (applied.host, applied.journal, 0));
}

#[test]
fn on_disk_an_unfinished_transaction_is_in_the_way_until_it_is_rolled_back() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::open(directory.path()).unwrap();
    assert_eq!(rollback(&root, None, &WISH), Ok(RolledBack::default()));
    assert!(matches!(rollback(&root, Some("4c1d"), &WISH), Err(NotBegun::NotFound(_))));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "looking makes nothing");
    let plan = crate::plan::Plan { actions: vec![Action::Reload], ..Default::default() };
    let lock = Lock::take(&root).unwrap();
    Journal::planned(&lock, Origin::default(), &plan).unwrap().begin().unwrap();
    drop(lock);
    let trouble = perform(&root, &plan, Origin::default(), || Ok(())).unwrap_err();
    let foreseen = rollback(&root, None, &Wish { mode: Mode::Foresee, ..WISH }).unwrap();
    let id = foreseen.transaction.unwrap();
    assert_eq!(trouble.hint, Some(format!("gtune --root {} rollback {id}", directory.path().display())));
    assert!(perform(&root, &plan, Origin::default(), || Ok(())).is_err(), "what was foreseen was not done");
    assert!(rollback(&root, Some(&id[..4]), &WISH).unwrap().is_complete());
    assert_eq!(history(&root, None).unwrap().0[0].state, TransactionState::RolledBack);
    let performed = perform(&root, &plan, Origin::default(), || Ok(())).unwrap();
    assert!(performed.transaction.is_none() && matches!(performed.steps[0], StepOutcome::Failed(_)), "an image");
    assert!(rollback(&root, Some(&id), &WISH).unwrap().steps.is_empty());
    assert_eq!(rollback(&root, None, &WISH), Ok(RolledBack::default()), "no transaction is in force");
}

#[test]
fn what_failed_and_was_done_all_the_same_is_told_to_systemd() {
    let (world, actions) = plan(&[false, false, true, false, false, false, false, false, false], &[false; 9], 0);
    let applied = performed(world.clone(), &actions);
    let (half, _) = rolled_back(World { killed_in: Some(2), faults: [(1, Fault::Done)].into(), ..applied }, &WISH);
    let (after, result) = rolled_back(half.fresh(), &WISH);
    assert!(result.is_complete());
    assert_eq!(after.host.known, world.host.known);
}

proptest! {
    #[test]
    fn any_plan_cut_short_anywhere_with_anything_failing_can_be_taken_back(
        chosen in vec(any::<bool>(), 9),
        already in vec(prop::bool::weighted(0.2), 9),
        restarts in 0usize..3,
        end in 0usize..80,
        second in 0usize..60,
        faults in prop::collection::btree_map(0usize..70, prop::sample::select(vec![Fault::Clean, Fault::Leftover, Fault::Done]), 0..4),
        later_faults in prop::collection::btree_map(0usize..60, prop::sample::select(vec![Fault::Clean, Fault::Leftover, Fault::Done]), 0..4),
    ) {
        let (world, actions) = plan(&chosen, &already, restarts);
        let stopped = performed(World { killed_in: Some(end), faults, ..world.clone() }, &actions);
        if stopped.journal.is_empty() {
            prop_assert_eq!(&stopped.host.files, &world.host.files);
            return Ok(());
        }
        let (half, _) = rolled_back(World { killed_in: Some(second), faults: later_faults, ..stopped }, &WISH);
        let (after, result) = rolled_back(half.fresh(), &WISH);
        prop_assert!(result.is_complete(), "{:?}", result);
        prop_assert_eq!(state(&after), TransactionState::RolledBack);
        // A unit that could not be restarted is not asked for again once its files are as before.
        let unheard = |host: Host| Host { running: Default::default(), ..host };
        prop_assert_eq!(unheard(after.host.clone()), unheard(world.host.clone()));
    }

    #[test]
    fn whatever_others_did_meanwhile_stays(which in vec(any::<bool>(), 9), end in 0usize..80) {
        let (world, actions) = whole_plan();
        let mut stopped = performed(World { killed_in: Some(end), ..world }, &actions);
        if stopped.journal.is_empty() {
            return Ok(());
        }
        let theirs = FileImage::configuration("theirs\n");
        for (path, _) in [DROP_IN, SYSCTL, FSTAB].iter().zip(&which).filter(|(_, is_meant)| **is_meant) {
            stopped.host.files.insert((*path).into(), theirs.clone());
        }
        let (after, _) = rolled_back(stopped.clone(), &WISH);
        for (path, is_meant) in [DROP_IN, SYSCTL, FSTAB].iter().zip(&which) {
            prop_assert_eq!(after.host.files.get(*path) == Some(&theirs), *is_meant, "{}", path);
        }
        for change in changes() {
            let is_theirs = matches!(after.host.standing(&change), Standing::Other(_) | Standing::Drifted);
            prop_assert!(is_theirs || after.host.standing(&change) == Standing::Before || !after.host.mounts.is_empty()
                || matches!(change, Change::Directory { .. }), "{:?}", change);
        }
    }
}
