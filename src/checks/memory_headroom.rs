//! `memory-headroom`: how far the service is from its memory limit, or the host from its end.

use crate::checks::columns::of_directive;
use crate::checks::steps::by_hand;
use crate::checks::weigh::weigh;
use crate::checks::worker_memory::{WorkerSize, only_a_bound, raise_limit, worker_size};
use crate::checks::{Area, Check, Columns, InForce, Judge, Judgement, Remedy, Seen, Severity, Verdict};
use crate::facts::{CgroupMemory, CgroupVersion, Fact, Facts, Service};
use crate::units::{Bytes, Limit, quoted};

/// From this share of the limit on the kernel reclaims at every allocation and one large request is enough for a kill;
/// the line Kubernetes and most monitoring alarm at.
const TIGHT: f64 = 0.90;

/// From this share on there is less left than a single worker of twenty needs.
const AT_THE_END: f64 = 0.95;

/// With less of the host's memory available than this the kernel drops the page cache of running programs.
const HOST_LOW: f64 = 0.10;

/// With less than this earlyoom (its default is 10 %, then 5 % for SIGKILL) and the kernel start to kill.
const HOST_AT_THE_END: f64 = 0.05;

/// The check.
pub const CHECK: Check = Check {
    id: "memory-headroom",
    area: Area::Memory,
    title: "Memory left",
    looks_at: "memory.current less inactive_file of memory.stat (what cannot simply be dropped) against the\n\
               lowest memory.max above the service, memory.high, the size of a worker (PSS in\n\
               /proc/<pid>/smaps_rollup), and MemAvailable of the host.",
    why: "At the limit the kernel kills a worker in the middle of its request. A reload starts new\n\
          workers beside the old ones, so a service that fits now may not fit during a reload.\n\
          Files on a tmpfs that the service writes count as its memory.",
    changes: "Nothing. How much memory a service may have is the operator's decision.",
    by_hand: &[
        "systemctl show UNIT -p MemoryCurrent,MemoryMax,MemoryHigh",
        "systemctl set-property UNIT MemoryMax=2G   # at once, and for the next boot",
        "or fewer workers: kill -TTOU MASTER takes one away until the next reload",
        "workers that grow: --max-requests 1000 --max-requests-jitter 100; --preload shares the application",
    ],
    references: &["Linux: cgroup-v2.rst, Memory Interface Files", "systemd.resource-control(5)", "proc_meminfo(5)"],
    judge: Judge::Service { each, fresh },
};

fn each(facts: &Facts, service: &Service) -> Judgement {
    let group = match service.cgroup.as_ref().and_then(|group| group.memory.as_ref()) {
        Fact::Known(memory) => of_group(service, memory),
        Fact::Absent => Ok(Verdict::healthy("no control group bounds it", "", vec![])),
        Fact::Unreadable(reason) => Err(reason),
    };
    weigh([group, of_host(facts)])
}

fn of_group(service: &Service, memory: &CgroupMemory) -> Judgement {
    let usage = *memory.usage_bytes.needed("memory in use")?;
    let droppable = *memory.inactive_file_bytes.needed("inactive_file of memory.stat")?;
    let group = Group { service, memory, usage, working_set: Bytes(usage.0.saturating_sub(droppable.0)) };
    weigh([group.against_limit(), group.against_high(), group.one_more_worker()])
}

struct Group<'a> {
    service: &'a Service,
    memory: &'a CgroupMemory,
    usage: Bytes,
    working_set: Bytes,
}

