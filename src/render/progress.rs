//! What is going on, on a terminal, for work that takes longer than a second.

use super::{Page, visible};
use crate::cli::Detail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// Work that is done sooner needs no word; and a line that is drawn more often than this is not read.
const STEP: Duration = Duration::from_secs(1);

/// A line on stderr that says what is being done, until it is dropped. Nothing where stderr is no terminal.
pub struct Progress {
    line: ProgressBar,
    /// Closed when the work is done.
    _working: Sender<()>,
}

impl Progress {
    /// Begins; nothing is drawn before a second has gone by.
    pub fn start(page: &Page) -> Self {
        let target = match page.detail {
            Detail::Quiet => ProgressDrawTarget::hidden(),
            Detail::Normal | Detail::Verbose => ProgressDrawTarget::stderr(),
        };
        let line = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{wide_msg} {elapsed}") {
            line.set_style(style);
        }
        let (working, done) = channel::<()>();
        let late = line.clone();
        // Without the thread there is no line; the work goes on.
        let _ = thread::Builder::new().spawn(move || {
            if done.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
                late.enable_steady_tick(STEP);
            }
        });
        Self { line, _working: working }
    }

    /// Now this is being done: `reading the journal`.
    pub fn doing(&self, what: &str) {
        // Unlike `set_message` this draws nothing itself.
        let _ = self.line.clone().with_message(visible(what).into_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::style::Paint;

    #[test]
    fn what_is_being_done_is_shown_and_never_obeyed() {
        let progress = Progress::start(&Page { width: 80, paint: Paint::Plain, detail: Detail::Quiet });
        progress.doing("reading /tmp/a\u{1b}[2J");
        assert_eq!(progress.line.message(), "reading /tmp/a\\u{1b}[2J");
    }
}
