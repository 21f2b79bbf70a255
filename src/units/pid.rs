//! Process numbers, in the pid namespace gtune runs in.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A process id as gtune sees it. A log inside a container may hold another number for the same process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pid(pub i32);

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
