//! A Gunicorn 27 as its log shows it: workers boot, are recycled, and die of many things.

use crate::Result;
use crate::dice::Dice;
use crate::lines::Line;
use crate::truth::{Death, Truth};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// 2025-12-01.
const BEGINS_AT_SECONDS: u64 = 1_764_547_200;

/// So long the log goes, whatever its size.
const DAYS: u64 = 30;

/// Bytes of a line, about.
const LINE_BYTES: u64 = 130;

const WORKERS: usize = 9;

/// Frames of a request that is being served.
const FRAMES: &str = "Traceback (most recent call last):\n  File \"/srv/shop/venv/lib/python3.12/site-packages/gunicorn/workers/sync.py\", line 141, in handle\n    self.handle_request(listener, req, client, addr)\n  File \"/srv/shop/shop/views.py\", line 214, in checkout\n    price = total(order)";

/// The end of them where the master has given up on the worker.
const ABORTED: &str = "  File \"/srv/shop/venv/lib/python3.12/site-packages/gunicorn/workers/base.py\", line 200, in handle_abort\n    sys.exit(1)\nSystemExit: 1";

/// What the master says of every SIGKILL, its own too.
const KILLED: &str = "was sent SIGKILL! Perhaps out of memory?";

/// The server and its log.
pub struct Server {
    file: BufWriter<File>,
    written: u64,
    micros: u64,
    step_micros: u64,
    second: i64,
    prefix_time: String,
    access_time: String,
    master: u64,
    next_pid: u64,
    pub workers: Vec<u64>,
    pub truth: Truth,
}

impl Server {
    pub fn start(path: &Path, size: u64) -> Result<Self> {
        let mut server = Self {
            file: BufWriter::with_capacity(1 << 20, File::create(path)?),
            written: 0,
            micros: 0,
            step_micros: (DAYS * 86_400_000_000 / (size / LINE_BYTES).max(1)).max(1),
            second: -1,
            prefix_time: String::new(),
            access_time: String::new(),
            master: 1_000,
            next_pid: 1_001,
            workers: vec![],
            truth: Truth::default(),
        };
        server.boot_all()?;
        Ok(server)
    }

