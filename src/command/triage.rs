//! `gtune triage`: read Gunicorn's logs and everybody else's, judge, choose, render, exit.

mod families;
mod gunicorn_sources;
mod kernel_lines;
mod passed;
mod scope;

use super::arguments::again_as_root;
use super::kernel_sources::{Collected, KILLED, KernelSources};
use super::{Answer, ExitCode, Failure, Source, TriageReport, Window, open};
use crate::cli::{self, Format, Global};
use crate::facts::{Fact, Facts, Reason};
use crate::host::kernel_log::Search;
use crate::host::{self, Root};
use crate::kernel_log::{BootId, NEEDLES, merge};
use crate::render::{self, Page, Progress};
use crate::triage::{self, Material, Triage};
use families::families;
use gunicorn_sources::{GunicornSources, Period};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use nix::unistd::geteuid;
use scope::Scope;
use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What of a host's past is looked at where nothing else is asked for.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Tells who killed the workers, by the logs of the host below `--root`, or by those that were named.
///
/// # Errors
/// Where a named log cannot be read, the root cannot be opened, or nothing is known of a unit that was named.
pub fn run(global: &Global, options: &cli::Triage, page: &Page) -> Result<Answer, Failure> {
    let asked = Asked::of(options, Timestamp::now(), Progress::start(page))?;
    let report = match options.names_logs() {
        true => of_logs(options, &asked)?,
        false => of_host(&open(&global.root)?, options, &asked)?,
    };
    let text = match global.format {
        Format::Json => render::json::triage(&report),
        _ => render::triage::table(&report, page),
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
    fn of(options: &cli::Triage, now: Timestamp, progress: Progress) -> Result<Self, Failure> {
        let zone = TimeZone::system();
        let moment = |when: cli::When| when.timestamp(now, &zone);
        let until = options.until.map(moment);
        let day = || until.unwrap_or(now).checked_sub(DAY).ok();
        let since = options.since.map(moment).or_else(|| if options.names_logs() { None } else { day() });
        if since.zip(until).is_some_and(|(since, until)| since > until) {
            return Err(Failure::new(ExitCode::Usage, "look into that time: --since is later than --until"));
        }
        let search = Search { deaths: KILLED, lines: NEEDLES, since, until, zone };
        Ok(Self { now, search, progress })
    }

    fn kernel(&self) -> KernelSources<'_> {
        KernelSources::new(&self.search, &self.progress, Collected::KillsAndEvents)
    }

    fn gunicorns(&self, scope: &Scope) -> GunicornSources<'_> {
        GunicornSources::new(&self.search, &self.progress, scope.pid())
    }
}

/// Logs that were named, which may be of any host.
fn of_logs(options: &cli::Triage, asked: &Asked) -> Result<TriageReport, Failure> {
    let (error_logs, kernel_logs) = (&each_once(&options.error_log), &each_once(&options.kernel_log));
    if error_logs.iter().chain(kernel_logs).filter(|path| *path == Path::new("-")).count() > 1 {
        return Err(Failure::new(ExitCode::Usage, "read standard input twice: - may be given once")
            .with_hint("a log that is in a file can be named beside it"));
    }
    let scope = Scope::of_logs(&options.unit, options.pid);
    let (mut kernel, mut gunicorns) = (asked.kernel(), asked.gunicorns(&scope));
    for family in families(error_logs) {
        gunicorns.read_named(&family, kernel_logs, scope.only_unit(), &mut kernel)?;
    }
    for family in families(kernel_logs) {
        gunicorns.read_kernel_log(&family, error_logs, &mut kernel)?;
    }
    gunicorns.is_blind |= gunicorns.sources.is_empty();
    let mut say = |text: &str| gunicorns.blind_spots.push(Reason::new(text));
    if error_logs.is_empty() {
        say("no log of Gunicorn was named, so only those are told whom the kernel names; --error-log FILE adds it");
    }
    Ok(judged(gunicorns, kernel, asked, &scope, None))
}

