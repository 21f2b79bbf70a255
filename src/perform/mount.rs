//! Live mounts.

use crate::plan::{MountImage, Standing, Trouble};

/// How the mount point stands to a change from `before` to `after`, by what the mounted file system does and not by how
/// its options are written.
///
/// # Errors
/// Where it could not be looked at.
pub fn standing(_target: &str, _before: Option<&MountImage>, _after: Option<&MountImage>) -> Result<Standing, Trouble> {
    todo!()
}

/// Why a mount could not be changed.
#[derive(Debug)]
pub enum MountTrouble {
    /// It is in use: files in it are open. Nothing was changed.
    Busy,
    /// Anything else.
    Other(Trouble),
}

/// Mounts, mounts again with other options, or unmounts.
///
/// # Errors
/// What the system refuses; nothing is changed then.
pub fn make(_target: &str, _before: Option<&MountImage>, _after: Option<&MountImage>) -> Result<(), MountTrouble> {
    todo!()
}
