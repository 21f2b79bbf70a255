//! Captured kills with Gunicorn's log beside the kernel's, also where they number the processes differently.

use crate::bed::{Logs, data, failure, kernel_data, of, of_texts, together, with_kernel, word};
use crate::kernel_bed;
use crate::support::{Law, Result};
use crate::truth::{expected, must_be};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// Forms of a kernel log that show no time of the day.
const WITHOUT_TIME: &[&str] = &[
    "kmsg.txt",
    "dmesg.txt",
    "dmesg-raw.txt",
    "dmesg-decode.txt",
    "dmesg.json",
    "journalctl-cat.txt",
    "journalctl-short-monotonic.txt",
];

/// A capture and the pids, in Gunicorn's log, of those that the kernel killed for want of memory.
const KILLED: &[(&str, &[u64])] = &[
    ("01-sync-leak", &[60236, 60237, 60248]),
    ("02-trigger-is-not-the-victim", &[60272]),
    ("16-through-journald-and-rsyslogd", &[62135, 62137]),
];

/// The laws.
pub fn laws() -> Vec<Law> {
    let each = KILLED.iter().map(|(case, pids)| {
        Law::new(format!("every_form_of_a_kernel_log_makes_a_kill_certain/{case}"), &[], || every_form(case, pids))
    });
    each.chain([
        Law::new("a_worker_of_a_pid_namespace_is_found_by_time_and_order", &[], pid_namespace),
        Law::new("a_pid_namespace_without_times_gives_no_certainty", &[], pid_namespace_without_times),
        Law::new("a_burst_of_kills_is_told_kill_by_kill", &[], burst),
        Law::new("what_was_no_oom_kill_is_none", &[], none),
        Law::new("who_asked_for_memory_did_not_die", &[], trigger),
    ])
    .collect()
}

fn error_log(case: &str) -> PathBuf {
    data(&format!("captures/{case}.log"))
}

fn forms(case: &str) -> Result<Vec<String>> {
    let names = kernel_bed::names(&format!("captures/{case}"))?;
    Ok(names.into_iter().filter(|name| name != "truth.json").collect())
}

/// The word on a capture with its kernel log in this form, last written when the captures were.
fn said(case: &str, form: &str) -> Result<crate::bed::Said> {
    let logs = Logs::new()?;
    let kernel = logs.write(form, fs::read(kernel_data(&format!("captures/{case}/{form}")))?)?;
    with_kernel(&[error_log(case)], &[kernel])
}

fn every_form(case: &str, pids: &[u64]) -> Result {
    let texts: Vec<_> = pids.iter().map(|pid| format!("{pid} kernel-oom certain..certain")).collect();
    let one = |form: &String| must_be(&expected(&texts), &said(case, form)?, &format!("{case}/{form}"));
    together(forms(case)?.iter().filter_map(|form| failure(one(form))).collect())
}

const NAMESPACE: &str = "05-pid-namespace";

fn pid_namespace() -> Result {
    let must = expected(&["2 kernel-oom likely..certain".into(), "3 kernel-oom likely..certain".into()]);
    let mut failures = Vec::new();
    for form in forms(NAMESPACE)?.iter().filter(|form| !WITHOUT_TIME.contains(&form.as_str())) {
        let said = said(NAMESPACE, form)?;
        failures.extend(failure(must_be(&must, &said, form)));
        // The kernel's own number helps to find the line; where it is told it must be the right one.
        for (pid, host_pid) in [(2, 60793), (3, 60794)] {
            let told = said.death(pid)?["host_pid"].clone();
            if !told.is_null() && told != host_pid {
                failures.push(format!("{form}: {pid} is {told} outside, not {host_pid}"));
            }
        }
    }
    together(failures)
}

/// Nothing but the order tells which kill was whose, and whether it was of these workers at all.
fn pid_namespace_without_times() -> Result {
    let either = "kernel-oom possible..likely or killed possible..likely";
    let must = expected(&[format!("2 {either}"), format!("3 {either}")]);
    let names = forms(NAMESPACE)?;
    let without = names.iter().filter(|form| WITHOUT_TIME.contains(&form.as_str()));
    together(
        without
            .filter_map(|form| failure(said(NAMESPACE, form).and_then(|said| must_be(&must, &said, form))))
            .collect(),
    )
}

/// 25 kills within ten seconds, of which the kernel tells ten in one line only. There was no Gunicorn: its log is made.
fn burst() -> Result {
    let directory = "captures/10-boot-loop-rate-limited";
    let truth: Value = serde_json::from_slice(&fs::read(kernel_data(&format!("{directory}/truth.json")))?)?;
    let kills = truth["kills"].as_array().ok_or("no kills")?;
    let start = "[2026-11-20 19:15:47 +0000] [61000] [INFO]";
    let mut text = format!("{start} Starting gunicorn 27.0.1\n{start} Using worker: sync\n");
    let mut must = Vec::new();
    for kill in kills {
        let (pid, noticed) =
            (kill["pid"].as_u64().ok_or("no pid")?, word(kill, "noticed").get(11..19).ok_or("no time")?);
        text += &format!(
            "[2026-11-20 {noticed} +0000] [{pid}] [INFO] Booting worker with pid: {pid}\n\
             [2026-11-20 {noticed} +0000] [61000] [ERROR] Worker (pid:{pid}) was sent SIGKILL! Perhaps out of memory?\n"
        );
        must.push(format!("{pid} kernel-oom likely..certain"));
    }
    assert_eq!(must.len(), 25);
    let one = |form: &String| {
        let said = of_texts(&text, fs::read(kernel_data(&format!("{directory}/{form}")))?)?;
        must_be(&expected(&must), &said, form)
    };
    let names = kernel_bed::names(directory)?;
    together(names.iter().filter(|name| *name != "truth.json").filter_map(|form| failure(one(form))).collect())
}

fn none() -> Result {
    for (case, verdict) in [
        ("12-not-oom-kill-dash-9", "61683 killed possible..certain"),
        ("13-not-oom-timeout", "61690 timeout likely..certain"),
    ] {
        let must = expected(&[verdict.to_owned()]);
        must_be(&must, &of(&[error_log(case)])?, case)?;
        must_be(&must, &said(case, "kmsg.txt")?, case)?;
        // Beside the kills of three other captures.
        let others: Vec<_> =
            KILLED.iter().map(|(other, _)| kernel_data(&format!("captures/{other}/dmesg-iso.txt"))).collect();
        must_be(&must, &with_kernel(&[error_log(case)], &others)?, case)?;
    }
    Ok(())
}

fn trigger() -> Result {
    let said = said("02-trigger-is-not-the-victim", "dmesg-T.txt")?;
    assert!(!said.pids().contains(&60274), "{:#}", said.json);
    assert_eq!(said.pids(), [60272], "{:#}", said.json);
    Ok(())
}
