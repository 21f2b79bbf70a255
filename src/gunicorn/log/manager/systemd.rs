//! systemd 219 to 257 about a unit.

use super::super::signals;
use super::super::text::{self, kept};
use super::super::told::{Ending, ManagerEvent};
use super::process;
use bstr::ByteSlice;

/// What it says.
pub(super) fn event(message: &[u8]) -> Option<ManagerEvent> {
    if let Some(event) = job(message) {
        return Some(event);
    }
    if message == b"Time has been changed" {
        return Some(ManagerEvent::ClockStepped { seconds: None });
    }
    // Up to 228: `Unit web.service entered failed state.`
    if let Some(unit) = message.strip_prefix(b"Unit ").and_then(|rest| rest.strip_suffix(b" entered failed state.")) {
        return Some(ManagerEvent::Failed { unit: unit_named(unit)?, result: "".into() });
    }
    match message.find(b": ").and_then(|at| Some((unit_named(message.get(..at)?)?, message.get(at + 2..)?))) {
        Some((unit, said)) => of_unit(unit, said),
        None => of_old(message),
    }
}

/// `Starting web.service - Web...`, `Started Web.`
fn job(message: &[u8]) -> Option<ManagerEvent> {
    if let Some(of) = message.strip_prefix(b"Starting ").and_then(under_way) {
        return Some(ManagerEvent::Started { unit: subject(of) });
    }
    if let Some(of) = message.strip_prefix(b"Stopping ").and_then(under_way) {
        return Some(ManagerEvent::Stopping { unit: subject(of) });
    }
    let of = message.strip_prefix(b"Started ")?.strip_suffix(b".")?;
    Some(ManagerEvent::Started { unit: subject(of) })
}

fn under_way(text: &[u8]) -> Option<&[u8]> {
    text.strip_suffix(b"...").or_else(|| text.strip_suffix("…".as_bytes()))
}

/// The unit, where it is told beside the description (systemd 250 on; in any, by `StatusUnitFormat=`), else all there is.
fn subject(text: &[u8]) -> Box<str> {
    let name = text.find(b" - ").and_then(|end| text.get(..end)).unwrap_or(text);
    unit_named(name).unwrap_or_else(|| kept(text))
}

/// The name of a unit: one word with a suffix.
fn unit_named(name: &[u8]) -> Option<Box<str>> {
    const KINDS: [&[u8]; 7] = [b"service", b"socket", b"scope", b"slice", b"target", b"mount", b"timer"];
    let kind = name.rfind(b".").and_then(|dot| name.get(dot + 1..))?;
    (KINDS.contains(&kind) && !name.contains(&b' ')).then(|| kept(name))
}

/// `web.service: Main process exited, code=killed, status=9/KILL`
fn of_unit(unit: Box<str>, said: &[u8]) -> Option<ManagerEvent> {
    if said == b"A process of this unit has been killed by the OOM killer." {
        return Some(ManagerEvent::OomKilled { unit });
    }
    if let Some(count) = said.strip_prefix(b"systemd-oomd killed ") {
        let count = count.strip_suffix(b" process(es) in this unit.")?;
        // It says `some` where it could not count them: one at least.
        let processes = if count == b"some" { 1 } else { count.to_str().ok()?.parse().ok()? };
        return Some(ManagerEvent::OomdKilled { unit, processes });
    }
    if let Some(how) =
        said.strip_prefix(b"Main process exited, ").or_else(|| said.strip_prefix(b"main process exited, "))
    {
        return Some(ManagerEvent::MainExited { unit, ending: ending(how)? });
    }
    if let Some(result) = said.strip_prefix(b"Failed with result '") {
        return Some(ManagerEvent::Failed { unit, result: kept(result.strip_suffix(b"'.")?) });
    }
    if let Some(rest) = said.strip_prefix(b"Killing process ") {
        let (pid, rest) = process(rest)?;
        let signal = rest.get(rest.rfind(b") with signal ")? + b") with signal ".len()..)?;
        let signal = signals::numbered(signal.strip_suffix(b".")?)?;
        return rest.starts_with(b" (").then_some(ManagerEvent::Killing { unit, pid, signal });
    }
    if said.starts_with(b"Scheduled restart job") || is_hold_off(said.strip_prefix(b"Service ").unwrap_or(said)) {
        return Some(ManagerEvent::Restarting { unit });
    }
    let state = said.strip_prefix(b"State '").and_then(|rest| rest.split_once_str(b"' timed out. "));
    let is_stop = state.is_some_and(|(state, _)| is_stopping(state)) || said.starts_with(b"Stopping timed out. ");
    is_stop.then_some(ManagerEvent::StopTimedOut { unit })
}

/// Up to 228 there is no colon: `web.service stop-sigterm timed out. Killing.`
fn of_old(message: &[u8]) -> Option<ManagerEvent> {
    let (unit, said) = message.split_once_str(b" ")?;
    let unit = unit_named(unit)?;
    if said.split_once_str(b" timed out. ").is_some_and(|(state, _)| is_stopping(state)) {
        return Some(ManagerEvent::StopTimedOut { unit });
    }
    is_hold_off(said).then_some(ManagerEvent::Restarting { unit })
}

fn is_stopping(state: &[u8]) -> bool {
    (state.starts_with(b"stop-") || state.starts_with(b"final-") || state == b"stopping") && !state.contains(&b' ')
}

fn is_hold_off(said: &[u8]) -> bool {
    said.starts_with(b"holdoff time over, ") || said.starts_with(b"hold-off time over, ")
}

/// `code=killed, status=9/KILL`
fn ending(how: &[u8]) -> Option<Ending> {
    let (code, status) = how.strip_prefix(b"code=")?.split_once_str(b", status=")?;
    let (number, _) = text::number(status)?;
    match code {
        b"exited" => Some(Ending::Exit(number)),
        b"killed" => signals::valid(number).map(|signal| Ending::Signal { signal, core: false }),
        b"dumped" => signals::valid(number).map(|signal| Ending::Signal { signal, core: true }),
        _ => None,
    }
}
