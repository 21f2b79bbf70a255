//! `process-names`: whether several Gunicorns can be told apart in ps, top and the kernel log.

use crate::checks::steps::by_hand;
use crate::checks::{Area, Check, Judge, Judgement, Seen, Severity, Verdict};
use crate::facts::{Facts, Service, Upgrade};
use std::collections::BTreeMap;

/// The check.
pub const CHECK: Check = Check {
    id: "process-names",
    area: Area::Service,
    title: "Names of the processes",
    looks_at: "The title in /proc/<master>/cmdline: with the setproctitle package it reads\n\
               \"gunicorn: master [NAME]\", without it the command line.",
    why: "Several Gunicorns on one host look alike in ps, top and the kernel log. With setproctitle and\n\
          a proc_name each carries its own name.\n\
          The price: a title hides the command line and the environment, so settings given there can\n\
          no longer be read from outside, not even by gtune.",
    changes: "Nothing. The package belongs to the application's own environment.",
    by_hand: &[
        "VENV/bin/pip install setproctitle",
        "proc_name = \"shop\" in the configuration file, or --name shop",
        "restart the service",
    ],
    references: &["Gunicorn settings: proc_name", "Gunicorn FAQ: How can I name processes?", "proc_pid_cmdline(5)"],
    judge: Judge::Host(host),
};

fn host(facts: &Facts) -> Judgement {
    let services = facts.services.needed("running Gunicorn")?;
    // The new master of an upgrade bears the name of the old one on purpose.
    let own = services.iter().filter(|service| !matches!(service.upgrade, Some(Upgrade::New { .. })));
    let own: Vec<&Service> = own.collect();
    if own.is_empty() {
        return Ok(Verdict::not_applicable("no Gunicorn runs"));
    }
    let names = own.iter().map(|service| title(service)).collect::<Result<Vec<_>, _>>()?;
    let evidence = own.iter().zip(&names).map(|(service, name)| line(service, name));
    let alike = alike(&own, &names);
    let seen = Seen {
        observed: observed(&own, &alike),
        wanted: "a title of its own for each".into(),
        evidence: evidence.collect(),
        ..Seen::default()
    };
    if alike.len() < 2 {
        return Ok(Verdict::Healthy(seen));
    }
    let consequence = "ps, top and the kernel log do not say which Gunicorn a process belongs to.";
    let steps = ["VENV/bin/pip install setproctitle", "set proc_name to a name of its own for each", "restart each"];
    Ok(Verdict::finding(Severity::Info, seen, consequence, by_hand(steps)))
}

/// A command line may hold a password, so of one without a title only the short name is shown.
fn line(service: &Service, title: &str) -> String {
    let pid = service.master.pid;
    if service.retitled {
        format!("/proc/{pid}/cmdline: {title}")
    } else {
        format!("/proc/{pid}/comm: {}", service.master.comm)
    }
}

/// What ps shows for the master.
fn title(service: &Service) -> Result<String, crate::facts::Reason> {
    service.master.arguments.needed("command line").map(|words| words.join(" "))
}

/// The services that cannot be told from another one: without a title, or with one that another has too.
fn alike<'a>(services: &[&'a Service], titles: &[String]) -> Vec<&'a str> {
    let mut times: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    let key = |service: &Service, title: &'_ str| -> (bool, String) {
        // All without a title count as one name: ps -e and the kernel log show nothing but "gunicorn".
        (service.retitled, if service.retitled { title.to_owned() } else { String::new() })
    };
    let keys: Vec<(bool, String)> = services.iter().zip(titles).map(|(service, title)| key(service, title)).collect();
    keys.iter().for_each(|(titled, title)| *times.entry((*titled, title)).or_default() += 1);
    let shared = services.iter().zip(&keys).filter(|(_, (titled, title))| times[&(*titled, title.as_str())] > 1);
    shared.map(|(service, _)| service.name.as_str()).collect()
}

fn observed(services: &[&Service], alike: &[&str]) -> String {
    match (services.len(), alike.len()) {
        (1, _) => "one Gunicorn on this host".into(),
        (all, 0 | 1) => format!("{all} Gunicorns, each with a name of its own"),
        (_, _) => format!("look alike: {}", alike.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::facts::Fact;
    use crate::units::Pid;

    fn named(titles: &[Option<&str>]) -> Facts {
        let mut facts = healthy::fresh_host();
        let service = |(n, title): (usize, &Option<&str>)| {
            let mut service = healthy::service();
            service.name = format!("web{n}.service");
            service.master.pid = Pid(800 + n as i32);
            service.retitled = title.is_some();
            if let Some(title) = title {
                service.master.arguments = Fact::Known(vec![format!("gunicorn: master [{title}]")]);
            }
            service
        };
        facts.services = Fact::Known(titles.iter().enumerate().map(service).collect());
        facts
    }

    fn state(titles: &[Option<&str>]) -> Verdict {
        host(&named(titles)).unwrap()
    }

    #[test]
    fn a_single_gunicorn_needs_no_name() {
        assert!(matches!(state(&[None]), Verdict::Healthy(_)));
        assert!(matches!(state(&[]), Verdict::NotApplicable(_)));
    }

    #[test]
    fn two_without_a_title_or_with_the_same_look_alike() {
        for titles in [[None, None], [Some("wsgi"), Some("wsgi")]] {
            let Verdict::Finding(found) = state(&titles) else { panic!("a finding") };
            assert_eq!(found.severity, Severity::Info);
            assert_eq!(found.seen.observed, "look alike: web0.service, web1.service");
        }
        assert!(matches!(state(&[Some("shop"), Some("blog")]), Verdict::Healthy(_)));
        assert!(matches!(state(&[Some("shop"), None]), Verdict::Healthy(_)));
    }

    #[test]
    fn a_command_line_that_is_hidden_is_unknown() {
        let mut facts = named(&[None, None]);
        let Fact::Known(services) = &mut facts.services else { unreachable!() };
        services[1].master.arguments = Fact::unreadable("permission denied");
        assert!(host(&facts).is_err());
        facts.services = Fact::unreadable("not in an image");
        assert!(host(&facts).is_err());
    }
}
