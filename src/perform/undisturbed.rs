//! A transaction is not cut in two by a key or a closed terminal.

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// While this lives, the thread that made it does not hear the signals by which people and terminals end programs; those
/// that came meanwhile are dropped at its end, so that what came of the transaction is still told. SIGKILL and SIGQUIT
/// end gtune as ever, and the journal says how far it got.
///
/// Processes started meanwhile inherit the mask, unless it is taken from them.
#[derive(Debug)]
pub(super) struct Undisturbed {
    before: Option<SigSet>,
    unheard: SigSet,
}

impl Undisturbed {
    /// From now on.
    pub fn begin() -> Self {
        let unheard: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPIPE].into_iter().collect();
        let before = unheard.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok();
        Self { before, unheard }
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        let Some(before) = &self.before else { return };
        if let Ok(pending) = SignalFd::with_flags(&self.unheard, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC) {
            while let Ok(Some(_)) = pending.read_signal() {}
        }
        let _ = before.thread_set_mask();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::raise;

    #[test]
    fn a_signal_that_comes_meanwhile_ends_nothing() {
        let before = SigSet::thread_get_mask().unwrap();
        let undisturbed = Undisturbed::begin();
        raise(Signal::SIGTERM).unwrap();
        assert!(SigSet::thread_get_mask().unwrap().contains(Signal::SIGINT));
        drop(undisturbed);
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
    }
}
