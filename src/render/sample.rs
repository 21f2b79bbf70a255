//! Rows for tests: one check, every outcome.

use crate::checks::{Area, Check, Columns, InForce, Judge, Outcome, Remedy, Row, Seen, Severity, Stored, Verdict};
use crate::facts::Reason;

/// A check.
pub static HEARTBEAT: Check = Check {
    id: "heartbeat-filesystem",
    area: Area::Heartbeat,
    title: "Heartbeat file in memory",
    looks_at: "The open heartbeat file of each worker.",
    why: "A write to a disk can wait;\nthe master then kills a worker that is well.",
    changes: "Mounts a tmpfs.",
    by_hand: &["mkdir /mem", "Restart the service."],
    references: &["tmpfs(5)", "worker_tmp_dir"],
    judge: Judge::Host(|_| Err(Reason::new("a sample"))),
};

/// Another.
pub static SOMAXCONN: Check = Check {
    id: "somaxconn",
    area: Area::Sockets,
    title: "Cap of listen queues",
    looks_at: "net.core.somaxconn.",
    why: "It caps the queue.",
    changes: "Nothing.",
    by_hand: &["sysctl net.core.somaxconn"],
    references: &["listen(2)"],
    judge: Judge::Host(|_| Err(Reason::new("a sample"))),
};

/// The healthy one.
pub fn ok() -> Row {
    judged(
        &SOMAXCONN,
        "host",
        Verdict::healthy("4096", "2048 or more", vec!["/proc/sys/net/core/somaxconn: 4096".into()]),
    )
}

/// A warning about the heartbeat file.
pub fn warning() -> Row {
    judged(&HEARTBEAT, "gunicorn.service", finding(Severity::Warning))
}

/// A critical finding.
pub fn critical() -> Row {
    judged(&SOMAXCONN, "gunicorn.service", finding(Severity::Critical))
}

/// One that could not be judged.
pub fn unknown() -> Row {
    judged(&SOMAXCONN, "api.service", Verdict::cannot_tell("permission denied: /proc/812/fd (needs root or uid 33)"))
}

/// Every outcome there is.
pub fn rows() -> Vec<Row> {
    let not_applicable = judged(&HEARTBEAT, "api.service", Verdict::not_applicable("tornado has no heartbeat"));
    let skipped = Row { check: &HEARTBEAT, subject: "host".into(), outcome: Outcome::Skipped };
    let info = judged(&HEARTBEAT, "web.service", finding(Severity::Info));
    vec![ok(), warning(), info, critical(), unknown(), not_applicable, skipped]
}

/// A finding with everything a finding can have, and text that is hostile.
pub fn finding(severity: Severity) -> Verdict {
    let columns = Columns {
        configured: Some("unset".into()),
        stored_for_boot: Some(Stored { value: "ext4".into(), file: Some("/etc/fstab".into()), line: Some(3) }),
        live: Some("ext4".into()),
        in_force: vec![InForce { subject: "pid 815".into(), value: "ext4".into() }],
    };
    let evidence = vec![
        "/proc/815/fd/7 -> /tmp/wgunicorn-\u{1b}[2Jx (deleted): ext4 | data".into(),
        "/proc/816/fd/7 -> /tmp/wgunicorn-y (deleted): ext4".into(),
        "/proc/817/fd/7 -> /tmp/wgunicorn-z (deleted): ext4".into(),
        "/proc/818/fd/7 -> /tmp/wgunicorn-a (deleted): ext4".into(),
        "/proc/819/fd/7 -> /tmp/wgunicorn-b (deleted): ext4".into(),
    ];
    let seen = Seen { observed: "ext4 at /tmp".into(), wanted: "tmpfs or ramfs".into(), evidence, columns };
    let remedy = Remedy {
        command: Some("gtune apply --tmpfs /mem --unit gunicorn.service".into()),
        by_hand: vec!["mkdir -p /mem".into(), "systemctl restart gunicorn.service".into()],
        restart: true,
    };
    Verdict::finding(severity, seen, "A disk that stalls makes the master kill workers that are well.", remedy)
}

/// A row.
pub fn judged(check: &'static Check, subject: &str, verdict: Verdict) -> Row {
    Row { check, subject: subject.into(), outcome: Outcome::Judged(verdict) }
}