impl Group<'_> {
    fn against_limit(&self) -> Judgement {
        let Limit::At(limit) = self.memory.limit_bytes else {
            let seen = self.seen(format!("{} in use, no limit", self.working_set), "");
            return Ok(Verdict::Healthy(seen));
        };
        let share = self.working_set.share_of(Bytes(limit));
        let observed = format!("{} of {} ({:.0}%)", self.working_set, Bytes(limit), share * 100.0);
        let seen = self.seen(observed, &format!("below {:.0}% of the limit", TIGHT * 100.0));
        let consequence = "One large request is enough for the OOM killer to take a worker.";
        match share {
            _ if share >= AT_THE_END => Ok(Verdict::finding(Severity::Critical, seen, consequence, self.remedy())),
            _ if share >= TIGHT => Ok(Verdict::finding(Severity::Warning, seen, consequence, self.remedy())),
            _ => Ok(Verdict::Healthy(seen)),
        }
    }

    /// Above `memory.high` the kernel makes every allocation wait for reclaim. Page cache is dropped first, so only
    /// a working set above it hurts.
    fn against_high(&self) -> Judgement {
        let high = match &self.memory.high_bytes {
            Fact::Known(Limit::At(high)) => Bytes(*high),
            Fact::Known(Limit::Unlimited) | Fact::Absent => return Ok(Verdict::not_applicable("no memory.high")),
            Fact::Unreadable(reason) => return Err(reason.clone()),
        };
        let observed = format!("{} is above memory.high of {high}", self.working_set);
        if self.working_set < high {
            return Ok(Verdict::not_applicable("below memory.high"));
        }
        let mut seen = self.seen(observed, "below memory.high");
        seen.evidence.push(format!("{}/memory.high: {}", self.memory.directory, high.0));
        let consequence = "The kernel slows every allocation down: requests take long and workers time out.";
        Ok(Verdict::finding(Severity::Warning, seen, consequence, self.remedy()))
    }

    fn one_more_worker(&self) -> Judgement {
        let Limit::At(limit) = self.memory.limit_bytes else {
            return Ok(Verdict::not_applicable("no limit"));
        };
        if self.service.workers.is_empty() {
            return Ok(Verdict::not_applicable("no worker runs yet"));
        }
        let room = Bytes(limit.saturating_sub(self.working_set.0));
        let size = worker_size(self.service)?;
        if size.bytes() <= room {
            return Ok(Verdict::healthy("", "", vec![format!("room for {room}, {}", size.in_words())]));
        }
        if matches!(size, WorkerSize::AtMost(_)) {
            return Err(only_a_bound(self.service));
        }
        let observed = format!("room for {room}, {}", size.in_words());
        let consequence = "A reload starts new workers before the old ones leave, and there is no room for even one.";
        Ok(Verdict::finding(
            Severity::Warning,
            self.seen(observed, "room for one more worker"),
            consequence,
            self.remedy(),
        ))
    }

    fn seen(&self, observed: String, wanted: &str) -> Seen {
        let current = match self.memory.version {
            CgroupVersion::V1 => "memory.usage_in_bytes",
            CgroupVersion::V2 => "memory.current",
        };
        let directory = &self.memory.directory;
        Seen {
            observed,
            wanted: wanted.into(),
            evidence: vec![
                format!("{directory}/{current}: {}", self.usage.0),
                format!("{directory}/memory.stat: inactive_file {}", self.usage.0.saturating_sub(self.working_set.0)),
                format!("{}: {}", self.memory.limit_file, self.memory.limit_bytes),
            ],
            columns: self.columns(),
        }
    }

    fn columns(&self) -> Columns {
        let unit = self.service.unit.known();
        let loaded = unit.and_then(|unit| unit.loaded.known()).and_then(|loaded| loaded.memory_max.known());
        let (file, limit) = (self.memory.limit_file.clone(), self.memory.limit_bytes.to_string());
        Columns {
            live: loaded.map(Limit::to_string),
            in_force: vec![InForce { subject: file, value: limit }],
            ..of_directive(unit, "MemoryMax")
        }
    }

    fn remedy(&self) -> Remedy {
        let mut steps = vec![
            raise_limit(self.service, self.memory),
            format!("or one worker fewer: kill -TTOU {}   # until the next reload", self.service.master.pid),
            "workers that grow: --max-requests 1000 --max-requests-jitter 100".into(),
        ];
        if let Some(mount) = self.memory_mounts() {
            steps.push(format!("du -sh {mount}   # files on a tmpfs count as memory of who wrote them"));
        }
        by_hand(steps)
    }

    /// Mounts in memory the service may write to, but for those of the kernel.
    fn memory_mounts(&self) -> Option<String> {
        let mounts = self.service.mounts.known()?;
        let ours = |place: &str| !["/dev", "/proc", "/sys"].contains(&place) && !place.starts_with("/sys/");
        let writable =
            mounts.iter().filter(|mount| mount.kind.name() == "tmpfs" && mount.options.iter().any(|o| o == "rw"));
        let places: Vec<String> =
            writable.map(|mount| &mount.mount_point).filter(|place| ours(place)).map(|place| quoted(place)).collect();
        (!places.is_empty()).then(|| places.join(" "))
    }
}

