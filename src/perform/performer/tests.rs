use super::*;
use crate::perform::model::{Fault, ModelBook, ModelHand, World, plan, whole_plan};
use crate::plan::TransactionState;
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::RefCell;

fn run(world: World, actions: &[Action], verified: Result<(), Trouble>) -> (World, Result<Performed, Trouble>) {
    let cell = RefCell::new(world);
    let performed = Performer::new(&ModelHand(&cell), &mut ModelBook(&cell), actions).run(|| verified);
    (cell.into_inner(), performed)
}

/// How many operations a plan takes that goes well.
fn length(world: &World, actions: &[Action]) -> usize {
    run(world.clone(), actions, Ok(())).0.count
}

fn is_undone(outcome: &StepOutcome) -> bool {
    !matches!(outcome, StepOutcome::Changed | StepOutcome::NotUndone(_))
}

/// What holds for one that failed once: nothing of it is left, and it says so.
fn nothing_is_left(before: &World, actions: &[Action], after: &World, performed: &Performed) {
    assert_eq!(after.host, before.host, "{performed:?}");
    assert_eq!(performed.steps.len(), actions.len());
    assert!(performed.steps.iter().all(is_undone), "{performed:?}");
    assert_eq!(performed.transaction.is_some(), !after.journal.is_empty());
}

#[test]
fn a_plan_that_goes_well_is_in_force_and_written_down() {
    let (world, actions) = whole_plan();
    let (after, performed) = run(world, &actions, Ok(()));
    let performed = performed.unwrap();
    assert!(performed.steps.iter().all(|step| *step == StepOutcome::Changed));
    assert_eq!(after.transaction().state, TransactionState::Applied);
    assert_eq!(after.transaction().steps.len(), 9);
    assert!(after.host.running["gunicorn.service"].contains_key(crate::perform::model::DROP_IN));
}

#[test]
fn a_plan_that_is_in_force_already_begins_no_transaction() {
    let (mut world, actions) = whole_plan();
    // A directory with a mount on it cannot be seen, so a plan never names both where the mount is there.
    let is_seen = |action: &Action| matches!(action, Action::Change(change) if change.subject() != "/mem");
    let changes: Vec<Action> = actions.into_iter().filter(is_seen).collect();
    for action in &changes {
        let Action::Change(change) = action else { unreachable!() };
        world.host.apply(change, None);
    }
    let (after, performed) = run(world, &changes, Ok(()));
    let performed = performed.unwrap();
    assert!(performed.steps.iter().all(|step| *step == StepOutcome::AlreadySo));
    assert_eq!((performed.transaction, after.journal.len(), after.count), (None, 0, 0));
}

#[test]
fn whichever_step_fails_and_however_all_before_it_are_undone() {
    let (world, actions) = whole_plan();
    for at in 0..length(&world, &actions) {
        for fault in [Fault::Clean, Fault::Leftover, Fault::Done] {
            let mut failing = world.clone();
            failing.faults.insert(at, fault);
            let (after, performed) = run(failing, &actions, Ok(()));
            let Ok(performed) = performed else {
                assert_eq!((at, after.journal.len()), (0, 0), "only the beginning cannot be undone");
                assert_eq!(after.host, world.host);
                continue;
            };
            nothing_is_left(&world, &actions, &after, &performed);
            assert_eq!(after.transaction().state, TransactionState::RolledBack, "{at} {fault:?}");
            let failed = performed.steps.iter().filter(|step| matches!(step, StepOutcome::Failed(_))).count();
            assert_eq!(failed + usize::from(performed.unverified.is_some()), 1, "{performed:?}");
        }
    }
}

#[test]
fn a_disk_that_fills_up_leaves_nothing_half_done() {
    let (world, actions) = whole_plan();
    for full in 0..length(&world, &actions) {
        let (after, performed) = run(World { full_from: Some(full), ..world.clone() }, &actions, Ok(()));
        let Ok(performed) = performed else {
            assert_eq!((after.host, after.journal.len()), (world.host.clone(), 0));
            continue;
        };
        nothing_is_left(&world, &actions, &after, &performed);
        assert_eq!(after.transaction().state, TransactionState::Unfinished, "a rollback will find it as it was");
    }
}

