//! `gtune oom`: read the kernel's logs, put the kills together, choose, render, exit.

use super::arguments::again_as_root;
use super::kernel_sources::{Collected, KILLED, KernelSources, unreadable};
use super::{Answer, CounterCheck, ExitCode, Failure, OomReport, Shown, ToldKill, open};
use crate::cli::{Format, Global, Oom};
use crate::facts::{Cgroup, Facts, Service};
use crate::host::kernel_log::Search;
use crate::host::{self, Root};
use crate::kernel_log::{BootId, Known, Settled, advice, merge};
use crate::render::{self, Page, Progress};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use nix::unistd::geteuid;

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

    fn sources(&self) -> KernelSources<'_> {
        KernelSources::new(&self.search, &self.progress, Collected::KillsAlone)
    }
}

fn of_files(options: &Oom, asked: &Asked) -> Result<OomReport, Failure> {
    let mut read = asked.sources();
    for path in &options.files {
        let otherwise = "without FILE, gtune oom reads the logs of this host";
        read.read_named(path).map_err(|unread| unreadable(path, unread, otherwise))?;
    }
    Ok(report(read, options, asked, &Known::default(), None, None))
}

fn of_host(root: &Root, options: &Oom, asked: &Asked) -> OomReport {
    asked.progress.doing("looking for Gunicorns");
    let facts = host::observe(root);
    let mut read = asked.sources();
    read.read_host(root, facts.host.boot_id.known().and_then(|id| BootId::parse(id)));
    report(read, options, asked, &known(&facts), Some(root), Some(&facts))
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
    read: KernelSources<'_>,
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
