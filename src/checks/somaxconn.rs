//! `somaxconn`: whether the kernel lets Gunicorn have the listen queue it asks for.

use super::listen_queue::{self, DEFAULT_BACKLOG};
use super::weigh::weigh;
use super::{Area, Check, Columns, InForce, Judge, Judgement, Remedy, Seen, Severity, Stored, Verdict, by_hand};
use crate::facts::{Assignment, Fact, Facts, ListenerOrigin, Prediction, Reason, Service};

/// Whether the kernel lets Gunicorn have the listen queue it asks for.
pub const CHECK: Check = Check {
    id: "somaxconn",
    area: Area::Sockets,
    title: "Kernel bound of listen queues",
    looks_at: "net.core.somaxconn in the network namespace of the master, against the backlog setting (2048\n\
               unless given); and what the sysctl files set at the next boot, as systemd-sysctl and as sysctl\n\
               --system read them.",
    why: "The kernel cuts the backlog of every listen(2) down to net.core.somaxconn without an error. It\n\
          was 128 before Linux 5.4 and is 4096 since, so on a modern kernel Gunicorn's 2048 fits and\n\
          nothing need be changed. Each network namespace has a value of its own, and a new one starts\n\
          with the kernel's default: a value set on the host does not reach into containers. A higher\n\
          bound alone makes no queue longer: the socket keeps its cap until it listens again.",
    changes: "gtune apply --somaxconn N sets the live value in the right namespace and stores it in a file\n\
              of /etc/sysctl.d that wins at boot. It lowers the value only with --force.",
    by_hand: &[
        "sysctl net.core.somaxconn; ss -ltn   # Send-Q: the cap in force",
        "sysctl -w net.core.somaxconn=4096",
        "echo 'net.core.somaxconn = 4096' > /etc/sysctl.d/99-zz-somaxconn.conf",
        "in a container: docker run --sysctl net.core.somaxconn=4096",
        "restart Gunicorn; a reload is not enough",
    ],
    references: &["listen(2)", "sysctl.d(5)", "Gunicorn settings: backlog", "Gunicorn FAQ: maximum socket backlog"],
    judge: Judge::Service { each, fresh },
};

const KEY: &str = "net.core.somaxconn";

fn each(facts: &Facts, service: &Service) -> Judgement {
    let live = *service.network.somaxconn.needed(KEY)?;
    let asked = listen_queue::asked(service)?;
    let private = listen_queue::is_private(facts, &service.network)?;
    let path = listen_queue::somaxconn_path(service);
    let mut seen = Seen {
        wanted: format!("at least {}, the backlog", asked.value),
        evidence: vec![format!("{path}: {live}"), format!("backlog {} ({})", asked.value, asked.source)],
        columns: Columns {
            configured: Some(format!("backlog {} ({})", asked.value, asked.source)),
            live: Some(live.to_string()),
            in_force: in_force(service),
            stored_for_boot: None,
        },
        ..Seen::default()
    };
    if private {
        seen.evidence.push("the sysctl files of the host do not reach this namespace".into());
        return Ok(of_live(facts, service, live, asked.value, seen));
    }
    seen.columns.stored_for_boot = prediction(facts).and_then(|found| stored_column(facts, found));
    let next_boot = of_boot(facts, Some(live), asked.value, seen.clone());
    weigh([Ok(of_live(facts, service, live, asked.value, seen)), next_boot])
}

fn in_force(service: &Service) -> Vec<InForce> {
    let listeners = service.listeners.known().into_iter().flatten();
    listeners.map(|l| InForce { subject: l.address.clone(), value: l.limit.to_string() }).collect()
}

/// The value in the kernel now, against what is asked for.
fn of_live(facts: &Facts, service: &Service, live: u64, asked: u64, mut seen: Seen) -> Verdict {
    if live >= asked {
        seen.observed = live.to_string();
        return Verdict::Healthy(seen);
    }
    seen.observed = format!("{live}, less than the {asked} asked for");
    let full = service.listeners.known().into_iter().flatten().find(|listener| listen_queue::is_full(listener));
    let (severity, consequence) = match full {
        Some(listener) => (Severity::Critical, listen_queue::full_queue(listener.kind).to_owned()),
        None => (
            Severity::Warning,
            format!("A burst of more than {live} connections loses clients that {asked} would keep waiting."),
        ),
    };
    if let Some(listener) = full {
        seen.evidence.push(format!("{}: {} waiting of {}", listener.address, listener.queued, listener.limit));
    }
    let origin =
        service.listeners.known().and_then(|all| all.first()).map_or(ListenerOrigin::Master, |first| first.origin);
    let (again, restart) = listen_queue::listen_again(service, origin, asked);
    let mut by_hand = listen_queue::raise_steps(facts, service, asked);
    by_hand.extend(again);
    let command = listen_queue::raise_command(facts, service, asked);
    Verdict::finding(severity, seen, consequence, Remedy { command, by_hand, restart })
}

