//! The plan for one or several requests.

use super::order::{LiveManager, in_order};
use super::{Action, Already, Change, Ground, Left, Places, Plan, Request, Target, Topic};
use super::{heartbeat_option, oom_policy, open_files, somaxconn, tmpfs};
use crate::checks::steps;
use crate::facts::{Facts, Manager, Service};

/// One part of a request.
struct Part {
    places: fn(&Facts, &Request) -> Places,
    draft: fn(&Facts, &Ground, &Request) -> Topic,
}

/// All parts, in the order they are drafted and shown. A Gunicorn is told of a directory after the directory is made.
const PARTS: [Part; 5] = [
    Part { places: tmpfs::places, draft: tmpfs::draft },
    Part { places: heartbeat_option::places, draft: heartbeat_option::draft },
    Part { places: somaxconn::places, draft: somaxconn::draft },
    Part { places: open_files::places, draft: open_files::draft },
    Part { places: oom_policy::places, draft: oom_policy::draft },
];

/// Every place that must be looked at before these requests can be drafted.
pub fn places(facts: &Facts, requests: &[Request]) -> Places {
    let of_request = |request| PARTS.iter().map(move |part| (part.places)(facts, request));
    requests.iter().flat_map(of_request).fold(Places::default(), Places::and)
}

/// The plan for these requests: each sees the ground as the ones before it will leave it.
pub fn draft(facts: &Facts, ground: &Ground, requests: &[Request]) -> Plan {
    let mut ground = ground.clone();
    let mut drafted = Drafted::default();
    for request in requests {
        let mut topic = Topic::default();
        for part in &PARTS {
            let of_part = (part.draft)(facts, &ground, request);
            of_part.changes.iter().for_each(|change| ground.after(change));
            topic.absorb(of_part);
        }
        drafted.take(facts, request, topic);
    }
    drafted.into_plan(facts)
}

/// What the requests came to so far.
#[derive(Default)]
struct Drafted {
    topic: Topic,
    restarts: Vec<String>,
}

impl Drafted {
    fn take(&mut self, facts: &Facts, request: &Request, topic: Topic) {
        // Units that already have all that was asked for are left running.
        if request.restart && !(topic.changes.is_empty() && topic.needs_restart.is_empty()) {
            let (units, left) = restarts(facts, request);
            self.restarts.extend(units);
            self.restarts.extend(topic.needs_restart.iter().cloned());
            self.topic.left.extend(left);
        }
        self.topic.absorb(topic);
    }

    fn into_plan(self, facts: &Facts) -> Plan {
        let Self { topic, restarts } = self;
        let manager = match facts.host.systemd.known() {
            Some(_) if facts.host.live => LiveManager::Systemd,
            _ => LiveManager::None,
        };
        let restarts = if manager == LiveManager::Systemd { distinct(restarts) } else { vec![] };
        let actions = in_order(distinct::<Change>(topic.changes), manager, &restarts);
        let mut left = left(facts, topic.left, &topic.needs_restart, &actions);
        // A plan with a refusal is not performed, and what follows it cannot be done before it.
        if !topic.refused.is_empty() {
            left.clear();
        }
        Plan {
            already: already(topic.already, &actions),
            actions,
            refused: distinct(topic.refused),
            warnings: distinct(topic.warnings),
            left,
            rehearsals: distinct(topic.rehearsals),
        }
    }
}

/// What is so before the plan, without what a request found only because one before it does it.
fn already(all: Vec<Already>, actions: &[Action]) -> Vec<Already> {
    let written = actions.iter().filter_map(|action| match action {
        Action::Change(change @ (Change::File { .. } | Change::Line { .. })) => Some(change.subject()),
        _ => None,
    });
    let written: Vec<String> = written.collect();
    distinct(all).into_iter().filter(|one| !written.iter().any(|path| one.what.contains(path))).collect()
}

/// The units that `--restart` means: those that are named, also where one is down and so is started; without a name
/// those that run. What no unit of the system runs is left to the operator.
fn restarts(facts: &Facts, request: &Request) -> (Vec<String>, Vec<Left>) {
    let (targets, _) = Target::choose(facts, &request.units);
    let meant = |target: &&Target<'_>| target.service.is_some() || !request.units.is_empty();
    let (mut units, mut left) = (vec![], vec![]);
    for target in targets.iter().filter(meant) {
        match (target.system_unit(), target.service) {
            (Some(unit), _) => units.push(unit.name.clone()),
            // Its files could not be read; a restart needs its name alone.
            (None, Some(Service { manager: Manager::SystemUnit(unit), .. })) => units.push(unit.clone()),
            (None, Some(service)) => {
                let why = format!("gtune restarts units of the system, and {} is none", service.name);
                left.push(Left::new(steps::restart(service), why));
            }
            (None, None) => {}
        }
    }
    (units, left)
}

