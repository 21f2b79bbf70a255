//! `gtune triage` on logs whose truth is known: captured ones of every version, in every frame, forged and damaged
//! ones, big ones, and those of Gunicorns that are hurt on the spot.

// The beds serve other tests too, and not all of them is of use here.
#[allow(dead_code)]
#[path = "../oom/bed.rs"]
mod kernel_bed;
#[allow(dead_code, unused_imports)]
#[path = "../support/mod.rs"]
mod support;

mod bed;
mod big;
mod captures;
mod cases;
mod cause;
mod decoys;
mod family;
mod forms;
mod frames;
mod hosts;
mod input;
mod lifelike;
mod live;
mod managers;
mod packed;
mod rules;
mod screen;
mod server;
mod several;
mod story;
mod torn;
mod truth;
mod window;

fn main() {
    let laws = [
        cases::laws(),
        forms::laws(),
        hosts::laws(),
        captures::laws(),
        rules::laws(),
        cause::laws(),
        managers::laws(),
        decoys::laws(),
        torn::laws(),
        family::laws(),
        several::laws(),
        input::laws(),
        packed::laws(),
        window::laws(),
        screen::laws(),
        big::laws(),
        live::laws(),
    ];
    support::run_laws(laws.into_iter().flatten().collect());
}