    /// Bytes so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    fn seconds(&self) -> Result<i64> {
        Ok((BEGINS_AT_SECONDS + self.micros / 1_000_000).try_into()?)
    }

    fn tick(&mut self) -> Result {
        let second = self.seconds()?;
        if second != self.second {
            self.second = second;
            let at = Timestamp::from_second(second)?.to_zoned(TimeZone::UTC);
            self.prefix_time = at.strftime("[%F %T +0000]").to_string();
            self.access_time = at.strftime("[%d/%b/%Y:%T +0000]").to_string();
        }
        Ok(())
    }

    fn put(&mut self, text: &str) -> Result {
        self.file.write_all(text.as_bytes())?;
        self.file.write_all(b"\n")?;
        self.written += text.len() as u64 + 1;
        self.truth.lines += text.matches('\n').count() as u64 + 1;
        Ok(())
    }

    fn says(&mut self, pid: u64, level: &str, message: &str) -> Result {
        self.tick()?;
        let text = format!("{} [{pid}] [{level}] {message}", self.prefix_time);
        self.put(&text)
    }

    /// A line of traffic, written by any worker.
    pub fn traffic(&mut self, dice: &mut Dice, line: &Line) -> Result {
        self.micros += self.step_micros;
        match line {
            Line::Application(message) => {
                let pid = *dice.one_of(&self.workers);
                self.says(pid, "INFO", message)
            }
            Line::Access(before, behind) => {
                self.tick()?;
                let text = format!("{before}{} {behind}", self.access_time);
                self.put(&text)
            }
        }
    }

    fn boot_all(&mut self) -> Result {
        let master = self.master;
        self.says(master, "INFO", "Starting gunicorn 27.0.1")?;
        self.says(master, "INFO", &format!("Listening at: http://0.0.0.0:8000 ({master})"))?;
        self.says(master, "INFO", "Using worker: sync")?;
        (0..WORKERS).try_for_each(|_| self.boot())
    }

    fn boot(&mut self) -> Result {
        let pid = self.next_pid;
        self.next_pid += 1 + pid % 7;
        self.workers.push(pid);
        self.says(pid, "INFO", &format!("Booting worker with pid: {pid}"))
    }

    fn leave(&mut self, dice: &mut Dice) -> u64 {
        self.workers.swap_remove(dice.bits() as usize % self.workers.len())
    }

    /// A worker has served as many requests as it should.
    pub fn recycle(&mut self, dice: &mut Dice) -> Result {
        let pid = self.leave(dice);
        self.says(pid, "INFO", "Autorestarting worker after current request.")?;
        self.says(pid, "INFO", &format!("Worker exiting (pid: {pid})"))?;
        self.boot()
    }

    /// A request fails; nobody dies.
    pub fn fail(&mut self, dice: &mut Dice) -> Result {
        let pid = *dice.one_of(&self.workers);
        let error = format!("KeyError: {}", dice.between(1, 999));
        self.says(pid, "ERROR", &format!("Error handling request GET /checkout\n{FRAMES}\n{error}"))
    }

    /// The n-th death: kinds take turns, so that every log has some of each.
    pub fn die(&mut self, dice: &mut Dice, number: usize) -> Result {
        let pid = self.leave(dice);
        let verdict = ["timeout", "timeout", "killed", "killed", "crash", "exit", "boot-failure"][number % 7];
        let (line, second) = (self.truth.lines + 1, self.seconds()?);
        self.truth.deaths.push(Death { pid, verdict: verdict.to_owned(), line, second });
        match number % 7 {
            0 => self.abort(pid)?,
            1 => {
                self.says(self.master, "CRITICAL", &format!("WORKER TIMEOUT (pid:{pid})"))?;
                self.micros += 1_200_000;
                self.reap(pid, "ERROR", KILLED)?;
            }
            2 | 3 => self.reap(pid, "ERROR", KILLED)?,
            4 => self.reap(pid, "WARNING", "was sent SIGSEGV!")?,
            5 => self.reap(pid, "ERROR", "exited with code 1.")?,
            _ => return self.fail_to_boot(pid),
        }
        self.boot()
    }

    /// The master says what became of a worker.
    fn reap(&mut self, pid: u64, level: &str, what: &str) -> Result {
        self.says(self.master, level, &format!("Worker (pid:{pid}) {what}"))
    }

    /// A worker does not answer, and ends when it is told to.
    fn abort(&mut self, pid: u64) -> Result {
        self.says(self.master, "CRITICAL", &format!("WORKER TIMEOUT (pid:{pid})"))?;
        self.says(pid, "ERROR", &format!("Error handling request GET /checkout\n{FRAMES}\n{ABORTED}"))?;
        self.says(pid, "INFO", &format!("Worker exiting (pid: {pid})"))
    }

    /// The application cannot be loaded any more: the whole server ends, and its manager starts it again.
    fn fail_to_boot(&mut self, pid: u64) -> Result {
        let master = self.master;
        let error =
            "  File \"/srv/shop/shop/wsgi.py\", line 9, in <module>\nModuleNotFoundError: No module named 'shop.local'";
        self.says(pid, "ERROR", &format!("Exception in worker process\n{FRAMES}\n{error}"))?;
        self.says(pid, "INFO", &format!("Worker exiting (pid: {pid})"))?;
        self.says(master, "ERROR", &format!("Worker (pid:{pid}) exited with code 3."))?;
        for worker in std::mem::take(&mut self.workers) {
            self.says(worker, "INFO", &format!("Worker exiting (pid: {worker})"))?;
        }
        self.says(master, "ERROR", "Shutting down: Master")?;
        self.says(master, "ERROR", "Reason: Worker failed to boot.")?;
        self.micros += 5_000_000;
        self.master = self.next_pid;
        self.next_pid += 1;
        self.boot_all()
    }

    pub fn end(mut self) -> Result<Truth> {
        self.file.flush()?;
        Ok(self.truth)
    }
}
