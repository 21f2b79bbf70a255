//! Every case of every version: who died, of what, and how sure that may be said without the kernel log and with it.

use crate::bed::{Said, data, failure, kernel_data, of, together, with_kernel, word};
use crate::support::{Law, Result};
use crate::truth::{Case, case, cases, expected, must_be, must_count, must_tell, strings};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Every key of a death that the contract promises; some are left out where they hold nothing.
const KEYS: &[&str] =
    &["pid", "unit", "time", "gunicorn", "role", "verdict", "confidence", "summary", "evidence", "advice"];

/// The laws.
pub fn laws() -> Vec<Law> {
    let each = cases().into_iter().map(|case| {
        Law::new(format!("every_death_has_its_verdict/{}", case.path()), &[], move || without_kernel(&case))
    });
    let with_kernel = cases().into_iter().filter(|case| case.truth["kernel"].is_string()).map(|case| {
        Law::new(format!("the_kernel_log_makes_a_kill_certain/{}", case.path()), &[], move || by_kernel(&case))
    });
    each.chain(with_kernel)
        .chain([
            Law::new("there_are_logs_of_every_version", &[], all_versions),
            Law::new("a_kernel_log_that_tells_of_others_changes_no_verdict", &[], of_others),
            Law::new("a_kernel_log_in_which_nothing_happened_changes_no_verdict", &[], silent_kernel),
            Law::new("an_answer_has_every_key_of_the_contract", &[], keys),
        ])
        .collect()
}

fn without_kernel(case: &Case) -> Result {
    let said = of(&case.paths())?;
    let what = case.path();
    let failures = [
        must_be(&case.deaths(), &said, &what),
        must_tell(&case.truth, &said, &what),
        must_count(&case.truth, &said, &what),
        evidence(&said, &case.paths()),
        in_time(case, &said),
        of_the_version(case, &said),
    ];
    together(failures.into_iter().filter_map(failure).collect())?;
    if case.truth["blind"] == true {
        assert!(said.code == 3 && !said.blind_spots().is_empty(), "{what} tells of nothing, and says so: {said:#?}");
    }
    if case.truth["blind_or_death"] == true {
        assert!(!said.deaths().is_empty() || !said.blind_spots().is_empty(), "{what} just ends: {said:#?}");
    }
    Ok(())
}

/// Evidence with a line number is that line.
fn evidence(said: &Said, files: &[PathBuf]) -> Result {
    let mut wrong = Vec::new();
    for line in said.deaths().iter().flat_map(|death| death["evidence"].as_array().into_iter().flatten()) {
        let file = files.iter().find(|file| file.to_string_lossy() == word(line, "source"));
        // What is not a line of Gunicorn's is a figure, or a line that was put together.
        let (Some(file), Some(number)) = (file, line["line"].as_u64()) else { continue };
        let bytes = fs::read(file)?;
        let text = String::from_utf8_lossy(&bytes);
        let there = text.lines().nth(usize::try_from(number)?.saturating_sub(1)).unwrap_or_default();
        let shown = word(line, "text").trim_end_matches('…').trim();
        if shown.starts_with("[20") && !there.contains(shown) {
            wrong.push(format!("{}: line {number} is {there:?}, not {shown:?}", file.display()));
        }
    }
    together(wrong)
}

/// Deaths lie between the first and the last line.
fn in_time(case: &Case, said: &Said) -> Result {
    let text = case.text()?;
    let times: Vec<_> = text.lines().filter_map(crate::frames::prefix_time).collect();
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(()) };
    let mut wrong = Vec::new();
    for death in said.deaths() {
        let time: Option<Timestamp> = word(death, "time").parse().ok();
        if time.is_none_or(|time| time < *first || time > *last) {
            wrong.push(format!("{}: {} died at {}, not in {first}..{last}", case.path(), death["pid"], death["time"]));
        }
    }
    let told = case.truth["time"].as_str().map(str::parse::<Timestamp>).transpose()?;
    let died = said.deaths().first().map(|death| word(death, "time").parse::<Timestamp>()).transpose()?;
    if told.is_some() && told.zip(died).is_none_or(|(told, died)| (died - told).get_seconds().abs() > 2) {
        wrong.push(format!("{}: died at {died:?}, not {told:?}", case.path()));
    }
    together(wrong)
}

