//! Listen queues: what was asked for, whose kernel value bounds them, and what makes a socket listen again.

use super::by_hand;
use super::steps;
use crate::facts::{Facts, Listener, ListenerKind, ListenerOrigin, Manager, Network, Reason, Service};
use crate::gunicorn::{ListensAgain, Sourced, listens_again_on};
use crate::units::quoted;

/// The backlog Gunicorn asks for where nothing is set (Gunicorn settings: backlog).
pub(crate) const DEFAULT_BACKLOG: u64 = 2048;

/// What gtune raises net.core.somaxconn to at least: the kernel's own default since Linux 5.4.
const MODERN_SOMAXCONN: u64 = 4096;

/// From this share on a queue counts as nearly full: what is left is gone within one more burst, and the length is
/// seen for one moment only.
const NEARLY_FULL: f64 = 0.8;

/// The backlog a service asks for.
pub(crate) fn asked(service: &Service) -> Result<Sourced<u64>, Reason> {
    let backlog = service.settings.backlog();
    let found = backlog.needed("backlog")?;
    Ok(Sourced { value: found.value.max(0) as u64, source: found.source.clone() })
}

/// Whether a queue is full or will be with the next burst.
pub(super) fn is_nearly_full(listener: &Listener) -> bool {
    listener.queued > 0 && listener.queued as f64 >= NEARLY_FULL * listener.limit as f64
}

/// Whether the next connection finds no room.
pub(super) fn is_full(listener: &Listener) -> bool {
    listener.queued > 0 && listener.queued >= listener.limit
}

/// Whether the kernel values of this network are somebody else's than the host's: those of a container, or of a
/// service with a network namespace of its own. Stored sysctl files do not reach them.
pub(super) fn is_private(facts: &Facts, network: &Network) -> Result<bool, Reason> {
    let own = facts.host.container.as_ref().is_some_and(by_hand::holds_one_application);
    Ok(own || !*network.is_gtunes.needed("network namespace")?)
}

/// Where the live value stands: `/proc/sys/net/core/somaxconn`, and whose it is where that is not gtune's own.
pub(super) fn somaxconn_path(service: &Service) -> String {
    let network = &service.network;
    match (network.is_gtunes.known(), network.namespace.known()) {
        (Some(false), Some(inode)) => {
            format!("/proc/sys/net/core/somaxconn in net:[{inode}] of pid {}", service.master.pid)
        }
        (Some(false), None) => format!("/proc/sys/net/core/somaxconn in the network of pid {}", service.master.pid),
        _ => "/proc/sys/net/core/somaxconn".into(),
    }
}

/// The value net.core.somaxconn should be raised to for a queue of this length.
pub(super) fn enough(asked: u64) -> u64 {
    asked.max(MODERN_SOMAXCONN)
}

/// The command that raises net.core.somaxconn for a service; none where only the container's runtime can.
pub(super) fn raise_command(facts: &Facts, service: &Service, asked: u64) -> Option<String> {
    let private = is_private(facts, &service.network).unwrap_or(true);
    let unit = match private {
        true if service.container.is_some() || facts.host.container.is_some() => return None,
        true => by_hand::unit_option(service),
        false => String::new(),
    };
    Some(format!("{} apply --somaxconn {}{unit}", by_hand::gtune(facts), enough(asked)))
}

/// The steps that raise net.core.somaxconn for a service by hand, now and for good; without the restart.
pub(super) fn raise_steps(facts: &Facts, service: &Service, asked: u64) -> Vec<String> {
    let value = enough(asked);
    if !is_private(facts, &service.network).unwrap_or(true) {
        return host_steps(value);
    }
    let runtime = service.container.as_ref().or(facts.host.container.as_ref()).map(|c| c.runtime.as_str());
    match runtime {
        Some("namespace") | None => vec![
            format!("nsenter -t {} -n sysctl -w net.core.somaxconn={value}", service.master.pid),
            "the same where that network namespace is made, before Gunicorn starts".into(),
        ],
        Some(runtime) => container_steps(runtime, value),
    }
}