/// What is left: without what a step of this plan does, and with the restarts that are still to be done.
fn left(facts: &Facts, mut left: Vec<Left>, needs_restart: &[String], actions: &[Action]) -> Vec<Left> {
    left.retain(|left| left.does.as_ref().is_none_or(|does| !actions.contains(does)));
    for unit in needs_restart.iter().filter(|_| facts.host.live) {
        let restart = Action::Restart(unit.clone());
        if !actions.contains(&restart) && !left.iter().any(|left| left.does.as_ref() == Some(&restart)) {
            left.push(Left::restart(unit, format!("{unit} runs with the old values until then")));
        }
    }
    distinct(left)
}

/// The same without repetitions, each at its first place.
fn distinct<T: PartialEq>(all: Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(all.len());
    for one in all {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{fresh_host, host_with_gunicorn, with_service};
    use crate::facts::{Fact, Process};
    use crate::plan::{Backend, OomPolicy, OpenFiles, TmpfsRequest};
    use crate::units::Pid;

    const WEB: &str = "gunicorn.service";

    fn all() -> Request {
        Request {
            somaxconn: Some(8192),
            open_files: Some(OpenFiles::At(8192)),
            oom_policy: Some(OomPolicy::Stop),
            ..Request::default()
        }
    }

    fn ground() -> Ground {
        Ground { started: [812, 815, 816].map(|pid| (Pid(pid), 4711)).into(), ..Ground::default() }
    }

    /// The host as it is once the plan was performed.
    fn done(facts: &Facts, ground: &Ground, plan: &Plan) -> (Facts, Ground) {
        let (mut facts, mut ground) = (facts.clone(), ground.clone());
        plan.changes().for_each(|change| ground.after(change));
        let values: Vec<u64> = plan.changes().filter_map(somaxconn_of).collect();
        facts.network.somaxconn = values.last().map_or(facts.network.somaxconn, |value| Fact::Known(*value));
        let restarted = plan.actions.contains(&Action::Restart(WEB.into()));
        let Fact::Known(services) = &mut facts.services else { return (facts, ground) };
        for service in services {
            let Fact::Known(unit) = &mut service.unit else { continue };
            let Fact::Known(loaded) = &mut unit.loaded else { continue };
            for text in plan.changes().filter_map(text_of) {
                if text.contains("LimitNOFILE=8192:") {
                    loaded.open_files_soft = Fact::Known(crate::units::Limit::At(8192));
                }
                if text.contains("OOMPolicy=stop") {
                    loaded.oom_policy = "stop".into();
                }
            }
            let soft = loaded.open_files_soft.known().copied();
            let set = |process: &mut Process| {
                let changed = plan.changes().find_map(|change| match change {
                    Change::ProcessLimit { process: meant, after, .. } if meant.pid == process.pid => Some(after.soft),
                    _ => None,
                });
                if let (Fact::Known(limits), Some(soft)) = (&mut process.limits, changed.or(soft.filter(|_| restarted)))
                {
                    limits.open_files.soft = soft;
                }
            };
            std::iter::once(&mut service.master)
                .chain(service.workers.iter_mut().map(|worker| &mut worker.process))
                .for_each(set);
        }
        (facts, ground)
    }

    fn somaxconn_of(change: &Change) -> Option<u64> {
        match change {
            Change::KernelValue { after, .. } => Some(*after),
            _ => None,
        }
    }

    fn text_of(change: &Change) -> Option<String> {
        match change {
            Change::File { after: Some(after), .. } => Some(after.content.text()),
            _ => None,
        }
    }

    #[test]
    fn a_second_apply_changes_nothing() {
        for request in [all(), Request { restart: true, ..all() }, Request { units: vec![WEB.into()], ..all() }] {
            let first = draft(&host_with_gunicorn(), &ground(), std::slice::from_ref(&request));
            assert!(first.refused.is_empty() && first.actions.len() > 4, "{first:?}");
            let (facts, ground) = done(&host_with_gunicorn(), &ground(), &first);
            let again = draft(&facts, &ground, &[request]);
            assert!(again.actions.is_empty() && again.refused.is_empty(), "{again:?}");
            assert!(again.already.len() >= 4, "{:?}", again.already);
        }
    }

    #[test]
    fn the_same_request_twice_is_one_plan() {
        let once = draft(&host_with_gunicorn(), &ground(), &[all()]);
        let twice = draft(&host_with_gunicorn(), &ground(), &[all(), all()]);
        assert_eq!(once.actions, twice.actions);
        assert_eq!((once.warnings, once.left, once.already), (twice.warnings, twice.left, twice.already));
    }

    #[test]
    fn a_refusal_in_one_part_keeps_the_plan_from_being_performed() {
        let plan = draft(&fresh_host(), &ground(), &[all()]);
        assert!(!plan.refused.is_empty());
        let refused = draft(&host_with_gunicorn(), &ground(), &[all(), Request { somaxconn: Some(0), ..all() }]);
        assert_eq!(refused.refused.len(), 1);
    }

    #[test]
    fn nothing_is_left_to_do_beside_a_refusal() {
        let fine = draft(&short_queue(), &ground(), &[all()]);
        assert!(!fine.left.is_empty(), "{fine:?}");
        let refused = draft(&short_queue(), &ground(), &[Request { units: vec!["none.service".into()], ..all() }]);
        assert!(!refused.refused.is_empty() && refused.left.is_empty(), "{refused:?}");
        let both = draft(&short_queue(), &ground(), &[all(), Request { somaxconn: Some(0), ..all() }]);
        assert!(both.left.is_empty(), "{both:?}");
    }

    #[test]
    fn every_new_file_says_what_it_is_for_and_how_to_take_it_back_in_eighty_columns() {
        let facts = host_with_gunicorn();
        for backend in [Backend::Fstab, Backend::Unit] {
            let tmpfs = Some(TmpfsRequest { directory: "/mem".into(), size: None, backend });
            let request = Request { tmpfs, units: vec![WEB.into()], ..all() };
            let plan = draft(&facts, &ground(), &[request]);
            let texts: Vec<String> = plan.changes().filter_map(text_of).collect();
            assert!(plan.refused.is_empty() && texts.len() >= 3, "{plan:?}");
            for text in texts {
                let header: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
                assert!(header[0].starts_with("# Written by gtune: "), "{text}");
                assert_eq!(header.last(), Some(&"# Take it back: gtune history, then: gtune rollback ID"));
                assert!(header.iter().all(|line| line.len() <= 80), "{text}");
            }
        }
    }

    #[test]
    fn nothing_asked_is_an_empty_plan() {
        assert_eq!(draft(&host_with_gunicorn(), &ground(), &[Request::default()]), Plan::default());
        assert_eq!(places(&host_with_gunicorn(), &[Request::default()]), Places::default());
    }

    #[test]
    fn every_file_of_a_plan_was_looked_at() {
        let places = places(&host_with_gunicorn(), &[all()]);
        let plan = draft(&host_with_gunicorn(), &ground(), &[all()]);
        let files: Vec<String> =
            plan.changes().filter(|c| matches!(c, Change::File { .. })).map(Change::subject).collect();
        assert_eq!(files.len(), 3);
        assert!(files.iter().all(|file| places.files.contains(file)), "{files:?}");
    }

    #[test]
    fn systemd_reads_once_and_restarts_come_last() {
        let plan = draft(&host_with_gunicorn(), &ground(), &[Request { restart: true, ..all() }]);
        let tail = &plan.actions[plan.actions.len() - 2..];
        assert_eq!(tail, [Action::Reload, Action::Restart(WEB.into())]);
        assert_eq!(plan.actions.iter().filter(|action| **action == Action::Reload).count(), 1);
        let mut elsewhere = host_with_gunicorn();
        elsewhere.host.systemd = Fact::Absent;
        let plan = draft(&elsewhere, &ground(), &[all()]);
        assert!(!plan.actions.contains(&Action::Reload));
    }

    fn short_queue() -> Facts {
        with_service(|service| {
            let Fact::Known(listeners) = &mut service.listeners else { panic!() };
            listeners[0].limit = 128;
        })
    }

    #[test]
    fn what_waits_for_a_restart_is_left_or_done() {
        let low = Request { somaxconn: Some(2048), ..Request::default() };
        let plan = draft(&short_queue(), &ground(), std::slice::from_ref(&low));
        assert!(plan.actions.is_empty(), "{plan:?}");
        let restarts = plan.left.iter().filter(|left| left.command.starts_with("systemctl restart gunicorn.service"));
        assert_eq!(restarts.count(), 1);
        let plan = draft(&short_queue(), &ground(), &[Request { restart: true, ..low.clone() }]);
        assert_eq!((plan.actions, plan.left), (vec![Action::Restart(WEB.into())], vec![]));
        let plan = draft(&host_with_gunicorn(), &ground(), &[Request { restart: true, ..low }]);
        assert!(plan.actions.is_empty(), "nothing waits: {plan:?}");
    }

    #[test]
    fn a_unit_that_is_down_is_started_only_by_name() {
        let mut facts = host_with_gunicorn();
        let mut down = crate::checks::healthy::unit();
        down.name = "api.service".into();
        facts.stopped_units = vec![down];
        let started = |units: Vec<String>| {
            let request = Request { restart: true, units, somaxconn: Some(8192), ..Request::default() };
            draft(&facts, &ground(), &[request]).actions.contains(&Action::Restart("api.service".into()))
        };
        assert!(!started(vec![]));
        assert!(started(vec!["api.service".into()]));
    }
}
