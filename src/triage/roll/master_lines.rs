//! What lines of masters mean.

use super::book::Roll;
use super::master::Master;
use super::{Rolled, settle};
use crate::gunicorn::log::{Event, MasterSignal, Told};
use crate::triage::{Asked, MasterHow};

impl Roll {
    pub(super) fn master_says(&mut self, source: usize, told: &Told, event: &Event) {
        if let Event::Listening(address) = event {
            self.listens(told, address);
        }
        self.is_back(told);
        let mut out = std::mem::take(&mut self.out);
        if let Some(master) = self.master(source, told) {
            heard(master, told, event, &mut out);
        }
        self.out = out;
    }

    /// Two masters at different addresses live side by side.
    fn listens(&mut self, told: &Told, address: &str) {
        for other in self.masters.iter_mut().filter(|master| master.pid != told.writer) {
            if other.address.as_deref().is_some_and(|own| own != address) {
                other.superseded = None;
            }
        }
    }
}

/// What a master says of itself.
fn heard(master: &mut Master, told: &Told, event: &Event, out: &mut Rolled) {
    match event {
        Event::Listening(address) => master.address = Some(address.clone()),
        Event::UsingWorker(class) => master.class = Some(class.clone()),
        Event::Handling(signal) => handles(master, *signal, told),
        Event::HangUp => settle::reload(master, told, out),
        Event::ShuttingDown => settle::stop(master, told, out),
        Event::Reason(reason) => master.gave_up = Some(*reason),
        Event::MasterException(traceback) => master.crashes(told, traceback),
        Event::CannotBind { gives_up: true } => master.end = Some((MasterHow::CannotBind, told.clone())),
        Event::Promoted => master.upgrades = false,
        _ => {}
    }
}

/// What a signal means for the workers.
fn handles(master: &mut Master, signal: MasterSignal, told: &Told) {
    master.generation.is_complete();
    match signal {
        MasterSignal::Term | MasterSignal::Int | MasterSignal::Quit => {
            let asked = if master.upgrades { Asked::Reloaded } else { Asked::Stopped };
            master.stops(asked, told);
        }
        MasterSignal::Ttin => {
            master.generation.to_come = master.generation.to_come.saturating_add(1);
            master.generation.scaled = master.generation.scaled.saturating_add(1);
        }
        // The last worker stays; how many there are is not known where some booted before the log begins.
        MasterSignal::Ttou if master.alive() > 1 || !master.is_whole => {
            master.to_leave = master.to_leave.saturating_add(1)
        }
        MasterSignal::Usr1 => master.reopened = Some(told.clone()),
        MasterSignal::Usr2 => master.upgrades = true,
        MasterSignal::Winch => master.dismissed = Some(told.clone()),
        MasterSignal::Ttou | MasterSignal::Hup => {}
    }
}
