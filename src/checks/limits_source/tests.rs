use super::*;
use crate::checks::healthy;
use crate::checks::judged::found;
use crate::facts::{LimitsConf, LimitsLine};
use crate::units::Pid;

const FILE: &str = "/etc/systemd/system/gunicorn.service.d/override.conf";

fn facts(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = healthy::host_with_gunicorn();
    change(&mut facts);
    facts
}

fn service(facts: &mut Facts) -> &mut Service {
    let Fact::Known(services) = &mut facts.services else { unreachable!() };
    &mut services[0]
}

fn unit(facts: &mut Facts) -> &mut Unit {
    let Fact::Known(unit) = &mut service(facts).unit else { unreachable!() };
    unit
}

fn store(facts: &mut Facts, value: &str) {
    let line = UnitAssignment { value: value.into(), file: FILE.into(), line: 2 };
    unit(facts).stored.insert(KEY.into(), vec![line]);
}

fn load(facts: &mut Facts, soft: u64) {
    let Fact::Known(loaded) = &mut unit(facts).loaded else { unreachable!() };
    loaded.open_files_soft = Fact::Known(Limit::At(soft));
}

fn ask(facts: &mut Facts, domain: &str, value: u64) {
    let file = "/etc/security/limits.d/90-app.conf".into();
    let (domain, item, value) = (domain.into(), "nofile".into(), Limit::At(value));
    facts.limits_conf = Fact::Known(LimitsConf {
        lines: vec![LimitsLine { file, line: 1, domain, soft: true, hard: true, item, value }],
    });
}

fn judged(change: impl FnOnce(&mut Facts)) -> Judgement {
    let facts = facts(change);
    each(&facts, &facts.services.known().unwrap()[0])
}

#[test]
fn the_same_limit_everywhere_is_well() {
    assert!(matches!(judged(|_| ()), Ok(Verdict::Healthy(_))));
    assert!(matches!(judged(|facts| store(facts, "4096:524288")), Ok(Verdict::Healthy(_))));
}

#[test]
fn files_that_systemd_has_not_read_again_are_found() {
    let finding = found(judged(|facts| store(facts, "65536")));
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(finding.seen.observed, "the unit's files say 65536, systemd has loaded 4096:524288");
    assert_eq!(finding.remedy.by_hand, ["systemctl daemon-reload", "systemctl restart gunicorn.service"]);
    let stored = finding.seen.columns.stored_for_boot.unwrap();
    assert_eq!((stored.file.as_deref(), stored.line), (Some(FILE), Some(2)));
}

#[test]
fn a_process_older_than_its_limit_needs_a_restart() {
    let finding = found(judged(|facts| {
        store(facts, "8192:524288");
        load(facts, 8192);
    }));
    assert!(finding.consequence.contains("restarted"), "{}", finding.consequence);
    assert_eq!(finding.seen.columns.live.as_deref(), Some("8192:524288"));
    assert_eq!(finding.seen.columns.in_force[0].value, "4096:524288");
    assert_eq!(finding.remedy.by_hand, ["systemctl restart gunicorn.service"]);
}

#[test]
fn a_limit_that_only_the_process_has_is_lost_at_the_restart() {
    let finding = found(judged(|facts| load(facts, 1024)));
    assert!(finding.consequence.contains("gone after the next restart"));
    assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --nofile 4096 --unit gunicorn.service"));
}

#[test]
fn a_limit_above_nr_open_is_cut_without_a_word() {
    let finding = found(judged(|facts| {
        store(facts, "4096:524288");
        facts.host.nr_open = Fact::Known(65_536);
    }));
    assert!(finding.consequence.contains("cuts it to 65536"), "{}", finding.consequence);
}

#[test]
fn infinity_is_what_the_kernel_allows() {
    let judged = judged(|facts| {
        store(facts, "infinity");
        let Fact::Known(loaded) = &mut unit(facts).loaded else { unreachable!() };
        (loaded.open_files_soft, loaded.open_files_hard) =
            (Fact::Known(Limit::Unlimited), Fact::Known(Limit::Unlimited));
        facts.host.nr_open = Fact::Known(4096);
    });
    assert!(matches!(judged, Ok(Verdict::Healthy(_))), "{judged:?}");
}

#[test]
fn limits_d_does_not_reach_a_service() {
    for (domain, severity) in [("www-data", Severity::Warning), ("*", Severity::Info)] {
        let finding = found(judged(|facts| ask(facts, domain, 65_536)));
        assert_eq!(finding.severity, severity, "{domain}");
        assert_eq!(finding.seen.observed, "limits.d asks for 65536, the master has 4096");
        assert!(finding.seen.evidence.iter().any(|line| line.contains("90-app.conf:1")));
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --nofile 65536 --unit gunicorn.service"));
    }
    assert!(matches!(judged(|facts| ask(facts, "www-data", 2048)), Ok(Verdict::Healthy(_))));
    assert!(matches!(judged(|facts| ask(facts, "postgres", 65_536)), Ok(Verdict::Healthy(_))));
}

#[test]
fn limits_d_reaches_a_login_session_from_the_next_login_on() {
    let in_session = |value| {
        judged(|facts| {
            service(facts).manager = Manager::Session("session-3.scope".into());
            ask(facts, "*", value);
        })
    };
    assert!(matches!(in_session(4096), Ok(Verdict::Healthy(_))));
    assert!(found(in_session(65_536)).seen.observed.contains("next login"));
}

#[test]
fn other_starters_have_other_sources() {
    let by = |manager| judged(|facts| service(facts).manager = manager);
    assert!(matches!(by(Manager::Container), Ok(Verdict::NotApplicable(_))));
    assert!(matches!(by(Manager::Supervisor { name: "supervisord".into(), pid: Pid(9) }), Ok(Verdict::Healthy(_))));
}

#[test]
fn a_line_that_is_no_limit_is_named() {
    let finding = found(judged(|facts| store(facts, "many")));
    assert_eq!(finding.seen.observed, "LimitNOFILE=many is no limit");
}

#[test]
fn a_fresh_host_is_warned_of_limits_that_services_do_not_get() {
    let mut facts = healthy::fresh_host();
    assert!(matches!(fresh(&facts), Ok(Verdict::Healthy(_))));
    ask(&mut facts, "*", 65_536);
    assert_eq!(found(fresh(&facts)).severity, Severity::Info);
    facts.host.systemd_default_open_files = Fact::unreadable("not in an image");
    assert!(fresh(&facts).is_err());
}

#[test]
fn what_is_hidden_is_unknown() {
    let hide: [fn(&mut Facts); 4] = [
        |facts| service(facts).unit = Fact::unreadable("no bus"),
        |facts| unit(facts).loaded = Fact::unreadable("no bus"),
        |facts| service(facts).master.limits = Fact::unreadable("permission denied"),
        |facts| facts.limits_conf = Fact::unreadable("permission denied"),
    ];
    for (n, hide) in hide.into_iter().enumerate() {
        assert!(judged(hide).is_err(), "{n}");
    }
}
