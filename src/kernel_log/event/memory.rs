//! Memory that was wanted, and the OOM killer itself.

use super::cursor::{Cursor, split_name};
use super::{Event, Name};
use memchr::memmem;
use serde::Serialize;

/// `COMM: page allocation failure: order:N, mode:0xMODE(FLAGS), …`: `mm/page_alloc.c`; the flags in words since 4.6; a
/// full stop in place of the second colon up to 3.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageAllocationFailure {
    /// Name of the thread that asked, or on whose time an interrupt came.
    pub comm: Name,
    /// 2 to the power of this many pages, in one piece. From 4 on it is want of pieces rather than of memory
    /// (`PAGE_ALLOC_COSTLY_ORDER` is 3).
    pub order: u32,
    /// What for, as the kernel words it: `0x40820(GFP_ATOMIC|__GFP_COMP)`, without words up to 4.5.
    pub mode: Name,
}

/// `Kernel panic - not syncing: …` for want of memory: `mm/oom_kill.c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum OomPanic {
    /// `System is deadlocked on memory` (4.20 on), `Out of memory and no killable processes...` before.
    NobodyToKill,
    /// `system-wide panic_on_oom is enabled`: `vm.panic_on_oom=1`.
    SystemWide,
    /// `compulsory panic_on_oom is enabled`: `vm.panic_on_oom=2`, even where only a cgroup or a node is out of memory.
    Compulsory,
}

pub(super) fn page_allocation_failure(message: &[u8]) -> Option<Event> {
    let read = |mut rest: Cursor<'_>| {
        rest.pass_any(&[b": order:", b". order:"])?;
        let order = rest.small()?;
        rest.pass(b", mode:")?;
        let end = memmem::find(rest.0, b", ").unwrap_or(rest.0.len());
        Some((order, Name::from(rest.0.get(..end)?.trim_ascii_end())))
    };
    let (comm, (order, mode)) = split_name(message, b": page allocation failure", read)?;
    Some(Event::PageAllocationFailure(PageAllocationFailure { comm, order, mode }))
}

pub(super) fn oom_killer(message: &[u8]) -> Option<Event> {
    let text = message.trim_ascii_end();
    match text {
        b"OOM killer disabled." => return Some(Event::OomKillerDisabled),
        b"OOM killer enabled." => return Some(Event::OomKillerEnabled),
        _ => {}
    }
    match text.strip_prefix(b"Kernel panic - not syncing: ") {
        Some(reason) => panic(reason).map(Event::OomPanic),
        None if text.starts_with(b"Out of memory and no killable processes") => Some(Event::NoKillableProcess),
        None => panic(text).map(Event::OomPanic),
    }
}

fn panic(reason: &[u8]) -> Option<OomPanic> {
    const REASONS: [(&[u8], OomPanic); 5] = [
        (b"System is deadlocked on memory", OomPanic::NobodyToKill),
        (b"Out of memory and no killable processes", OomPanic::NobodyToKill),
        (b"Out of memory: system-wide panic_on_oom is enabled", OomPanic::SystemWide),
        (b"Out of memory: compulsory panic_on_oom is enabled", OomPanic::Compulsory),
        // Up to 2.6.35.
        (b"out of memory. panic_on_oom is selected", OomPanic::SystemWide),
    ];
    REASONS.into_iter().find(|(text, _)| reason.starts_with(text)).map(|(_, why)| why)
}

pub(super) fn suppressed(message: &[u8]) -> Option<Event> {
    let counted = message.trim_ascii_end().strip_suffix(b" callbacks suppressed")?;
    let mut rest = Cursor(counted);
    let function = rest.until(b": ")?;
    let is_function = !function.is_empty() && function.iter().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(b));
    let calls = rest.decimal()?;
    (is_function && rest.0.is_empty()).then(|| Event::LinesSuppressed { function: Name::from(function), calls })
}
