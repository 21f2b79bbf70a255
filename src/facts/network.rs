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
