//! `gtune oom`: read the kernel's logs, put the kills together, choose, render, exit.

use super::arguments::again_as_root;
use super::{Answer, CounterCheck, ExitCode, Failure, OomReport, Shown, Source, ToldKill, open};
use crate::cli::{Format, Global, Oom};
use crate::facts::{Cgroup, Facts, Reason, Service};
use crate::host::kernel_log::{self, Reading, Search, Unread};
use crate::host::{self, Root};
use crate::kernel_log::{Assembler, BootId, Clock, Found, Kill, Known, Settled, advice, merge};
use crate::render::{self, Page, Progress};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use nix::unistd::geteuid;
use std::path::Path;

/// Every line that says that a process was killed has these words, since Linux 2.6.
const KILLED: &[&[u8]] = &[b"Killed process"];

/// Tells of the OOM kills in the named files, or in all logs of the host below `--root`.
///
/// # Errors
/// Where a named file cannot be read, or the root cannot be opened.
pub fn run(global: &Global, options: &Oom, page: &Page) -> Result<Answer, Failure> {
    let asked = Asked::of(options, Timestamp::now(), Progress::start(page))?;
    let report = if options.files.is_empty() {
        of_host(&open(&global.root)?, options, &asked)
    } else {
        of_files(options, &asked)?
    };
    let text = match global.format {
        Format::Json => render::json::oom(&report),
        _ => render::oom::table(&report, page),
    };
    Ok(Answer { text, exit: report.exit_code().number() })
}

/// The time that is asked for, and how times of logs are read.
struct Asked {
    now: Timestamp,
    search: Search,
    progress: Progress,
}

impl Asked {
    fn of(options: &Oom, now: Timestamp, progress: Progress) -> Result<Self, Failure> {
        let zone = TimeZone::system();
        let moment = |when: crate::cli::When| when.timestamp(now, &zone);
        let (since, until) = (options.since.map(moment), options.until.map(moment));
        if since.zip(until).is_some_and(|(since, until)| since > until) {
            return Err(Failure::new(ExitCode::Usage, "look into that time: --since is later than --until"));
        }
        Ok(Self { now, search: Search { deaths: KILLED, lines: &[], since, until, zone: zone.clone() }, progress })
    }

    fn is_whole(&self) -> bool {
        self.search.since.is_none() && self.search.until.is_none()
    }

    /// Whether a kill is in the time asked for. One without a time cannot be ruled out.
    fn holds(&self, settled: &Settled) -> bool {
        settled.moment.is_none_or(|moment| {
            self.search.since.is_none_or(|since| moment.time >= since)
                && self.search.until.is_none_or(|until| moment.time <= until)
        })
    }

