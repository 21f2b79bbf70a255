//! The value in the running kernel, in the network namespace that is meant.

use super::{KEY, Wanted, what};
use crate::checks::listen_queue::container_steps;
use crate::facts::{Fact, Facts, Service, Unit};
use crate::plan::{Change, Ground, Left, NetworkOf, ProcessRef, Refusal, Request, Target, Topic};
use crate::units::quoted;

/// Which values are meant, and what that comes to.
pub(super) struct Scope {
    /// Whether the host's own network is among them, to which the stored files apply.
    pub stores: bool,
    pub topic: Topic,
}

/// The namespace of each service that is meant; without `--unit` that of the host and of all.
pub(super) fn draft(
    facts: &Facts,
    ground: &Ground,
    request: &Request,
    wanted: Wanted,
    targets: &[Target<'_>],
) -> Scope {
    let mut scope = Scope { stores: targets.iter().any(|target| target.service.is_none()), topic: Topic::default() };
    let mut seen: Vec<Fact<u64>> = vec![];
    for service in targets.iter().filter_map(|target| target.service) {
        match network_of(service, wanted.value) {
            Ok(Whose::Host) => scope.stores = true,
            Ok(Whose::Service) => {
                // Several services may share one namespace; its inode tells.
                let is_new = !seen.contains(&service.network.namespace);
                if service.network.namespace.known().is_some() {
                    seen.push(service.network.namespace.clone());
                }
                scope.topic.absorb(of_service(ground, service, wanted, is_new));
                scope.topic.warnings.extend(lost_by_a_restart(request, service));
            }
            Err(refusal) if request.units.is_empty() => scope.topic.left.extend(given_to_its_runtime(&refusal)),
            Err(refusal) => scope.topic.refused.push(refusal),
        }
    }
    // Without a name the host is meant, and the services that it does not reach besides.
    scope.stores |= request.units.is_empty();
    if scope.stores {
        scope.topic.absorb(of_host(facts, ground, wanted));
    }
    scope
}

fn lost_by_a_restart(request: &Request, service: &Service) -> Option<String> {
    let is_lost = request.restart && service.unit.known().is_some_and(has_private_network);
    is_lost.then(|| {
        format!(
            "The restart of {} makes its network namespace anew, and the value is lost with the old one.",
            service.name
        )
    })
}

/// What is refused to a service that was not named is left to the operator.
fn given_to_its_runtime(refusal: &Refusal) -> Option<Left> {
    let hint = refusal.hints.first()?;
    Some(Left::new(hint.clone(), format!("gtune cannot {}: {}", refusal.what, refusal.reason)))
}

/// Whose network a service is in.
enum Whose {
    Host,
    Service,
}

fn network_of(service: &Service, value: u64) -> Result<Whose, Refusal> {
    let cannot =
        |reason: String, hints| Refusal { what: format!("{} for {}", what(value), service.name), reason, hints };
    let is_hosts = service.network.is_gtunes.needed("network namespace");
    let is_hosts = *is_hosts.map_err(|reason| cannot(reason.to_string(), vec!["run it as root".into()]))?;
    // Where only the namespaces differ there is no runtime that could be told.
    let container = service.container.as_ref().filter(|container| container.runtime != "namespace");
    match (container, is_hosts) {
        (_, true) => Ok(Whose::Host),
        (None, false) => Ok(Whose::Service),
        (Some(container), false) => {
            let reason = format!("it runs in a container ({}) with kernel values of its own", container.runtime);
            Err(cannot(reason, container_steps(&container.runtime, value)))
        }
    }
}

fn of_host(facts: &Facts, ground: &Ground, wanted: Wanted) -> Topic {
    let before = match facts.network.somaxconn.needed(KEY) {
        Ok(value) => *value,
        Err(reason) => return Topic::refused(unseen(&reason.to_string())),
    };
    let mut topic = Topic::default();
    match wanted.is_met_by(before) {
        true => topic.already(wanted.told(format!("{KEY} is {before}"), before)),
        false if ground.kernel_values.is_some() => topic.refused.push(read_only(facts, wanted)),
        false => topic.changes.push(change(NetworkOf::Gtune, before, wanted)),
    }
    topic
}

/// Whoever mounted `/proc/sys` read-only decides: inside a container its runtime does.
fn read_only(facts: &Facts, wanted: Wanted) -> Refusal {
    let runtime = facts.host.container.as_ref().map(|container| container.runtime.as_str());
    let hints = match runtime.filter(|runtime| *runtime != "namespace") {
        Some(runtime) => container_steps(runtime, wanted.value),
        None => ["docker", "kubernetes"].iter().flat_map(|runtime| container_steps(runtime, wanted.value)).collect(),
    };
    let reason = "/proc/sys is mounted read-only, as inside a container: its runtime sets the value".to_owned();
    Refusal { what: what(wanted.value), reason, hints }
}

fn change(network: NetworkOf, before: u64, wanted: Wanted) -> Change {
    Change::KernelValue { key: KEY.into(), network, before, after: wanted.value }
}

fn unseen(reason: &str) -> Refusal {
    Refusal::new(format!("read {KEY}"), reason, "sysctl net.core.somaxconn   # as root")
}

/// A namespace of the service's own. The files of the host do not reach it, so the operator is told where to store it.
fn of_service(ground: &Ground, service: &Service, wanted: Wanted, is_new: bool) -> Topic {
    let pid = service.master.pid;
    let before = match service.network.somaxconn.needed(KEY) {
        Ok(value) => *value,
        Err(reason) => return Topic::refused(unseen(&reason.to_string())),
    };
    let mut topic = Topic::default();
    if wanted.is_met_by(before) {
        topic.already(wanted.told(format!("{KEY} in the network of {} is {before}", service.name), before));
        return topic;
    }
    let Some(start_ticks) = ground.started.get(&pid).copied() else {
        let hint = "run it again once the service is up";
        return Topic::refused(Refusal::new(
            what(wanted.value),
            format!("pid {pid} of {} has ended", service.name),
            hint,
        ));
    };
    if is_new {
        topic.changes.push(change(NetworkOf::Process(ProcessRef { pid, start_ticks }), before, wanted));
    }
    topic.left.push(keep(service, wanted.value));
    topic
}

/// How the value outlives the namespace.
fn keep(service: &Service, value: u64) -> Left {
    let unit = service.unit.known();
    let why =
        format!("the network namespace of {} begins with the kernel's default when it is made anew", service.name);
    let joined = unit.and_then(|unit| unit.winner("Service.NetworkNamespacePath"));
    if let Some(line) = joined {
        let name = line.value.rsplit('/').next().unwrap_or_default();
        let command = format!("ip netns exec {} sysctl -w {KEY}={value}   # where it is made at boot", quoted(name));
        return Left::new(command, why);
    }
    match unit.filter(|unit| has_private_network(unit)) {
        // The plus sign leaves out the sandbox of files and the user, not the network (systemd.service(5)).
        Some(unit) => Left::new(
            format!(
                "systemctl edit {}   # under [Service]: ExecStartPre=+/sbin/sysctl -w {KEY}={value}",
                quoted(&unit.name)
            ),
            why,
        ),
        None => Left::new(
            format!("nsenter -t {} -n sysctl -w {KEY}={value}   # the same where it is made", service.master.pid),
            why,
        ),
    }
}

fn has_private_network(unit: &Unit) -> bool {
    let loaded = unit.loaded.known().and_then(|loaded| loaded.sandbox.get("PrivateNetwork"));
    let stored = || unit.winner("Service.PrivateNetwork").map(|line| &line.value);
    loaded.or_else(stored).is_some_and(|value| matches!(value.as_str(), "yes" | "true" | "on" | "1"))
}
