//! `gtune apply`, `gtune rollback` and `gtune history` at work: below a directory that stands for a host, and on live
//! hosts in namespaces of their own. No law touches the machine it is tried on.

// The bed serves other tests too, and not all of it is of use here.
#[allow(dead_code, unused_imports)]
#[path = "../support/mod.rs"]
mod support;

mod again;
mod bed;
mod crash;
mod fstab;
mod live;
mod obstacles;
mod rivals;
mod snapshot;
mod sweep;
mod targets;
mod trace;
mod tree;
mod undo;
mod units;

fn main() {
    let laws = [
        bed::laws(),
        fstab::laws(),
        obstacles::laws(),
        targets::laws(),
        again::laws(),
        undo::laws(),
        units::laws(),
        rivals::laws(),
        crash::laws(),
        live::laws(),
    ];
    support::run_laws(laws.into_iter().flatten().collect());
}
