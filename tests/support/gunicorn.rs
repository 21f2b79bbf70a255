//! A real Gunicorn in a private host, and the truth about it.

use super::host::{PYTHON, script};
use super::{Host, Result, Seen, eventually, testbed};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// How a Gunicorn is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `gunicorn app`.
    Script,
    /// `python -m gunicorn app`.
    Module,
    /// A program of its own that embeds `BaseApplication`.
    Embedded,
    /// By whoever holds its first socket, which has this backlog.
    Activated(u32),
}

/// What must be true before a started Gunicorn is handed to the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// All workers have beaten.
    Beating,
    /// All workers are there.
    Forked,
}

/// A Gunicorn that is to be started.
pub struct Gunicorn<'h> {
    host: &'h Host,
    venv: PathBuf,
    shape: Shape,
    wrapper: Vec<OsString>,
    bind: Vec<String>,
    workers: usize,
    application: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    until: Until,
}

/// A Gunicorn that runs. It ends with its host.
pub struct Running<'h> {
    host: &'h Host,
    /// Its working directory, which no other process has: by it all its processes are known.
    pub directory: PathBuf,
    /// The addresses it was told to listen at, as gtune shows them.
    pub listeners: Vec<String>,
    started: Child,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl<'h> Gunicorn<'h> {
    /// With two sync workers on a TCP port.
    pub fn new(host: &'h Host, venv: &str) -> Self {
        Self {
            host,
            venv: testbed().join(format!("venv-{venv}")),
            shape: Shape::Script,
            wrapper: Vec::new(),
            bind: vec!["127.0.0.1:8000".to_owned()],
            workers: 2,
            application: "app:application".to_owned(),
            arguments: Vec::new(),
            variables: Vec::new(),
            until: Until::Beating,
        }
    }

    /// How it is started.
    pub fn shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// The addresses it listens at, instead of `127.0.0.1:8000`.
    pub fn bind(mut self, addresses: &[&str]) -> Self {
        self.bind = addresses.iter().map(|&address| address.to_owned()).collect();
        self
    }

    /// The number of workers.
    pub fn workers(mut self, number: usize) -> Self {
        self.workers = number;
        self
    }

    /// The application; `app:application` else.
    pub fn application(mut self, name: &str) -> Self {
        self.application = name.to_owned();
        self
    }

    /// More arguments.
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A program that starts it: `prlimit --nofile=1024 …`.
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper.splice(0..0, wrapper.iter().map(OsString::from));
        self
    }

    /// In a network, pid and mount namespace of its own inside the host, where `prepare` is run first by a shell.
    pub fn isolated(self, prepare: &str) -> Self {
        let namespace = script("namespace.py");
        let line = format!("{prepare}\nexec \"$@\"");
        self.under(&[PYTHON, &namespace.to_string_lossy(), "exec", "sh", "-euc", &line, "sh"]).under(&[
            "unshare",
            "--net",
            "--pid",
            "--mount",
            "--fork",
            "--mount-proc",
        ])
    }

    /// What must be true before it is handed over.
    pub fn until(mut self, until: Until) -> Self {
        self.until = until;
        self
    }

    fn argv(&self) -> Vec<OsString> {
        let python = self.venv.join("bin/python").into_os_string();
        let program = self.venv.join("bin/gunicorn").into_os_string();
        if self.shape == Shape::Embedded {
            return vec![python, "embedded.py".into(), self.bind.join(",").into(), self.workers.to_string().into()];
        }
        let mut argv = match self.shape {
            Shape::Module => vec![python, "-m".into(), "gunicorn".into()],
            Shape::Activated(backlog) => activated(&self.bind, backlog, program),
            Shape::Script | Shape::Embedded => vec![program],
        };
        if !matches!(self.shape, Shape::Activated(_)) {
            argv.extend(self.bind.iter().flat_map(|address| ["--bind".into(), address.into()]));
        }
        argv.extend(["--workers".into(), self.workers.to_string().into()]);
        argv.extend(self.arguments.iter().map(OsString::from));
        argv.push((&self.application).into());
        argv
    }

    /// Starts it and waits.
    pub fn start(self) -> Result<Running<'h>> {
        let directory = self.host.directory().join(format!("gunicorn-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&directory)?;
        for name in ["app.py", "never.py", "embedded.py", "dirty.py"] {
            fs::copy(script(name), directory.join(name))?;
        }
        let argv: Vec<_> = self.wrapper.iter().cloned().chain(self.argv()).collect();
        let log = File::create(directory.join("stderr.log"))?;
        let started = self
            .host
            .command_in(&directory, &self.variables, &argv[0])
            .args(&argv[1..])
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .spawn()?;
        let mut running = Running { host: self.host, directory, listeners: self.bind.clone(), started };
        running.wait(self.workers, self.until)?;
        Ok(running)
    }
}

