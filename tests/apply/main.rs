//! `gtune apply`, `gtune rollback` and `gtune history` at work: below a directory that stands for a host, and on live
//! hosts in namespaces of their own. No law touches the machine it is tried on.

// The bed serves other tests too, and not all of it is of use here.
#[allow(dead_code, unused_imports)]
#[path = "../support/mod.rs"]
mod support;

mod bed;
mod crash;
mod rivals;
mod snapshot;
mod sweep;
mod trace;
mod tree;

fn main() {
    let laws = [bed::laws(), crash::laws(), rivals::laws()];
    support::run_laws(laws.into_iter().flatten().collect());
}
