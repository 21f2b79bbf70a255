//! The line oomd writes into the kernel's log when it kills.

use super::cursor::Cursor;
use super::{Event, Name};
use crate::units::Bytes;
use serde::Serialize;

/// `oomd kill: P10 P60 P300 CGROUP SIZE ruleset:[..] detectorgroup:[..] killer:NAME v2`: `plugins/BaseKillPlugin.cpp` of
/// facebookincubator/oomd, all versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OomdKill {
    /// The cgroup, relative to the root of cgroups, without a slash before it.
    pub cgroup: Name,
    /// What it held.
    pub size_bytes: Bytes,
    /// The rules that asked for it, by oomd's configuration.
    pub ruleset: Name,
    /// Whether it was only said and not done (`dry=true`).
    pub is_dry_run: bool,
}

pub(super) fn kill(message: &[u8]) -> Option<Event> {
    let mut rest = Cursor(message);
    rest.pass(b"oomd kill: ")?;
    for _ in 0..3 {
        let pressure = rest.until(b" ")?;
        pressure.iter().all(|b| b.is_ascii_digit() || *b == b'.').then_some(())?;
    }
    // A cgroup may have any name, the rules are named by root: so from the right.
    let mut victim = Cursor(rest.until_last(b" ruleset:[")?);
    let cgroup = victim.until_last(b" ")?;
    let size_bytes = Bytes(victim.decimal().filter(|_| victim.is_at_end())?);
    let ruleset = rest.until(b"] detectorgroup:[")?;
    let is_dry_run = rest.until_last(b"] killer:").is_some() && rest.passes(b"(dry)");
    Some(Event::OomdKill(OomdKill { cgroup: Name::from(cgroup), size_bytes, ruleset: Name::from(ruleset), is_dry_run }))
}
