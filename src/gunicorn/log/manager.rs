//! What service managers and user-space killers write: told by the tag of the frame, since any application may write the
//! same words.

mod killers;
mod systemd;

use super::told::ManagerEvent;
use crate::units::Pid;

/// Whether lines with this tag are a manager's or a killer's. The unit, where the journal tells it, is set by journald and
/// not by who writes: a service that calls itself `systemd` is found out.
pub(super) fn is_manager(tag: &[u8], unit: &[u8]) -> bool {
    let units: &[&[u8]] = match tag {
        b"systemd" => &[b"init.scope", b"user@"],
        b"systemd-oomd" => &[b"systemd-oomd"],
        b"earlyoom" => &[b"earlyoom"],
        b"oomd" => &[b"oomd"],
        b"systemd-coredump" => &[b"systemd-coredump"],
        b"chronyd" => &[b"chrony"],
        b"ntpd" => &[b"ntp"],
        b"systemd-timesyncd" => &[b"systemd-timesyncd"],
        _ => return false,
    };
    unit.is_empty() || units.iter().any(|known| unit.starts_with(known))
}

/// What a line of a manager says.
pub(super) fn event(tag: &[u8], message: &[u8]) -> Option<ManagerEvent> {
    match tag {
        b"systemd" => systemd::event(message),
        b"systemd-oomd" | b"oomd" => killers::oomd(message),
        b"earlyoom" => killers::earlyoom(message),
        b"systemd-coredump" => killers::core_dumped(message),
        _ => killers::clock_stepped(message),
    }
}

/// The process in which the text begins, with what is behind it.
fn process(text: &[u8]) -> Option<(Pid, &[u8])> {
    super::text::pid(text)
}

#[cfg(test)]
mod tests;