fn of_host(facts: &Facts) -> Judgement {
    let memory = facts.host.memory.needed("/proc/meminfo")?;
    let share = memory.available_bytes.share_of(memory.total_bytes);
    let seen = Seen {
        observed: format!("host: {} of {} available", memory.available_bytes, memory.total_bytes),
        wanted: format!("at least {:.0}% of the host's memory available", HOST_LOW * 100.0),
        evidence: vec![format!("/proc/meminfo: MemAvailable {} kB", memory.available_bytes.0 / 1024)],
        ..Seen::default()
    };
    let severity = match share {
        _ if share < HOST_AT_THE_END => Severity::Critical,
        _ if share < HOST_LOW => Severity::Warning,
        _ => return Ok(Verdict::Healthy(seen)),
    };
    let consequence = "The next process that grows sets off the OOM killer, and it takes the largest: often a worker.";
    let steps = ["ps -eo rss,pid,user,args --sort=-rss | head   # who has it", "fewer workers, more memory, or swap"];
    Ok(Verdict::finding(severity, seen, consequence, by_hand(steps)))
}

fn fresh(facts: &Facts) -> Judgement {
    of_host(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::checks::judged::found;

    fn with_memory(change: impl FnOnce(&mut CgroupMemory)) -> Facts {
        healthy::with_service(|service| {
            let Fact::Known(cgroup) = &mut service.cgroup else { unreachable!() };
            let Fact::Known(memory) = &mut cgroup.memory else { unreachable!() };
            change(memory);
        })
    }

    fn judged(facts: &Facts) -> Judgement {
        each(facts, &facts.services.known().unwrap()[0])
    }

    #[test]
    fn page_cache_that_can_be_dropped_is_no_pressure() {
        let full_of_cache = with_memory(|memory| {
            memory.usage_bytes = Fact::Known(Bytes(1 << 30));
            memory.inactive_file_bytes = Fact::Known(Bytes(900 << 20));
        });
        assert!(matches!(judged(&full_of_cache), Ok(Verdict::Healthy(_))));
    }

    #[test]
    fn a_group_near_its_limit_is_a_warning_and_then_critical() {
        for (used_mib, severity) in [(945, Severity::Warning), (1000, Severity::Critical)] {
            let finding = found(judged(&with_memory(|memory| memory.usage_bytes = Fact::Known(Bytes(used_mib << 20)))));
            assert_eq!(finding.severity, severity, "{used_mib} MiB less 20 MiB of 1 GiB");
            assert!(finding.remedy.by_hand[0].contains("MemoryMax=1536M"));
            assert!(finding.remedy.by_hand.iter().any(|step| step.contains("du -sh /mem")));
        }
    }

    #[test]
    fn a_service_without_room_for_one_more_worker_cannot_reload() {
        let tight = with_memory(|memory| memory.limit_bytes = Limit::At(160 << 20));
        let finding = found(judged(&tight));
        assert!(finding.consequence.contains("reload"), "{}", finding.consequence);
    }

    #[test]
    fn above_memory_high_the_kernel_slows_the_service_down() {
        let slowed = with_memory(|memory| memory.high_bytes = Fact::Known(Limit::At(100 << 20)));
        assert!(found(judged(&slowed)).consequence.contains("slows"));
    }

    #[test]
    fn the_host_counts_with_and_without_a_limit() {
        let mut facts = with_memory(|memory| memory.limit_bytes = Limit::Unlimited);
        assert!(matches!(judged(&facts), Ok(Verdict::Healthy(_))));
        for (available_mib, severity) in [(700, Severity::Warning), (300, Severity::Critical)] {
            let Fact::Known(memory) = &mut facts.host.memory else { unreachable!() };
            memory.available_bytes = Bytes(available_mib << 20);
            assert_eq!(found(judged(&facts)).severity, severity);
            assert_eq!(found(fresh(&facts)).severity, severity);
        }
    }

    #[test]
    fn what_is_hidden_is_unknown() {
        let hide: [fn(&mut CgroupMemory); 3] = [
            |memory| memory.usage_bytes = Fact::unreadable("permission denied"),
            |memory| memory.inactive_file_bytes = Fact::unreadable("permission denied"),
            |memory| memory.high_bytes = Fact::unreadable("permission denied"),
        ];
        for hide in hide {
            assert!(judged(&with_memory(hide)).is_err());
        }
        let mut facts = healthy::fresh_host();
        facts.host.memory = Fact::unreadable("not in an image");
        assert!(fresh(&facts).is_err());
    }
}
