//! What belongs to a report: which records, which kills.

use super::open::{FRESH_MICROS, FRESH_RECORDS, GROUP_MICROS, Open, Pick};
use crate::kernel_log::lines::summary;
use crate::kernel_log::lines::victim::{Victim, chosen};
use crate::kernel_log::{Record, Scope};
use crate::units::Pid;

impl Open {
    /// Whether a record can belong to this report: of the same host, boot and printing task, and not much later.
    pub fn may_hold(&self, record: &Record<'_>, count: u64) -> bool {
        let same_caller = match (self.caller, record.caller) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        };
        let fresh = match self.last.micros_apart(&record.stamp) {
            Some(apart) => apart <= FRESH_MICROS,
            None => count.saturating_sub(self.touched) <= FRESH_RECORDS,
        };
        same_caller && fresh && self.host == record.host && self.boot == record.boot
    }

    /// Whether it is complete, so that the next line of a report belongs to another one.
    pub fn is_over(&self) -> bool {
        self.killed > 0 || self.is_closed
    }

    /// Whether a summary is of another victim than the one this report has named already.
    pub fn is_of_another(&self, message: &[u8]) -> bool {
        match self.pick {
            Pick::None => false,
            Pick::BySummary(own) => summary::summary(message).is_some_and(|summary| summary.pid != own),
            Pick::ByLine(own) => chosen(message).is_some_and(|chosen| chosen.pid != own),
        }
    }

    /// What had run out of memory, as far as this report and the line of a victim say together.
    pub fn scope_of(&self, victim: &Victim<'_>) -> Scope {
        match (self.scope, victim.scope) {
            // Linux 5.0 wrote CONSTRAINT_NONE where a control group had run out.
            (_, Scope::Memcg) => Scope::Memcg,
            (Scope::Manual, _) => Scope::Manual,
            _ if self.has_memcg() => Scope::Memcg,
            (Scope::Unknown, other) => other,
            (known, _) => known,
        }
    }

    fn has_memcg(&self) -> bool {
        self.report.oom_memcg.is_some() || self.report.memory.is_some() || self.measured.is_some()
    }

    /// Whether it waits for a victim that it has not named, and this may be it: by the words before its name, control
    /// group and host are not mixed up.
    pub fn may_be_of(&self, victim: &Victim<'_>) -> bool {
        let contradicts = match victim.scope {
            Scope::Memcg => self.names_host || self.scope == Scope::Manual,
            Scope::Unknown => false,
            _ => self.has_memcg(),
        };
        !self.is_over() && self.pick == Pick::None && !contradicts
    }

    /// Whether the whole table is lost, so that it cannot speak against a victim.
    pub fn has_no_table(&self) -> bool {
        self.report.tasks.is_empty()
    }

    /// Whether a control group within this path ran out of memory here, as far as is told.
    pub fn is_within(&self, path: &[u8]) -> bool {
        let is_within = |group: &Vec<u8>| {
            group.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || path == b"/")
        };
        self.group.is_none()
            && (self.killed > 0 || self.pick != Pick::None)
            && self.task_memcg.as_ref().is_some_and(is_within)
    }

    /// Whether a victim is a member of the group that is killed here.
    pub fn takes_member(&self, record: &Record<'_>, victim: &Victim<'_>) -> bool {
        let near = self.last.micros_apart(&record.stamp).is_none_or(|apart| apart <= GROUP_MICROS);
        self.group.is_some() && near && matches!(victim.scope, Scope::Memcg | Scope::Unknown)
    }

    /// Whether its table has this process.
    pub fn has_task(&self, pid: Pid) -> bool {
        self.report.tasks.iter().any(|task| task.pid == pid)
    }

    /// Whether it says that this very process is to be killed, and it was not yet.
    pub fn names(&self, pid: Pid) -> bool {
        let named = matches!(self.pick, Pick::BySummary(own) | Pick::ByLine(own) if own == pid);
        named && !self.is_over()
    }

    /// Whether a child of the picked process may be killed in its place.
    pub fn takes_child(&self, victim: &Victim<'_>) -> bool {
        // The line before has the cause, so that of the victim has none.
        matches!(self.pick, Pick::ByLine(_)) && !self.is_over() && victim.scope == Scope::Unknown
    }

    /// Whether there is nothing of it yet but its first lines.
    pub fn is_head_only(&self) -> bool {
        !self.is_over() && self.pick == Pick::None && self.columns.is_none() && self.report.trigger.is_some()
    }
}