/// What the next boot sets, on the host's own network.
fn of_boot(facts: &Facts, live: Option<u64>, asked: u64, seen: Seen) -> Judgement {
    let boot = boot_value(facts)?;
    let low = match boot.value {
        Some(value) if value < asked => Some(value),
        // A value that is no number is refused by the loader, and the kernel's default stays.
        None => Some(kernel_default(facts)?).filter(|default| *default < asked),
        Some(_) => None,
    };
    let mut seen = Seen { observed: String::new(), ..seen };
    seen.evidence.push(boot.told.clone());
    let value = listen_queue::enough(asked);
    if let Some(low) = low {
        // Where nothing is stored and the live value is the same low one, the live value says it all.
        if boot.winner.is_none() && live.is_some_and(|live| live <= low) {
            return Ok(Verdict::Healthy(seen));
        }
        seen.observed = format!("the next boot sets {low}");
        let consequence = format!("After the next reboot every listen queue is cut down to {low} instead of {asked}.");
        let command = Some(format!("{} apply --somaxconn {value}", by_hand::gtune(facts)));
        let remedy = Remedy { command, by_hand: vec![store_step(boot.winner.as_ref(), value)], restart: false };
        return Ok(Verdict::finding(Severity::Warning, seen, consequence, remedy));
    }
    if let Some(other) = other_loader(facts, asked) {
        let (assignment, told) = other;
        seen.observed = told.clone();
        seen.evidence.push(told);
        let consequence =
            "The value depends on which program read the files last; a package that runs the other one lowers it.";
        let remedy = Remedy { by_hand: vec![store_step(Some(assignment), value)], ..Remedy::default() };
        return Ok(Verdict::finding(Severity::Info, seen, consequence, remedy));
    }
    Ok(Verdict::Healthy(seen))
}

/// What the loader of this host will set.
struct BootValue {
    /// The number; none where the winning line holds no number.
    value: Option<u64>,
    /// The line that wins; none where no file says so and the kernel's default stays.
    winner: Option<Assignment>,
    /// The line of evidence.
    told: String,
}

fn boot_value(facts: &Facts) -> Result<BootValue, Reason> {
    let loader = if boots_with_systemd(facts) { "systemd-sysctl" } else { "sysctl --system" };
    match prediction(facts).map_or(&Fact::Absent, |found| of_loader(facts, found)) {
        Fact::Known(found) => {
            Ok(BootValue { value: number(found), told: line(found, loader), winner: Some(found.clone()) })
        }
        Fact::Unreadable(reason) => Err(reason.clone()),
        Fact::Absent => {
            let default = kernel_default(facts)?;
            let told = format!("no sysctl file that {loader} reads names {KEY}: the kernel's default is {default}");
            Ok(BootValue { value: Some(default), told, winner: None })
        }
    }
}

fn prediction(facts: &Facts) -> Option<&Prediction> {
    facts.sysctl_store.keys.get(KEY)
}

/// Where systemd is not pid 1 the boot scripts run `sysctl --system`; of an image systemd is taken for granted.
fn boots_with_systemd(facts: &Facts) -> bool {
    !matches!(facts.host.systemd, Fact::Absent)
}

fn of_loader<'a>(facts: &Facts, found: &'a Prediction) -> &'a Fact<Assignment> {
    if boots_with_systemd(facts) { &found.systemd } else { &found.procps }
}

/// What the loader that does not run at boot would set, where that is too low.
fn other_loader(facts: &Facts, asked: u64) -> Option<(&Assignment, String)> {
    let found = prediction(facts)?;
    let (other, loader) = match boots_with_systemd(facts) {
        true => (&found.procps, "sysctl --system"),
        false => (&found.systemd, "systemd-sysctl"),
    };
    let other = other.known()?;
    (number(other)? < asked).then(|| (other, line(other, loader)))
}

/// The step that stores a value so that it wins: in the winning line where that is the administrator's, for a drop-in
/// may be read before it; else in a drop-in, for files of packages are not edited.
fn store_step(winner: Option<&Assignment>, value: u64) -> String {
    match winner {
        Some(line) if line.file.starts_with("/etc/") => {
            format!("in {}, line {}: {KEY} = {value}", line.file, line.line)
        }
        _ => listen_queue::host_steps(value).pop().unwrap_or_default(),
    }
}

