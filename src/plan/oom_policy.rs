//! `--oom-policy`: what systemd does when the kernel kills one process of a service.

use super::drop_in::DropIn;
use super::header::header;
use super::{Ground, Left, OomPolicy, Places, Refusal, Request, Target, Topic};
use crate::checks::steps;
use crate::facts::{Facts, LoadedUnit, Unit, parse_unit_file};
use std::collections::BTreeMap;

/// The version of systemd that brought `OOMPolicy=` (its NEWS, 243).
const FIRST_WITH_POLICY: u32 = 243;

const KEY: &str = "Service.OOMPolicy";

const DROP_IN: DropIn = DropIn { topic: "oom-policy", keys: &[KEY], holds: &["OOMPolicy"] };

/// The drop-ins that may be written.
pub fn places(facts: &Facts, request: &Request) -> Places {
    if request.oom_policy.is_none() {
        return Places::default();
    }
    let (targets, _) = Target::choose(facts, &request.units);
    let units = targets.iter().filter_map(Target::system_unit);
    units.map(|unit| DROP_IN.places(unit)).fold(Places::default(), Places::and)
}

/// What `--oom-policy` comes to.
pub fn draft(facts: &Facts, ground: &Ground, request: &Request) -> Topic {
    let Some(policy) = request.oom_policy else { return Topic::default() };
    let (targets, refused) = Target::choose(facts, &request.units);
    let mut topic = Topic { refused, ..Topic::default() };
    if targets.is_empty() && request.units.is_empty() {
        return Topic::refused(nothing_to_change(facts, policy));
    }
    for target in &targets {
        topic.absorb(match target.system_unit() {
            Some(unit) => of_unit(facts, ground, target, unit, policy),
            None => Topic::refused(no_system_unit(target, policy)),
        });
    }
    topic
}

fn of_unit(facts: &Facts, ground: &Ground, target: &Target<'_>, unit: &Unit, policy: OomPolicy) -> Topic {
    let loaded = unit.loaded.known();
    if let Some(refusal) = too_old(facts, unit, loaded) {
        return Topic::refused(refusal);
    }
    let stored = stored(ground, unit);
    let in_force = loaded.map(|loaded| loaded.oom_policy.as_str());
    let is_stored = stored.as_deref().is_none_or(|word| word == policy.word());
    if is_stored && in_force.or(stored.as_deref()) == Some(policy.word()) {
        let mut topic = Topic::default();
        topic.already(format!("{}: OOMPolicy={}", unit.name, policy.word()));
        return topic;
    }
    let says = format!("{}: OOMPolicy={}", unit.name, policy.word());
    let mut topic = DROP_IN.draft(unit, ground, &content(policy), &says);
    if !topic.refused.is_empty() {
        return topic;
    }
    if topic.changes.is_empty() && in_force.is_some_and(|word| word != policy.word()) {
        topic.left.push(Left::reload(&unit.name));
    }
    // `kill` is a flag of the control group (memory.oom.group), which is set when the group is made; for the others the
    // manager asks its table when a kill is reported, so reading the files again is enough.
    if in_force == Some("kill") && target.service.is_some() {
        let why = "OOMPolicy=kill is kept by the kernel until the control group is made anew";
        topic.left.push(Left::restart(&unit.name, why));
        topic.needs_restart.push(unit.name.clone());
    }
    topic
}

/// What the files will say, an earlier request of the same plan included.
fn stored(ground: &Ground, unit: &Unit) -> Option<String> {
    let own = ground.files.get(&DROP_IN.path(unit)).and_then(|place| place.image.known());
    let mut lines = BTreeMap::new();
    if let Some(file) = own {
        parse_unit_file("", &file.content.0, &mut lines);
    }
    let winner = lines.get(KEY).and_then(|lines| lines.last()).or_else(|| unit.winner(KEY));
    winner.map(|line| line.value.trim().to_owned())
}

fn content(policy: OomPolicy) -> String {
    let why = match policy {
        OomPolicy::Continue => {
            "Gunicorn replaces a worker that the kernel killed for memory; systemd need not stop the service for it."
        }
        OomPolicy::Stop => "one process killed for memory stops the whole service.",
    };
    format!("{}[Service]\nOOMPolicy={}\n", header(why), policy.word())
}

fn what(name: &str, policy: OomPolicy) -> String {
    format!("set OOMPolicy={} for {name}", policy.word())
}

/// systemd before 243 prints no policy and knows none.
fn too_old(facts: &Facts, unit: &Unit, loaded: Option<&LoadedUnit>) -> Option<Refusal> {
    let version = facts.host.systemd.known().filter(|_| facts.host.live);
    let reason = match (version, loaded) {
        (Some(version), _) if *version < FIRST_WITH_POLICY => format!("systemd {version} does not know it"),
        (_, Some(loaded)) if loaded.oom_policy.is_empty() => "this systemd shows no such property".to_owned(),
        _ => return None,
    };
    let hint = "nothing to do: before 243 systemd leaves a service alone when one of its processes is killed";
    Some(Refusal::new(format!("set OOMPolicy= for {}", unit.name), reason, hint))
}

