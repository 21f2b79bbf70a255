//! Several masters in one log: one after the other, and side by side.

use crate::bed::{Said, failure, of_text, together, word};
use crate::frames::prefix_time;
use crate::story::Story;
use crate::support::{Law, Result};
use crate::truth::{Case, case, cases, must_be};
use std::collections::BTreeSet;

/// Cases whose log just ends: a later start tells that the master is gone.
const OPEN_END: &[&str] = &["all_killed", "hang_gthread_no_timeout"];

/// The laws.
pub fn laws() -> Vec<Law> {
    let versions = ["20.0.4", "21.2.0", "23.0.0", "27.0.1"];
    let whole_days = versions.into_iter().map(|version| {
        Law::new(format!("a_day_of_restarts_in_one_log_tells_each_death/{version}"), &[], move || whole_day(version))
    });
    whole_days
        .chain([
            Law::new("masters_that_share_a_log_keep_their_workers_apart", &[], side_by_side),
            Law::new("a_pid_that_comes_again_under_another_master_is_another_worker", &[], pid_again),
            Law::new("a_service_that_cannot_start_again_and_again_is_told_each_time", &[], boot_loop),
        ])
        .collect()
}

fn begin(case: &Case) -> Option<jiff::Timestamp> {
    case.text().ok()?.lines().find_map(prefix_time)
}

/// All that happened to a version, in the order in which it did.
fn whole_day(version: &str) -> Result {
    let mut all: Vec<_> = cases().into_iter().filter(|case| case.version == version && begin(case).is_some()).collect();
    all.sort_by_key(begin);
    let text = all.iter().map(Case::text).collect::<Result<String>>()?;
    let said = of_text(&text)?;
    let mut failures = Vec::new();
    for case in &all {
        let alone = of_text(case.text()?)?;
        for death in alone.deaths().iter().filter(|_| !OPEN_END.contains(&case.name.as_str())) {
            let same =
                |other: &&serde_json::Value| ["pid", "verdict", "role"].iter().all(|key| other[*key] == death[*key]);
            if !said.deaths().iter().any(|other| same(&other)) {
                failures.push(format!("{}: {} {} is missing", case.path(), death["pid"], death["verdict"]));
            }
        }
    }
    let known: BTreeSet<u64> = all.iter().flat_map(Case::deaths).map(|death| death.pid()).collect();
    let lost: BTreeSet<u64> =
        all.iter().filter(|case| OPEN_END.contains(&case.name.as_str())).filter_map(master).collect();
    for death in said.deaths() {
        let pid = death["pid"].as_u64().unwrap_or(0);
        let is_known = known.contains(&pid) || (lost.contains(&pid) && word(death, "verdict") == "master-lost");
        if !is_known {
            failures.push(format!("{version}: {pid} did not die: {} {}", death["verdict"], death["summary"]));
        }
    }
    together(failures)
}

/// The pid that wrote the first line.
fn master(case: &Case) -> Option<u64> {
    crate::frames::prefix_pid(case.text().ok()?.lines().next()?).map(u64::from)
}

/// The lines of several logs in order of time, tracebacks with the line they follow.
fn merged(texts: &[String]) -> String {
    let mut blocks: Vec<(Option<jiff::Timestamp>, String)> = Vec::new();
    for text in texts {
        for line in text.split_inclusive('\n') {
            match (prefix_time(line), blocks.last_mut()) {
                (None, Some(last)) => last.1 += line,
                (time, _) => blocks.push((time, line.to_owned())),
            }
        }
    }
    blocks.sort_by_key(|block| block.0);
    blocks.into_iter().map(|block| block.1).collect()
}

fn side_by_side() -> Result {
    let mut failures = Vec::new();
    for paths in [
        ["23.0.0/worker_kill9", "27.0.1/worker_kill9"],
        ["23.0.0/timeout_python", "27.0.1/timeout_python"],
        ["23.0.0/timeout_c_call", "27.0.1/timeout_c_call"],
        ["27.0.1/tmpdir_full_at_respawn", "23.0.0/tmpdir_full_at_respawn"],
        ["23.0.0/signals", "27.0.1/signals"],
    ] {
        let both = [case(paths[0])?, case(paths[1])?];
        let text = merged(&[both[0].text()?, both[1].text()?]);
        let said = of_text(&text)?;
        let deaths = [both[0].deaths(), both[1].deaths()].concat();
        failures.extend(failure(must_be(&deaths, &said, &format!("{paths:?}"))));
        failures.extend(failure(of_its_version(&both, &said)));
    }
    together(failures)
}

/// A death belongs to its own master.
fn of_its_version(both: &[Case; 2], said: &Said) -> Result {
    let wrong = said.deaths().iter().filter(|death| {
        let own = both.iter().find(|case| case.deaths().iter().any(|own| death["pid"] == own.pid()));
        own.is_none_or(|own| death["gunicorn"] != own.version.as_str() || death["master_pid"].as_u64() != master(own))
    });
    together(wrong.map(|death| format!("{} of {} {}", death["pid"], death["gunicorn"], death["master_pid"])).collect())
}

fn pid_again() -> Result {
    let story = Story::new("23.0.0").start(&[801, 802]).after(60).timed_out(801);
    let story = story.by(801, "INFO", "Worker exiting (pid: 801)").boot(805).after(9).stop(&[802, 805]);
    let story = story.after(60).master(700).start(&[801, 802]).after(60).killed(801, 803).after(60).stop(&[802, 803]);
    let said = of_text(story.text())?;
    let verdicts: Vec<_> = said.deaths().iter().map(|d| (d["pid"].as_u64(), word(d, "verdict"))).collect();
    assert_eq!(verdicts, [(Some(801), "timeout"), (Some(801), "killed")], "{:#}", said.json);
    Ok(())
}

fn boot_loop() -> Result {
    let failing = |story: Story, master: u32| {
        let worker = master + 1;
        let story = story.master(master).start(&[worker]).by(worker, "ERROR", "Exception in worker process");
        let story = story.traceback("ModuleNotFoundError: No module named 'shop.settings_local'");
        let story = story.by(worker, "INFO", format!("Worker exiting (pid: {worker})")).exited(worker, 3);
        story.says("ERROR", "Shutting down: Master").says("ERROR", "Reason: Worker failed to boot.").after(5)
    };
    for version in ["20.1.0", "23.0.0", "27.0.1"] {
        let story = (0..12).fold(Story::new(version), |story, turn| failing(story, 800 + turn * 10));
        let said = of_text(story.text())?;
        let pids: Vec<u64> = (0..12).map(|turn| 801 + turn * 10).collect();
        assert_eq!(said.pids(), pids, "{version}: {:#}", said.json);
        let named = said.deaths().iter().all(|death| word(death, "summary").contains("shop.settings_local"));
        assert!(named && said.deaths().iter().all(|death| death["verdict"] == "boot-failure"), "{:#}", said.json);
    }
    Ok(())
}
