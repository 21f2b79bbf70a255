//! A log as a busy service writes it, megabytes of it, with deaths of every kind and things that look like them.

use crate::story::Story;
use std::fmt::Write;

/// A death that is in it.
#[derive(Debug, Clone)]
pub struct Death {
    /// Who.
    pub pid: u32,
    /// Verdicts that are right.
    pub verdicts: &'static [&'static str],
    /// The line, from 1, that says so; none where nothing does.
    pub line: Option<u64>,
}

/// The log and what is true of it.
pub struct Lifelike {
    /// The log.
    pub text: String,
    /// Who died.
    pub deaths: Vec<Death>,
    /// Lines that only look like a death.
    pub decoys: Vec<u64>,
    /// Workers that reached `max_requests`.
    pub recycled: u64,
}

/// What happens next.
#[derive(Clone, Copy)]
enum Turn {
    TimeoutAbort,
    TimeoutKill,
    Kill,
    Segfault,
    Exit,
    Boot,
    Recycle,
    Error,
    Decoy(usize),
}

/// The turns, over and over. A failed boot stops the service, and whoever watches it starts it again.
const TURNS: &[Turn] = &[
    Turn::Recycle,
    Turn::TimeoutAbort,
    Turn::Decoy(0),
    Turn::TimeoutKill,
    Turn::Error,
    Turn::Kill,
    Turn::Decoy(1),
    Turn::Recycle,
    Turn::Segfault,
    Turn::Decoy(2),
    Turn::Exit,
    Turn::Error,
    Turn::Decoy(3),
    Turn::Kill,
    Turn::Decoy(4),
    Turn::Boot,
];

const WORKERS: usize = 5;

struct Writer {
    story: Story,
    version: &'static str,
    master: u32,
    next: u32,
    workers: Vec<u32>,
    random: u64,
    deaths: Vec<Death>,
    decoys: Vec<u64>,
    recycled: u64,
}

/// A log of about so many bytes in the words of this version, with a graceful stop at its end.
pub fn lifelike(version: &'static str, bytes: usize, seed: u64) -> Lifelike {
    let mut writer = Writer {
        story: Story::new(version),
        version,
        master: 0,
        next: 1000,
        workers: Vec::new(),
        random: seed | 1,
        deaths: Vec::new(),
        decoys: Vec::new(),
        recycled: 0,
    };
    writer.start();
    let turns = TURNS.len() * 5;
    for turn in 0..turns {
        writer.noise(bytes * (turn + 1) / (turns + 1));
        writer.turn(TURNS[turn % TURNS.len()]);
    }
    writer.noise(bytes);
    let Writer { story, workers, deaths, decoys, recycled, .. } = writer;
    let text = story.after(60).stop(&workers).text().to_owned();
    Lifelike { text, deaths, decoys, recycled }
}

impl Writer {
    fn draw(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap_or(0) % below
    }

    /// One of the living.
    fn any(&mut self) -> u32 {
        let at = self.draw(self.workers.len());
        self.workers[at]
    }

    fn tell(&mut self, tell: impl FnOnce(Story) -> Story) {
        let story = std::mem::replace(&mut self.story, Story::new(self.version));
        self.story = tell(story);
    }

    fn pid(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn start(&mut self) {
        self.master = self.pid();
        self.workers = (0..WORKERS).map(|_| self.pid()).collect();
        let (master, workers) = (self.master, self.workers.clone());
        self.tell(|story| story.after(5).master(master).start(&workers));
    }

    /// Requests and what the application logs, up to so many bytes.
    fn noise(&mut self, until: usize) {
        while self.story.len() < until {
            let mut lines = String::new();
            for number in 0..200 {
                let (pid, n) = (self.any(), self.draw(100_000));
                let time = self.story.now().strftime("%d/%b/%Y:%H:%M:%S +0000");
                let prefix = self.story.now().strftime("%Y-%m-%d %H:%M:%S +0000");
                let _ = match number % 5 {
                    0 => writeln!(lines, "[{prefix}] [{pid}] [INFO] handled order {n} in {} ms", n % 997),
                    _ => writeln!(
                        lines,
                        "10.0.{}.{} - - [{time}] \"GET /api/v1/orders/{n} HTTP/1.1\" 200 {n} \"-\" \"Mozilla/5.0 (X11; \
                         Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\"",
                        n % 256,
                        n % 251
                    ),
                };
            }
            self.tell(|story| story.after(1).raw(lines.trim_end()));
        }
    }

    /// The line that will be written next.
    fn here(&self) -> u64 {
        self.story.lines() + 1
    }

    fn dies(&mut self, verdicts: &'static [&'static str], pid: u32, line: Option<u64>) {
        self.deaths.push(Death { pid, verdicts, line });
        self.workers.retain(|worker| *worker != pid);
    }

    fn replace(&mut self) {
        let pid = self.pid();
        self.workers.push(pid);
        self.tell(|story| story.boot(pid));
    }

