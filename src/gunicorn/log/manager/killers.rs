//! systemd-oomd, earlyoom, systemd-coredump, and those that set the clock.

use super::super::signals;
use super::super::text::{self, kept};
use super::super::told::ManagerEvent;
use super::process;
use bstr::ByteSlice;

/// SIGTERM, which earlyoom 1.0 sends without saying so.
const TERM: i32 = 15;

/// `Killed /system.slice/web.service due to memory pressure for /system.slice being 68.1% > 50.0% for > 20s …`
pub(super) fn oomd(message: &[u8]) -> Option<ManagerEvent> {
    let (cgroup, why) = message.strip_prefix(b"Killed ")?.split_once_str(b" due to ")?;
    cgroup.starts_with(b"/").then(|| ManagerEvent::OomdChose { cgroup: kept(cgroup), why: kept(why) })
}

/// `sending SIGTERM to process 815 uid 33 "gunicorn": …`; up to 1.2 `Killing process 'gunicorn' with signal 15, pid: 815, …`
/// and `Killing process: gunicorn, pid: 815, …`.
pub(super) fn earlyoom(message: &[u8]) -> Option<ManagerEvent> {
    if let Some(sent) = message.strip_prefix(b"sending ") {
        let (signal, rest) = sent.split_once_str(b" to process ")?;
        let (pid, rest) = process(rest)?;
        let signal = signals::numbered(signal)?;
        return rest.starts_with(b" ").then_some(ManagerEvent::EarlyoomKills { pid, signal });
    }
    let rest = message.strip_prefix(b"Killing process")?;
    let (pid, _) = process(rest.get(rest.rfind(b", pid: ")? + b", pid: ".len()..)?)?;
    let signal = match rest.strip_prefix(b" '").and_then(|name| name.rfind(b"' with signal ").map(|at| (name, at))) {
        Some((name, at)) => signals::valid(text::number(name.get(at + b"' with signal ".len()..)?)?.0)?,
        None => rest.starts_with(b": ").then_some(TERM)?,
    };
    Some(ManagerEvent::EarlyoomKills { pid, signal })
}

/// `Process 815 (gunicorn) of user 33 dumped core.`, with a mark for a link before it on newer ones.
pub(super) fn core_dumped(message: &[u8]) -> Option<ManagerEvent> {
    let said = match message.first()? {
        b'[' => message.split_once_str(b"] ")?.1,
        _ => message,
    };
    let (pid, rest) = process(said.strip_prefix(b"Process ")?)?;
    (rest.starts_with(b" (") && rest.ends_with(b" dumped core.")).then_some(ManagerEvent::CoreDumped { pid })
}

/// chronyd: `System clock was stepped by 3600.000123 seconds`, `Forward time jump detected!`; ntpd: `time reset +3600.1 s`;
/// systemd-timesyncd: `System clock time unset or jumped backwards, restored from recorded timestamp: …`.
pub(super) fn clock_stepped(message: &[u8]) -> Option<ManagerEvent> {
    let stepped = message
        .strip_prefix(b"System clock was stepped by ")
        .and_then(|rest| rest.strip_suffix(b" seconds"))
        .or_else(|| message.strip_prefix(b"time reset ").and_then(|rest| rest.strip_suffix(b" s")));
    if let Some(stepped) = stepped {
        return Some(ManagerEvent::ClockStepped { seconds: Some(rounded(stepped)?) });
    }
    const JUMPS: [&[u8]; 3] = [
        b"Forward time jump detected!",
        b"Backward time jump detected!",
        b"System clock time unset or jumped backwards",
    ];
    JUMPS.iter().any(|words| message.starts_with(words)).then_some(ManagerEvent::ClockStepped { seconds: None })
}

/// `-3599.999876` to the next second.
fn rounded(text: &[u8]) -> Option<i64> {
    let (whole, fraction) = text.split_once_str(b".").unwrap_or((text, b"0"));
    let is_back = whole.starts_with(b"-");
    let digits = whole.strip_prefix(b"-").or_else(|| whole.strip_prefix(b"+")).unwrap_or(whole);
    let (seconds, rest) = text::number(digits)?;
    let up = fraction.first().filter(|_| rest.is_empty())?.checked_sub(b'0').filter(|digit| *digit < 10)? >= 5;
    let seconds = i64::from(seconds) + i64::from(up);
    Some(if is_back { -seconds } else { seconds })
}
