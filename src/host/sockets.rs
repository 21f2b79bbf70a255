//! Listening sockets of a network namespace with the length and the cap of their queues (sock_diag(7)).
//!
//! `/proc/net/tcp` shows the queue but not the cap, and nothing at all of unix sockets.

use crate::facts::ListenerKind;
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{self, InetRequest, InetResponse, SocketId};
use netlink_packet_sock_diag::unix::nlas::{Nla, UnixDiagName};
use netlink_packet_sock_diag::unix::{self, UnixRequest, UnixResponse};
use netlink_packet_sock_diag::{SockDiagMessage, constants::SOCK_STREAM};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};
use std::io;
use std::net::{IpAddr, Ipv6Addr};

/// The kernel fills at most 32 KiB into one answer (`netlink_dump` in net/netlink/af_netlink.c).
const LARGEST_ANSWER: usize = 64 << 10;

/// A listening socket, whoever holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListeningSocket {
    /// TCP or unix.
    pub kind: ListenerKind,
    /// As [`crate::facts::Listener::address`].
    pub address: String,
    /// Port of a TCP socket.
    pub port: Option<u16>,
    /// Inode, as `socket:[…]` of a descriptor shows it.
    pub inode: u64,
    /// Connections that wait to be accepted.
    pub queued: u64,
    /// The cap of that queue.
    pub limit: u64,
}

/// All listening TCP and unix stream sockets of the network namespace this thread is in. Anyone may ask.
pub fn listening() -> io::Result<Vec<ListeningSocket>> {
    let mut found = ask(tcp(AF_INET, SocketId::new_v4()))?;
    // A kernel without IPv6 answers ENOENT here; then there is nothing to find.
    match ask(tcp(AF_INET6, SocketId::new_v6())) {
        Ok(more) => found.extend(more),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    found.extend(ask(unix_streams())?);
    Ok(found)
}

fn tcp(family: u8, socket_id: SocketId) -> SockDiagMessage {
    SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: inet::ExtensionFlags::empty(),
        states: inet::StateFlags::LISTEN,
        socket_id,
    })
}

fn unix_streams() -> SockDiagMessage {
    SockDiagMessage::UnixRequest(UnixRequest {
        state_flags: unix::StateFlags::LISTEN,
        inode: 0,
        show_flags: unix::ShowFlags::NAME | unix::ShowFlags::RQLEN,
        cookie: [0xff; 8],
    })
}

fn ask(request: SockDiagMessage) -> io::Result<Vec<ListeningSocket>> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    send(&socket, request)?;
    let mut found = Vec::new();
    let mut answer = Vec::with_capacity(LARGEST_ANSWER);
    loop {
        answer.clear();
        socket.recv(&mut answer, 0)?;
        if !take_answers(&answer, &mut found)? {
            return Ok(found);
        }
    }
}

fn send(socket: &Socket, request: SockDiagMessage) -> io::Result<()> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut packet = NetlinkMessage::new(header, NetlinkPayload::from(request));
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);
    socket.send(&bytes, 0).map(drop)
}

/// Takes the sockets out of one datagram; false once the kernel says that this was all.
fn take_answers(mut datagram: &[u8], found: &mut Vec<ListeningSocket>) -> io::Result<bool> {
    while let Some(length) = message_length(datagram) {
        let (message, rest) = datagram.split_at(length.min(datagram.len()));
        // Messages are padded to four bytes (netlink(7)).
        datagram = rest.get((4 - length % 4) % 4..).unwrap_or_default();
        match NetlinkMessage::<SockDiagMessage>::deserialize(message).map(|message| message.payload) {
            // The last message carries the error of a dump that could not begin, as a negative number.
            Ok(NetlinkPayload::Done(done)) if done.code < 0 => return Err(io::Error::from_raw_os_error(-done.code)),
            Ok(NetlinkPayload::Done(_)) => return Ok(false),
            Ok(NetlinkPayload::Error(error)) => return Err(error.to_io()),
            Ok(NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response))) => found.push(of_tcp(&response)),
            Ok(NetlinkPayload::InnerMessage(SockDiagMessage::UnixResponse(response))) => {
                found.extend(of_unix(&response))
            }
            // A socket with a name that cannot be decoded is nobody's listener; the others still count.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(true)
}

/// The length the next message gives for itself; nothing where the rest is no message.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    (length >= 16).then_some(length)
}

fn of_tcp(response: &InetResponse) -> ListeningSocket {
    let header = &response.header;
    let port = header.socket_id.source_port;
    let address = match plain(header.socket_id.source_address) {
        IpAddr::V4(ip) => format!("{ip}:{port}"),
        IpAddr::V6(ip) => format!("[{ip}]:{port}"),
    };
    ListeningSocket {
        kind: ListenerKind::Tcp,
        address,
        port: Some(port),
        inode: u64::from(header.inode),
        queued: u64::from(header.recv_queue),
        limit: u64::from(header.send_queue),
    }
}

/// An IPv4 address that an IPv6 socket is bound to is written as IPv4; `::` stays as it is.
fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) if v6 != Ipv6Addr::UNSPECIFIED => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        other => other,
    }
}

fn of_unix(response: &UnixResponse) -> Option<ListeningSocket> {
    let address = match response.name()? {
        UnixDiagName::Pathname(path) => format!("unix:{}", path.to_string_lossy()),
        UnixDiagName::Abstract(name) => format!("unix:@{}", String::from_utf8_lossy(name)),
    };
    let queue = response.nlas.iter().find_map(|nla| match nla {
        Nla::ReceiveQueueLength(queued, limit) => Some((u64::from(*queued), u64::from(*limit))),
        _ => None,
    });
    let (queued, limit) = queue?;
    let of_streams = response.header.kind == SOCK_STREAM;
    of_streams.then(|| ListeningSocket {
        kind: ListenerKind::Unix,
        address,
        port: None,
        inode: u64::from(response.header.inode),
        queued,
        limit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixListener;

    fn inode(socket: &impl AsRawFd) -> u64 {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap()
    }

    #[test]
    fn a_listening_socket_is_found_by_its_inode_with_its_cap() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        let unix = UnixListener::bind(&path).unwrap();
        let waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let found = listening().unwrap();
        let tcp_found = found.iter().find(|socket| socket.inode == inode(&tcp)).unwrap();
        assert_eq!(tcp_found.address, tcp.local_addr().unwrap().to_string());
        assert!(tcp_found.limit > 0);
        let unix_found = found.iter().find(|socket| socket.inode == inode(&unix)).unwrap();
        assert_eq!(unix_found.address, format!("unix:{}", path.display()));
        assert_eq!((unix_found.queued, unix_found.limit > 0), (1, true));
        drop(waiting);
    }

    #[test]
    fn the_last_message_ends_the_answer() {
        let done = [20u32.to_ne_bytes(), [3, 0, 2, 0], [0; 4], [0; 4], [0; 4]].concat();
        assert!(!take_answers(&done, &mut vec![]).unwrap());
        assert!(take_answers(&[], &mut vec![]).unwrap());
    }

    proptest! {
        #[test]
        fn any_answer_is_taken_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = take_answers(&bytes, &mut vec![]);
        }
    }
}