    fn turn(&mut self, turn: Turn) {
        self.tell(|story| story.after(40));
        let pid = self.any();
        let here = self.here();
        match turn {
            Turn::TimeoutAbort => {
                self.dies(&["timeout"], pid, Some(here));
                self.tell(|story| aborted(story.timed_out(pid), pid).exited(pid, 1));
            }
            Turn::TimeoutKill => {
                self.dies(&["timeout"], pid, Some(here));
                self.tell(|story| story.timed_out(pid).after(1).signalled(pid, "SIGKILL", 9));
            }
            Turn::Kill => {
                self.dies(&["killed"], pid, Some(here));
                self.tell(|story| story.signalled(pid, "SIGKILL", 9));
            }
            Turn::Segfault => {
                self.dies(&["crash"], pid, Some(here));
                self.tell(|story| story.signalled(pid, "SIGSEGV", 11));
            }
            Turn::Exit if self.version == "20.1.0" => self.dies(&["unknown", "exit", "killed"], pid, None),
            Turn::Exit => {
                self.dies(&["exit"], pid, Some(here));
                self.tell(|story| story.exited(pid, 1));
            }
            Turn::Recycle => self.recycle(pid),
            Turn::Error => return self.tell(|story| request_error(story, pid)),
            Turn::Decoy(number) => return self.decoy(number, pid),
            Turn::Boot => return self.boot_failure(pid),
        }
        self.replace();
    }

    fn recycle(&mut self, pid: u32) {
        self.recycled += 1;
        self.workers.retain(|worker| *worker != pid);
        self.tell(|story| {
            let story = story.by(pid, "INFO", "Autorestarting worker after current request.");
            story.by(pid, "INFO", format!("Worker exiting (pid: {pid})"))
        });
    }

    fn boot_failure(&mut self, dead: u32) {
        let silent_exits = self.version == "20.1.0";
        let level = if silent_exits { "INFO" } else { "ERROR" };
        // Its replacement is the one that cannot boot.
        self.workers.retain(|worker| *worker != dead);
        self.tell(|story| story.by(dead, "INFO", "Autorestarting worker after current request."));
        self.tell(|story| story.by(dead, "INFO", format!("Worker exiting (pid: {dead})")));
        self.recycled += 1;
        self.replace();
        let pid = self.workers[self.workers.len() - 1];
        let here = self.here();
        self.dies(&["boot-failure"], pid, Some(here));
        let rest = self.workers.clone();
        self.tell(|story| {
            let story = story.by(pid, "ERROR", "Exception in worker process");
            let story = story.traceback("ModuleNotFoundError: No module named 'shop.settings_local'");
            let story = story.by(pid, "INFO", format!("Worker exiting (pid: {pid})")).exited(pid, 3);
            let story = rest
                .iter()
                .fold(story, |story, worker| story.by(*worker, "INFO", format!("Worker exiting (pid: {worker})")));
            story.says(level, "Shutting down: Master").says(level, "Reason: Worker failed to boot.")
        });
        self.start();
    }

    fn decoy(&mut self, number: usize, pid: u32) {
        self.decoys.push(self.here());
        let (master, time) = (self.master, self.story.now().strftime("%d/%b/%Y:%H:%M:%S +0000").to_string());
        let access = format!("10.0.0.9 - - [{time}]");
        let prefix = format!("[{}] [{master}]", self.story.now().strftime("%Y-%m-%d %H:%M:%S +0000"));
        let quoted = |message: &str| format!("{prefix} {message}");
        let killed = format!("Worker (pid:{pid}) was sent SIGKILL! Perhaps out of memory?");
        let timeout = format!("[CRITICAL] WORKER TIMEOUT (pid:{pid})");
        let old = quoted(&format!("[WARNING] Worker with pid {pid} was terminated due to signal 9"));
        let query = format!("/search?q=WORKER%20TIMEOUT%20(pid:{pid})");
        self.tell(|story| match number {
            0 => story.raw(format!("{access} \"GET {query} HTTP/1.1\" 200 12 \"-\" \"curl/8.5.0\"")),
            1 => story.by(pid, "INFO", format!("user note: {killed}")),
            2 => story.by(pid, "WARNING", format!("upstream said: {timeout}")),
            3 => story.raw(format!("{access} \"GET /x HTTP/1.1\" 200 9 \"-\" \"{old}\"")),
            _ => story.raw(format!("{access} \"GET /x HTTP/1.1\" 200 9 \"{}\" \"-\"", quoted(&timeout))),
        });
    }
}

fn aborted(story: Story, pid: u32) -> Story {
    let story = story.by(pid, "ERROR", "Error handling request /api/v1/report").raw(
        "Traceback (most recent call last):\n  File \"/srv/app/shop/report.py\", line 41, in build\n    \
         time.sleep(600)\n  File \
         \"/srv/app/venv/lib/python3.12/site-packages/gunicorn/workers/base.py\", line 204, in handle_abort\n    \
         sys.exit(1)\nSystemExit: 1",
    );
    story.by(pid, "INFO", format!("Worker exiting (pid: {pid})"))
}

fn request_error(story: Story, pid: u32) -> Story {
    let story = story.by(pid, "ERROR", "Error handling request /api/v1/orders/7");
    story.traceback("ValueError: invalid literal for int() with base 10: 'x7'")
}