/// Named logs without those that are another name of one before.
fn each_once(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let is_new = |path: &&PathBuf| match path.metadata() {
        Ok(status) if status.is_file() => seen.insert((status.dev(), status.ino())),
        _ => true,
    };
    paths.iter().filter(is_new).cloned().collect()
}

/// The services of a host.
fn of_host(root: &Root, options: &cli::Triage, asked: &Asked) -> Result<TriageReport, Failure> {
    asked.progress.doing("looking for Gunicorns");
    let mut facts = host::observe(root);
    // In a loop of restarts there is no process at most moments, and its unit is neither up nor down.
    let between = host::units_between(root, &facts);
    facts.stopped_units.extend(between);
    let there = services(&facts);
    let scope = Scope::of_host(&options.unit, options.pid, &mut facts);
    let (mut kernel, mut gunicorns) = (asked.kernel(), asked.gunicorns(&scope));
    let period = Period { since: asked.search.since, until: asked.search.until };
    let with_files = gunicorns.read_services(root, &facts, period);
    if root.is_live() {
        gunicorns.read_journals(&scope.units_of(&facts), &with_files, period);
    } else {
        gunicorns.blind_spots.extend(journal_of_image(root));
    }
    if let Some(unit) = scope.unknown_units(&facts).iter().find(|unit| !gunicorns.units.contains(unit.as_str())) {
        return Err(unknown_unit(unit, &facts, &there));
    }
    kernel.read_host(root, facts.host.boot_id.known().and_then(|id| BootId::parse(id)));
    gunicorns.is_blind |= gunicorns.sources.is_empty() || (root.is_live() && facts.services.known().is_none());
    if there.is_empty() && facts.services.known().is_some() {
        gunicorns.is_blind = true;
        gunicorns.blind_spots.push(Reason::new(NOBODY));
    }
    Ok(judged(gunicorns, kernel, asked, &scope, Some(facts)))
}

/// Said of a host on which no Gunicorn is found.
const NOBODY: &str = "no Gunicorn runs here and no unit that starts one was found: name its logs with --error-log FILE, \
    and the kernel's with --kernel-log FILE";

/// The services of a host and those that are down, as options that name them.
fn services(facts: &Facts) -> Vec<String> {
    let running = facts.services.known().into_iter().flatten().map(super::scope::option_for);
    let stopped = facts.stopped_units.iter().map(|unit| format!("--unit {}", unit.name));
    running.chain(stopped).collect()
}

fn unknown_unit(unit: &str, facts: &Facts, there: &[String]) -> Failure {
    if let Fact::Unreadable(reason) = &facts.services
        && facts.host.live
    {
        return Failure::new(ExitCode::CouldNotLook, format!("find unit {unit}: {reason}"));
    }
    let what = format!("find unit {unit}: no Gunicorn runs in it, no unit file starts one, and no journal tells of it");
    Failure::new(ExitCode::Usage, what).with_hint(match there {
        [] => "no Gunicorn was found; --error-log FILE names a log of one".to_owned(),
        _ => format!("found {}", there.join(", ")),
    })
}

/// The journal of an image is in a format of its own, which only journalctl(1) reads.
fn journal_of_image(root: &Root) -> Option<Reason> {
    const PLACE: &str = "/var/log/journal";
    root.list(PLACE).known().filter(|names| !names.is_empty())?;
    let place = root.shown(PLACE);
    let command = format!("journalctl -D {} -o export | gtune triage --error-log -", crate::units::quoted(&place));
    Some(Reason::new(format!("the journal in {place} is not read: {command}")))
}

