//! Which of the listening sockets of a namespace are a service's own, and how they came to it.

use super::descriptors::OpenFiles;
use super::sockets::ListeningSocket;
use crate::facts::{Fact, Listener, ListenerOrigin};
use crate::gunicorn::Settings;
use crate::units::Pid;
use std::collections::BTreeMap;

/// The name of the control socket's file unless `control_socket` says another (Gunicorn 25.1 and later).
const CONTROL_SOCKET: &str = "gunicorn.ctl";

/// A process of the service and what it holds.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    /// The process.
    pub pid: Pid,
    /// Its descriptors.
    pub files: &'a Fact<OpenFiles>,
}

/// A service as its sockets are told apart.
#[derive(Debug)]
pub struct Listening<'a> {
    /// Every listening socket that could be one of its own.
    pub sockets: &'a Fact<Vec<ListeningSocket>>,
    /// The master.
    pub master: Holder<'a>,
    /// The workers.
    pub workers: &'a [Holder<'a>],
    /// Its settings.
    pub settings: &'a Settings,
    /// How the sockets of the master came to it.
    pub origin: ListenerOrigin,
}

impl Holder<'_> {
    fn holds(&self, inode: u64) -> bool {
        self.files.known().is_some_and(|files| files.sockets.contains(&inode))
    }
}

impl Listening<'_> {
    /// The sockets it serves requests at.
    pub fn listeners(&self) -> Fact<Vec<Listener>> {
        self.sockets.as_ref().and_then(|sockets| match self.master.files {
            Fact::Known(_) => Fact::Known(self.held(sockets)),
            Fact::Absent => Fact::Absent,
            Fact::Unreadable(reason) => match self.by_address(sockets) {
                found if found.is_empty() => Fact::Unreadable(reason.clone()),
                found => Fact::Known(found),
            },
        })
    }

    /// The path of its control socket.
    pub fn control_socket(&self) -> Fact<String> {
        let Fact::Known(_) = self.master.files else {
            return self.master.files.as_ref().and_then(|_| Fact::Absent);
        };
        self.sockets.as_ref().and_then(|sockets| {
            let held = sockets.iter().find(|socket| self.master.holds(socket.inode) && self.is_control(socket));
            held.and_then(|socket| socket.address.strip_prefix("unix:")).map(str::to_owned).into()
        })
    }

    fn held(&self, sockets: &[ListeningSocket]) -> Vec<Listener> {
        let serves = |socket: &&ListeningSocket| !self.is_control(socket) && !is_dirty(socket);
        let (of_master, others): (Vec<&ListeningSocket>, Vec<&ListeningSocket>) =
            sockets.iter().filter(serves).partition(|socket| self.master.holds(socket.inode));
        let of_workers: Vec<&ListeningSocket> =
            others.into_iter().filter(|socket| self.workers.iter().any(|worker| worker.holds(socket.inode))).collect();
        let mut found: Vec<Listener> =
            self.those_bound(of_master).into_iter().map(|socket| self.listener(socket, self.origin)).collect();
        let own = self.those_of_workers(of_workers, found.is_empty());
        found.extend(own.into_iter().map(|socket| self.listener(socket, ListenerOrigin::Worker)));
        found
    }

    /// An application may listen for itself in the master (an exporter of metrics); where `bind` is known it tells
    /// them apart. Sockets handed over are not bound by Gunicorn, so `bind` says nothing of them.
    fn those_bound<'s>(&self, held: Vec<&'s ListeningSocket>) -> Vec<&'s ListeningSocket> {
        let bound: Vec<&ListeningSocket> = held.iter().copied().filter(|socket| self.is_bound(socket)).collect();
        let trusted = self.origin == ListenerOrigin::Master && !bound.is_empty();
        if trusted { bound } else { held }
    }

    /// With `reuse_port` each worker of Gunicorn 24 and later listens for itself. An application's own socket in a
    /// worker is told from it by `bind`, or by being in one worker only.
    fn those_of_workers<'s>(&self, held: Vec<&'s ListeningSocket>, none_in_master: bool) -> Vec<&'s ListeningSocket> {
        let mut by_address: BTreeMap<&str, usize> = BTreeMap::new();
        held.iter().for_each(|socket| *by_address.entry(&socket.address).or_default() += 1);
        let shared = |socket: &ListeningSocket| none_in_master && by_address[socket.address.as_str()] > 1;
        held.iter().copied().filter(|socket| self.is_bound(socket) || shared(socket)).collect()
    }

    /// Without a look at descriptors: the sockets bound to exactly what `bind` says.
    fn by_address(&self, sockets: &[ListeningSocket]) -> Vec<Listener> {
        let Some(binds) = self.binds().filter(|_| self.origin == ListenerOrigin::Master) else {
            return vec![];
        };
        let exactly = |socket: &&ListeningSocket| binds.iter().any(|bind| bind.text == socket.address);
        let mut found: Vec<&ListeningSocket> = sockets.iter().filter(exactly).collect();
        // Several sockets at one address are several programs or workers; whose is whose only descriptors tell.
        found.dedup_by(|a, b| a.address == b.address);
        if found.len() != binds.len() {
            return vec![];
        }
        found.into_iter().map(|socket| self.listener(socket, ListenerOrigin::Master)).collect()
    }

    fn listener(&self, socket: &ListeningSocket, origin: ListenerOrigin) -> Listener {
        let all = std::iter::once(&self.master).chain(self.workers);
        Listener {
            kind: socket.kind,
            address: socket.address.clone(),
            inode: socket.inode,
            queued: socket.queued,
            limit: socket.limit,
            held_by: all.filter(|holder| holder.holds(socket.inode)).map(|holder| holder.pid).collect(),
            origin,
        }
    }

    fn is_bound(&self, socket: &ListeningSocket) -> bool {
        self.binds().is_some_and(|binds| binds.iter().any(|bind| bind.is_of(socket)))
    }

    fn binds(&self) -> Option<Vec<Bind>> {
        let bind = self.settings.bind();
        bind.known()?.value.iter().flat_map(|text| text.split(',')).map(|text| Bind::parse(text.trim())).collect()
    }

    fn is_control(&self, socket: &ListeningSocket) -> bool {
        let Some(path) = socket.address.strip_prefix("unix:") else { return false };
        let named = self.settings.text("control_socket").known().is_some_and(|setting| setting.value == path);
        named || path == CONTROL_SOCKET || path.ends_with("/gunicorn.ctl")
    }
}

