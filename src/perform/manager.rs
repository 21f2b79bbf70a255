//! systemd: reading its files again, restarting units.

use crate::plan::Trouble;

/// `systemctl daemon-reload`.
///
/// # Errors
/// What systemctl says.
pub fn reload() -> Result<(), Trouble> {
    todo!()
}

/// `systemctl restart UNIT`, which waits until it has started or failed.
///
/// # Errors
/// What systemctl says, with the last lines of the unit's journal.
pub fn restart(_unit: &str) -> Result<(), Trouble> {
    todo!()
}