/// Judges what was read, and leaves out what was not asked for.
fn judged(
    mut gunicorns: GunicornSources<'_>,
    kernel: KernelSources<'_>,
    asked: &Asked,
    scope: &Scope,
    facts: Option<Facts>,
) -> TriageReport {
    asked.progress.doing("judging");
    let refused = gunicorns.refused || kernel.refused;
    let (is_blind, has_named) = (gunicorns.is_blind, gunicorns.has_named);
    let unread = unread(std::mem::take(&mut gunicorns.blind_spots), &kernel);
    let sources = std::mem::take(&mut gunicorns.sources);
    let rolled = gunicorns.finish();
    let unread = unread.into_iter().chain(left_out(rolled.left_out)).collect();
    let is_blind = is_blind || rolled.left_out > 0;
    let material = Material {
        sources,
        ended: rolled.ended,
        masters: rolled.masters,
        normal: rolled.normal,
        manager: rolled.manager,
        loose: rolled.loose,
        kernel_sources: kernel.sources.iter().map(|source| shown(source, asked.now)).collect(),
        kills: merge(kernel.kills),
        events: kernel_lines::each_once(kernel.events),
        facts,
        unread,
        since: asked.search.since,
        until: asked.search.until,
    };
    let mut triage = triage::judge(&material);
    scope.narrow(&mut triage);
    kernel_lines::number_lines(&mut triage, &kernel.files);
    TriageReport {
        observed_at: asked.now,
        window: window(&material, asked),
        answer: answer(&triage, &material, scope, has_named),
        host: material.facts.map(|facts| facts.host),
        logs: material.sources,
        kernel_logs: kernel.sources,
        is_blind: is_blind || (scope.is_unseen() && !has_named),
        as_root: (refused && !geteuid().is_root()).then(again_as_root),
        triage,
    }
}

/// That there was more than is told.
fn left_out(count: u64) -> Option<Reason> {
    let what = format!("{count} earlier ends or lines are not told: they were too many to keep");
    (count > 0).then(|| Reason::new(what))
}

/// What could not be read, each once: one journal is asked several times.
fn unread(mut reasons: Vec<Reason>, kernel: &KernelSources<'_>) -> Vec<Reason> {
    reasons.extend(kernel.blind_spots.iter().cloned());
    let unframed = kernel.sources.iter().filter(|source| !source.framed);
    reasons.extend(unframed.map(|source| Reason::new(format!("{}: nothing in it says that it is a log", source.name))));
    let silent = kernel.sources.iter().filter(|source| source.framed && !source.has_kernel && !source.is_live);
    reasons.extend(silent.map(|source| Reason::new(format!("{}: the kernel says nothing in it", source.name))));
    let mut once: Vec<Reason> = vec![];
    for reason in reasons {
        if !once.contains(&reason) {
            once.push(reason);
        }
    }
    once
}

/// A log of the kernel, as the judge needs it. One that is still written says of the present moment too.
fn shown(source: &Source, now: Timestamp) -> triage::Source {
    let ends = if source.is_live { Some(now) } else { source.ends.map(|moment| moment.time) };
    let begins = source.begins.map(|moment| moment.time);
    let (name, lost, is_silent) = (source.name.clone(), source.lost.clone(), !source.has_kernel && !source.is_live);
    triage::Source { name, begins, ends, lost, is_silent, ..triage::Source::default() }
}

/// The time that was looked at: what was asked for, else what the logs hold.
fn window(material: &Material, asked: &Asked) -> Window {
    let logs = || material.sources.iter().chain(&material.kernel_sources);
    let end = match material.facts {
        Some(_) => Some(asked.now),
        None => logs().filter_map(|source| source.ends).max(),
    };
    Window {
        from: material.since.or_else(|| logs().filter_map(|source| source.begins).min()),
        to: material.until.or(end),
    }
}

/// The answer in one sentence; that nobody died is said only where somebody could be seen.
fn answer(triage: &Triage, material: &Material, scope: &Scope, has_named: bool) -> String {
    let is_found = !triage.deaths.is_empty();
    match (scope.pid(), scope.lives_in()) {
        _ if is_found => triage::answer(triage),
        (Some(pid), Some(service)) => format!("process {pid} is alive: a worker of {service}"),
        (Some(pid), None) if !scope.is_unseen() => format!("process {pid} is alive, and no worker of it died"),
        (Some(pid), None) if has_named => {
            format!("these logs tell of no death of process {pid}: it lives, or ended as it was asked to")
        }
        (Some(pid), None) => format!("no log that was read tells of a process {pid}"),
        (None, _) if material.sources.is_empty() => {
            "no log of a Gunicorn was read, so deaths cannot be told".to_owned()
        }
        (None, _) => triage::answer(triage),
    }
}
