//! `listen-overflows`: whether finished connections were turned away because a queue was full.

use super::{Area, Check, Judge, Judgement, Remedy, Seen, Severity, Verdict, listen_queue, steps};
use crate::facts::{Facts, ListenCounters, Listener, ListenerKind, Reason, Service};
use crate::units::Seconds;

/// Whether finished connections were turned away because a queue was full.
pub const CHECK: Check = Check {
    id: "listen-overflows",
    area: Area::Sockets,
    title: "Connections turned away",
    looks_at: "ListenOverflows and ListenDrops of TcpExt in /proc/<master>/net/netstat, twice within a\n\
               moment, and the length of each TCP queue. The counters stand for all sockets of the network\n\
               namespace since it was made.",
    why: "When an accept queue is full the kernel drops the last packet of the handshake: the client\n\
          believes it is connected, waits, and tries again after a second or gives up. Gunicorn never\n\
          sees it and logs nothing. Unix sockets have no such counter: there the length of the queue is\n\
          all there is.",
    changes: "Nothing by itself: queues fill because workers are slower than clients come. gtune apply\n\
              --somaxconn lifts the kernel's bound where that is what cuts the queue short.",
    by_hand: &[
        "nstat -az TcpExtListenOverflows TcpExtListenDrops   # in a container: nsenter -t PID -n nstat …",
        "ss -ltn   # Recv-Q against Send-Q",
        "gtune ps   # are all workers busy?",
    ],
    references: &["nstat(8)", "listen(2)", "kernel: networking/snmp_counter, TcpExtListenOverflows"],
    judge: Judge::Service { each, fresh },
};

/// Fewer overflows than this are a few lost seconds of a few clients, however young the host is.
const A_FEW: u64 = 10;

/// Overflows an hour from which clients notice: a host that loses one connection an hour, day after day, is not sized
/// for its bursts; less than that is one burst long ago.
const PER_HOUR: f64 = 1.0;

fn fresh(facts: &Facts) -> Judgement {
    Ok(steps::nothing_runs(facts, "listening socket"))
}

fn each(facts: &Facts, service: &Service) -> Judgement {
    let listeners = service.listeners.needed("listening socket")?;
    let tcp: Vec<&Listener> = listeners.iter().filter(|listener| listener.kind == ListenerKind::Tcp).collect();
    if tcp.is_empty() {
        return Ok(Verdict::not_applicable("only TCP has a counter, and it listens at none: see listen-backlog"));
    }
    let counters = *service.network.overflows.needed("listen counters")?;
    let full = tcp.into_iter().find(|listener| listen_queue::is_full(listener));
    let mut seen = seen(service, &counters, full);
    if counters.overflows_during_look == 0 && counters.overflows == 0 && full.is_none() {
        return Ok(Verdict::Healthy(seen));
    }
    let (severity, consequence) = if counters.overflows_during_look > 0 || full.is_some() {
        (Severity::Critical, listen_queue::full_queue(ListenerKind::Tcp))
    } else {
        let age = age(facts, service)?;
        seen.observed.push_str(&format!(" in {age}"));
        since(&counters, age)
    };
    Ok(Verdict::finding(severity, seen, consequence, remedy(facts, service)))
}

/// How long the counters have been counting: since boot on the host, at least since the master started in a namespace
/// of its own.
fn age(facts: &Facts, service: &Service) -> Result<Seconds, Reason> {
    match service.network.is_gtunes.known() {
        Some(true) if facts.host.container.is_none() => facts.host.uptime_seconds.needed("uptime").copied(),
        _ => Ok(service.master.age_seconds),
    }
}

fn since(counters: &ListenCounters, age: Seconds) -> (Severity, &'static str) {
    let per_hour = counters.overflows as f64 * 3600.0 / age.0.max(1.0);
    if counters.overflows >= A_FEW && per_hour >= PER_HOUR {
        (
            Severity::Warning,
            "Bursts fill a listen queue of this network again and again: each time clients wait seconds or give up.",
        )
    } else {
        (Severity::Info, "A few clients once waited seconds or gave up.")
    }
}

