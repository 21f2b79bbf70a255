//! Whose kill it was: the unit, and whether it concerns a Gunicorn.

use super::{Kill, Scope};
use crate::facts::{CgroupOwner, unit_of_cgroup_path};

/// The Gunicorns that are known of the host the log is of.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Their units.
    pub units: Vec<String>,
    /// Their control groups, as paths below the root of the hierarchy.
    pub cgroups: Vec<String>,
}

/// Who a kill hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// The unit, with its suffix, where the control group's path names one.
    pub unit: Option<String>,
    /// Whether a Gunicorn was hit.
    pub gunicorn: bool,
}

impl Known {
    /// Tells whose kill it was: by control group and unit first, for names are only names.
    pub fn concern(&self, kill: &Kill) -> Concern {
        let path = kill.task_memcg.as_deref().map(String::from_utf8_lossy);
        let unit = path.as_deref().and_then(unit);
        let of_known = path.as_deref().is_some_and(|path| self.cgroups.iter().any(|known| is_within(path, known)))
            || unit.as_ref().is_some_and(|unit| self.units.contains(unit));
        let named = is_gunicorn(&kill.comm) || path.is_some_and(|path| path.contains("gunicorn"));
        Concern { unit, gunicorn: of_known || named || shares_group(kill) }
    }
}

fn unit(path: &str) -> Option<String> {
    match unit_of_cgroup_path(path) {
        CgroupOwner::SystemUnit(unit) | CgroupOwner::UserUnit { unit, .. } => Some(unit),
        CgroupOwner::Session(_) | CgroupOwner::Container(_) | CgroupOwner::None => None,
    }
}

fn is_within(path: &str, group: &str) -> bool {
    path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The console script is named `gunicorn`; setproctitle makes it `gunicorn: maste` and `gunicorn: worke`.
fn is_gunicorn(comm: &[u8]) -> bool {
    comm.starts_with(b"gunicorn")
}

/// Whether a Gunicorn is in the very control group that ran out: what died there was most likely a child of it. A slice
/// holds many services, so its limit says nothing of whose the victim was.
fn shares_group(kill: &Kill) -> bool {
    let is_own_limit = kill.task_memcg.is_none() || kill.task_memcg == kill.report.oom_memcg;
    kill.scope == Scope::Memcg && is_own_limit && kill.report.tasks.iter().any(|task| is_gunicorn(&task.comm))
}
