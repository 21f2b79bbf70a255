//! One line in a file that others write too.

use super::Care;
use crate::host::Root;
use crate::plan::{Content, FileImage, Standing, Trouble};

/// The parts of a `Change::Line`.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The file.
    pub path: &'a str,
    /// The whole file before.
    pub before: Option<&'a FileImage>,
    /// The whole file after.
    pub after: Option<&'a FileImage>,
    /// The line before.
    pub old_line: Option<&'a Content>,
    /// The line after.
    pub new_line: Option<&'a Content>,
}

/// How the file stands to the change.
///
/// # Errors
/// Where it could not be looked at.
pub fn standing(_root: &Root, _line: &Line<'_>) -> Result<Standing, Trouble> {
    todo!()
}

/// Makes it so; where the file has drifted, the line alone is changed.
///
/// # Errors
/// As [`super::file::make`].
pub fn make(_root: &Root, _line: &Line<'_>, _mark: &str, _care: Care) -> Result<(), Trouble> {
    todo!()
}