#[test]
fn what_is_seen_afterwards_can_take_all_of_it_back() {
    let (world, actions) = whole_plan();
    let trouble = Trouble::new("find the heartbeat in /mem", "it is on a disk");
    let (after, performed) = run(world.clone(), &actions, Err(trouble.clone()));
    let performed = performed.unwrap();
    nothing_is_left(&world, &actions, &after, &performed);
    assert_eq!(performed.unverified, Some(trouble));
    assert!(performed.steps.iter().all(|step| *step == StepOutcome::Undone));
    let order = |what: &str| after.done.iter().rposition(|done| done == what).unwrap();
    let line = order("take a line out of /etc/fstab");
    assert!(line < order("reload") && order("reload") < order("restart gunicorn.service"));
    assert!(order("restart api.service") < order("unmount /mem"), "services hold it until then");
    assert!(order("unmount /mem") < order("remove directory /mem"));
}

#[test]
fn what_somebody_else_changed_since_the_plan_is_not_touched() {
    let (mut world, actions) = whole_plan();
    let theirs = crate::plan::FileImage::configuration("theirs\n");
    world.host.files.insert(crate::perform::model::SYSCTL.into(), theirs);
    let (after, performed) = run(world.clone(), &actions, Ok(()));
    nothing_is_left(&world, &actions, &after, performed.as_ref().unwrap());
    let failed = performed.unwrap().steps.into_iter().find(|step| matches!(step, StepOutcome::Failed(_)));
    let Some(StepOutcome::Failed(trouble)) = failed else { panic!() };
    let told = "cannot change /etc/sysctl.d/60-gtune.conf: it has changed since the plan was made: another file";
    assert_eq!(trouble.to_string(), told);
}

#[test]
fn a_number_that_the_kernel_makes_another_is_put_back() {
    let (world, actions) = whole_plan();
    // The clamp holds for the way back too, so what is put back is what the kernel makes of that.
    let (after, performed) = run(World { clamp: Some(4096), ..world.clone() }, &actions, Ok(()));
    let performed = performed.unwrap();
    assert!(performed.steps.iter().any(|step| matches!(step, StepOutcome::Failed(t) if t.reason.contains("another"))));
    assert!(after.done.iter().any(|done| done.starts_with("lower net.core.somaxconn from 8192 to 128")));
    assert!(after.host.mounts.is_empty() && after.host.files == world.host.files);
}

proptest! {
    #[test]
    fn outcomes_tell_the_truth_whatever_fails(
        chosen in vec(any::<bool>(), 9),
        already in vec(prop::bool::weighted(0.2), 9),
        restarts in 0usize..3,
        faults in prop::collection::btree_map(0usize..70, prop::sample::select(vec![Fault::Clean, Fault::Leftover, Fault::Done]), 0..4),
    ) {
        let (world, actions) = plan(&chosen, &already, restarts);
        let (after, performed) = run(World { faults, ..world.clone() }, &actions, Ok(()));
        let Ok(performed) = performed else {
            prop_assert_eq!(after.host, world.host);
            return Ok(());
        };
        prop_assert_eq!(performed.steps.len(), actions.len());
        let mut is_left = false;
        for (action, outcome) in actions.iter().zip(&performed.steps) {
            let Action::Change(change) = action else { continue };
            if matches!(change, Change::Directory { .. }) && !after.host.mounts.is_empty() {
                continue; // The mount on it hides it.
            }
            let is_after = after.host.standing(change) == Standing::After;
            let was_after = world.host.standing(change) == Standing::After;
            match outcome {
                StepOutcome::Changed => prop_assert!(is_after && !was_after),
                StepOutcome::AlreadySo => prop_assert!(is_after && was_after),
                StepOutcome::NotUndone(_) => is_left = true,
                _ => prop_assert_eq!(is_after, was_after),
            }
        }
        let ok = performed.steps.iter().all(|step| matches!(step, StepOutcome::Changed | StepOutcome::AlreadySo));
        if after.journal.is_empty() {
            prop_assert!(performed.transaction.is_none() && !is_left);
            return Ok(());
        }
        match after.transaction().state {
            TransactionState::Applied => prop_assert!(ok && performed.unverified.is_none()),
            TransactionState::RolledBack => {
                prop_assert!(!is_left && (!ok || performed.unverified.is_some()));
                prop_assert!(after.host.leftovers.is_empty());
                prop_assert_eq!(&after.host.files, &world.host.files);
                prop_assert_eq!(&after.host.known, &world.host.known);
            }
            TransactionState::Unfinished | TransactionState::PartlyRolledBack => prop_assert!(!ok || performed.unverified.is_some()),
        }
    }
}
