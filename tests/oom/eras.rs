//! Reports in the words of other kernels and in other frames, each with the kills that must be found.

use crate::bed::{self, Logs, all_of, data};
use crate::expected::{failure, must_be, together};
use crate::support::{Law, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// The laws.
pub fn laws() -> Vec<Law> {
    let logs = bed::names("eras").unwrap_or_default();
    let eras = logs.iter().filter_map(|name| name.strip_suffix(".log")).map(str::to_owned);
    let found = |era: String| Law::new(format!("every_era_is_read/{era}"), &[], move || read(&era));
    let cut = |era: String| {
        Law::new(format!("a_report_without_its_beginning_still_yields_its_kill/{era}"), &[], move || cut(&era))
    };
    eras.flat_map(|era| [found(era.clone()), cut(era)]).chain([Law::new("the_eras_are_there", &[], there)]).collect()
}

fn there() -> Result {
    assert!(bed::names("eras")?.len() > 60, "{:?}", bed::names("eras")?);
    Ok(())
}

fn kills_of(era: &str) -> Result<Vec<Value>> {
    let told: Value = serde_json::from_slice(&fs::read(data(&format!("eras/{era}.json")))?)?;
    Ok(told["kills"].as_array().cloned().unwrap_or_default())
}

fn read(era: &str) -> Result {
    let kills = kills_of(era)?;
    let said = all_of(&Logs::new()?.copy(&format!("eras/{era}.log"))?)?;
    must_be(&kills, said.kills(), era)?;
    assert_eq!(said.code, i32::from(!kills.is_empty()), "{era}");
    Ok(())
}

/// Whatever of the beginning is lost, the kills whose own line is left are found, with its figures.
fn cut(era: &str) -> Result {
    let (logs, kills) = (Logs::new()?, kills_of(era)?);
    let text = fs::read_to_string(data(&format!("eras/{era}.log")))?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let failures = (1..lines.len()).filter_map(|from| {
        let rest = lines[from..].concat();
        let left: BTreeSet<u64> =
            kills.iter().filter_map(|kill| kill["pid"].as_u64()).filter(|pid| names(&rest, *pid)).collect();
        failure(logs.write("cut.log", &rest).and_then(|file| same_figures(&all_of(&file)?, &left, &kills)))
            .map(|failure| format!("{era}, from line {}: {failure}", from + 1))
    });
    // One cut that goes wrong says enough.
    together(failures.take(1).collect())
}

/// Whether a line says that this process was killed, in the words of any kernel.
fn names(text: &str, pid: u64) -> bool {
    text.lines().any(|line| {
        line.contains(&format!("Killed process {pid} ("))
            || line.contains(&format!("Killed process {pid}, UID"))
            || line.contains(&format!("Kill process {pid} (")) && line.contains("sharing same memory")
    })
}

fn same_figures(said: &bed::Said, pids: &BTreeSet<u64>, kills: &[Value]) -> Result {
    assert_eq!(&said.pids().into_iter().collect::<BTreeSet<_>>(), pids);
    for kill in said.kills() {
        let whole = kills.iter().find(|whole| whole["pid"] == kill["pid"]);
        for key in ["comm_hex", "total_vm_bytes", "anon_rss_bytes", "file_rss_bytes", "shmem_rss_bytes"] {
            let expected = whole.and_then(|whole| whole.get(key));
            assert!(expected.is_none_or(|expected| *expected == kill[key]), "{key}: {kill:#}");
        }
    }
    Ok(())
}