fn of_the_version(case: &Case, said: &Said) -> Result {
    let other = said.deaths().iter().find(|death| death["gunicorn"] != case.version.as_str());
    other.map_or(Ok(()), |death| Err(format!("{}: version {}", case.path(), death["gunicorn"]).into()))
}

fn by_kernel(case: &Case) -> Result {
    let kernel = data(&format!("{}/{}", case.version, word(&case.truth, "kernel")));
    let said = with_kernel(&case.paths(), std::slice::from_ref(&kernel))?;
    must_be(&expected(&strings(&case.truth["by_kernel"])), &said, &case.path())?;
    let death = said.deaths().first().ok_or("no death")?;
    let sources: BTreeSet<_> = death["evidence"].as_array().into_iter().flatten().map(|e| word(e, "source")).collect();
    let both = sources.contains(&*kernel.to_string_lossy()) && sources.len() >= 2;
    assert!(both, "evidence of both logs: {death:#}");
    // 150 MiB; the operator is told what the limit was.
    assert!(word(death, "summary").contains("150"), "{death:#}");
    Ok(())
}

fn all_versions() -> Result {
    let versions: BTreeSet<_> = cases().into_iter().map(|case| case.version).collect();
    assert_eq!(versions.into_iter().collect::<Vec<_>>(), ["20.0.4", "21.2.0", "23.0.0", "27.0.1"]);
    assert!(cases().len() > 150, "{}", cases().len());
    Ok(())
}

/// Beside OOM kills of other processes at other times a SIGKILL remains what it was.
fn of_others() -> Result {
    let kernels =
        ["captures/01-sync-leak/dmesg-iso.txt", "hosts/global-oom/kern.log", "captures/05-pid-namespace/dmesg-T.txt"];
    let kernels: Vec<_> = kernels.iter().map(|path| kernel_data(path)).collect();
    let names =
        ["worker_kill9", "oom", "timeout_c_call", "timeout_python", "tz_new_york", "worker_other_deaths", "start_stop"];
    let mut failures = Vec::new();
    for case in cases().iter().filter(|case| names.contains(&case.name.as_str())) {
        let said = with_kernel(&case.paths(), &kernels)?;
        failures.extend(failure(never_memory(&said, &case.path())));
        assert_eq!(said.pids().len(), of(&case.paths())?.pids().len(), "{}", case.path());
    }
    together(failures)
}

fn never_memory(said: &Said, what: &str) -> Result {
    let claims = said.deaths().iter().filter(|death| ["kernel-oom", "userspace-oom"].contains(&word(death, "verdict")));
    together(claims.map(|death| format!("{what}: {} {}", death["pid"], word(death, "summary"))).collect())
}

fn silent_kernel() -> Result {
    let quiet = kernel_data("hosts/outside-kill9/kern.log");
    for name in ["worker_kill9", "oom", "timeout_c_call", "heartbeat_disk_frozen", "usr1_permission"] {
        let case = case(&format!("21.2.0/{name}"))?;
        let (with, without) = (with_kernel(&case.paths(), std::slice::from_ref(&quiet))?, of(&case.paths())?);
        assert_eq!(with.verdicts(), without.verdicts(), "{name}");
    }
    Ok(())
}

fn keys() -> Result {
    let case = case("23.0.0/worker_other_deaths")?;
    let said = of(&case.paths())?;
    assert_eq!((&said.json["schema"], &said.json["command"]), (&json!(1), &json!("triage")));
    for key in ["gtune", "window", "deaths", "normal", "blind_spots"] {
        assert!(said.json.get(key).is_some(), "no {key}: {:#}", said.json);
    }
    for key in ["from", "to"] {
        assert!(said.json["window"].get(key).is_some(), "no window.{key}: {:#}", said.json);
    }
    for key in ["recycled", "reloaded", "stopped", "scaled"] {
        assert!(said.json["normal"][key].is_u64(), "no normal.{key}: {:#}", said.json);
    }
    let keys_of = |value: &Value| value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
    for death in said.deaths() {
        let keys: BTreeSet<String> = keys_of(death);
        let missing: Vec<_> = KEYS.iter().filter(|key| !keys.contains(**key)).collect();
        assert!(missing.is_empty(), "{missing:?}: {death:#}");
        let line: BTreeSet<String> = keys_of(&death["evidence"][0]);
        assert!(["source", "line", "time", "text"].iter().all(|key| line.contains(*key)), "{death:#}");
    }
    assert!(said.json.to_string().contains("worker_other_deaths"), "the source as it was named");
    Ok(())
}
