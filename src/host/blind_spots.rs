//! What a look could not see, as a whole.

use super::candidates::{Candidate, Pass};
use super::words::words;
use crate::facts::{Fact, Mount, Reason};
use nix::unistd::geteuid;
use std::collections::BTreeMap;

/// Numbers of processes that are named; more tell the operator nothing new.
const NAMED: usize = 5;

/// One clause for each kind of blindness.
pub fn blind_spots(pass: &Pass, own_mounts: &Fact<Vec<Mount>>) -> Vec<Reason> {
    let unlisted = unlisted_processes(own_mounts, geteuid().is_root());
    hidden_descriptors(pass).into_iter().chain(unseen_processes(pass)).chain(unlisted).collect()
}

/// Many a Python program is looked at; only those count that look like a Gunicorn by what everyone may see, for every
/// Gunicorn does once it has set its handlers.
fn hidden_descriptors(pass: &Pass) -> Option<Reason> {
    let suspects = pass.candidates.iter().filter(|one| one.looks_like_gunicorn() && one.handle.is_alive());
    let blind: Vec<(&Candidate, &Reason)> = suspects.filter_map(|one| Some((one, one.blind()?))).collect();
    let (_, reason) = blind.first()?;
    let named: Vec<String> = blind.iter().take(NAMED).map(|(one, _)| one.handle.pid.to_string()).collect();
    let more = match blind.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let pids = named.join(", ");
    Some(Reason::new(format!("the descriptors of what looks like Gunicorn are hidden (pids {pids}{more}): {reason}")))
}

/// Processes that are listed and could not be asked for their status, as with `hidepid=1` of proc(5), or where gtune
/// itself may not open more files.
fn unseen_processes(pass: &Pass) -> Vec<Reason> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    pass.unseen.iter().for_each(|errno| *counts.entry(words(*errno)).or_default() += 1);
    let clause = |(why, count)| Reason::new(format!("processes in /proc that could not be looked at: {count}: {why}"));
    counts.into_iter().map(clause).collect()
}

/// Processes that are not even listed.
fn unlisted_processes(own_mounts: &Fact<Vec<Mount>>, is_root: bool) -> Option<Reason> {
    let unlisted = !is_root && own_mounts.known().is_some_and(|mounts| mounts.iter().any(hides_processes));
    unlisted.then(|| Reason::new("processes of other users are hidden: /proc is mounted with hidepid"))
}

/// With `hidepid=2`, and with `4`, processes of others are not listed; since Linux 5.8 these have names (proc(5)).
fn hides_processes(mount: &Mount) -> bool {
    let hiding = ["hidepid=2", "hidepid=4", "hidepid=invisible", "hidepid=ptraceable"];
    let is_proc = mount.kind.name() == "proc" && mount.mount_point == "/proc";
    is_proc && hiding.iter().any(|option| mount.options.iter().any(|o| o == option))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::mount;
    use nix::errno::Errno;

    fn is_blind(options: &[&str], is_root: bool) -> bool {
        let mounts = Fact::Known(vec![mount("/proc", "proc", options)]);
        unlisted_processes(&mounts, is_root).is_some()
    }

    #[test]
    fn a_proc_that_lists_only_ones_own_is_a_blind_spot_to_others_than_root() {
        for option in ["hidepid=2", "hidepid=invisible", "hidepid=ptraceable"] {
            assert!(is_blind(&["rw", option], false));
            assert!(!is_blind(&["rw", option], true));
        }
        assert!(!is_blind(&["rw", "hidepid=0"], false));
    }

    #[test]
    fn processes_that_could_not_be_asked_are_counted_by_the_reason() {
        let pass = Pass { unseen: vec![Errno::EACCES, Errno::EMFILE, Errno::EACCES], ..Pass::default() };
        let found: Vec<String> = unseen_processes(&pass).iter().map(Reason::to_string).collect();
        let seen = |why: &str| found.contains(&format!("processes in /proc that could not be looked at: {why}"));
        assert!(seen("2: permission denied") && seen("1: too many open files"), "{found:?}");
    }
}
