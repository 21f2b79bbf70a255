//! Questions that may never be answered are asked by a thread that is left behind if it hangs.
//!
//! A file system on a dead server keeps whoever asks it waiting; so does the memory of a process that waits for a disk
//! inside a page fault (`mmap_lock`), which is why ps(1) hangs on such hosts. Both waits end when gtune does.

use crate::facts::Fact;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// How long an answer may take. A healthy one needs milliseconds; what needs longer than this stalls workers as well.
const PATIENCE: Duration = Duration::from_secs(2);

/// With this many threads left behind nobody asks again, so that a dead server costs seconds and not minutes.
const MOST_LEFT_BEHIND: usize = 3;

/// Threads that have not come back.
static OUT: AtomicUsize = AtomicUsize::new(0);

/// The answer, unless it does not come.
pub fn patiently<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    if OUT.load(Ordering::SeqCst) >= MOST_LEFT_BEHIND {
        return None;
    }
    let (answer, wait) = channel();
    OUT.fetch_add(1, Ordering::SeqCst);
    let asking = thread::Builder::new().spawn(move || {
        let answered = ask();
        OUT.fetch_sub(1, Ordering::SeqCst);
        // Nobody waits any more if it came too late.
        let _ = answer.send(answered);
    });
    if asking.is_err() {
        OUT.fetch_sub(1, Ordering::SeqCst);
    }
    wait.recv_timeout(PATIENCE).ok()
}

/// The same for a fact; `what` names it where no answer comes.
pub fn patient_fact<T: Send + 'static>(what: &str, ask: impl FnOnce() -> Fact<T> + Send + 'static) -> Fact<T> {
    patiently(ask).unwrap_or_else(|| Fact::unreadable(format!("no answer within {} s: {what}", PATIENCE.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    #[test]
    fn who_does_not_answer_is_left_behind() {
        assert_eq!(patiently(|| 7), Some(7));
        let barrier = Arc::new(Barrier::new(2));
        let theirs = barrier.clone();
        let silent: Fact<usize> = patient_fact("a dead server", move || {
            theirs.wait();
            Fact::Absent
        });
        assert_eq!(silent, Fact::unreadable("no answer within 2 s: a dead server"));
        barrier.wait();
    }
}
