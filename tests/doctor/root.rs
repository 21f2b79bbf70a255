//! `--root`: a directory stands for a host, and only what is stored in it counts.

use crate::support::{Law, Need, Outcome, Report, Result, outcome, testbed};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("an_empty_root_is_no_error_and_never_ok_for_what_only_a_kernel_tells", &[], an_empty_root),
        Law::new("a_root_that_is_not_there_is_bad_input", &[], a_root_that_is_not_there),
        Law::new("a_debian_tree_is_judged_by_what_it_holds", &[Need::DebianTree], a_debian_tree),
        Law::new("a_line_in_fstab_of_a_root_counts", &[], a_line_in_fstab_counts),
        Law::new("sysctl_stored_in_a_root_counts_with_file_and_line", &[], sysctl_stored_counts),
        Law::new("a_unit_stored_in_a_root_is_judged_with_its_drop_ins", &[], a_unit_stored_counts),
    ]
}

/// No look at a directory of a few files takes this long; what does, hangs.
const HANGS_AFTER: &str = "20";

/// `gtune doctor` on a directory; code 124 where it hangs.
pub fn gtune_doctor(root: &Path, arguments: &[&str]) -> Result<Outcome> {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=2", HANGS_AFTER, env!("CARGO_BIN_EXE_gtune"), "--root"]);
    outcome(command.arg(root).arg("doctor").args(arguments))
}

/// The same as a report.
pub fn report(root: &Path) -> Result<Report> {
    Report::read(gtune_doctor(root, &["--format", "json"])?)
}

/// What only a running kernel can tell is never healthy here.
pub fn claims_nothing_live(report: &Report) -> Result {
    assert_eq!(report.json["services"], json!(null), "an image shows no processes, which is not to say that none runs");
    for id in
        ["listen-backlog", "listen-overflows", "open-file-usage", "heartbeat-age", "system-file-limit", "task-limit"]
    {
        let check = report.check(id)?;
        assert!(matches!(check.state(), "unknown" | "not-applicable"), "{:#}", check.0);
    }
    Ok(())
}

fn an_empty_root() -> Result {
    let root = tempfile::tempdir()?;
    let report = report(root.path())?;
    claims_nothing_live(&report)?;
    assert_eq!(report.json["host"]["kernel"], json!(null));
    assert_eq!(report.json["host"]["os"], json!(null));
    assert_eq!(report.json["host"]["boot_id"], json!(null));
    assert_eq!(std::fs::read_dir(root.path())?.count(), 0, "something was written into it");
    Ok(())
}

fn a_root_that_is_not_there() -> Result {
    let root = tempfile::tempdir()?;
    let said = gtune_doctor(&root.path().join("none"), &["--format", "json"])?;
    assert_eq!(said.code, Some(2), "{said:?}");
    Ok(())
}

fn os_release(root: &Path, key: &str) -> Result<String> {
    let text = std::fs::read_to_string(root.join("usr/lib/os-release"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
    Ok(line.unwrap_or_default().trim_matches('"').to_owned())
}

fn a_debian_tree() -> Result {
    let root = testbed().join("debian");
    let report = report(&root)?;
    claims_nothing_live(&report)?;
    assert_eq!(report.json["host"]["os"], json!(os_release(&root, "PRETTY_NAME")?));
    let heartbeat = report.check("heartbeat-filesystem")?;
    // From Debian 13 on /tmp is a tmpfs; before, it lies on the root file system.
    let in_memory =
        os_release(&root, "VERSION_ID")?.parse::<f32>().is_ok_and(|version| (13.0..20.0).contains(&version));
    assert_eq!(heartbeat.state() == "ok", in_memory, "{:#}", heartbeat.0);
    Ok(())
}

fn write(root: &Path, path: &str, text: &str) -> Result {
    let file = root.join(path);
    std::fs::create_dir_all(file.parent().unwrap_or(root))?;
    Ok(std::fs::write(file, text)?)
}

fn a_line_in_fstab_counts() -> Result {
    let root = tempfile::tempdir()?;
    write(root.path(), "etc/fstab", "# comment\ntmpfs /tmp tmpfs size=64m,mode=1777 0 0\n")?;
    std::fs::create_dir(root.path().join("tmp"))?;
    let check = report(root.path())?.check("heartbeat-filesystem")?;
    check.must_be("ok")?;
    check.must_say(&["fstab"])
}

fn sysctl_stored_counts() -> Result {
    let root = tempfile::tempdir()?;
    write(root.path(), "etc/sysctl.d/10-low.conf", "net.core.somaxconn = 4096\n")?;
    write(root.path(), "etc/sysctl.d/90-lower.conf", "# wins\nnet.core.somaxconn = 128\n")?;
    let check = report(root.path())?.check("somaxconn")?;
    check.must_find("warning")?;
    check.must_say(&["/etc/sysctl.d/90-lower.conf", "128"])?;
    assert_eq!(check.0["stored_for_boot"]["line"], json!(2), "{:#}", check.0);
    Ok(())
}

fn a_unit_stored_counts() -> Result {
    let root = tempfile::tempdir()?;
    write(root.path(), "usr/lib/systemd/system/web.service", "[Service]\nExecStart=/opt/web/bin/gunicorn web:app\n")?;
    let before = report(root.path())?.check("oom-policy")?;
    before.must_find("warning")?;
    before.must_say(&[
        "web.service",
        "/usr/lib/systemd/system/web.service",
        &format!("{}/etc", root.path().display()),
    ])?;
    write(root.path(), "etc/systemd/system/web.service.d/oom.conf", "[Service]\nOOMPolicy=continue\n")?;
    let after = report(root.path())?;
    after.check("oom-policy")?.must_be("ok")?;
    assert_eq!(after.json["stopped_units"][0]["unit"], json!("web.service"), "{:#}", after.json);
    Ok(())
}
