//! The JSON of `oom`.

use super::{value, whole_second};
use crate::command::{OomReport, Source, ToldKill};
use crate::facts::Reason;
use crate::kernel_log::{Kill, Moment, Page, Part, Report, Scope, Task, Trigger, Usage};
use crate::units::{Bytes, Pid};
use serde::Serialize;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

#[derive(Serialize)]
struct Oom<'a> {
    observed_at: String,
    log: Vec<Log<'a>>,
    kills: Vec<KillRecord<'a>>,
    others: u64,
    counters: Option<Counters>,
    blind_spots: &'a [Reason],
}

/// A log of the kernel.
#[derive(Serialize)]
pub struct Log<'a> {
    source: &'a str,
    begins_at: Option<String>,
    records: Option<u64>,
    lost: bool,
    note: Option<String>,
}

#[derive(Serialize)]
struct Counters {
    oom_kill: u64,
    in_log: u64,
}

#[derive(Serialize)]
struct KillRecord<'a> {
    pid: Pid,
    comm: String,
    comm_hex: String,
    uid: Option<u32>,
    time: Option<String>,
    time_uncertainty_seconds: Option<f64>,
    time_assumes: Vec<&'static str>,
    boot_seconds: Option<f64>,
    boot_id: Option<String>,
    host: Option<String>,
    scope: &'static str,
    part: &'static str,
    oom_memcg: Option<String>,
    task_memcg: Option<String>,
    unit: Option<&'a str>,
    limit_bytes: Option<u64>,
    usage_bytes: Option<Bytes>,
    swap_limit_bytes: Option<u64>,
    swap_usage_bytes: Option<Bytes>,
    total_vm_bytes: Option<Bytes>,
    anon_rss_bytes: Option<Bytes>,
    file_rss_bytes: Option<Bytes>,
    shmem_rss_bytes: Option<Bytes>,
    pgtables_bytes: Option<Bytes>,
    oom_score_adj: Option<i32>,
    trigger: Option<TriggerRecord<'a>>,
    tasks: Vec<TaskRecord>,
    report_of: Option<Pid>,
    tasks_left_out: u64,
    kernel: Option<&'a str>,
    concerns_gunicorn: bool,
    advice: &'a [String],
    source: &'a str,
    offset: u64,
}

#[derive(Serialize)]
struct TriggerRecord<'a> {
    comm: String,
    comm_hex: String,
    pid: Option<Pid>,
    gfp_mask: Option<&'a str>,
    order: Option<i32>,
    oom_score_adj: Option<i32>,
}

#[derive(Serialize)]
struct TaskRecord {
    pid: Pid,
    tgid: Option<Pid>,
    uid: Option<u32>,
    comm: String,
    total_vm_bytes: Option<Bytes>,
    rss_bytes: Option<Bytes>,
    oom_score_adj: Option<i32>,
}

/// The kills and the logs they were found in.
pub fn oom(report: &OomReport) -> String {
    let body = Oom {
        observed_at: whole_second(report.observed_at),
        log: report.sources.iter().map(log).collect(),
        kills: records(report),
        others: report.others,
        counters: report.counters.map(|check| Counters { oom_kill: check.counted, in_log: check.told }),
        blind_spots: &report.blind_spots,
    };
    value("oom", body)
}

/// What was read of a log of the kernel.
pub fn log(source: &Source) -> Log<'_> {
    let said = source.lost.iter().chain(&source.notes).map(ToString::to_string);
    let unframed = (!source.framed).then(|| "nothing in it says that it is a log".to_owned());
    let note: Vec<String> = said.chain(unframed).collect();
    Log {
        source: &source.name,
        begins_at: source.begins.map(|moment| moment.time.to_string()),
        records: source.records,
        lost: source.lost.is_some(),
        note: (!note.is_empty()).then(|| note.join("; ")),
    }
}

/// The kills; those of one report share its table, which stands with the first of them.
fn records(report: &OomReport) -> Vec<KillRecord<'_>> {
    let mut first: HashMap<*const Report, Pid> = HashMap::new();
    let one = |kill| {
        let mut record = record(kill, report);
        let victim = &kill.told.kill;
        match first.entry(Arc::as_ptr(&victim.report)) {
            Entry::Occupied(first) if !victim.report.tasks.is_empty() => record.report_of = Some(*first.get()),
            Entry::Occupied(_) => {}
            Entry::Vacant(entry) => {
                entry.insert(victim.pid);
            }
        }
        if record.report_of.is_none() {
            let page = victim.page();
            record.tasks = victim.report.tasks.iter().map(|row| task(page, row)).collect();
        }
        record
    };
    report.kills.iter().map(one).collect()
}

