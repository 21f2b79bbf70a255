//! A network namespace and the listening sockets in it.

use crate::facts::Fact;
use crate::units::Pid;
use serde::Serialize;

/// One network namespace, as a process in it sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Network {
    /// Inode of `/proc/<pid>/ns/net`.
    pub namespace: Fact<u64>,
    /// Whether it is the one gtune runs in.
    pub is_gtunes: Fact<bool>,
    /// `net.core.somaxconn` in that namespace.
    pub somaxconn: Fact<u64>,
    /// `net.ipv4.tcp_syncookies` in that namespace.
    pub tcp_syncookies: Fact<u64>,
    /// Counters of refused connections; TCP only.
    pub overflows: Fact<ListenCounters>,
}

/// `TcpExt` counters of `/proc/<pid>/net/netstat`, for all sockets of the namespace since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ListenCounters {
    /// `ListenOverflows`: a finished handshake found the accept queue full.
    pub overflows: u64,
    /// `ListenDrops`: all connection requests dropped at a listening socket, overflows included.
    pub drops: u64,
    /// Overflows counted while gtune looked.
    pub overflows_during_look: u64,
    /// Length of that look in seconds.
    pub look_seconds: f64,
}

/// Kind of a listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerKind {
    /// TCP over IPv4 or IPv6.
    Tcp,
    /// Unix stream socket.
    Unix,
}

/// A listening socket of a Gunicorn, from sock_diag(7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// TCP or unix.
    pub kind: ListenerKind,
    /// `127.0.0.1:8000`, `[::]:8000`, `unix:/run/app.sock`, `unix:@abstract`.
    pub address: String,
    /// Inode of the socket.
    pub inode: u64,
    /// Connections that wait to be accepted.
    pub queued: u64,
    /// The cap in force: min(backlog, somaxconn) at the moment of listen(2).
    pub limit: u64,
    /// Who holds it, of this service.
    pub held_by: Vec<Pid>,
    /// How it came to this service.
    pub origin: ListenerOrigin,
}

/// How a listening socket came to a Gunicorn; decides what makes it listen again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerOrigin {
    /// Bound by the master and shared with the workers.
    Master,
    /// Bound by each worker for itself (`reuse_port`, Gunicorn 24 and later).
    Worker,
    /// Handed over by systemd (`LISTEN_FDS`).
    SocketUnit,
}

/// `ListenOverflows` and `ListenDrops` of `/proc/<pid>/net/netstat`; none where the kernel does not list both.
///
/// The file has two lines a protocol, names and numbers. Kernels add columns anywhere, so the names count.
pub fn parse_listen_counters(netstat: &[u8]) -> Option<(u64, u64)> {
    let text = String::from_utf8_lossy(netstat);
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let counter = |wanted: &str| {
        let column = names.split_ascii_whitespace().position(|name| name == wanted)?;
        numbers.split_ascii_whitespace().nth(column)?.parse().ok()
    };
    Some((counter("ListenOverflows")?, counter("ListenDrops")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NETSTAT: &str = "TcpExt: SyncookiesSent TCPRcvCollapsed ListenOverflows ListenDrops TCPPrequeued\n\
        TcpExt: 1 2 37 41 5\nIpExt: InNoRoutes ListenDrops\nIpExt: 0 9\n";

    #[test]
    fn counters_go_by_the_name_of_their_column() {
        assert_eq!(parse_listen_counters(NETSTAT.as_bytes()), Some((37, 41)));
    }

    #[test]
    fn a_missing_counter_is_not_zero() {
        for cut in [0, 10, NETSTAT.find("37").unwrap(), NETSTAT.find("41").unwrap()] {
            assert_eq!(parse_listen_counters(&NETSTAT.as_bytes()[..cut]), None);
        }
        assert_eq!(parse_listen_counters(NETSTAT.replace("ListenDrops", "X").as_bytes()), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, columns in "( ListenOverflows| ListenDrops| [a-z0-9]{1,4}){0,4}") {
            parse_listen_counters(&bytes);
            parse_listen_counters(format!("TcpExt:{columns}\nTcpExt:{columns}\n").as_bytes());
        }

        #[test]
        fn the_place_of_the_columns_does_not_matter(before in 0usize..40, between in 0usize..40, a: u64, b: u64) {
            let (x, y) = (" X".repeat(before), " Y".repeat(between));
            let (x0, y0) = (" 0".repeat(before), " 0".repeat(between));
            let text = format!("TcpExt:{x} ListenOverflows{y} ListenDrops\nTcpExt:{x0} {a}{y0} {b}\n");
            prop_assert_eq!(parse_listen_counters(text.as_bytes()), Some((a, b)));
        }
    }
}
