//! Captured kills: every form of a capture tells of the same kills, and those are the ones that happened.

use crate::bed::{self, Logs, Said, all, all_of, data};
use crate::expected::{difference, failure, must_be, together};
use crate::forms::{CASES, WITHOUT_TIME, expected, forms, in_form, truth};
use crate::support::{Law, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Every key of a kill; a value that the log does not hold is null, but its key is there.
const KEYS: &[&str] = &[
    "pid",
    "comm",
    "comm_hex",
    "uid",
    "time",
    "time_uncertainty_seconds",
    "time_assumes",
    "boot_seconds",
    "boot_id",
    "scope",
    "part",
    "oom_memcg",
    "task_memcg",
    "unit",
    "limit_bytes",
    "usage_bytes",
    "swap_limit_bytes",
    "swap_usage_bytes",
    "total_vm_bytes",
    "anon_rss_bytes",
    "file_rss_bytes",
    "shmem_rss_bytes",
    "pgtables_bytes",
    "oom_score_adj",
    "trigger",
    "tasks",
    "concerns_gunicorn",
    "source",
    "advice",
];

/// The laws.
pub fn laws() -> Vec<Law> {
    let cases = CASES.iter().flat_map(|case| {
        [
            Law::new(format!("every_form_tells_of_the_same_kills/{case}"), &[], || every_form(case)),
            Law::new(format!("all_forms_at_once_tell_of_each_kill_once/{case}"), &[], || all_forms(case)),
            Law::new(format!("the_truth_is_what_the_raw_record_says/{case}"), &[], || truth_is_raw(case)),
        ]
    });
    cases
        .chain([
            Law::new("a_time_is_within_its_uncertainty_of_the_kill", &[], times),
            Law::new("a_kill_has_every_key_of_the_contract", &[], keys),
            Law::new("a_file_may_change_its_format_in_the_middle", &[], change_of_format),
            Law::new("what_is_gunicorns_is_shown_and_the_rest_is_counted", &[], shown_and_counted),
            Law::new("the_boot_is_that_of_the_journal", &[], boot),
        ])
        .collect()
}

fn truth_is_raw(case: &str) -> Result {
    let told: Vec<Value> = truth(case)?["kills"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|kill| json!({"pid": kill["pid"], "comm_hex": kill["comm_hex"], "uid": kill["uid"]}))
        .collect();
    let mut raw = expected(case)?;
    // Two groups at once: the order in which their ends were noticed is not that of the kills.
    raw.sort_by_key(|kill| kill["pid"].as_u64());
    must_be(&told, &raw, case)
}

fn every_form(case: &str) -> Result {
    let (logs, kills) = (Logs::new()?, expected(case)?);
    let failures = forms(case)?.into_iter().filter_map(|form| {
        failure(
            logs.copy(&format!("captures/{case}/{form}"))
                .and_then(|file| one_form(case, &form, &kills, all_of(&file)?)),
        )
    });
    together(failures.collect())
}

fn one_form(case: &str, form: &str, kills: &[Value], said: Said) -> Result {
    let what = format!("{case}/{form}");
    must_be(&in_form(kills, form), said.kills(), &what)?;
    against_truth(case, &said, &what)?;
    assert_eq!(said.code, i32::from(!kills.is_empty()), "{what}");
    assert_eq!(said.json["others"], 0, "{what}: with --all nobody is left out");
    Ok(())
}

/// What was seen from outside agrees too: which group, which limit, who asked.
fn against_truth(case: &str, said: &Said, what: &str) -> Result {
    let truth = truth(case)?;
    for told in truth["kills"].as_array().into_iter().flatten() {
        let kill = said.kills().iter().find(|kill| kill["pid"] == told["pid"]);
        let kill = kill.ok_or_else(|| format!("{what}: no kill of {}", told["pid"]))?;
        if kill["trigger"].is_null() {
            continue;
        }
        let seen = json!({"oom_memcg": told["memcg"], "task_memcg": told["memcg"], "limit_bytes": told["limit_bytes"]});
        together(difference(&seen, kill, what).into_iter().collect())?;
        if let Some(trigger) = truth.get("trigger") {
            together(difference(&json!({"trigger": trigger}), kill, what).into_iter().collect())?;
        }
    }
    Ok(())
}

fn all_forms(case: &str) -> Result {
    let logs = Logs::new()?;
    let copy = |form: &String| logs.copy(&format!("captures/{case}/{form}"));
    let mut files = forms(case)?.iter().map(copy).collect::<Result<Vec<PathBuf>>>()?;
    let pids: BTreeSet<_> = expected(case)?.iter().filter_map(|kill| kill["pid"].as_u64()).collect();
    for _ in 0..2 {
        let said = all(&files)?;
        let mut found = said.pids();
        found.sort_unstable();
        assert_eq!(found, pids.iter().copied().collect::<Vec<_>>(), "{case}: {:?}", files.first());
        assert_eq!(said.json["log"].as_array().map(Vec::len), Some(files.len()));
        // The order in which the files are named changes nothing.
        files.reverse();
    }
    Ok(())
}

fn times() -> Result {
    let mut failures = Vec::new();
    for case in CASES {
        let (logs, truth) = (Logs::new()?, truth(case)?);
        for form in forms(case)?.iter().filter(|form| !WITHOUT_TIME.contains(&form.as_str())) {
            let said = all_of(&logs.copy(&format!("captures/{case}/{form}"))?)?;
            let off = said.kills().iter().filter_map(|kill| off(kill, &truth));
            failures.extend(off.map(|off| format!("{case}/{form}: {off}")));
        }
    }
    together(failures)
}

/// How far the time of a kill is from when its end was noticed, where that is more than can be.
fn off(kill: &Value, truth: &Value) -> Option<String> {
    let told = truth["kills"].as_array()?.iter().find(|told| told["pid"] == kill["pid"])?;
    let noticed: Timestamp = told["noticed"].as_str()?.parse().ok()?;
    let Some(time) = kill["time"].as_str().and_then(|time| time.parse::<Timestamp>().ok()) else {
        return Some(format!("{}: no time: {}", kill["pid"], kill["time"]));
    };
    let ahead = (noticed - time).total(jiff::Unit::Second).ok()?;
    // dmesg reckons from when it runs, and was off by a second and a half in these captures; a fraction is cut off.
    let uncertain = kill["time_uncertainty_seconds"].as_f64().is_none_or(|seconds| !(0.0..=3600.0).contains(&seconds));
    ((!(-1.0..3.0).contains(&ahead)) || uncertain).then(|| {
        format!(
            "{}: {time} is {ahead} s before it was noticed; uncertainty {}",
            kill["pid"], kill["time_uncertainty_seconds"]
        )
    })
}

fn keys() -> Result {
    let said = all_of(&Logs::new()?.copy("captures/02-trigger-is-not-the-victim/kmsg.txt")?)?;
    assert_eq!((&said.json["schema"], &said.json["command"]), (&json!(1), &json!("oom")));
    for key in ["gtune", "observed_at", "log", "kills", "others", "counters", "blind_spots"] {
        assert!(said.json.get(key).is_some(), "no {key}: {:#}", said.json);
    }
    let keys: BTreeSet<&str> = said.kill()?.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let missing: Vec<_> = KEYS.iter().filter(|key| !keys.contains(*key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let log = &said.json["log"][0];
    assert_eq!((&log["records"], &log["lost"]), (&json!(81), &json!(false)), "{log}");
    Ok(())
}

fn change_of_format() -> Result {
    let logs = Logs::new()?;
    let parts = [
        "01-sync-leak/kmsg.txt",
        "02-trigger-is-not-the-victim/dmesg-T.txt",
        "05-pid-namespace/dmesg-raw.txt",
        "16-through-journald-and-rsyslogd/journalctl-export.txt",
        "03-odd-process-names/dmesg-decode.txt",
        "07-interleaved/dmesg-iso.txt",
        "10-boot-loop-rate-limited/dmesg.json",
    ];
    for parts in [parts.to_vec(), parts.iter().rev().copied().collect()] {
        let (mut whole, mut pids) = (Vec::new(), BTreeSet::new());
        for part in &parts {
            whole.extend(fs::read(data(&format!("captures/{part}")))?);
            let case = part.split('/').next().unwrap_or_default();
            pids.extend(expected(case)?.iter().filter_map(|kill| kill["pid"].as_u64()));
        }
        let mut found = all_of(&logs.write("mixed.log", &whole)?)?.pids();
        found.sort_unstable();
        assert_eq!(found, pids.into_iter().collect::<Vec<_>>(), "{parts:?}");
    }
    Ok(())
}

fn shown_and_counted() -> Result {
    let logs = Logs::new()?;
    // Whether a kill concerns Gunicorn: by its own name, by the group, or by who else lives in that group.
    let cases = [("01-sync-leak", 3, 0), ("02-trigger-is-not-the-victim", 1, 0), ("10-boot-loop-rate-limited", 25, 0)];
    for (case, shown, others) in cases.into_iter().chain([("07-interleaved", 1, 1), ("03-odd-process-names", 0, 20)]) {
        let said = bed::oom(&[logs.copy(&format!("captures/{case}/kmsg.txt"))?])?;
        assert_eq!((said.kills().len(), &said.json["others"]), (shown, &json!(others)), "{case}: {:#}", said.json);
        assert!(said.kills().iter().all(|kill| kill["concerns_gunicorn"] == true), "{case}");
        assert_eq!(said.code, i32::from(shown > 0), "{case}");
    }
    Ok(())
}

fn boot() -> Result {
    for form in ["journalctl-json.txt", "journalctl-export.txt"] {
        let said = all_of(&Logs::new()?.copy(&format!("captures/16-through-journald-and-rsyslogd/{form}"))?)?;
        for kill in said.kills() {
            let boot = kill["boot_id"].as_str().unwrap_or_default().replace('-', "");
            assert_eq!(boot, "99cf476bd3bc43f399a40545a5819a86", "{form}: {kill:#}");
            assert_eq!(kill["unit"], "gunicorn.service");
        }
    }
    Ok(())
}
