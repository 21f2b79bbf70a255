//! The limit of open files of running processes.

use crate::plan::{ProcessRef, Standing, Trouble};
use crate::units::SoftHard;

/// How the limit of a process stands to a change.
///
/// # Errors
/// Where it could not be read. A process that has ended is `Standing::Other`.
pub fn standing(_process: ProcessRef, _before: SoftHard, _after: SoftHard) -> Result<Standing, Trouble> {
    todo!()
}

/// Sets it and reads it back.
///
/// # Errors
/// What the kernel refuses, or that the process has ended.
pub fn make(_process: ProcessRef, _after: SoftHard) -> Result<(), Trouble> {
    todo!()
}