fn record<'a>(kill: &'a ToldKill, report: &'a OomReport) -> KillRecord<'a> {
    let victim = &kill.told.kill;
    let (sizes, said) = (victim.sizes, &victim.report);
    let swap = said.swap.or(said.memory_and_swap);
    KillRecord {
        pid: victim.pid,
        comm: text(&victim.comm),
        comm_hex: hex(&victim.comm),
        uid: victim.uid,
        time: kill.told.moment.map(|moment| moment.time.to_string()),
        time_uncertainty_seconds: kill.told.moment.map(|moment| moment.uncertainty.micros as f64 / 1e6),
        time_assumes: kill.told.moment.map(|moment| assumes(&moment)).unwrap_or_default(),
        boot_seconds: victim.stamp.boot_micros.map(|micros| micros as f64 / 1e6),
        boot_id: victim.boot.map(|boot| format!("{:032x}", boot.0)),
        host: (!victim.host.is_empty()).then(|| text(&victim.host)),
        scope: scope(victim.scope),
        part: part(victim.part),
        oom_memcg: said.oom_memcg.as_deref().map(text),
        task_memcg: victim.task_memcg.as_deref().map(text),
        unit: kill.concern.unit.as_deref(),
        limit_bytes: said.memory.and_then(limit),
        usage_bytes: said.memory.map(|usage| usage.used),
        swap_limit_bytes: swap.and_then(limit),
        swap_usage_bytes: swap.map(|usage| usage.used),
        total_vm_bytes: sizes.total_vm,
        anon_rss_bytes: sizes.anon_rss,
        file_rss_bytes: sizes.file_rss,
        shmem_rss_bytes: sizes.shmem_rss,
        pgtables_bytes: sizes.pgtables,
        oom_score_adj: sizes.oom_score_adj.or_else(|| adj_in_table(victim)),
        trigger: said.trigger.as_ref().map(trigger),
        tasks: vec![],
        report_of: None,
        tasks_left_out: said.tasks_left_out,
        kernel: said.kernel.as_deref(),
        concerns_gunicorn: kill.concern.gunicorn,
        advice: &kill.advice,
        source: report.sources.get(kill.told.source).map(|source| source.name.as_str()).unwrap_or_default(),
        offset: victim.offset,
    }
}

/// Kernels before 5.4 have the score of the victim in the table alone.
fn adj_in_table(victim: &Kill) -> Option<i32> {
    victim.report.tasks.iter().find(|task| task.pid == victim.pid).and_then(|task| task.oom_score_adj)
}

fn limit(usage: Usage) -> Option<u64> {
    usage.limit.number()
}

/// Lossy: `comm_hex` has the bytes.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assumes(moment: &Moment) -> Vec<&'static str> {
    let doubt = moment.uncertainty;
    let all =
        [(doubt.zone_assumed, "zone"), (doubt.year_inferred, "year"), (doubt.slept || doubt.derived, "no-suspend")];
    all.into_iter().filter(|(is_assumed, _)| *is_assumed).map(|(_, what)| what).collect()
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Memcg => "memcg",
        Scope::Global => "global",
        Scope::Cpuset => "cpuset",
        Scope::Mempolicy => "mempolicy",
        Scope::Manual => "manual",
        Scope::Unknown => "unknown",
    }
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Chosen => "chosen",
        Part::Group => "group",
        Part::Child => "child",
        Part::SharesMemory => "shares-memory",
    }
}

fn trigger(trigger: &Trigger) -> TriggerRecord<'_> {
    TriggerRecord {
        comm: text(&trigger.comm),
        comm_hex: hex(&trigger.comm),
        pid: trigger.thread,
        gfp_mask: trigger.gfp_mask.as_deref(),
        order: trigger.order,
        oom_score_adj: trigger.oom_score_adj,
    }
}

fn task(page: Page, task: &Task) -> TaskRecord {
    let bytes = |pages: Option<u64>| pages.map(|pages| page.bytes(pages));
    TaskRecord {
        pid: task.pid,
        tgid: task.tgid,
        uid: task.uid,
        comm: text(&task.comm),
        total_vm_bytes: bytes(task.total_vm_pages),
        rss_bytes: bytes(task.rss_pages),
        oom_score_adj: task.oom_score_adj,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::oom_sample::{named, report};
    use serde_json::{Value, json};

    fn read(report: &OomReport) -> Value {
        serde_json::from_str(&oom(report)).unwrap()
    }

    #[test]
    fn a_kill_keeps_its_keys_and_their_units() {
        let value = read(&report());
        let kill = &value["kills"][0];
        for (key, expected) in [
            ("pid", json!(815)),
            ("comm", json!("gunicorn")),
            ("comm_hex", json!("67756e69636f726e")),
            ("uid", json!(33)),
            ("time", json!("2026-11-20T19:14:07.26841Z")),
            ("time_uncertainty_seconds", json!(0.001)),
            ("boot_seconds", json!(847.26841)),
            ("scope", json!("memcg")),
            ("part", json!("chosen")),
            ("unit", json!("gunicorn.service")),
            ("limit_bytes", json!(209_715_200)),
            ("swap_limit_bytes", json!(null)),
            ("swap_usage_bytes", json!(0)),
            ("oom_score_adj", json!(0)),
            ("concerns_gunicorn", json!(true)),
            ("source", json!("/dev/kmsg")),
        ] {
            assert_eq!(kill[key], expected, "{key}");
        }
        assert_eq!(kill["trigger"]["pid"], 816);
        assert_eq!(kill["tasks"][1]["rss_bytes"], 150 << 20);
        assert_eq!((&value["others"], &value["counters"]), (&json!(2), &json!({"oom_kill": 7, "in_log": 5})));
        assert_eq!(value["log"][0]["lost"], true);
        assert_eq!(value["log"][1]["note"], "nothing in it says that it is a log");
    }

    #[test]
    fn what_the_log_does_not_hold_is_null() {
        let value = read(&report());
        let kill = &value["kills"][1];
        for key in [
            "uid",
            "time",
            "oom_memcg",
            "task_memcg",
            "unit",
            "limit_bytes",
            "usage_bytes",
            "anon_rss_bytes",
            "trigger",
        ] {
            assert_eq!(kill[key], Value::Null, "{key}");
        }
    }

    #[test]
    fn a_name_that_is_no_text_keeps_its_bytes() {
        let kill = &read(&named(b"bad\xff\xfe\n", b"/a"))["kills"][0];
        assert_eq!((&kill["comm"], &kill["comm_hex"]), (&json!("bad\u{fffd}\u{fffd}\n"), &json!("626164fffe0a")));
    }
}
