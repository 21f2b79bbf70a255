//! Symbolic links that enable units.

use super::Care;
use crate::host::Root;
use crate::plan::{Standing, Trouble};

/// How a link stands to a change from `before` to `after`.
///
/// # Errors
/// Where it could not be looked at.
pub fn standing(_root: &Root, _path: &str, _before: Option<&str>, _after: Option<&str>) -> Result<Standing, Trouble> {
    todo!()
}

/// Makes it so.
///
/// # Errors
/// What the system refuses; nothing is changed then.
pub fn make(
    _root: &Root,
    _path: &str,
    _before: Option<&str>,
    _after: Option<&str>,
    _mark: &str,
    _care: Care,
) -> Result<(), Trouble> {
    todo!()
}
