//! Directories.

use crate::host::Root;
use crate::plan::{DirectoryImage, Standing, Trouble};

/// How a directory stands to a change from `before` to `after`.
///
/// # Errors
/// Where it could not be looked at.
pub fn standing(
    _root: &Root,
    _path: &str,
    _before: Option<&DirectoryImage>,
    _after: Option<&DirectoryImage>,
) -> Result<Standing, Trouble> {
    todo!()
}

/// Makes it so. One that is to go and holds something is an error that says what.
///
/// # Errors
/// What the system refuses; nothing is changed then.
pub fn make(
    _root: &Root,
    _path: &str,
    _before: Option<&DirectoryImage>,
    _after: Option<&DirectoryImage>,
) -> Result<(), Trouble> {
    todo!()
}