    fn clock(&self, reading: &Reading) -> Clock {
        match reading.boot {
            Some(boot) => Clock::of_boot(self.search.zone.clone(), boot),
            None => Clock::new(self.search.zone.clone(), reading.written, reading.last),
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Read {
    sources: Vec<Source>,
    kills: Vec<Settled>,
    blind_spots: Vec<Reason>,
    refused: bool,
    /// The boot of the running kernel.
    boot: Option<BootId>,
}

impl Read {
    fn add(&mut self, asked: &Asked, reading: Reading, found: Found) {
        let clock = asked.clock(&reading);
        let notes = notes(&found, reading.note.clone());
        let (source, tells) = (self.sources.len(), !found.kills.is_empty());
        // The kernel does not say in its own buffer which boot it is; the journal does.
        let boot = reading.boot.and(self.boot);
        let settle = |kill: Kill| {
            let kill = Kill { boot: kill.boot.or(boot), ..kill };
            Settled { moment: clock.moment(&kill.stamp), kill, source }
        };
        self.kills.extend(found.kills.into_iter().map(settle));
        self.sources.push(Source {
            begins: reading.begins.and_then(|stamp| clock.moment(&stamp)),
            notes,
            name: reading.name,
            records: reading.records,
            lost: reading.lost,
            // A log without any frame is known by what it tells.
            framed: reading.framed || tells,
        });
    }

    /// Reads a source of the host; that it cannot be read is a blind spot.
    fn try_add(&mut self, asked: &Asked, read: impl FnOnce(&mut Assembler) -> Result<Reading, Unread>) -> bool {
        let mut assembler = Assembler::default();
        match read(&mut assembler) {
            Ok(reading) => {
                self.add(asked, reading, assembler.finish());
                true
            }
            Err(unread) => {
                // What would help is told only where there is something that may not be read.
                self.refused |= unread.hint.is_some();
                self.blind_spots.push(reason(&unread));
                false
            }
        }
    }
}

fn reason(unread: &Unread) -> Reason {
    let hint = unread.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    Reason::new(format!("cannot read {}: {}{hint}", unread.name, unread.reason))
}

/// What is to be known of a source beside its kills.
fn notes(found: &Found, note: Option<Reason>) -> Vec<Reason> {
    /// Places that are named; a forger may write thousands of lines.
    const NAMED: usize = 3;
    let places: Vec<String> = found.doubted.iter().take(NAMED).map(u64::to_string).collect();
    let doubted = format!(
        "line(s) not believed: they bear the kernel's name and do not fit its other lines (byte {})",
        places.join(", ")
    );
    let numbers = [
        (found.left_out, "earlier kill(s) too many to keep".to_owned()),
        (found.doubted.len() as u64, doubted),
        (found.hidden, "message(s) not shown by journalctl (blob data): its options --all or -o json show them".into()),
    ];
    let counted = numbers.into_iter().filter(|(count, _)| *count > 0);
    note.into_iter().chain(counted.map(|(count, what)| Reason::new(format!("{count} {what}")))).collect()
}

fn of_files(options: &Oom, asked: &Asked) -> Result<OomReport, Failure> {
    let mut read = Read::default();
    for path in &options.files {
        asked.progress.doing(&format!("reading {}", path.display()));
        let mut assembler = Assembler::default();
        let reading =
            kernel_log::named(path, &asked.search, &mut assembler).map_err(|unread| unreadable(path, unread))?;
        read.add(asked, reading, assembler.finish());
    }
    Ok(report(read, options, asked, &Known::default(), None, None))
}

fn unreadable(path: &Path, unread: Unread) -> Failure {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let failure = Failure::new(ExitCode::Usage, format!("read {name}: {}", unread.reason));
    failure.with_hint(match unread.hint {
        Some(who_may) if who_may.starts_with("needs root") => format!("{who_may}: {}", again_as_root()),
        Some(hint) => hint,
        None => "without FILE, gtune oom reads the logs of this host".to_owned(),
    })
}

fn of_host(root: &Root, options: &Oom, asked: &Asked) -> OomReport {
    asked.progress.doing("looking for Gunicorns");
    let facts = host::observe(root);
    let boot = facts.host.boot_id.known().and_then(|id| BootId::parse(id));
    let mut read = Read { boot, ..Read::default() };
    if root.is_live() {
        live_sources(&mut read, asked);
    }
    stored_sources(&mut read, asked, root);
    let mut report = report(read, options, asked, &known(&facts), Some(root), Some(&facts));
    if report.sources.is_empty() && report.blind_spots.is_empty() {
        report.blind_spots.push(Reason::new(format!("no kernel log below {}", root.shown("/var/log"))));
    }
    report
}

/// The buffer of the kernel, and the journal of all boots.
fn live_sources(read: &mut Read, asked: &Asked) {
    asked.progress.doing("reading the kernel's buffer");
    if !read.try_add(asked, |assembler| kernel_log::kmsg(assembler)) {
        let refused = read.blind_spots.len();
        if read.try_add(asked, |assembler| kernel_log::kernel_buffer(assembler)) {
            // syslog(2) gives the same buffer, so nothing is missing.
            read.blind_spots.clear();
            read.refused = false;
        } else {
            read.blind_spots.truncate(refused);
        }
    }
    asked.progress.doing("reading the journal");
    read.try_add(asked, |assembler| kernel_log::journal(&asked.search, assembler));
}

/// Log files. What they tell beside the journal is merged, so that what one has lost the other has.
fn stored_sources(read: &mut Read, asked: &Asked, root: &Root) {
    match kernel_log::stored_files(root, &asked.search) {
        Ok(files) => files.iter().for_each(|file| {
            asked.progress.doing(&format!("reading {}", root.shown(&file.path)));
            read.try_add(asked, |assembler| file.read(root, &asked.search, assembler));
        }),
        Err(unread) => {
            read.refused = true;
            read.blind_spots.push(reason(&unread));
        }
    }
}

/// The Gunicorns of the host, for telling whose kill it was.
fn known(facts: &Facts) -> Known {
    let running = facts.services.known().into_iter().flatten();
    let units = running.clone().filter_map(|service| service.unit.known()).chain(&facts.stopped_units);
    Known { units: units.map(|unit| unit.name.clone()).collect(), cgroups: running.filter_map(cgroup).collect() }
}

/// The control group of a service, unless it is the root, in which all is.
fn cgroup(service: &Service) -> Option<String> {
    let path = |cgroup: &Cgroup| cgroup.path.clone();
    service.cgroup.known().map(path).filter(|path| path.len() > 1)
}

fn report(
    read: Read,
    options: &Oom,
    asked: &Asked,
    known: &Known,
    root: Option<&Root>,
    facts: Option<&Facts>,
) -> OomReport {
    let merged = merge(read.kills);
    let counters = facts.filter(|_| asked.is_whole()).and_then(|facts| counters(facts, &merged));
    let told = merged.into_iter().filter(|settled| asked.holds(settled)).map(|told| {
        let concern = known.concern(&told.kill);
        ToldKill { advice: advice(&told.kill, &concern), told, concern }
    });
    let (kills, others): (Vec<ToldKill>, Vec<ToldKill>) = told.partition(|kill| is_shown(kill, options));
    OomReport {
        observed_at: asked.now,
        root: root.map(|root| root.name().to_owned()),
        sources: read.sources,
        kills,
        shown: match (&options.matching, options.all) {
            (Some(_), _) => Shown::Matching,
            (None, true) => Shown::All,
            (None, false) => Shown::Gunicorns,
        },
        others: others.len() as u64,
        counters,
        blind_spots: read.blind_spots,
        refused: read.refused,
        as_root: (read.refused && !geteuid().is_root()).then(again_as_root),
    }
}

fn is_shown(kill: &ToldKill, options: &Oom) -> bool {
    let Some(pattern) = &options.matching else { return options.all || kill.concern.gunicorn };
    let (victim, concern) = (&kill.told.kill, &kill.concern);
    let paths = [&victim.task_memcg, &victim.report.oom_memcg];
    pattern.is_match(&victim.comm)
        || concern.unit.as_ref().is_some_and(|unit| pattern.is_match(unit.as_bytes()))
        || paths.into_iter().flatten().any(|path| pattern.is_match(path))
}

/// What the kernel counted since boot beside the kills of this boot that the logs tell.
fn counters(facts: &Facts, kills: &[Settled]) -> Option<CounterCheck> {
    let (counted, uptime) = (*facts.host.oom_kills.known()?, facts.host.uptime_seconds.known()?);
    let boot = facts.observed_at.checked_sub(SignedDuration::try_from_secs_f64(uptime.0).ok()?).ok()?;
    let of_this_boot = kills.iter().filter(|kill| kill.moment.is_some_and(|moment| moment.time >= boot));
    // The counter goes up with each line, also where one process is told twice.
    let told = of_this_boot.map(|kill| u64::from(kill.kill.lines)).sum();
    Some(CounterCheck { counted, told })
}