/// The socket of a dirty arbiter (Gunicorn 25 and later), which only workers connect to.
fn is_dirty(socket: &ListeningSocket) -> bool {
    socket.address.strip_prefix("unix:").is_some_and(|path| path.contains("/gunicorn-dirty-"))
}

/// One value of `bind`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bind {
    /// As sock_diag would show it, if its host is a number.
    text: String,
    port: Option<u16>,
}

impl Bind {
    /// Reads `HOST:PORT`, `[V6]:PORT`, `:PORT`, `HOST`, `unix:PATH`; nothing for `fd://N`, which names no address.
    fn parse(text: &str) -> Option<Self> {
        if text.starts_with("fd://") {
            return None;
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Some(Self { text: format!("unix:{path}"), port: None });
        }
        let address = text.strip_prefix("tcp://").unwrap_or(text);
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (address, 8000),
        };
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        Some(Self { text: format!("{host}:{port}"), port: Some(port) })
    }

    /// Host names are not resolved; the port is enough among the sockets one service holds. Port 0 is any.
    fn is_of(&self, socket: &ListeningSocket) -> bool {
        match self.port {
            Some(0) => socket.port.is_some(),
            Some(port) => socket.port == Some(port),
            None => socket.address == self.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::settings;
    use crate::facts::ListenerKind;
    use crate::gunicorn::{Settings, Value};

    fn socket(address: &str, inode: u64) -> ListeningSocket {
        let port = if address.starts_with("unix:") {
            None
        } else {
            address.rsplit_once(':').and_then(|(_, p)| p.parse().ok())
        };
        let kind = if port.is_none() { ListenerKind::Unix } else { ListenerKind::Tcp };
        ListeningSocket { kind, address: address.into(), port, inode, queued: 0, limit: 128 }
    }

    fn holding(inodes: &[u64]) -> Fact<OpenFiles> {
        Fact::Known(OpenFiles { sockets: inodes.iter().copied().collect(), ..OpenFiles::default() })
    }

    fn bind(addresses: &[&str]) -> Settings {
        settings(&[("bind", Value::List(addresses.iter().map(|a| (*a).to_owned()).collect()))])
    }

    /// Master 1 and worker 2 of a service, and what each of them holds.
    fn found(
        sockets: &[ListeningSocket],
        master: &Fact<OpenFiles>,
        worker: &[&Fact<OpenFiles>],
        settings: &Settings,
    ) -> Fact<Vec<String>> {
        let workers: Vec<Holder> =
            worker.iter().enumerate().map(|(n, files)| Holder { pid: Pid(2 + n as i32), files }).collect();
        let sockets = Fact::Known(sockets.to_vec());
        let origin = ListenerOrigin::Master;
        let service = Listening {
            sockets: &sockets,
            master: Holder { pid: Pid(1), files: master },
            workers: &workers,
            settings,
            origin,
        };
        service.listeners().map(|found| found.iter().map(|one| format!("{} {:?}", one.address, one.origin)).collect())
    }

    fn known(texts: &[&str]) -> Fact<Vec<String>> {
        Fact::Known(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn the_sockets_a_master_holds_are_its_listeners() {
        let sockets = [socket("127.0.0.1:8000", 7), socket("127.0.0.1:9999", 8)];
        let all = found(&sockets, &holding(&[7]), &[&holding(&[7])], &Settings::default());
        assert_eq!(all, known(&["127.0.0.1:8000 Master"]));
    }

    #[test]
    fn what_an_application_listens_at_is_not_gunicorns() {
        let sockets =
            [socket("0.0.0.0:8000", 7), socket("0.0.0.0:9090", 8), socket("unix:/home/x/.gunicorn/gunicorn.ctl", 9)];
        let all = found(&sockets, &holding(&[7, 8, 9]), &[], &bind(&["localhost:8000"]));
        assert_eq!(all, known(&["0.0.0.0:8000 Master"]));
    }

    #[test]
    fn with_reuse_port_the_workers_hold_them() {
        let sockets = [socket("127.0.0.1:8000", 7), socket("127.0.0.1:8000", 8), socket("127.0.0.1:40000", 9)];
        let all = found(&sockets, &holding(&[]), &[&holding(&[7, 9]), &holding(&[8])], &Settings::default());
        assert_eq!(all, known(&["127.0.0.1:8000 Worker", "127.0.0.1:8000 Worker"]));
    }

    #[test]
    fn hidden_descriptors_leave_the_address() {
        let sockets = [socket("127.0.0.1:8000", 7), socket("unix:/run/a.sock", 8)];
        let hidden = Fact::unreadable("permission denied");
        assert_eq!(found(&sockets, &hidden, &[], &bind(&["unix:/run/a.sock"])), known(&["unix:/run/a.sock Master"]));
        assert_eq!(found(&sockets, &hidden, &[], &bind(&["app.example:8000"])), Fact::unreadable("permission denied"));
    }

    #[test]
    fn a_bind_is_read_as_gunicorn_reads_it() {
        for (text, address) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
            ("[::1]", "[::1]:8000"),
            (":80", "0.0.0.0:80"),
            ("tcp://0.0.0.0:80", "0.0.0.0:80"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
            ("unix:///run/a.sock", "unix:/run/a.sock"),
        ] {
            assert_eq!(Bind::parse(text).unwrap().text, address);
        }
        assert_eq!(Bind::parse("fd://3"), None);
    }
}
