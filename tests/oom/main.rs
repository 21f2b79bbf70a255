//! `gtune oom` on logs whose truth is known: captured ones, ones of other kernels, forged and damaged ones, and the log
//! of the kernel that runs.

// The bed serves other tests too, and not all of it is of use here.
#[allow(dead_code, unused_imports)]
#[path = "../support/mod.rs"]
mod support;

mod bed;
mod captures;
mod decoys;
mod eras;
mod expected;
mod files;
mod forms;
mod hosts;
mod input;
mod live;
mod packed;
mod raw;
mod screen;
mod torn;
mod window;

fn main() {
    let laws = [
        captures::laws(),
        hosts::laws(),
        eras::laws(),
        torn::laws(),
        decoys::laws(),
        files::laws(),
        input::laws(),
        packed::laws(),
        window::laws(),
        screen::laws(),
        live::laws(),
    ];
    support::run_laws(laws.into_iter().flatten().collect());
}
