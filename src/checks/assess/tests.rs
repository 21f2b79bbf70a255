use super::*;
use crate::checks::{Check, Finding, healthy};
use crate::facts::{Reason, Unit};
use crate::gunicorn::{Settings, Source, Sourced, Value, WorkerClass};
use crate::units::{Bytes, Limit};
use std::collections::BTreeSet;

/// Longer lines do not fit a terminal of ordinary width beside an indent.
const WIDEST: usize = 100;

fn all(facts: &Facts) -> Vec<Row> {
    assess(facts, &Selection::default())
}

/// A host on which as much as possible is wrong at once.
fn sick_host() -> Facts {
    let mut facts = healthy::with_service(sicken);
    facts.host.oom_kills = Fact::Known(9);
    if let Fact::Known(table) = &mut facts.host.file_table {
        table.limit = table.used;
    }
    if let Fact::Known(memory) = &mut facts.host.memory {
        memory.available_bytes = Bytes(1 << 20);
    }
    facts.orphans = vec![healthy::process(700, 1, 0)];
    facts
}

fn sicken(service: &mut Service) {
    service.class = Fact::Known(Sourced { value: WorkerClass::Gevent, source: Source::CommandLine });
    service.settings = healthy::settings(&[("workers", Value::Number(8)), ("graceful_timeout", Value::Number(600))]);
    service.mounts = Fact::Known(vec![healthy::mount("/", "vboxsf", &["rw"])]);
    for worker in &mut service.workers {
        if let Fact::Known(limits) = &mut worker.process.limits {
            limits.open_files.soft = Limit::At(12);
        }
    }
    if let Fact::Known(cgroup) = &mut service.cgroup {
        if let Fact::Known(memory) = &mut cgroup.memory {
            memory.oom_kills = Fact::Known(3);
        }
        if let Fact::Known(tasks) = &mut cgroup.tasks {
            tasks.limit = Limit::At(3);
        }
    }
    if let Fact::Known(Unit { loaded: Fact::Known(loaded), .. }) = &mut service.unit {
        loaded.oom_policy = "stop".into();
    }
}

/// A running Gunicorn of which nothing can be seen but that it is there.
fn blind_host() -> Facts {
    let hidden = || Reason::new("permission denied");
    let mut facts = healthy::with_service(|service| {
        for process in service.workers.iter_mut().map(|worker| &mut worker.process).chain([&mut service.master]) {
            process.arguments = Fact::Unreadable(hidden());
            process.limits = Fact::Unreadable(hidden());
            process.descriptors = Fact::Unreadable(hidden());
            process.pss_bytes = Fact::Unreadable(hidden());
            process.rss_bytes = Fact::Unreadable(hidden());
        }
        service.workers.iter_mut().for_each(|worker| worker.heartbeat = Fact::Unreadable(hidden()));
        service.version = Fact::Unreadable(hidden());
        service.class = Fact::Unreadable(hidden());
        service.settings = Settings { blind: Some(hidden()), ..Settings::default() };
        service.listeners = Fact::Unreadable(hidden());
        service.control_socket = Fact::Unreadable(hidden());
        service.mounts = Fact::Unreadable(hidden());
        service.cgroup = Fact::Unreadable(hidden());
        service.unit = Fact::Unreadable(hidden());
        service.home = Fact::Unreadable(hidden());
        service.network.somaxconn = Fact::Unreadable(hidden());
        service.network.overflows = Fact::Unreadable(hidden());
        service.network.namespace = Fact::Unreadable(hidden());
        service.network.is_gtunes = Fact::Unreadable(hidden());
        service.network.tcp_syncookies = Fact::Unreadable(hidden());
    });
    facts.host.file_table = Fact::Unreadable(hidden());
    facts.host.tasks = Fact::Unreadable(hidden());
    facts.host.memory = Fact::Unreadable(hidden());
    facts.host.oom_kills = Fact::Unreadable(hidden());
    facts.limits_conf = Fact::Unreadable(hidden());
    facts.fstab = Fact::Unreadable(hidden());
    facts.mounts = Fact::Unreadable(hidden());
    facts.default_heartbeat = Fact::Unreadable(hidden());
    facts.network = facts.services.known().unwrap()[0].network.clone();
    facts
}

fn findings(rows: &[Row]) -> impl Iterator<Item = (&Row, &Finding)> {
    rows.iter().filter_map(|row| match &row.outcome {
        Outcome::Judged(Verdict::Finding(finding)) => Some((row, &**finding)),
        _ => None,
    })
}

fn texts(check: &Check) -> [&'static str; 4] {
    [check.title, check.looks_at, check.why, check.changes]
}

#[test]
fn every_id_is_unique_and_kebab_case() {
    let ids: BTreeSet<&str> = ALL.iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), ALL.len());
    for id in ids {
        assert!(id.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase())), "{id}");
    }
}

#[test]
fn every_check_explains_itself_in_lines_that_fit() {
    for check in ALL {
        for text in texts(check) {
            assert!(!text.trim().is_empty(), "{}", check.id);
            assert!(text.lines().all(|line| line.chars().count() <= WIDEST), "{}: {text}", check.id);
            assert!(!text.contains("  "), "{}: {text}", check.id);
        }
        // Steps by hand are commands, which cannot be broken.
        assert!(!check.by_hand.is_empty() && check.by_hand.iter().all(|step| !step.trim().is_empty()), "{}", check.id);
        assert!(!check.references.is_empty() && check.references.iter().all(|text| !text.is_empty()), "{}", check.id);
        assert!(!check.title.ends_with('.') && check.title.chars().count() <= 40, "{}", check.title);
    }
}