fn activated(bind: &[String], backlog: u32, program: OsString) -> Vec<OsString> {
    let address = bind.first().map_or("127.0.0.1:8000", String::as_str);
    vec![PYTHON.into(), script("activate.py").into(), address.into(), backlog.to_string().into(), program]
}

impl Running<'_> {
    fn wait(&mut self, workers: usize, until: Until) -> Result {
        let ready = eventually("a Gunicorn that is ready", || self.state(workers, until)).and_then(|ended| ended);
        ready.map_err(|failed| {
            let said = failed.message().unwrap_or_default();
            format!("{said}\n{}\n{:#?}", self.stderr(), self.processes()).into()
        })
    }

    /// Ready, ended too early, or nothing yet. One that becomes a daemon ends well and goes on.
    fn state(&mut self, workers: usize, until: Until) -> Option<Result> {
        if let Some(status) = self.started.try_wait().ok().flatten().filter(|status| !status.success()) {
            return Some(Err(format!("Gunicorn ended with {status}").into()));
        }
        let seen = self.workers();
        let beats = |worker: &Seen| worker.heartbeats.iter().any(|heartbeat| heartbeat.beaten);
        (seen.len() == workers && (until == Until::Forked || seen.iter().all(beats))).then_some(Ok(()))
    }

    /// All its processes.
    pub fn processes(&self) -> Vec<Seen> {
        self.host.processes().into_iter().filter(|process| process.directory == self.directory).collect()
    }

    /// Its masters, the oldest first: whoever holds the heartbeat file of a child. More than one only while a USR2
    /// upgrade is under way, or where there is a dirty arbiter, which is a master of its own workers.
    pub fn masters(&self) -> Vec<Seen> {
        let all = self.processes();
        let has_worker = |master: &Seen| all.iter().any(|worker| works_for(worker, master));
        let mut masters: Vec<_> = all.iter().filter(|process| has_worker(process)).cloned().collect();
        masters.sort_by_key(|master| master.pid);
        masters
    }

    /// Its master, or the older one of two.
    pub fn master(&self) -> Result<Seen> {
        self.masters().into_iter().next().ok_or_else(|| format!("no master: {}", self.stderr()).into())
    }

    /// The workers of its master, by pid.
    pub fn workers(&self) -> Vec<Seen> {
        self.masters().first().map(|master| self.workers_of(master)).unwrap_or_default()
    }

    /// The workers of one of its masters, by pid.
    pub fn workers_of(&self, master: &Seen) -> Vec<Seen> {
        let mut workers = self.processes();
        workers.retain(|worker| works_for(worker, master));
        workers.sort_by_key(|worker| worker.pid);
        workers
    }

    /// Sends a signal, by name, to one of its processes.
    pub fn signal(&self, signal: &str, pid: i32) -> Result {
        self.host.shell(&format!("kill -{signal} {pid}")).map(drop)
    }

    /// What it has said.
    pub fn stderr(&self) -> String {
        let said = fs::read(self.directory.join("stderr.log")).unwrap_or_default();
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl Drop for Running<'_> {
    /// Ends nsenter(1), which stops itself when its child is stopped, and then would not see the end of its host.
    fn drop(&mut self) {
        drop(self.started.kill());
        drop(self.started.wait());
    }
}

/// Whether a process is a child of `master` and holds exactly one heartbeat file, which the master holds too.
fn works_for(worker: &Seen, master: &Seen) -> bool {
    worker.parent == master.pid
        && matches!(worker.heartbeats.as_slice(), [own] if master.heartbeats.iter().any(|held| held.file == own.file))
}
