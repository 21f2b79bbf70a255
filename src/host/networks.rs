//! The network namespaces of the services: each is entered once, however many services share it.

use super::namespaces::{Inside, inside, inside_of};
use super::processes::ProcessHandle;
use super::sockets::ListeningSocket;
use crate::facts::{Fact, ListenCounters, Network, parse_listen_counters};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

/// Gtune's own network namespace and those it has met.
#[derive(Debug)]
pub struct Networks {
    gtune: ProcessHandle,
    own: Rc<Inside>,
    met: HashMap<u64, Rc<Inside>>,
}

/// Counters read at the begin of a look, to be read again at its end.
#[derive(Debug)]
pub struct Watch {
    begin: Fact<(u64, u64)>,
    since: Instant,
}

impl Networks {
    /// Looks into the namespace gtune runs in.
    pub fn of_gtune(gtune: ProcessHandle) -> Self {
        Self { gtune, own: Rc::new(inside("gtune's network namespace")), met: HashMap::new() }
    }

    /// Gtune's own.
    pub fn own(&self, watch: &Watch) -> Network {
        network(self.gtune.namespace("net"), Fact::Known(true), &self.own, watch.end(&self.gtune))
    }

    /// A handle on gtune itself.
    pub fn gtune(&self) -> &ProcessHandle {
        &self.gtune
    }

    /// The namespace of a master, and every listening socket that one of its descriptors may be: a socket that was
    /// handed over belongs to the namespace it was made in, which may be gtune's.
    pub fn of(&mut self, master: &ProcessHandle, watch: &Watch) -> (Network, Fact<Vec<ListeningSocket>>) {
        let is_gtunes = self.is_gtunes(master);
        let inside = self.inside(master, &is_gtunes);
        let mut sockets = inside.sockets.clone();
        if let (Fact::Known(sockets), Fact::Known(own), Fact::Known(false)) =
            (&mut sockets, &self.own.sockets, &is_gtunes)
        {
            sockets.extend(own.iter().cloned());
        }
        let namespace = match (&is_gtunes, master.namespace("net")) {
            (Fact::Known(true), Fact::Unreadable(_)) => self.gtune.namespace("net"),
            (_, namespace) => namespace,
        };
        (network(namespace, is_gtunes, &inside, watch.end(master)), sockets)
    }

    fn inside(&mut self, master: &ProcessHandle, is_gtunes: &Fact<bool>) -> Rc<Inside> {
        match (is_gtunes, master.namespace("net")) {
            (Fact::Known(true), _) => self.own.clone(),
            (_, Fact::Known(namespace)) => {
                self.met.entry(namespace).or_insert_with(|| Rc::new(inside_of(master))).clone()
            }
            _ => Rc::new(inside_of(master)),
        }
    }

    /// Who may not look at the namespace itself can still compare the files below `/proc/<pid>/net`, which anyone may
    /// list: each namespace has its own, with inodes of their own (`proc_net_ns_init` in fs/proc/proc_net.c).
    fn is_gtunes(&self, master: &ProcessHandle) -> Fact<bool> {
        if let (Fact::Known(theirs), Fact::Known(own)) = (master.namespace("net"), self.gtune.namespace("net")) {
            return Fact::Known(theirs == own);
        }
        match (master.stat("net/netstat"), self.gtune.stat("net/netstat")) {
            (Ok(theirs), Ok(own)) => Fact::Known((theirs.st_dev, theirs.st_ino) == (own.st_dev, own.st_ino)),
            (Err(errno), _) | (_, Err(errno)) => Fact::Unreadable(master.reason("net/netstat", errno)),
        }
    }
}

fn network(namespace: Fact<u64>, is_gtunes: Fact<bool>, inside: &Inside, overflows: Fact<ListenCounters>) -> Network {
    let Inside { somaxconn, tcp_syncookies, .. } = inside.clone();
    Network { namespace, is_gtunes, somaxconn, tcp_syncookies, overflows }
}

impl Watch {
    /// Reads the counters of a process's network namespace for the first time.
    pub fn begin(process: &ProcessHandle) -> Self {
        Self { begin: counters(process), since: Instant::now() }
    }

    /// Reads them again.
    fn end(&self, process: &ProcessHandle) -> Fact<ListenCounters> {
        let begin = self.begin.clone();
        begin.and_then(|(before, _)| {
            counters(process).map(|(overflows, drops)| ListenCounters {
                overflows,
                drops,
                overflows_during_look: overflows.saturating_sub(before),
                look_seconds: self.since.elapsed().as_secs_f64(),
            })
        })
    }
}

/// `ListenOverflows` and `ListenDrops`.
fn counters(process: &ProcessHandle) -> Fact<(u64, u64)> {
    process.read("net/netstat").and_then(|text| parse_listen_counters(&text).into())
}
