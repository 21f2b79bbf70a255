//! Whole files, replaced atomically.

use super::Care;
use crate::host::Root;
use crate::plan::{FileImage, Standing, Trouble};

/// How a file stands to a change from `before` to `after`.
///
/// # Errors
/// Where it could not be looked at.
pub fn standing(
    _root: &Root,
    _path: &str,
    _before: Option<&FileImage>,
    _after: Option<&FileImage>,
) -> Result<Standing, Trouble> {
    todo!()
}

/// Makes it so. `mark` names the transaction, and with it the temporary file.
///
/// # Errors
/// What the system refuses, or that somebody else changed the file meanwhile; it is as it was then.
pub fn make(
    _root: &Root,
    _path: &str,
    _before: Option<&FileImage>,
    _after: Option<&FileImage>,
    _mark: &str,
    _care: Care,
) -> Result<(), Trouble> {
    todo!()
}

/// Settles what a run that was killed left beside the file: its temporary file goes, and what somebody else had saved in
/// the last moment, and was exchanged against it, is put back.
///
/// # Errors
/// What the system refuses.
pub fn settle(
    _root: &Root,
    _path: &str,
    _before: Option<&FileImage>,
    _after: Option<&FileImage>,
    _mark: &str,
) -> Result<(), Trouble> {
    todo!()
}
