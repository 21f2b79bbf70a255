//! The limit of open files of running processes.
//!
//! prlimit(2) knows a process by its number alone. That the number is the process that is meant is looked at before and
//! after: a process that is still there afterwards has had its number all the time. One that ends in between could, if
//! its number were given away in the same microseconds, leave its limit to another; the look afterwards then says that it
//! has ended.

use super::hint::not_allowed;
use super::mount::errno_of;
use super::pinned::{has_ended, pin, reason};
use crate::host::words;
use crate::plan::{ProcessRef, Standing, Trouble};
use crate::units::{Limit, SoftHard};
use nix::errno::Errno;
use procfs::ProcError;
use procfs::process::{LimitValue, Process};
use rlimit::{INFINITY, Resource, prlimit};
use std::fs;

/// How the limit of a process stands to a change.
///
/// # Errors
/// Where it could not be read. A process that has ended is `Standing::Other`.
pub fn standing(process: ProcessRef, before: SoftHard, after: SoftHard) -> Result<Standing, Trouble> {
    let what = format!("read the limit of open files of pid {}", process.pid);
    let ended = || Ok(Standing::Other("it has ended".to_owned()));
    let Some(handle) = pin(&what, process)? else { return ended() };
    match limit_of(&handle) {
        Ok(seen) if seen == after => Ok(Standing::After),
        Ok(seen) if seen == before => Ok(Standing::Before),
        Ok(seen) => Ok(Standing::Other(format!("it is {}, at most {}", seen.soft, seen.hard))),
        Err(error) if has_ended(&error) => ended(),
        Err(error) => Err(Trouble::new(what, reason(&error))),
    }
}

/// Sets it and reads it back.
///
/// # Errors
/// What the kernel refuses, or that the process has ended.
pub fn make(process: ProcessRef, after: SoftHard) -> Result<(), Trouble> {
    let what = format!("set the limit of open files of pid {} to {}", process.pid, after.soft);
    let ended = || Trouble::new(&what, "it has ended");
    let before = match pin(&what, process)? {
        // prlimit(2) takes 0 for the caller; a process is never called that.
        Some(handle) if process.pid.0 > 0 => limit_of(&handle).map_err(|error| Trouble::new(&what, reason(&error)))?,
        _ => return Err(ended()),
    };
    set(process, after).map_err(|errno| refused(&what, errno, after, before))?;
    let handle = pin(&what, process)?.ok_or_else(ended)?;
    match limit_of(&handle) {
        Ok(seen) if seen == after => Ok(()),
        Ok(seen) => Err(Trouble::new(&what, format!("it came out as {}, at most {}", seen.soft, seen.hard))),
        Err(error) => Err(Trouble::new(&what, reason(&error))),
    }
}

fn set(process: ProcessRef, limit: SoftHard) -> Result<(), Errno> {
    let number = |limit: Limit| limit.number().unwrap_or(INFINITY);
    let pair = (number(limit.soft), number(limit.hard));
    prlimit(process.pid.0, Resource::NOFILE, Some(pair), None).map_err(|error| errno_of(&error))
}

fn limit_of(process: &Process) -> Result<SoftHard, ProcError> {
    let limits = process.limits()?;
    let limit = |value| match value {
        LimitValue::Value(number) => Limit::At(number),
        LimitValue::Unlimited => Limit::Unlimited,
    };
    let open_files = limits.max_open_files;
    Ok(SoftHard { soft: limit(open_files.soft_limit), hard: limit(open_files.hard_limit) })
}

fn refused(what: &str, errno: Errno, wanted: SoftHard, before: SoftHard) -> Trouble {
    match errno {
        // Even root may not go above it (getrlimit(2)).
        Errno::EPERM if nr_open().is_some_and(|most| wanted.hard > Limit::At(most)) => {
            let most = nr_open().unwrap_or_default();
            Trouble::new(what, format!("the kernel allows a process at most {most} (fs.nr_open)"))
                .with_hint("sysctl fs.nr_open")
        }
        Errno::EPERM if wanted.hard > before.hard => not_allowed(
            what,
            "CAP_SYS_RESOURCE",
            "in a container it is set by who starts it: docker run --ulimit nofile=…",
        ),
        Errno::EPERM => not_allowed(what, "CAP_SYS_RESOURCE", "run gtune on the host, outside the container"),
        Errno::EINVAL => Trouble::new(what, format!("the soft limit would be above the hard one of {}", wanted.hard)),
        Errno::ESRCH => Trouble::new(what, "it has ended"),
        other => Trouble::new(what, words(other)),
    }
}

/// `fs.nr_open`: the most open files that any process may be allowed (proc_sys_fs(5)).
fn nr_open() -> Option<u64> {
    fs::read_to_string("/proc/sys/fs/nr_open").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
