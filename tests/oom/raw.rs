//! The kills of a `kmsg.txt`, read by simple means: as raw text, record by record.

use serde_json::{Value, json};
use std::fmt::Write;

const PAGE: u64 = 4096;

/// A record of the kernel: seconds since boot, and the message with its escapes undone.
struct Record {
    seconds: f64,
    message: Vec<u8>,
}

/// The kernel's own records; pieces that go on from the record before are joined to it (flag `c`).
fn records(kmsg: &str) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for line in kmsg.lines().filter(|line| !line.starts_with(' ')) {
        let Some((head, message)) = line.split_once(';') else { continue };
        let fields: Vec<&str> = head.split(',').collect();
        let of_kernel = fields[0].parse::<u32>().is_ok_and(|priority| priority >> 3 == 0);
        let message = unescaped(message);
        match (of_kernel, fields[3], records.last_mut()) {
            (false, ..) => {}
            (true, "c", Some(last)) => last.message.extend(message),
            _ => records.push(Record { seconds: fields[2].parse::<f64>().unwrap_or(f64::NAN) / 1e6, message }),
        }
    }
    records
}

/// Undoes `\xHH`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.extend(u8::from_str_radix(&part[..2], 16));
        bytes.extend(part[2..].bytes());
    }
    bytes
}

/// Bytes as two hexadecimal digits each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn find(bytes: &[u8], wanted: &str) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted.as_bytes())
}

fn after<'a>(bytes: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    find(bytes, wanted).map(|at| &bytes[at + wanted.len()..])
}

fn between<'a>(bytes: &'a [u8], from: &str, to: &str) -> Option<&'a [u8]> {
    let rest = after(bytes, from)?;
    find(rest, to).map(|at| &rest[..at])
}

fn number(bytes: &[u8], before: &str) -> Option<i64> {
    let digits: String = after(bytes, before)?
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b'-')
        .map(|b| char::from(*b))
        .collect();
    digits.parse().ok()
}

fn kib(bytes: &[u8], before: &str) -> Option<i64> {
    number(bytes, before).map(|kib| kib * 1024)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The kills, in the words of the contract.
pub fn kills(kmsg: &str) -> Vec<Value> {
    let mut kills = Vec::new();
    let mut report: Vec<Record> = Vec::new();
    for record in records(kmsg) {
        if record.message.ends_with(b"oom_score_adj:0") && find(&record.message, ": Killed process ").is_some() {
            kills.push(kill(&record, &report));
            report.clear();
        } else {
            report.push(record);
        }
    }
    kills
}

fn kill(record: &Record, report: &[Record]) -> Value {
    let line = record.message.as_slice();
    let (name, figures) = name(line).unwrap_or_default();
    let whole = report.iter().any(|record| find(&record.message, " invoked oom-killer: ").is_some());
    let mut kill = json!({
        "pid": number(line, "Killed process "), "comm_hex": hex(name), "uid": number(figures, "UID:"),
        "boot_seconds": record.seconds, "scope": "memcg", "part": "chosen",
        "total_vm_bytes": kib(figures, "total-vm:"), "anon_rss_bytes": kib(figures, "anon-rss:"),
        "file_rss_bytes": kib(figures, "file-rss:"), "shmem_rss_bytes": kib(figures, "shmem-rss:"),
        "pgtables_bytes": kib(figures, "pgtables:"), "oom_score_adj": number(figures, "oom_score_adj:"),
        "trigger": null, "oom_memcg": null, "task_memcg": null, "limit_bytes": null, "usage_bytes": null, "tasks": [],
    });
    if let Ok(name) = std::str::from_utf8(name) {
        kill["comm"] = json!(name);
    }
    if whole {
        add_report(&mut kill, report);
    }
    kill
}

/// What stands between the first parenthesis and the last `) total-vm:`, and what comes after.
fn name(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = after(line, " (")?;
    let end = rest.windows(11).rposition(|window| window == b") total-vm:")?;
    Some((&rest[..end], &rest[end..]))
}

fn add_report(kill: &mut Value, report: &[Record]) {
    let line =
        |wanted: &str| report.iter().map(|record| record.message.as_slice()).rfind(|m| find(m, wanted).is_some());
    if let Some(summary) = line("oom-kill:constraint=") {
        kill["oom_memcg"] = json!(between(summary, ",oom_memcg=", ",task_memcg=").map(text));
        kill["task_memcg"] = json!(between(summary, ",task_memcg=", ",task=").map(text));
    }
    if let Some(memory) = line("memory: usage ") {
        kill["usage_bytes"] = json!(kib(memory, "usage "));
        kill["limit_bytes"] = json!(kib(memory, "limit "));
    }
    if let Some((asks, cpu)) = line(" invoked oom-killer: ").zip(line(" Not tainted ")) {
        let comm = find(asks, " invoked oom-killer: ").map(|at| &asks[..at]).unwrap_or_default();
        kill["trigger"] = json!({
            "comm_hex": hex(comm), "pid": number(cpu, " PID: "), "order": number(asks, "order="),
            "oom_score_adj": number(asks, "oom_score_adj="),
            "gfp_mask": between(asks, "gfp_mask=", ", order=").map(text),
        });
    }
    let rows = report.iter().skip_while(|record| find(&record.message, "[  pid  ]").is_none()).skip(1);
    kill["tasks"] = rows.map_while(|record| task(&record.message)).collect();
}

/// A row of the table of kernel 6.8 and later.
fn task(row: &[u8]) -> Option<Value> {
    let row = text(row.strip_prefix(b"[")?);
    let (pid, rest) = row.split_once(']')?;
    let fields: Vec<u64> = rest.split_whitespace().take(4).filter_map(|field| field.parse().ok()).collect();
    let [uid, tgid, total_vm, rss] = fields[..] else { return None };
    Some(json!({
        "pid": pid.trim().parse::<u64>().ok()?, "tgid": tgid, "uid": uid,
        "total_vm_bytes": total_vm * PAGE, "rss_bytes": rss * PAGE, "oom_score_adj": 0,
    }))
}