fn seen(service: &Service, counters: &ListenCounters, full: Option<&Listener>) -> Seen {
    let ListenCounters { overflows, drops, overflows_during_look, look_seconds } = counters;
    let path = format!("/proc/{}/net/netstat", service.master.pid);
    let mut evidence =
        vec![format!("{path}: ListenOverflows {overflows}, ListenDrops {drops}, all sockets of its network")];
    if *overflows_during_look > 0 {
        evidence.push(format!("{path}: {overflows_during_look} more within {look_seconds:.1} s"));
    }
    // Without SYN cookies the queue of half-open connections is bounded by tcp_max_syn_backlog too (tcp(7)).
    if service.network.tcp_syncookies.known() == Some(&0) {
        evidence
            .push("/proc/sys/net/ipv4/tcp_syncookies: 0, so net.ipv4.tcp_max_syn_backlog bounds half-open ones".into());
    }
    let mut observed = match overflows_during_look {
        0 => format!("{overflows} turned away"),
        growing => format!("{overflows} turned away, {growing} of them just now"),
    };
    if let Some(Listener { address, queued, limit, .. }) = full {
        observed.push_str(&format!("; {address} is full"));
        evidence.push(format!("inet_diag: {address}: {queued} waiting of {limit}"));
    }
    Seen { observed, wanted: "no connection turned away".into(), evidence, ..Seen::default() }
}

fn remedy(facts: &Facts, service: &Service) -> Remedy {
    let mut by_hand = listen_queue::why_it_fills();
    let asked = listen_queue::asked(service).map(|asked| asked.value).ok();
    let somaxconn = service.network.somaxconn.known().copied();
    match (asked, somaxconn) {
        (Some(asked), Some(bound)) if bound < asked => {
            by_hand.extend(listen_queue::raise_steps(facts, service, asked));
            by_hand.push(steps::restart(service));
            Remedy { command: listen_queue::raise_command(facts, service, asked), by_hand, restart: true }
        }
        _ => Remedy { by_hand, ..Remedy::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{fresh_host, host_with_gunicorn, with_service};
    use crate::checks::judged::*;
    use crate::facts::Fact;

    fn counted(overflows: u64, during_look: u64) -> Facts {
        let overflows =
            ListenCounters { overflows, drops: overflows, overflows_during_look: during_look, look_seconds: 0.1 };
        with_service(|s| s.network.overflows = Fact::Known(overflows))
    }

    #[test]
    fn no_overflow_is_healthy() {
        assert_eq!(healthy(judged(&host_with_gunicorn(), each)).observed, "0 turned away");
    }

    #[test]
    fn the_rate_decides_and_not_the_total() {
        for (facts, severity) in [
            (counted(500, 3), Severity::Critical),
            (counted(24, 0), Severity::Warning),
            (counted(23, 0), Severity::Info),
            (counted(1, 0), Severity::Info),
        ] {
            assert_eq!(found(judged(&facts, each)).severity, severity);
        }
        assert_eq!(found(judged(&counted(24, 0), each)).seen.observed, "24 turned away in 24 h");
        let mut young = counted(9, 0);
        young.host.uptime_seconds = Fact::Known(Seconds(60.0));
        assert_eq!(found(judged(&young, each)).severity, Severity::Info);
    }

    #[test]
    fn a_full_queue_is_critical_before_any_counter_moves() {
        let facts = with_service(|s| {
            let Fact::Known(listeners) = &mut s.listeners else { panic!() };
            listeners[0].queued = 2048;
        });
        let finding = found(judged(&facts, each));
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.seen.observed.contains("127.0.0.1:8000 is full"));
    }

    #[test]
    fn a_private_network_counts_since_its_master_started() {
        let mut facts = counted(20, 0);
        service(&mut facts).network.is_gtunes = Fact::Known(false);
        assert_eq!(found(judged(&facts, each)).severity, Severity::Warning);
    }

    #[test]
    fn the_bound_is_raised_only_where_it_cuts_the_queue() {
        assert_eq!(found(judged(&counted(24, 0), each)).remedy.command, None);
        let mut facts = counted(24, 0);
        service(&mut facts).network.somaxconn = Fact::Known(128);
        assert!(found(judged(&facts, each)).remedy.command.is_some());
    }

    #[test]
    fn unix_sockets_have_no_counter() {
        let facts = with_service(|s| {
            let Fact::Known(listeners) = &mut s.listeners else { panic!() };
            (listeners[0].kind, listeners[0].address) = (ListenerKind::Unix, "unix:/run/app.sock".into());
            hide(&mut s.network.overflows);
        });
        not_applicable(judged(&facts, each));
        not_applicable(fresh(&fresh_host()));
    }

    #[test]
    fn what_could_not_be_counted_is_not_nothing() {
        cannot_tell(judged(&with_service(|s| hide(&mut s.listeners)), each));
        cannot_tell(judged(&with_service(|s| hide(&mut s.network.overflows)), each));
        let mut facts = counted(24, 0);
        hide(&mut facts.host.uptime_seconds);
        cannot_tell(judged(&facts, each));
    }
}
