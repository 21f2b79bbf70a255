//! `system-file-limit`: the table of open files that all processes share.

use crate::checks::steps::by_hand;
use crate::checks::{Area, Check, Columns, Judge, Judgement, Seen, Severity, Stored, Verdict};
use crate::facts::{Facts, FileTable, Host};
use crate::units::Limit;

/// From this share on the next burst of connections may meet ENFILE; the usual alarm line for a table that can only be
/// enlarged by hand.
const NEARLY_FULL: f64 = 0.80;

/// From this share on there is no room for one more busy server: the kernel refuses every open(2), socket(2) and
/// accept(2) of ordinary processes at 100 % (proc_sys_fs(5)).
const FULL: f64 = 0.90;

/// The check.
pub const CHECK: Check = Check {
    id: "system-file-limit",
    area: Area::Limits,
    title: "Open files of the whole host",
    looks_at: "/proc/sys/fs/file-nr: file handles in use, and fs.file-max, the most there may be.",
    why: "Every connection, log file and heartbeat file takes a handle from one table for the whole host.\n\
          When it is full, accept() fails with ENFILE for every Gunicorn, whatever its own limit says.",
    changes: "Nothing. fs.file-max is so high on a modern host that a full table means a leak somewhere.",
    by_hand: &[
        "cat /proc/sys/fs/file-nr   # used, unused, limit",
        "for d in /proc/[0-9]*/fd; do echo \"$(ls $d | wc -l) $d\"; done | sort -n | tail   # who holds them",
        "sysctl -w fs.file-max=2097152   # until the leak is mended",
        "echo 'fs.file-max = 2097152' > /etc/sysctl.d/90-file-max.conf   # and over a reboot",
    ],
    references: &["proc_sys_fs(5)", "Linux: Documentation/admin-guide/sysctl/fs.rst", "sysctl.d(5)"],
    judge: Judge::Host(host),
};

fn host(facts: &Facts) -> Judgement {
    let table = facts.host.file_table.needed("/proc/sys/fs/file-nr")?;
    let share = share_used(table);
    let seen = Seen {
        observed: in_words(table, share),
        wanted: format!("below {:.0}%", NEARLY_FULL * 100.0),
        evidence: vec![format!("/proc/sys/fs/file-nr: {} used of {}", table.used, table.limit)],
        columns: columns(facts, table),
    };
    let (severity, consequence) = match share {
        _ if share >= FULL => {
            (Severity::Critical, "accept() and open() are about to fail for every process of the host.")
        }
        _ if share >= NEARLY_FULL => {
            (Severity::Warning, "A burst of connections can fill the table for every process.")
        }
        _ => return Ok(Verdict::Healthy(seen)),
    };
    Ok(Verdict::finding(severity, seen, consequence, by_hand(steps(&facts.host, table))))
}

fn share_used(table: &FileTable) -> f64 {
    Limit::At(table.limit).share_used(table.used)
}

/// Where systemd has set the limit to the largest number there is, nobody wants to read its 19 digits.
fn in_words(table: &FileTable, share: f64) -> String {
    match table.limit >= i64::MAX as u64 {
        true => format!("{} file handles in use, practically unlimited", table.used),
        false => format!("{} of {} file handles in use ({:.0}%)", table.used, table.limit, share * 100.0),
    }
}

fn columns(facts: &Facts, table: &FileTable) -> Columns {
    let winner = facts.sysctl_store.keys.get("fs.file-max").and_then(|found| found.systemd.known());
    let stored =
        winner.map(|line| Stored { value: line.value.clone(), file: Some(line.file.clone()), line: Some(line.line) });
    Columns { configured: None, stored_for_boot: stored, live: Some(table.limit.to_string()), in_force: vec![] }
}

fn steps(host: &Host, table: &FileTable) -> Vec<String> {
    let raised = table.limit.saturating_mul(2);
    let mut steps = vec![
        "for d in /proc/[0-9]*/fd; do echo \"$(ls $d | wc -l) $d\"; done | sort -n | tail   # who holds them"
            .to_owned(),
        format!("sysctl -w fs.file-max={raised}   # gains time; a leak fills any table"),
        format!("echo 'fs.file-max = {raised}' > /etc/sysctl.d/90-file-max.conf"),
    ];
    if host.container.is_some() {
        steps.insert(
            0,
            "do this on the machine that runs the container: the table is shared and cannot be set inside".into(),
        );
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::facts::Fact;

    fn judged(used: u64, limit: u64) -> Verdict {
        let mut facts = healthy::fresh_host();
        facts.host.file_table = Fact::Known(FileTable { used, limit });
        host(&facts).unwrap()
    }

    #[test]
    fn a_table_with_room_is_well() {
        let Verdict::Healthy(seen) = judged(2000, i64::MAX as u64) else { panic!("well") };
        assert!(seen.observed.contains("practically unlimited"));
    }

    #[test]
    fn a_table_is_a_warning_before_it_is_full() {
        for (used, severity) in [(80, Severity::Warning), (89, Severity::Warning), (90, Severity::Critical)] {
            let Verdict::Finding(found) = judged(used, 100) else { panic!("a finding") };
            assert_eq!(found.severity, severity, "{used} of 100");
        }
        assert!(matches!(judged(79, 100), Verdict::Healthy(_)));
    }

    #[test]
    fn a_table_that_could_not_be_read_is_unknown() {
        let mut facts = healthy::fresh_host();
        facts.host.file_table = Fact::unreadable("not in an image: /proc/sys/fs/file-nr");
        assert!(host(&facts).is_err());
    }
}
