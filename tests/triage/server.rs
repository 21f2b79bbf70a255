//! A real Gunicorn on the machine itself, with the machine's own process numbers: nothing but a directory, a Unix
//! socket and, where one is asked for, a control group is its own.

use crate::support::{MemoryCgroup, Result, eventually, testbed};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// One that runs; its master is killed when it is dropped, and its workers then leave.
pub struct Server {
    directory: TempDir,
    started: Child,
    stopped: bool,
}

impl Server {
    /// Starts one of this virtual environment with these arguments and waits for its workers, or, where it is not to
    /// have any, for its end.
    pub fn start(venv: &str, workers: usize, arguments: &[&str]) -> Result<Self> {
        Self::start_in(None, venv, workers, arguments)
    }

    /// The same in a control group.
    pub fn start_in(group: Option<&MemoryCgroup>, venv: &str, workers: usize, arguments: &[&str]) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("gtune-triage-").tempdir()?;
        let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/app.py");
        fs::copy(app, directory.path().join("app.py"))?;
        fs::write(directory.path().join("broken.py"), "raise RuntimeError(\"DATABASE_URL is not set\")\n")?;
        let stderr = File::create(directory.path().join("stderr.log"))?;
        // It ends with the thread that started it, should the tests be killed.
        let mut argv: Vec<String> = ["setpriv", "--pdeathsig", "KILL", "--"].map(str::to_owned).to_vec();
        argv.extend(group.iter().flat_map(|group| group.enter()));
        let program = testbed().join(format!("venv-{venv}/bin/gunicorn"));
        argv.push(program.to_string_lossy().into_owned());
        let started = Command::new(&argv[0])
            .args(&argv[1..])
            .args(["--bind", "unix:socket", "--workers", &workers.max(1).to_string(), "--error-logfile", "error.log"])
            .args(arguments)
            .current_dir(directory.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::from(stderr.try_clone()?))
            .stderr(Stdio::from(stderr))
            .spawn()?;
        let mut server = Self { directory, started, stopped: false };
        if workers == 0 {
            server.wait_for_its_end()?;
        } else {
            eventually("workers", || (server.workers().len() == workers && server.answers()).then_some(()))
                .map_err(|failed| format!("{}: {}", failed.message().unwrap_or_default(), server.said()))?;
        }
        Ok(server)
    }

    /// The pid of its master.
    pub fn master(&self) -> u32 {
        self.started.id()
    }

    /// The pids of its workers, by the kernel.
    pub fn workers(&self) -> Vec<u32> {
        let children = format!("/proc/{0}/task/{0}/children", self.master());
        let children = fs::read_to_string(children).unwrap_or_default();
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    }

    /// Its error log.
    pub fn error_log(&self) -> PathBuf {
        self.directory.path().join("error.log")
    }

    /// All that it said.
    pub fn said(&self) -> String {
        let read = |name: &str| fs::read(self.directory.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("error.log"), read("stderr.log")].concat()).into_owned()
    }

    /// A connection on which this path was asked for; who answers is not waited for.
    pub fn ask(&self, path: &str) -> Result<UnixStream> {
        let mut stream = UnixStream::connect(self.directory.path().join("socket"))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")?;
        Ok(stream)
    }

    /// Whether it answers.
    pub fn answers(&self) -> bool {
        let mut answer = String::new();
        self.ask("/").is_ok_and(|mut stream| stream.read_to_string(&mut answer).is_ok()) && answer.contains(" 200 ")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal, pid: u32) -> Result {
        Ok(kill(Pid::from_raw(i32::try_from(pid)?), signal)?)
    }

    /// Waits until its error log has this text.
    pub fn says(&self, text: &str) -> Result {
        let found = || fs::read_to_string(self.error_log()).ok()?.contains(text).then_some(());
        eventually(text, found)
            .map_err(|failed| format!("{}: {}", failed.message().unwrap_or_default(), self.said()).into())
    }

    /// Waits until a worker is gone and the number of workers is this.
    pub fn lost(&self, pid: u32, workers: usize) -> Result {
        let gone = || {
            let now = self.workers();
            (!now.contains(&pid) && now.len() == workers).then_some(())
        };
        eventually("the end of a worker", gone)?;
        // The new one has told that it boots.
        eventually("an answer", || self.answers().then_some(()))
    }

    /// Asks it to stop, and waits.
    pub fn stop(&mut self) -> Result {
        self.signal(Signal::SIGTERM, self.master())?;
        self.wait_for_its_end()
    }

    fn wait_for_its_end(&mut self) -> Result {
        let ended = eventually("the end of a master", || self.started.try_wait().ok().flatten());
        self.stopped = ended.is_ok();
        ended.map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.stopped {
            for pid in self.workers() {
                drop(self.signal(Signal::SIGKILL, pid));
            }
            drop(self.started.kill());
            drop(self.started.wait());
        }
    }
}