fn no_system_unit(target: &Target<'_>, policy: OomPolicy) -> Refusal {
    let what = what(target.name, policy);
    if let Some(unit) = target.unit {
        let hints = steps::drop_in(unit, "oom-policy", &[format!("OOMPolicy={}", policy.word())]);
        return Refusal { what, reason: "it is a unit of a user's own manager".into(), hints };
    }
    let hint = "cat /proc/PID/cgroup   # the unit whose OOMPolicy= counts, where there is one: name it with --unit";
    Refusal::new(what, "no systemd unit runs it", hint)
}

fn nothing_to_change(facts: &Facts, policy: OomPolicy) -> Refusal {
    let gtune = crate::checks::by_hand::gtune(facts);
    let hint = format!("{gtune} apply --oom-policy {} --unit NAME.service", policy.word());
    Refusal::new("set OOMPolicy=", "no unit starts a Gunicorn that gtune can see", hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{fresh_host, host_with_gunicorn, with_service};
    use crate::facts::{Fact, Manager, UnitAssignment};
    use crate::plan::Change;
    use crate::units::Pid;

    fn request(policy: OomPolicy) -> Request {
        Request { oom_policy: Some(policy), ..Request::default() }
    }

    fn loaded(policy: &str) -> Facts {
        with_service(|service| {
            let Fact::Known(unit) = &mut service.unit else { panic!() };
            let Fact::Known(loaded) = &mut unit.loaded else { panic!() };
            loaded.oom_policy = policy.into();
        })
    }

    #[test]
    fn a_drop_in_says_what_was_asked_for() {
        let topic = draft(&loaded("stop"), &Ground::default(), &request(OomPolicy::Continue));
        let [Change::File { path, after: Some(after), .. }] = topic.changes.as_slice() else { panic!("{topic:?}") };
        assert_eq!(path, "/etc/systemd/system/gunicorn.service.d/60-gtune-oom-policy.conf");
        assert!(after.content.text().ends_with("[Service]\nOOMPolicy=continue\n"), "{:?}", after.content);
        assert!(topic.needs_restart.is_empty() && topic.left.is_empty(), "systemd asks its table at the time");
        assert!(places(&loaded("stop"), &request(OomPolicy::Continue)).files.contains(path));
    }

    #[test]
    fn a_second_draft_changes_nothing() {
        let facts = loaded("stop");
        let mut ground = Ground::default();
        draft(&facts, &ground, &request(OomPolicy::Continue)).changes.iter().for_each(|change| ground.after(change));
        let again = draft(&loaded("continue"), &ground, &request(OomPolicy::Continue));
        assert_eq!((again.changes.len(), again.already.len(), again.left.len()), (0, 1, 0));
        let unread = draft(&facts, &ground, &request(OomPolicy::Continue));
        assert!(unread.changes.is_empty());
        assert_eq!(unread.left[0].command, "systemctl daemon-reload");
    }

    #[test]
    fn what_the_files_would_take_back_is_not_so_yet() {
        let mut facts = host_with_gunicorn();
        let Fact::Known(services) = &mut facts.services else { panic!() };
        let Fact::Known(unit) = &mut services[0].unit else { panic!() };
        let line = UnitAssignment { value: "stop".into(), file: "/etc/systemd/system/x.conf".into(), line: 2 };
        unit.stored.insert(KEY.into(), vec![line]);
        assert_eq!(draft(&facts, &Ground::default(), &request(OomPolicy::Continue)).changes.len(), 1);
    }

    #[test]
    fn kill_is_kept_until_a_restart() {
        let topic = draft(&loaded("kill"), &Ground::default(), &request(OomPolicy::Continue));
        assert_eq!(topic.needs_restart, ["gunicorn.service"]);
    }

    #[test]
    fn an_old_systemd_is_refused() {
        let mut facts = loaded("");
        let refused = draft(&facts, &Ground::default(), &request(OomPolicy::Continue)).refused;
        assert!(refused[0].hints[0].contains("before 243"));
        facts.host.systemd = Fact::Known(219);
        assert!(draft(&facts, &Ground::default(), &request(OomPolicy::Stop)).refused[0].reason.contains("219"));
    }

    #[test]
    fn what_no_system_unit_runs_is_refused() {
        let supervised = with_service(|service| {
            service.unit = Fact::Absent;
            service.manager = Manager::Supervisor { name: "supervisord".into(), pid: Pid(9) };
        });
        let of_user = with_service(|service| {
            let Fact::Known(unit) = &mut service.unit else { panic!() };
            unit.of_user = true;
        });
        for facts in [supervised, of_user, fresh_host()] {
            let topic = draft(&facts, &Ground::default(), &request(OomPolicy::Continue));
            assert!(topic.changes.is_empty() && !topic.refused[0].hints.is_empty(), "{topic:?}");
        }
    }

    #[test]
    fn in_an_image_what_is_stored_counts() {
        let mut facts = fresh_host();
        facts.host.live = false;
        let mut unit = crate::checks::healthy::unit();
        unit.loaded = Fact::unreadable("an image");
        facts.stopped_units = vec![unit];
        let mut ground = Ground::default();
        let first = draft(&facts, &ground, &request(OomPolicy::Continue));
        assert_eq!(first.changes.len(), 1);
        first.changes.iter().for_each(|change| ground.after(change));
        let again = draft(&facts, &ground, &request(OomPolicy::Continue));
        assert_eq!((again.changes.len(), again.already.len()), (0, 1));
    }
}
