//! Numbers below `/proc/sys`.

use crate::plan::{NetworkOf, Standing, Trouble};

/// How the live value stands to a change.
///
/// # Errors
/// Where it could not be read, or the process whose network is meant has ended.
pub fn standing(_key: &str, _network: NetworkOf, _before: u64, _after: u64) -> Result<Standing, Trouble> {
    todo!()
}

/// Writes it and reads it back.
///
/// # Errors
/// What the kernel refuses.
pub fn make(_key: &str, _network: NetworkOf, _after: u64) -> Result<(), Trouble> {
    todo!()
}
