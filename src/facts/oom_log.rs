//! Kills for want of memory since boot, as the kernel's own buffer tells them.

use crate::units::{Bytes, Pid};
use jiff::Timestamp;
use serde::Serialize;
use std::fmt;

/// What the buffer tells. It is short (128 KiB to some MiB), so on a busy host it holds the last kills only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct OomLog {
    /// The kills, in order of time.
    pub kills: Vec<OomKill>,
    /// Whether older records have been overwritten.
    pub lost: bool,
}

/// One kill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OomKill {
    /// When; the kernel's clock stands still while the host sleeps.
    pub time: Option<Timestamp>,
    /// The process, in the host's pid namespace.
    pub pid: Pid,
    /// Its name, decoded lossily.
    pub comm: String,
    /// Its control group.
    pub cgroup: Option<String>,
    /// What it held.
    pub rss_bytes: Option<Bytes>,
    /// How often the kernel told of it, and counted it: the first one of a group that is killed as a whole, twice.
    pub lines: u32,
    /// The limit that was hit; none where the host ran out of memory, or the report is lost.
    pub limit_bytes: Option<u64>,
}

impl OomKill {
    /// Whether it was in this control group or below it.
    pub fn is_within(&self, group: &str) -> bool {
        let rest = self.cgroup.as_deref().and_then(|cgroup| cgroup.strip_prefix(group));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || group.ends_with('/'))
    }
}

impl fmt::Display for OomKill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.time {
            Some(time) => write!(f, "{} ", time.strftime("%Y-%m-%dT%H:%M:%SZ"))?,
            None => f.write_str("at a time that is not told: ")?,
        }
        write!(f, "{} (pid {})", self.comm, self.pid)?;
        match (self.rss_bytes, self.limit_bytes) {
            (Some(rss), Some(limit)) => write!(f, ", {rss} of a limit of {}", Bytes(limit)),
            (Some(rss), None) => write!(f, ", {rss}"),
            (None, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kill(cgroup: &str) -> OomKill {
        OomKill {
            time: Some("2026-11-20T19:14:07.5Z".parse().unwrap()),
            pid: Pid(236),
            comm: "gunicorn".into(),
            cgroup: Some(cgroup.into()),
            rss_bytes: Some(Bytes(188 << 20)),
            lines: 1,
            limit_bytes: Some(200 << 20),
        }
    }

    #[test]
    fn a_kill_is_of_the_group_it_was_in_and_of_those_above() {
        let kill = kill("/a.slice/web.service/sub");
        assert!(kill.is_within("/a.slice/web.service") && kill.is_within("/") && kill.is_within("/a.slice"));
        assert!(!kill.is_within("/a.slice/web") && !kill.is_within("/a.slice/web.service/sub/x"));
    }

    #[test]
    fn a_kill_reads_as_one_clause() {
        assert_eq!(kill("/a").to_string(), "2026-11-20T19:14:07Z gunicorn (pid 236), 188 MiB of a limit of 200 MiB");
    }
}
