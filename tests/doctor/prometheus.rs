//! The file for Prometheus: promtool finds nothing to say, and the series are those of the report.

use crate::support::{Host, Law, Need, Result, testbed};
use std::collections::HashSet;
use std::io::Write;
use std::process::{Command, Stdio};

/// The laws.
pub fn laws() -> Vec<Law> {
    let needs = [Need::Namespaces, Need::Venv("23.0.0")];
    vec![
        Law::new("promtool_finds_nothing_on_a_fresh_host", &[Need::Namespaces, Need::Promtool], fresh_host_is_clean),
        Law::new(
            "promtool_finds_nothing_beside_gunicorns",
            &[Need::Namespaces, Need::Venv("23.0.0"), Need::Promtool],
            beside_gunicorns_is_clean,
        ),
        Law::new("each_state_of_each_check_is_one_series", &needs, each_state_is_one_series),
    ]
}

fn metrics(host: &Host) -> Result<String> {
    let gtune = host.gtune().display().to_string();
    Ok(host.run(&[gtune.as_str(), "doctor", "--format", "prometheus"])?.stdout)
}

fn must_be_clean(metrics: &str) -> Result {
    assert!(metrics.contains("gtune_build_info"), "{metrics}");
    let mut promtool = Command::new(testbed().join("promtool/promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = promtool.stdin.take() {
        input.write_all(metrics.as_bytes())?;
    }
    let said = promtool.wait_with_output()?;
    let clean = said.status.success() && said.stdout.is_empty() && said.stderr.is_empty();
    if clean { Ok(()) } else { Err(format!("{said:?}\n{metrics}").into()) }
}

fn fresh_host_is_clean() -> Result {
    must_be_clean(&metrics(&Host::new()?)?)
}

fn beside_gunicorns_is_clean() -> Result {
    let host = Host::new()?;
    let _first = host.gunicorn("23.0.0").bind(&["127.0.0.1:8001"]).start()?;
    let socket = format!("unix:{}/we\"ird\\.sock", host.directory().display());
    let _second = host.gunicorn("23.0.0").bind(&[&socket]).start()?;
    must_be_clean(&metrics(&host)?)
}

fn each_state_is_one_series() -> Result {
    let host = Host::new()?;
    let _gunicorn = host.gunicorn("23.0.0").start()?;
    let metrics = metrics(&host)?;
    let series: Vec<&str> = metrics.lines().filter(|line| line.starts_with("gtune_check_state{")).collect();
    let distinct: HashSet<&str> =
        series.iter().filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name).collect();
    let checks = host.doctor(&[])?.checks().len();
    assert_eq!((series.len(), distinct.len()), (5 * checks, 5 * checks));
    assert_eq!(series.iter().filter(|line| line.ends_with(" 1")).count(), checks);
    assert!(!metrics.contains("pid "));
    Ok(())
}
