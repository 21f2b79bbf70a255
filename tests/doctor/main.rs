//! `gtune doctor` on real hosts: every law is tried on a real Gunicorn, or on a directory that stands for a host.

#[path = "../support/mod.rs"]
mod support;

mod bed;

fn main() {
    let laws = [bed::laws()];
    support::run_laws(laws.into_iter().flatten().collect());
}