fn number(found: &Assignment) -> Option<u64> {
    found.value.trim().parse().ok()
}

fn line(found: &Assignment, loader: &str) -> String {
    format!("{}, line {}: {loader} sets {}", found.file, found.line, found.value)
}

fn kernel_default(facts: &Facts) -> Result<u64, Reason> {
    Ok(facts.host.kernel.needed("kernel version")?.default_somaxconn())
}

fn stored_column(facts: &Facts, found: &Prediction) -> Option<Stored> {
    let found = of_loader(facts, found).known()?;
    Some(Stored { value: found.value.clone(), file: Some(found.file.clone()), line: Some(found.line) })
}

fn fresh(facts: &Facts) -> Judgement {
    let mut seen = Seen { wanted: format!("at least {DEFAULT_BACKLOG}, Gunicorn's backlog"), ..Seen::default() };
    seen.columns.stored_for_boot = prediction(facts).and_then(|found| stored_column(facts, found));
    if !facts.host.live {
        let told = boot_value(facts)?;
        let verdict = of_boot(facts, None, DEFAULT_BACKLOG, seen)?;
        return Ok(match verdict {
            Verdict::Healthy(seen) => Verdict::Healthy(Seen { observed: shown(&told), ..seen }),
            other => other,
        });
    }
    let live = *facts.network.somaxconn.needed(KEY)?;
    seen.evidence = vec![format!("/proc/sys/net/core/somaxconn: {live}")];
    seen.columns.live = Some(live.to_string());
    let contained = facts.host.container.as_ref().is_some_and(by_hand::holds_one_application);
    let now = Ok(fresh_live(facts, live, seen.clone(), contained));
    if contained { now } else { weigh([now, of_boot(facts, Some(live), DEFAULT_BACKLOG, seen)]) }
}

fn shown(boot: &BootValue) -> String {
    boot.value.map_or_else(|| "the kernel's default".into(), |value| format!("{value} at boot"))
}

