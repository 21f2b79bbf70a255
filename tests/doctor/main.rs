//! `gtune doctor` on real hosts: every law is tried on a real Gunicorn, or on a directory that stands for a host.

#[path = "../support/mod.rs"]
mod support;

mod bed;
mod heartbeat;
mod identity;
mod limits;
mod prometheus;
mod root;
mod root_hostile;
mod sockets;
mod views;

fn main() {
    let laws = [
        bed::laws(),
        identity::laws(),
        sockets::laws(),
        heartbeat::laws(),
        limits::laws(),
        views::laws(),
        root::laws(),
        root_hostile::laws(),
        prometheus::laws(),
    ];
    support::run_laws(laws.into_iter().flatten().collect());
}