/// The steps that give a container of this runtime this net.core.somaxconn.
pub(crate) fn container_steps(runtime: &str, value: u64) -> Vec<String> {
    match runtime {
        "kubernetes" => vec![
            format!(r#"in the pod, securityContext: {{sysctls: [{{name: net.core.somaxconn, value: "{value}"}}]}}"#),
            "it is an unsafe sysctl: the kubelet needs --allowed-unsafe-sysctls=net.core.somaxconn".into(),
        ],
        "podman" => vec![format!("podman run --sysctl net.core.somaxconn={value} …")],
        "lxc" | "systemd-nspawn" => {
            let mut steps = vec!["inside the container:".to_owned()];
            steps.extend(host_steps(value));
            steps
        }
        _ => vec![
            format!("docker run --sysctl net.core.somaxconn={value} …"),
            format!("with compose, sysctls: {{net.core.somaxconn: {value}}}"),
        ],
    }
}

/// The steps on a host. The name sorts after `99-sysctl.conf`, which wins over `99-gtune.conf` (sysctl.d(5)).
pub(super) fn host_steps(value: u64) -> Vec<String> {
    vec![
        format!("sysctl -w net.core.somaxconn={value}"),
        format!("echo 'net.core.somaxconn = {value}' > /etc/sysctl.d/99-zz-somaxconn.conf"),
    ]
}

/// The steps that make a socket take a new backlog or a new kernel value, and whether the service restarts for it.
pub(crate) fn listen_again(service: &Service, origin: ListenerOrigin, backlog: u64) -> (Vec<String>, bool) {
    let ways = listens_again_on(service.known_version(), origin, service.known_class());
    if ways.contains(&ListensAgain::Reload) {
        return (vec![by_hand::reload(service)], false);
    }
    if ways.contains(&ListensAgain::RestartSocketUnit) {
        return (socket_unit_steps(service, backlog), true);
    }
    let by_systemd = matches!(service.manager, Manager::SystemUnit(_) | Manager::UserUnit { .. });
    let upgrade = if ways.contains(&ListensAgain::Upgrade) && !by_systemd { "or a USR2 upgrade; " } else { "" };
    let restart = steps::restart(service);
    (vec![format!("{restart}   # {upgrade}a reload (HUP) does not make it listen again")], true)
}

/// Whether the `Backlog=` of a socket unit stays in force, or may: Gunicorn asks for its own up to version 26.
pub(crate) fn socket_unit_decides(service: &Service) -> bool {
    let ways = listens_again_on(service.known_version(), ListenerOrigin::SocketUnit, None);
    ways.contains(&ListensAgain::RestartSocketUnit)
}

/// A socket unit owns the queue: its `Backlog=` is asked for when systemd binds the socket (systemd.socket(5)).
fn socket_unit_steps(service: &Service, backlog: u64) -> Vec<String> {
    let socket = socket_unit(service);
    let (Manager::SystemUnit(unit) | Manager::UserUnit { unit, .. }) = &service.manager else {
        return vec![format!("in {socket}: Backlog={backlog}, then restart socket and service")];
    };
    let user = if matches!(service.manager, Manager::UserUnit { .. }) { " --user" } else { "" };
    let (socket, unit) = (quoted(&socket), quoted(unit));
    vec![
        format!("systemctl{user} edit {socket}   # under [Socket]: Backlog={backlog}"),
        format!("systemctl{user} stop {unit} && systemctl{user} restart {socket} && systemctl{user} start {unit}"),
    ]
}

/// The socket unit of a service: the one that triggers it, else the one of the same name, which systemd pairs with it
/// unless told otherwise (systemd.socket(5)).
pub(super) fn socket_unit(service: &Service) -> String {
    let unit = service.unit.known();
    let triggers = unit.and_then(|unit| unit.loaded.known()).and_then(|loaded| loaded.socket_units.first());
    match (triggers, unit) {
        (Some(socket), _) => socket.clone(),
        (None, Some(unit)) => format!("{}.socket", unit.name.trim_end_matches(".service")),
        (None, None) => "the .socket unit".into(),
    }
}

/// What a full queue does to clients, by kind of socket.
pub(super) fn full_queue(kind: ListenerKind) -> &'static str {
    match kind {
        ListenerKind::Tcp => {
            "New connections are dropped without an answer; clients try again after 1, 3 and 7 seconds, or give up."
        }
        ListenerKind::Unix => {
            "The proxy gets \"11: Resource temporarily unavailable\" at once and answers 502; no counter shows it."
        }
    }
}

/// Steps for queues that fill: first why they fill, since a longer queue does not make workers faster.
pub(super) fn why_it_fills() -> Vec<String> {
    vec![
        "where all workers are busy: add workers, or find the slow requests (py-spy dump --pid WORKER)".into(),
        "only for short bursts is a longer --backlog the answer".into(),
        "gtune ps   # are all workers busy?".into(),
    ]
}