fn fresh_live(facts: &Facts, live: u64, mut seen: Seen, contained: bool) -> Verdict {
    if live >= DEFAULT_BACKLOG {
        seen.observed = live.to_string();
        return Verdict::Healthy(seen);
    }
    seen.observed = format!("{live}, less than the {DEFAULT_BACKLOG} a Gunicorn asks for");
    let value = listen_queue::enough(DEFAULT_BACKLOG);
    let consequence =
        format!("A Gunicorn started here gets listen queues of {live} and loses clients in a longer burst.");
    let remedy = if contained {
        Remedy { by_hand: vec![format!("docker run --sysctl {KEY}={value} …")], ..Remedy::default() }
    } else {
        let command = Some(format!("{} apply --somaxconn {value}", by_hand::gtune(facts)));
        Remedy { command, by_hand: listen_queue::host_steps(value), restart: false }
    };
    Verdict::finding(Severity::Warning, seen, consequence, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{fresh_host, host_with_gunicorn, settings, with_service};
    use crate::checks::judged::*;
    use crate::facts::{Container, KernelVersion};
    use crate::gunicorn::Value;

    fn stored(value: &str, file: &str) -> Fact<Assignment> {
        Fact::Known(Assignment { value: value.into(), file: file.into(), line: 3 })
    }

    fn with_stored(systemd: Fact<Assignment>, procps: Fact<Assignment>) -> Facts {
        let mut facts = host_with_gunicorn();
        facts.sysctl_store.keys.insert(KEY.into(), Prediction { systemd, procps });
        facts
    }

    #[test]
    fn a_modern_kernel_needs_no_change() {
        let seen = healthy(judged(&host_with_gunicorn(), each));
        assert_eq!((seen.observed.as_str(), seen.wanted.as_str()), ("4096", "at least 2048, the backlog"));
        assert_eq!(seen.columns.live.as_deref(), Some("4096"));
        assert_eq!(seen.columns.in_force[0].value, "2048");
    }

    #[test]
    fn a_lower_bound_is_a_warning_and_critical_once_a_queue_is_full() {
        let mut facts = with_service(|s| s.network.somaxconn = Fact::Known(128));
        let finding = found(judged(&facts, each));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(
            finding.seen.observed,
            "128, less than the 2048 asked for; the next boot sets 4096".split(';').next().unwrap()
        );
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --somaxconn 4096"));
        assert!(finding.remedy.restart);
        let Fact::Known(listeners) = &mut service(&mut facts).listeners else { panic!() };
        (listeners[0].queued, listeners[0].limit) = (129, 128);
        assert_eq!(found(judged(&facts, each)).severity, Severity::Critical);
    }

    #[test]
    fn a_longer_backlog_wants_more_than_the_default_bound() {
        let facts = with_service(|s| s.settings = settings(&[("backlog", Value::Number(10_000))]));
        let finding = found(judged(&facts, each));
        assert!(finding.remedy.by_hand[0].contains("net.core.somaxconn=10000"));
    }

    #[test]
    fn the_next_boot_counts_as_much_as_now() {
        let facts = with_stored(stored("1024", "/etc/sysctl.d/99-sysctl.conf"), Fact::Absent);
        let finding = found(judged(&facts, each));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.seen.observed, "the next boot sets 1024");
        assert!(!finding.remedy.restart);
        let column = finding.seen.columns.stored_for_boot.unwrap();
        assert_eq!((column.file.as_deref(), column.line), (Some("/etc/sysctl.d/99-sysctl.conf"), Some(3)));
        healthy(judged(&with_stored(stored("4096", "/a.conf"), stored("8192", "/b.conf")), each));
    }

    #[test]
    fn loaders_that_disagree_are_hygiene() {
        let facts = with_stored(stored("4096", "/etc/sysctl.d/zz.conf"), stored("1024", "/etc/sysctl.conf"));
        let finding = found(judged(&facts, each));
        assert_eq!(finding.severity, Severity::Info);
        assert!(finding.seen.observed.contains("/etc/sysctl.conf, line 3: sysctl --system sets 1024"));
        assert_eq!(finding.remedy.by_hand, ["in /etc/sysctl.conf, line 3: net.core.somaxconn = 4096"]);
        let mut facts = facts;
        facts.host.systemd = Fact::Absent;
        assert_eq!(found(judged(&facts, each)).seen.observed, "the next boot sets 1024");
    }

    #[test]
    fn an_old_kernel_forgets_a_value_that_is_not_stored() {
        let mut facts = host_with_gunicorn();
        facts.host.kernel = Fact::Known(KernelVersion::parse("4.18.0"));
        assert_eq!(found(judged(&facts, each)).seen.observed, "the next boot sets 128");
        hide(&mut facts.host.kernel);
        cannot_tell(judged(&facts, each));
    }

    #[test]
    fn a_container_is_told_its_own_namespace_and_option() {
        let mut facts = with_service(|s| {
            s.network.somaxconn = Fact::Known(128);
            s.network.is_gtunes = Fact::Known(false);
            s.container = Some(Container { runtime: "docker".into(), id: None, because: "cgroup".into() });
        });
        let finding = found(judged(&facts, each));
        assert_eq!(finding.remedy.command, None);
        assert!(finding.remedy.by_hand[0].contains("docker run --sysctl net.core.somaxconn=4096"));
        assert!(finding.seen.evidence[0].contains("net:[4026531840] of pid 812"));
        service(&mut facts).container = None;
        let finding = found(judged(&facts, each));
        assert!(finding.remedy.by_hand[0].starts_with("nsenter -t 812 -n"));
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --somaxconn 4096 --unit gunicorn.service"));
    }

    #[test]
    fn what_could_not_be_seen_is_not_enough() {
        for hide_one in [
            (|s: &mut Service| hide(&mut s.network.somaxconn)) as fn(&mut Service),
            |s| hide(&mut s.network.is_gtunes),
            |s| s.settings.blind = Some(Reason::new("permission denied")),
        ] {
            cannot_tell(judged(&with_service(hide_one), each));
        }
        cannot_tell(judged(&with_stored(Fact::unreadable("permission denied"), Fact::Absent), each));
        let mut facts = fresh_host();
        hide(&mut facts.network.somaxconn);
        cannot_tell(fresh(&facts));
    }

    #[test]
    fn a_fresh_host_is_judged_by_gunicorns_default() {
        let mut facts = fresh_host();
        assert_eq!(healthy(fresh(&facts)).observed, "4096");
        facts.network.somaxconn = Fact::Known(128);
        assert_eq!(found(fresh(&facts)).severity, Severity::Warning);
    }

    #[test]
    fn an_image_is_judged_by_what_it_will_boot_with() {
        let mut facts = fresh_host();
        facts.host.live = false;
        hide(&mut facts.network.somaxconn);
        assert_eq!(healthy(fresh(&facts)).observed, "4096 at boot");
        let low = Prediction { systemd: stored("128", "/etc/sysctl.d/a.conf"), procps: Fact::Absent };
        facts.sysctl_store.keys.insert(KEY.into(), low);
        assert_eq!(found(fresh(&facts)).seen.observed, "the next boot sets 128");
    }
}
