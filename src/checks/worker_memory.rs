//! What one more worker costs, as near as it can be told.

use crate::checks::steps::set_property;
use crate::facts::{CgroupMemory, Fact, Reason, Service};
use crate::units::{Bytes, Limit};

/// The memory of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkerSize {
    /// Mean proportional size (PSS): pages shared with siblings counted by share.
    Mean(Bytes),
    /// PSS is hidden; no worker is larger than this resident size, shared pages counted in full.
    AtMost(Bytes),
}

impl WorkerSize {
    /// The size, or the bound of it.
    pub fn bytes(self) -> Bytes {
        match self {
            Self::Mean(bytes) | Self::AtMost(bytes) => bytes,
        }
    }

    /// As an operator reads it.
    pub fn in_words(self) -> String {
        match self {
            Self::Mean(bytes) => format!("{bytes} a worker"),
            Self::AtMost(bytes) => format!("at most {bytes} a worker"),
        }
    }
}

/// Mean PSS of the workers; where that may not be read (it needs the right to trace them), the largest RSS.
pub(super) fn worker_size(service: &Service) -> Result<WorkerSize, Reason> {
    let proportional: Vec<u64> =
        service.workers.iter().filter_map(|worker| worker.process.pss_bytes.known()).map(|pss| pss.0).collect();
    if !proportional.is_empty() && proportional.len() == service.workers.len() {
        let sum: u64 = proportional.iter().fold(0, |sum, pss| sum.saturating_add(*pss));
        return Ok(WorkerSize::Mean(Bytes(sum / proportional.len() as u64)));
    }
    let mut largest = None;
    for worker in &service.workers {
        largest = largest.max(Some(*worker.process.rss_bytes.needed("resident memory")?));
    }
    largest.map(WorkerSize::AtMost).ok_or_else(|| Reason::new("no worker runs, so its size is not known"))
}

/// How to give a service half as much memory again, at the group that holds the lowest limit.
pub(super) fn raise_limit(service: &Service, memory: &CgroupMemory) -> String {
    let Limit::At(limit) = memory.limit_bytes else {
        return "give the host more memory or swap, or run fewer workers".into();
    };
    let mib = (limit.saturating_add(limit / 2) >> 20).max(1);
    let own = memory.limit_file.starts_with(&memory.directory);
    match (&service.unit, &service.container) {
        (Fact::Known(unit), _) if own => set_property(unit, &format!("MemoryMax={mib}M")),
        (_, Some(container)) if container.runtime == "kubernetes" => {
            format!("in the pod: resources: {{limits: {{memory: {mib}Mi}}}}")
        }
        (_, Some(_)) => format!("docker update --memory {mib}m CONTAINER   # podman: podman update"),
        _ => format!("raise the limit in {} to {mib} MiB: it is that of a group above", memory.limit_file),
    }
}

/// Why no firm answer comes of a bound that does not fit.
pub(super) fn only_a_bound(service: &Service) -> Reason {
    let hidden = service.workers.iter().find_map(|worker| worker.process.pss_bytes.needed("proportional memory").err());
    hidden.unwrap_or_else(|| Reason::new("the proportional memory of the workers is not known"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;

    #[test]
    fn a_limit_is_raised_at_the_group_that_holds_it() {
        let mut service = healthy::service();
        let Fact::Known(group) = service.cgroup.clone() else { panic!("a group") };
        let Fact::Known(mut memory) = group.memory else { panic!("memory") };
        assert_eq!(raise_limit(&service, &memory), "systemctl set-property gunicorn.service MemoryMax=1536M");
        memory.limit_file = "/sys/fs/cgroup/system.slice/memory.max".into();
        assert!(raise_limit(&service, &memory).contains("a group above"));
        service.unit = Fact::Absent;
        memory.limit_bytes = Limit::Unlimited;
        assert!(raise_limit(&service, &memory).contains("swap"));
    }

    #[test]
    fn one_hidden_worker_leaves_only_a_bound() {
        let mut service = healthy::service();
        assert_eq!(worker_size(&service), Ok(WorkerSize::Mean(Bytes(40 << 20))));
        service.workers[0].process.pss_bytes = Fact::unreadable("permission denied: /proc/815/smaps_rollup");
        assert_eq!(worker_size(&service), Ok(WorkerSize::AtMost(Bytes(50 << 20))));
        assert!(only_a_bound(&service).to_string().contains("smaps_rollup"));
        service.workers[0].process.rss_bytes = Fact::unreadable("gone");
        assert!(worker_size(&service).is_err());
    }
}
