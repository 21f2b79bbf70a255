//! Kernel logs of a Debian 12 host, one directory a case.

use crate::bed::{self, Logs, all, all_of, data};
use crate::expected::{failure, must_be, together};
use crate::support::{Law, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

const UNIT: &str = "/system.slice/gunicorn.service";

/// The laws.
pub fn laws() -> Vec<Law> {
    let cases = ["memcg-oom-policy-stop", "memcg-oom-policy-continue", "oom-then-reboot", "global-oom"];
    let others = ["worker-timeout-sigkill", "worker-timeout-sigabrt", "outside-kill9", "segfault"];
    let each = cases.into_iter().chain(others).map(|case| {
        Law::new(format!("a_host_of_debian_12_tells_its_kill_in_every_form/{case}"), &[], move || host(case))
    });
    each.chain([Law::new("the_files_of_one_host_at_once_tell_of_its_kill_once", &[], once)]).collect()
}

/// The kill of a case, as its worker's end was seen from outside, with the figures that every form shows.
fn kill_of(case: &str) -> Option<Value> {
    let (pid, anon, file, pgtables) = match case {
        "memcg-oom-policy-stop" => (195, 187_372, 5532, 440),
        "memcg-oom-policy-continue" => (236, 188_508, 5568, 436),
        "oom-then-reboot" => (234, 188_452, 5692, 436),
        "global-oom" => (221, 405_624, 4, 856),
        _ => return None,
    };
    let global = case == "global-oom";
    let limit = if global { Value::Null } else { json!(200 << 20) };
    Some(json!({
        "pid": pid, "comm": "gunicorn", "comm_hex": "67756e69636f726e", "uid": 997, "part": "chosen",
        "scope": if global { "global" } else { "memcg" }, "unit": "gunicorn.service",
        "oom_memcg": if global { Value::Null } else { json!(UNIT) }, "task_memcg": UNIT,
        "limit_bytes": limit, "usage_bytes": limit,
        "swap_limit_bytes": null, "swap_usage_bytes": if global { Value::Null } else { json!(0) },
        "anon_rss_bytes": anon * 1024, "file_rss_bytes": file * 1024, "shmem_rss_bytes": 0,
        "pgtables_bytes": pgtables * 1024,
        "oom_score_adj": 0, "concerns_gunicorn": true,
    }))
}

/// Who asked: in the host's case a process that must not die.
fn trigger_of(case: &str, pid: &Value) -> Value {
    match case {
        "global-oom" => json!({"comm": "python3", "pid": 141, "gfp_mask": "0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP)",
                               "order": 0, "oom_score_adj": -1000}),
        _ => json!({"comm": "gunicorn", "pid": pid, "gfp_mask": "0xcc0(GFP_KERNEL)", "order": 0, "oom_score_adj": 0}),
    }
}

fn logs_of(case: &str) -> Result<Vec<String>> {
    let names = bed::names(&format!("hosts/{case}"))?;
    let is_log = |name: &String| ["kern.log", "dmesg", "kmsg", "journalctl-k"].iter().any(|log| name.starts_with(log));
    Ok(names.into_iter().filter(is_log).collect())
}

/// Whether a form has this text: some were cut by `--since`, within the report.
fn has(case: &str, form: &str, text: &str) -> Result<bool> {
    let bytes = fs::read(data(&format!("hosts/{case}/{form}")))?;
    Ok(String::from_utf8_lossy(&bytes).contains(text))
}

fn host(case: &str) -> Result {
    let logs = Logs::new()?;
    let failures = logs_of(case)?.into_iter().filter_map(|form| failure(one_form(case, &form, &logs)));
    together(failures.collect())
}

fn one_form(case: &str, form: &str, logs: &Logs) -> Result {
    let what = format!("{case}/{form}");
    let said = all_of(&logs.copy(&format!("hosts/{case}/{form}"))?)?;
    let mut kills: Vec<Value> = kill_of(case).into_iter().collect();
    if !has(case, form, "Killed process")? {
        kills.clear();
    }
    if has(case, form, "invoked oom-killer")? {
        kills.iter_mut().for_each(|kill| kill["trigger"] = trigger_of(case, &kill["pid"]));
    }
    must_be(&kills, said.kills(), &what)?;
    // `-- No entries --`, or nothing at all, is a log in which nothing happened.
    assert_eq!(said.code, i32::from(!kills.is_empty()), "{what}: {}", said.stderr);
    Ok(())
}

fn once() -> Result {
    for case in ["memcg-oom-policy-stop", "memcg-oom-policy-continue", "oom-then-reboot", "global-oom"] {
        let logs = Logs::new()?;
        let files = logs_of(case)?
            .iter()
            .map(|form| logs.copy(&format!("hosts/{case}/{form}")))
            .collect::<Result<Vec<PathBuf>>>()?;
        let said = all(&files)?;
        assert_eq!(Some(&said.kill()?["pid"]), kill_of(case).as_ref().map(|kill| &kill["pid"]), "{case}");
    }
    Ok(())
}
