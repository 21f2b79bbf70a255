//! What could not be seen is said.

use super::spots;
use crate::facts::Reason;
use crate::gunicorn::Version;
use crate::triage::Ended;
use crate::triage::sample::{alone, at, exited, material, signalled};

#[test]
fn where_all_was_seen_there_is_nothing_to_say() {
    assert_eq!(spots(&material([signalled(815, 9, 60)])), "");
}

#[test]
fn what_was_not_read_is_named() {
    let alone = alone([signalled(815, 9, 60)]);
    assert!(spots(&alone).contains("no kernel log was read") && spots(&alone).contains("no journal was read"));
    let mut material = material([signalled(815, 9, 60)]);
    material.unread.push(Reason::new("cannot read /var/log/kern.log: permission denied"));
    material.kernel_sources[0].lost = Some(Reason::new("12 records were overwritten"));
    assert!(spots(&material).contains("permission denied"));
    assert!(spots(&material).contains("kern.log: 12 records were overwritten"));
}

#[test]
fn a_kernel_log_that_begins_after_the_first_death_is_named_with_its_time() {
    let mut material = material([signalled(815, 9, 60)]);
    material.kernel_sources[0].begins = Some(at(61));
    assert!(spots(&material).contains("the kernel log begins at 2026-11-20 19:15:01 UTC, after the first death"));
}

#[test]
fn a_log_that_does_not_tell_of_the_boot_and_a_version_that_is_mute_are_named() {
    let mut worker = Ended { version: Some(Version::new(20, 0, 4)), ..exited(815, 7, 60) };
    worker.context.booted = None;
    let spots = spots(&material([worker]));
    assert!(spots.contains("error.log does not tell when every worker booted"), "{spots}");
    assert!(spots.contains("Gunicorn 20.0.4 does not say how a worker ended"), "{spots}");
}
