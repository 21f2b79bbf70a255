//! The network stack that ran out of something.

use super::cursor::Cursor;
use super::{Event, Name};
use memchr::memmem;
use serde::Serialize;

/// `TCP: request_sock_TCP: Possible SYN flooding on port PORT. Sending cookies.`: `net/ipv4/tcp_input.c`. The kind of
/// socket is named since 3.3, the address since 6.2; up to 3.0 it begins `possible SYN flooding`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SynFlooding {
    /// The port that is listened on.
    pub port: u16,
    /// The address that is listened on, as printed, IPv6 without brackets; `0.0.0.0` and `::` are all addresses.
    pub address: Option<Name>,
    /// Whether the socket is one of IPv6; `None` where the kernel did not say.
    pub is_ipv6: Option<bool>,
    /// What was done about it.
    pub answer: SynAnswer,
}

/// What the kernel does with a connection that finds the queue full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SynAnswer {
    /// It is answered without keeping it in mind (`net.ipv4.tcp_syncookies`).
    Cookies,
    /// It is dropped; the client tries again a second later.
    Dropped,
}

pub(super) fn syn_flooding(message: &[u8]) -> Option<Event> {
    let mut rest = Cursor(message);
    let before = rest.until(b"ossible SYN flooding on port ")?;
    let socket = before.strip_suffix(b"P").or_else(|| before.strip_suffix(b"p")).filter(|text| is_prefix(text))?;
    let (address, port) = listener(&mut rest)?;
    rest.pass(b". ")?;
    let answer = match rest.0 {
        text if text.starts_with(b"Sending cookies") => SynAnswer::Cookies,
        text if text.starts_with(b"Dropping request") => SynAnswer::Dropped,
        _ => return None,
    };
    let is_ipv6 = match address {
        Some(address) => Some(address.contains(&b':')),
        None if memmem::find(socket, b"v6").is_some() => Some(true),
        None if memmem::find(socket, b"request_sock").is_some() => Some(false),
        None => None,
    };
    Some(Event::SynFlooding(SynFlooding { port, address: address.map(Name::from), is_ipv6, answer }))
}

/// Whether this is nothing, or the kernel's words for a kind of socket: `TCP: request_sock_TCP: `.
fn is_prefix(text: &[u8]) -> bool {
    let mut rest = Cursor(text);
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    // pr_fmt of the file, then the name of the protocol.
    for _ in 0..2 {
        let known = [&b"TCP"[..], b"MPTCP", b"request_sock_"].iter().any(|known| rest.0.starts_with(known));
        if !rest.0.is_empty() && (!known || !rest.until(b": ").is_some_and(|word| word.iter().all(is_word))) {
            return false;
        }
    }
    rest.0.is_empty()
}

/// Takes `PORT`, `ADDRESS:PORT` or `[ADDRESS]:PORT`.
fn listener<'a>(rest: &mut Cursor<'a>) -> Option<(Option<&'a [u8]>, u16)> {
    let mut plain = *rest;
    if let Some(port) = plain.small().filter(|_| plain.0.starts_with(b". ")) {
        *rest = plain;
        return Some((None, port.try_into().ok()?));
    }
    let is_bracketed = rest.passes(b"[");
    let address = if is_bracketed { rest.until(b"]:")? } else { rest.until(b":")? };
    let is_address = |b: &u8| b.is_ascii_hexdigit() || b".:".contains(b) || is_bracketed && *b == b'%';
    let port = rest.small()?.try_into().ok()?;
    address.iter().all(is_address).then_some((Some(address), port))
}

pub(super) fn sockets(message: &[u8]) -> Option<Event> {
    match message.trim_ascii_end() {
        b"TCP: out of memory -- consider tuning tcp_mem" | b"Out of socket memory" => Some(Event::TcpMemoryExhausted),
        b"TCP: too many orphaned sockets" | b"TCP: too many of orphaned sockets" => Some(Event::TooManyOrphanedSockets),
        _ => None,
    }
}

pub(super) fn conntrack_full(message: &[u8]) -> Option<Event> {
    let mut rest = Cursor(message);
    rest.pass_any(&[b"nf_conntrack: ", b"ip_conntrack: "])?;
    // The module's own prefix comes twice on most kernels.
    rest.passes(b"nf_conntrack: ");
    rest.pass(b"table full")?;
    let network_namespace = if rest.passes(b" in netns ") { Some(rest.decimal()?) } else { None };
    rest.pass(b", dropping packet")?;
    Some(Event::ConntrackFull { network_namespace })
}