#[test]
fn checks_of_one_area_stand_together() {
    let mut areas: Vec<_> = ALL.iter().map(|check| check.area).collect();
    areas.dedup();
    let unique: BTreeSet<_> = areas.iter().collect();
    assert_eq!(unique.len(), areas.len(), "{areas:?}");
}

#[test]
fn a_healthy_host_has_nothing_to_mend_and_hides_nothing() {
    for facts in [healthy::fresh_host(), healthy::host_with_gunicorn()] {
        for row in all(&facts) {
            let fine = matches!(row.outcome, Outcome::Judged(Verdict::Healthy(_) | Verdict::NotApplicable(_)));
            assert!(fine, "{} {}: {:?}", row.check.id, row.subject, row.outcome);
        }
    }
}

#[test]
fn what_could_not_be_seen_is_never_healthy() {
    for row in all(&blind_host()) {
        let healthy = matches!(row.outcome, Outcome::Judged(Verdict::Healthy(_)));
        assert!(!healthy, "{} {}: {:?}", row.check.id, row.subject, row.outcome);
    }
}

#[test]
fn every_finding_says_what_comes_of_it_and_what_to_do() {
    let rows = all(&sick_host());
    assert!(findings(&rows).count() > 8, "a sick host has many findings");
    for (row, finding) in findings(&rows) {
        let id = row.check.id;
        assert!(finding.consequence.ends_with('.') && finding.consequence.lines().count() == 1, "{id}");
        assert!(!finding.seen.observed.is_empty() && !finding.seen.wanted.is_empty(), "{id}");
        assert!(!finding.seen.evidence.is_empty(), "{id}");
        assert!(!finding.remedy.by_hand.is_empty(), "{id}");
        assert!(finding.remedy.command.as_ref().is_none_or(|command| command.starts_with("gtune ")), "{id}");
    }
}

#[test]
fn every_reason_is_a_clause() {
    let hosts = [blind_host(), healthy::fresh_host()];
    let reasons = hosts.iter().flat_map(all).filter_map(|row| match row.outcome {
        Outcome::Judged(Verdict::CannotTell(reason) | Verdict::NotApplicable(reason)) => Some((row.check.id, reason)),
        _ => None,
    });
    for (id, reason) in reasons.collect::<Vec<_>>() {
        let text = reason.to_string();
        assert!(!text.is_empty() && !text.ends_with('.') && !text.contains('\n'), "{id}: {text}");
    }
}

#[test]
fn services_that_cannot_be_seen_are_unknown_on_a_live_host_only() {
    let mut facts = healthy::fresh_host();
    facts.services = Fact::unreadable("not mounted: /proc");
    let of_services = |row: &&Row| matches!(row.check.judge, Judge::Service { .. });
    for row in all(&facts).iter().filter(of_services) {
        assert!(matches!(row.outcome, Outcome::Judged(Verdict::CannotTell(_))), "{}", row.check.id);
        assert_eq!(row.subject, HOST);
    }
    facts.host.live = false;
    let rows = all(&facts);
    let answered =
        rows.iter().filter(of_services).any(|row| matches!(row.outcome, Outcome::Judged(Verdict::Healthy(_))));
    assert!(answered, "what is stored in an image can be judged");
}

#[test]
fn each_service_has_its_row_and_the_host_one() {
    let mut facts = healthy::host_with_gunicorn();
    let mut second = healthy::service();
    second.name = "blog.service".into();
    facts.services = Fact::Known(vec![healthy::service(), second]);
    let rows = all(&facts);
    for check in ALL {
        let subjects: Vec<&str> = rows.iter().filter(|row| row.check.id == check.id).map(|row| &*row.subject).collect();
        match check.judge {
            Judge::Host(_) => assert_eq!(subjects, [HOST], "{}", check.id),
            Judge::Service { .. } => assert_eq!(subjects, ["gunicorn.service", "blog.service"], "{}", check.id),
        }
    }
}

#[test]
fn a_selection_leaves_out_and_says_what_was_skipped() {
    let only = Selection { only: vec!["oom-policy".into(), "sendfile".into()], skip: vec!["sendfile".into()] };
    let rows = assess(&healthy::host_with_gunicorn(), &only);
    let ids: Vec<&str> = rows.iter().map(|row| row.check.id).collect();
    assert_eq!(ids, ["oom-policy", "sendfile"]);
    assert_eq!(rows[1].outcome, Outcome::Skipped);
    assert_eq!(Summary::of(&rows), Summary { ok: 1, skipped: 1, ..Summary::default() });
}

#[test]
fn every_row_is_counted_once() {
    for facts in [sick_host(), blind_host(), healthy::fresh_host()] {
        let rows = all(&facts);
        let Summary { ok, finding, unknown, not_applicable, skipped } = Summary::of(&rows);
        assert_eq!(ok + finding + unknown + not_applicable + skipped, rows.len());
    }
}
