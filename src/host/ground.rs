//! The ground a plan is drafted on.

use super::Root;
use crate::facts::Facts;
use crate::plan::{Ground, Places};

/// Looks at every place that a plan may touch.
pub fn ground(_root: &Root, _facts: &Facts, _places: &Places) -> Ground {
    todo!()
}
