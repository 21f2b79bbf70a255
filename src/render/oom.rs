//! What `oom` tells people: a row a kill, what the numbers say of the cause, and what was read.

use super::columns::columns;
use super::shell::{closing as command_after, gtune};
use super::when::second;
use super::wrap::{fill, labelled};
use super::{Page, visible};
use crate::cli::Detail;
use crate::command::{CounterCheck, OomReport, Shown, Source, ToldKill};
use crate::kernel_log::{Hit, Kill, Moment, Part, Scope, Task, Usage};
use crate::units::{Bytes, Limit};
use std::collections::BTreeSet;

/// Processes that are named of a table, largest first; the rest is in JSON.
const NAMED_TASKS: usize = 5;

/// The kills, with `-v` the report of each; then what was read and what was not.
pub fn table(report: &OomReport, page: &Page) -> String {
    let mut parts = vec![];
    if report.kills.is_empty() {
        parts.push(labelled("", none(report), page.width));
    } else {
        parts.push(rows(report, page));
    }
    match page.detail {
        Detail::Verbose => parts.extend(report.kills.iter().map(|kill| in_full(kill, report, page))),
        Detail::Normal => parts.push(advice(report, page)),
        Detail::Quiet => {}
    }
    parts.push(closing(report, page));
    if page.detail != Detail::Quiet {
        parts.push(read(report, page));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn none(report: &OomReport) -> &'static str {
    match report.shown {
        _ if report.sources.is_empty() => "no kernel log was read, so kills cannot be told",
        Shown::Gunicorns => "no kill of a Gunicorn for want of memory in these logs",
        Shown::All => "no kill for want of memory in these logs",
        Shown::Matching => "no kill for want of memory in these logs matches",
    }
}

fn rows(report: &OomReport, page: &Page) -> String {
    let mut cells: Vec<[String; 5]> = report.kills.iter().map(row).collect();
    name_hosts(report, &mut cells);
    columns(&HEADINGS, &cells, &GIVES_WAY, page).unwrap_or_else(|| sentences(&cells, page))
}

/// Where the logs are of several hosts, each place has its host.
fn name_hosts(report: &OomReport, cells: &mut [[String; 5]]) {
    let host = |kill: &ToldKill| path(&kill.told.kill.host);
    let hosts: BTreeSet<String> = report.kills.iter().map(host).filter(|host| !host.is_empty()).collect();
    if hosts.len() < 2 {
        return;
    }
    for (kill, [_, _, place, ..]) in report.kills.iter().zip(cells) {
        *place = format!("{}: {place}", host(kill));
    }
}

const HEADINGS: [&str; 5] = ["WHEN", "PROCESS", "UNIT OR GROUP", "HELD", "WHY"];

/// Process, place and cause; times and sizes are never broken.
const GIVES_WAY: [usize; 3] = [1, 2, 4];

fn row(kill: &ToldKill) -> [String; 5] {
    let victim = &kill.told.kill;
    [
        when(kill),
        format!("{} {}", name(&victim.comm), victim.pid),
        place(kill),
        victim.sizes.resident().map_or_else(|| "not told".to_owned(), |bytes| bytes.to_string()),
        why(victim),
    ]
}

/// A page that is too narrow for a table has a sentence a kill.
fn sentences(cells: &[[String; 5]], page: &Page) -> String {
    let one = |[when, process, place, held, why]: &[String; 5]| {
        labelled("", &format!("{when} {process} ({place}): held {held}; {why}"), page.width)
    };
    cells.iter().map(one).collect()
}

/// A name as people may see it: bytes that are no text, and what a terminal would obey, written out.
fn name(comm: &[u8]) -> String {
    match comm {
        b"" => "(no name)".to_owned(),
        _ => visible(&String::from_utf8_lossy(comm)).into_owned(),
    }
}

fn path(path: &[u8]) -> String {
    visible(&String::from_utf8_lossy(path)).into_owned()
}

/// In UTC, to the second; `~` before a time that may be off by more than that.
fn when(kill: &ToldKill) -> String {
    match (kill.told.moment, kill.told.kill.stamp.boot_micros) {
        (Some(moment), _) => {
            let about = if moment.uncertainty.micros > 1_000_000 { "~" } else { "" };
            format!("{about}{}", second(moment.time))
        }
        (None, Some(micros)) => format!("boot+{:.3}s", micros as f64 / 1e6),
        (None, None) => "not told".to_owned(),
    }
}

/// The unit, else the last part of the control group that tells something.
fn place(kill: &ToldKill) -> String {
    if let Some(unit) = &kill.concern.unit {
        return visible(unit).into_owned();
    }
    match &kill.told.kill.task_memcg {
        Some(group) => tail(&path(group)),
        None => "not told".to_owned(),
    }
}

/// The last part of a path; ids of containers are cut as their tools cut them.
fn tail(path: &str) -> String {
    // What runtimes and systemd make below a group of their own says nothing of whose it is.
    const INNER: [&str; 4] = ["", "container", "init.scope", "supervisor"];
    let last = path.rsplit('/').find(|part| !INNER.contains(part)).unwrap_or("/");
    let is_id = |part: &str| part.len() >= 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = last.split('-').map(|part| match part.strip_suffix(".scope").unwrap_or(part) {
        id if is_id(id) => id.get(..12).unwrap_or(id),
        _ => part,
    });
    parts.collect::<Vec<_>>().join("-")
}

fn why(kill: &Kill) -> String {
    let hit = kill.report.hit().and_then(|(hit, usage)| Some((hit, Bytes(usage.limit.number()?))));
    let said = match (kill.scope, hit) {
        (Scope::Memcg, Some((Hit::Memory, limit))) => format!("limit of {limit}"),
        (Scope::Memcg, Some((Hit::MemoryAndSwap, limit))) => format!("limit of {limit} with swap"),
        (Scope::Memcg, None) => "its group's limit".to_owned(),
        (Scope::Global, _) => "host out of memory".to_owned(),
        (Scope::Cpuset, _) => "its cpuset's nodes full".to_owned(),
        (Scope::Mempolicy, _) => "its policy's nodes full".to_owned(),
        (Scope::Manual, _) => "asked for (sysrq f)".to_owned(),
        (Scope::Unknown, _) => "not told".to_owned(),
    };
    match kill.part {
        Part::Chosen => said,
        Part::Group => "with its group".to_owned(),
        Part::Child => format!("{said}, in its parent's place"),
        Part::SharesMemory => "shared memory with one killed".to_owned(),
    }
}

/// What the last kill of each unit says of its cause: the ones before it say much the same.
fn advice(report: &OomReport, page: &Page) -> String {
    let mut seen = vec![];
    let mut lines = vec![];
    for kill in report.kills.iter().rev() {
        let group = kill.told.kill.task_memcg.as_deref().map_or_else(|| kill.told.kill.pid.to_string(), path);
        if kill.advice.is_empty() || seen.contains(&group) || seen.contains(&kill.advice.join("; ")) {
            continue;
        }
        let label = format!("{} {}: ", name(&kill.told.kill.comm), kill.told.kill.pid);
        lines.push(kill.advice.iter().map(|text| labelled("  ", text, page.width)).collect::<String>());
        lines.push(labelled("", label.trim_end(), page.width));
        seen.extend([group, kill.advice.join("; ")]);
    }
    lines.into_iter().rev().collect()
}

fn in_full(kill: &ToldKill, report: &OomReport, page: &Page) -> String {
    let victim = &kill.told.kill;
    let heading = format!("{} {}, killed {}", name(&victim.comm), victim.pid, exactly(kill));
    let source = report.sources.get(kill.told.source).map(|source| source.name.as_str()).unwrap_or_default();
    let mut lines = vec![("why", reason(victim))];
    lines.push(("host", String::from_utf8_lossy(&victim.host).into_owned()));
    lines.push(("unit", kill.concern.unit.clone().unwrap_or_default()));
    lines.push(("group", victim.task_memcg.as_deref().map(path).unwrap_or_default()));
    lines.push(("limit", limits(victim)));
    lines.push(("held", held(victim)));
    lines.push(("user", victim.uid.map(|uid| format!("uid {uid}")).unwrap_or_default()));
    lines.push(("asked", asked(victim)));
    lines.push(("processes", processes(victim)));
    lines.push(("time", doubts(kill)));
    lines.push(("log", format!("{source}, byte {}", victim.offset)));
    lines.extend(kill.advice.iter().map(|text| ("do", text.clone())));
    let rows = lines.iter().filter(|(_, text)| !text.is_empty());
    let body: String =
        rows.map(|(label, text)| labelled(&format!("  {label}: "), &visible(text), page.width)).collect();
    format!("{}\n{body}", page.paint.heading(&fill(&visible(&heading), page.width).join("\n")))
}

fn exactly(kill: &ToldKill) -> String {
    match kill.told.moment {
        Some(moment) => moment.time.to_string(),
        None => when(kill),
    }
}

fn reason(kill: &Kill) -> String {
    match (&kill.report.oom_memcg, kill.scope) {
        (Some(group), Scope::Memcg) => format!("the limit of control group {} was hit", path(group)),
        _ => why(kill),
    }
}

fn limits(kill: &Kill) -> String {
    let one = |what: &str, usage: Option<Usage>| {
        usage.map(|usage| match usage.limit {
            Limit::At(limit) => format!("{what} {} of {}", usage.used, Bytes(limit)),
            Limit::Unlimited => format!("{what} {}, no limit", usage.used),
        })
    };
    let report = &kill.report;
    let all = [one("memory", report.memory), one("memory and swap", report.memory_and_swap), one("swap", report.swap)];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn held(kill: &Kill) -> String {
    let sizes = kill.sizes;
    let parts = [
        (sizes.anon_rss, "anonymous"),
        (sizes.file_rss, "of files"),
        (sizes.shmem_rss, "shared"),
        (sizes.pgtables, "page tables"),
        (sizes.total_vm, "address space"),
    ];
    let told = parts.iter().filter_map(|(size, what)| size.map(|size| format!("{size} {what}")));
    told.collect::<Vec<_>>().join(", ")
}

fn asked(kill: &Kill) -> String {
    let Some(trigger) = &kill.report.trigger else { return String::new() };
    let thread = trigger.thread.map(|pid| format!(" (thread {pid})")).unwrap_or_default();
    let order = trigger.order.map(|order| format!(", order {order}")).unwrap_or_default();
    let mask = trigger.gfp_mask.as_deref().map(|mask| format!(", {mask}")).unwrap_or_default();
    format!("{}{thread}{order}{mask}", name(&trigger.comm))
}

fn processes(kill: &Kill) -> String {
    let tasks = &kill.report.tasks;
    if tasks.is_empty() {
        return String::new();
    }
    let mut largest: Vec<&Task> = tasks.iter().collect();
    largest.sort_by_key(|task| std::cmp::Reverse(task.rss_pages));
    let page = kill.page();
    let one = |task: &&Task| {
        let rss = task.rss_pages.map(|pages| format!(" {}", page.bytes(pages))).unwrap_or_default();
        format!("{} {}{rss}", name(&task.comm), task.pid)
    };
    let named: Vec<String> = largest.iter().take(NAMED_TASKS).map(one).collect();
    let all = tasks.len() as u64 + kill.report.tasks_left_out;
    format!("{all} in the report; the largest: {}", named.join(", "))
}

/// How far off the time may be, where that is more than a second, and what it rests on.
fn doubts(kill: &ToldKill) -> String {
    let Some(Moment { uncertainty, .. }) = kill.told.moment else {
        return "not told: the log counts from a boot whose time it does not have".to_owned();
    };
    let mut said = vec![];
    if uncertainty.micros > 1_000_000 {
        said.push(format!("off by up to {} s", uncertainty.micros / 1_000_000));
    }
    if uncertainty.slept {
        said.push("the host slept since boot, which the kernel's clock does not count".to_owned());
    }
    if uncertainty.derived {
        said.push("worked out by dmesg: hours off where the host slept since boot".to_owned());
    }
    if uncertainty.zone_assumed {
        said.push("taken to be in this host's time zone".to_owned());
    }
    if uncertainty.year_inferred {
        said.push("year inferred from the end of the log".to_owned());
    }
    said.join("; ")
}

/// What else there is: kills that are not shown, and those that no log tells of.
fn closing(report: &OomReport, page: &Page) -> String {
    let mut text = String::new();
    if report.others > 0 {
        let (kills, do_not) = if report.others == 1 { ("kill", "does") } else { ("kills", "do") };
        let what = if report.shown == Shown::Matching { "match" } else { "concern a Gunicorn" };
        let hint = match &report.root {
            Some(root) => format!("; all of them: {}", gtune(root, "oom --all")),
            None => "; --all shows them".to_owned(),
        };
        text += &labelled("", &format!("{} more {kills} {do_not} not {what}{hint}", report.others), page.width);
    }
    if let Some(check) = report.counters.filter(|counters| counters.lost() > 0) {
        text += &labelled("", &untold(check, report), page.width);
    }
    text
}

/// Kills that the kernel counted and no log tells of.
fn untold(CounterCheck { counted, told }: CounterCheck, report: &OomReport) -> String {
    let kills = if counted == 1 { "kill" } else { "kills" };
    let counted = match report.sources.is_empty() {
        true => format!("the kernel counted {counted} {kills} since boot"),
        false => format!("the kernel counted {counted} {kills} since boot, these logs tell of {told}"),
    };
    match report.log_lost() {
        Some(_) => format!(
            "log lost: {counted}; the ring buffer is short: keep a journal (Storage=persistent in journald.conf)"
        ),
        None => format!("{counted}; the logs that may not be read may tell of them"),
    }
}

fn read(report: &OomReport, page: &Page) -> String {
    let sources = report.sources.iter().map(|source| labelled("log: ", &visible(&told(source)), page.width));
    let blind = report.blind_spots.iter().map(|why| labelled("", &visible(&why.to_string()), page.width));
    let as_root = report.as_root.as_ref().map(|command| command_after("to read them:", command, page.width));
    sources.chain(blind).chain(as_root).collect()
}

/// A source, from when it tells, and what it lacks.
pub fn told(source: &Source) -> String {
    let begins = source.begins.map(|moment| format!(", from {}", second(moment.time))).unwrap_or_default();
    let records = match source.records {
        Some(1) => ", 1 record".to_owned(),
        Some(records) => format!(", {records} records"),
        None => String::new(),
    };
    let lost = source.lost.as_ref().map(|lost| format!("; {lost}")).unwrap_or_default();
    let notes: String = source.notes.iter().map(|note| format!("; {note}")).collect();
    let unknown = match source.framed {
        true => "",
        false => "; nothing in it says that it is a log",
    };
    format!("{}{begins}{records}{unknown}{lost}{notes}", source.name)
}

#[cfg(test)]
mod tests;
