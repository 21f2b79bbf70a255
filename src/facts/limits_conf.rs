//! `limits.conf` and `limits.d` as pam_limits reads them (limits.conf(5)). They reach login sessions, never services.

use crate::units::Limit;
use serde::Serialize;

/// All lines that were understood, in the order pam_limits applies them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LimitsConf {
    /// The lines.
    pub lines: Vec<LimitsLine>,
}

/// One line: domain, type, item, value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitsLine {
    /// The file it stands in.
    pub file: String,
    /// Line number, from 1.
    pub line: usize,
    /// `user`, `@group`, `*`, `%group`, or a range of ids.
    pub domain: String,
    /// Whether it sets the soft limit.
    pub soft: bool,
    /// Whether it sets the hard limit.
    pub hard: bool,
    /// `nofile`, `nproc`, …
    pub item: String,
    /// The value.
    pub value: Limit,
}
