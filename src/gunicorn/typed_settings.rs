//! Settings by their meaning, each with Gunicorn's default.

use super::{Settings, Source, Sourced, Value, WorkerClass};
use crate::facts::Fact;

macro_rules! settings {
    ($($(#[$doc:meta])+ $name:ident: $kind:ident $(= $default:expr)?;)+) => {
        impl Settings {
            $($(#[$doc])+ pub fn $name(&self) -> settings!(@type $kind) { settings!(@get self $name $kind $($default)?) })+
        }
    };
    (@type number) => { Fact<Sourced<i64>> };
    (@type flag) => { Fact<Sourced<bool>> };
    (@type text) => { Fact<Sourced<String>> };
    (@get $self:ident $name:ident number $default:expr) => { $self.number(stringify!($name), $default) };
    (@get $self:ident $name:ident flag $default:expr) => { $self.flag(stringify!($name), $default) };
    (@get $self:ident $name:ident text) => { $self.text(stringify!($name)) };
    (@get $self:ident $name:ident text $default:expr) => { $self.text_or(stringify!($name), $default) };
}

settings! {
    /// Number of workers; 1.
    workers: number = 1;
    /// Seconds without a heartbeat after which a worker is killed; 30, and 0 for never.
    timeout: number = 30;
    /// Seconds a worker may take to finish its requests; 30.
    graceful_timeout: number = 30;
    /// Length of the listen queue that is asked for; 2048.
    backlog: number = 2048;
    /// Request threads a worker; 1.
    threads: number = 1;
    /// Connections at once a worker, for gthread, gevent and eventlet; 1000.
    worker_connections: number = 1000;
    /// Directory of the heartbeat file; absent: Python's choice (`TMPDIR`, `/tmp`, …).
    worker_tmp_dir: text;
    /// User the workers run as; absent: the master's.
    user: text;
    /// Group the workers run as; absent: the master's.
    group: text;
    /// Whether files are sent with sendfile(2); on, and any value given turns it off.
    sendfile: flag = true;
    /// Whether the application is imported before the workers are forked; off.
    preload_app: flag = false;
    /// Whether listeners set `SO_REUSEPORT` (socket(7)); off.
    reuse_port: flag = false;
    /// Requests after which a worker is replaced; 0 for never.
    max_requests: number = 0;
    /// Greatest random number added to `max_requests` for each worker; 0.
    max_requests_jitter: number = 0;
    /// Path of the control socket (25.1 and later); absent: Gunicorn's choice by user and version.
    control_socket: text;
    /// File that holds the master's pid; absent: none.
    pidfile: text;
    /// Name in the process title, where setproctitle is installed; absent: the application's.
    proc_name: text;
    /// Whether Gunicorn detaches itself; off.
    daemon: flag = false;
    /// Error log; `-` for standard error.
    errorlog: text = "-";
    /// Access log; absent: none, `-` for standard output.
    accesslog: text;
    /// Directory changed to before the application is imported; absent: the one it was started in.
    chdir: text;
}

impl Settings {
    /// Whether the control socket is turned off (25.1 and later); off.
    pub fn control_socket_disabled(&self) -> Fact<Sourced<bool>> {
        self.flag("control_socket_disable", false)
    }

    /// Addresses to listen at; `127.0.0.1:8000`.
    pub fn bind(&self) -> Fact<Sourced<Vec<String>>> {
        let default = || Sourced { value: vec!["127.0.0.1:8000".to_owned()], source: Source::Default };
        match (self.given.get("bind"), &self.blind) {
            (Some(Sourced { value: Value::List(list), source }), _) => {
                Fact::Known(Sourced { value: list.clone(), source: source.clone() })
            }
            // The reasons why it is no address are those of a string.
            (Some(_), _) => self.text("bind").map(|one| Sourced { value: vec![one.value], source: one.source }),
            (None, Some(reason)) => Fact::Unreadable(reason.clone()),
            (None, None) => Fact::Known(default()),
        }
    }

    /// The worker class. `sync` with more than one thread is gthread, as Gunicorn makes it.
    pub fn worker_class(&self) -> Fact<Sourced<WorkerClass>> {
        self.text_or("worker_class", "sync").and_then(|given| {
            let is_sync = given.value == "sync" || given.value.ends_with("SyncWorker");
            let class = WorkerClass::named(&given.value);
            if !is_sync {
                return Fact::Known(Sourced { value: class, source: given.source });
            }
            self.threads().map(|threads| match threads.value {
                ..=1 => Sourced { value: class, source: given.source },
                _ => Sourced { value: WorkerClass::Gthread, source: threads.source },
            })
        })
    }

    /// A string with a default of its own; absent where a file sets it to `None`.
    fn text_or(&self, name: &str, default: &str) -> Fact<Sourced<String>> {
        if self.blind.is_none() && !self.given.contains_key(name) {
            return Fact::Known(Sourced { value: default.to_owned(), source: Source::Default });
        }
        self.text(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Reason;

    fn settings(given: &[(&str, Value)]) -> Settings {
        let sourced = |value: &Value| Sourced { value: value.clone(), source: Source::CommandLine };
        Settings { given: given.iter().map(|(k, v)| ((*k).to_owned(), sourced(v))).collect(), blind: None }
    }

    #[test]
    fn what_is_not_given_has_gunicorns_default() {
        let none = Settings::default();
        assert_eq!(none.backlog().known().unwrap().value, 2048);
        assert_eq!(none.errorlog().known().unwrap().value, "-");
        assert_eq!(none.bind().known().unwrap().value, ["127.0.0.1:8000"]);
        assert_eq!(none.accesslog(), Fact::Absent);
        assert!(none.sendfile().known().unwrap().value);
    }

    #[test]
    fn sync_with_threads_is_gthread() {
        let class = |given: &[(&str, Value)]| settings(given).worker_class().known().unwrap().value.clone();
        assert_eq!(class(&[]), WorkerClass::Sync);
        assert_eq!(class(&[("threads", Value::Number(4))]), WorkerClass::Gthread);
        let gevent = ("worker_class", Value::Text("gevent".into()));
        assert_eq!(class(&[gevent, ("threads", Value::Number(4))]), WorkerClass::Gevent);
    }

    #[test]
    fn a_class_that_depends_on_hidden_threads_is_not_known() {
        let mut hidden = settings(&[("worker_class", Value::Text("sync".into()))]);
        hidden.blind = Some(Reason::new("permission denied"));
        assert_eq!(hidden.worker_class(), Fact::unreadable("permission denied"));
        assert_eq!(hidden.errorlog(), Fact::unreadable("permission denied"));
        assert_eq!(hidden.bind(), Fact::unreadable("permission denied"));
    }

    #[test]
    fn a_computed_address_is_not_known() {
        let computed = settings(&[("bind", Value::Computed("f'{host}:80'".into()))]);
        assert!(matches!(computed.bind(), Fact::Unreadable(_)));
    }
}
