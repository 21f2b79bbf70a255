//! Logs of Gunicorn that are made up, in the words of a version, each line at its second.

use jiff::{SignedDuration, Timestamp};
use std::fmt::Display;

/// When every story begins: half an hour before the captured logs were put away.
pub const BEGIN: &str = "2026-11-20T18:00:00Z";

/// A log that is being written.
#[derive(Clone)]
pub struct Story {
    version: &'static str,
    master: u32,
    now: Timestamp,
    text: String,
    lines: u64,
}

impl Story {
    /// A log with nothing in it yet, of a master that will have pid 800.
    pub fn new(version: &'static str) -> Self {
        let now = BEGIN.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        Self { version, master: 800, now, text: String::new(), lines: 0 }
    }

    /// The master starts with these workers.
    pub fn start(self, workers: &[u32]) -> Self {
        let master = self.master;
        let version = self.version;
        let begun = self
            .by(master, "INFO", format!("Starting gunicorn {version}"))
            .by(master, "INFO", format!("Listening at: http://127.0.0.1:8000 ({master})"))
            .by(master, "INFO", "Using worker: sync");
        workers.iter().fold(begun, |story, pid| story.boot(*pid))
    }

    /// The next start is that of another master.
    pub fn master(mut self, pid: u32) -> Self {
        self.master = pid;
        self
    }

    /// A worker boots.
    pub fn boot(self, pid: u32) -> Self {
        self.by(pid, "INFO", format!("Booting worker with pid: {pid}"))
    }

    /// So many seconds pass.
    pub fn after(mut self, seconds: i64) -> Self {
        self.now += SignedDuration::from_secs(seconds);
        self
    }

    /// Somebody logs something.
    pub fn by(self, pid: u32, level: &str, message: impl Display) -> Self {
        let stamp = self.now.strftime("%Y-%m-%d %H:%M:%S +0000").to_string();
        self.raw(format!("[{stamp}] [{pid}] [{level}] {message}"))
    }

    /// The master logs something.
    pub fn says(self, level: &str, message: impl Display) -> Self {
        let master = self.master;
        self.by(master, level, message)
    }

    /// A line, or several, as they are.
    pub fn raw(mut self, text: impl Display) -> Self {
        let text = text.to_string();
        self.lines += text.matches('\n').count() as u64 + 1;
        self.text += &text;
        self.text.push('\n');
        self
    }

    /// The master found that a worker was ended by this signal.
    pub fn signalled(self, pid: u32, name: &str, number: u32) -> Self {
        match self.version {
            "20.0.4" | "19.9.0" => self,
            "20.1.0" => self.says("WARNING", format!("Worker with pid {pid} was terminated due to signal {number}")),
            _ if number == 9 => {
                self.says("ERROR", format!("Worker (pid:{pid}) was sent SIGKILL! Perhaps out of memory?"))
            }
            _ => self.says("ERROR", format!("Worker (pid:{pid}) was sent {name}!")),
        }
    }

    /// A worker was killed and `next` takes its place.
    pub fn killed(self, pid: u32, next: u32) -> Self {
        self.signalled(pid, "SIGKILL", 9).boot(next)
    }

    /// The master found that a worker ended with this status.
    pub fn exited(self, pid: u32, code: u32) -> Self {
        let once = format!("Worker (pid:{pid}) exited with code {code}");
        match self.version {
            "20.0.4" | "19.9.0" | "20.1.0" => self,
            "21.2.0" | "23.0.0" if matches!(code, 3 | 4) => self.says("ERROR", once),
            "21.2.0" | "23.0.0" => self.says("ERROR", &once).says("ERROR", format!("{once}.")),
            _ => self.says("ERROR", format!("{once}.")),
        }
    }

    /// A worker did not show that it lives.
    pub fn timed_out(self, pid: u32) -> Self {
        self.says("CRITICAL", format!("WORKER TIMEOUT (pid:{pid})"))
    }

    /// The master is asked to stop, and these workers leave.
    pub fn stop(self, workers: &[u32]) -> Self {
        let asked = self.says("INFO", "Handling signal: term");
        let left =
            workers.iter().fold(asked, |story, pid| story.by(*pid, "INFO", format!("Worker exiting (pid: {pid})")));
        left.says("INFO", "Shutting down: Master")
    }

    /// A traceback that goes through the application and is not indented by what carries it.
    pub fn traceback(self, exception: &str) -> Self {
        self.raw(format!(
            "Traceback (most recent call last):\n  \
             File \"/srv/app/venv/lib/python3.11/site-packages/gunicorn/arbiter.py\", line 209, in run\n    \
             self.sleep()\n  File \"/srv/app/shop/wsgi.py\", line 9, in <module>\n    \
             settings.load()\n{exception}"
        ))
    }

    /// The second it is in the story.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// How many lines there are.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The log.
    pub fn text(&self) -> &str {
        &self.text
    }
}
