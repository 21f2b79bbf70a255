//! One gtune at a time.

use super::state_directory::{StateDirectory, cannot};
use crate::host::Root;
use crate::plan::Trouble;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long another gtune is waited for: two seconds are enough for all of a transaction but the restart of a service, and
/// more would look like hanging, since nothing is said meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often the lock is tried meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// The lock, and with it the right to write below the state directory; given back when it goes out of scope.
///
/// The file lies in the state directory and not in `/run/lock`, where everybody may make files: there any user could hold
/// it for ever. It is never removed, since a lock on a removed file keeps nobody out.
#[derive(Debug)]
pub struct Lock {
    state: StateDirectory,
    _file: File,
}

impl Lock {
    /// Takes the lock; makes the state directory where there is none yet.
    ///
    /// # Errors
    /// Another gtune holds it, or the state directory cannot be made or trusted.
    pub fn take(root: &Root) -> Result<Self, Trouble> {
        Self::take_within(root, PATIENCE)
    }

    fn take_within(root: &Root, patience: Duration) -> Result<Self, Trouble> {
        let state = StateDirectory::make(root)?;
        let shown = state.shown("lock");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(state.handle(), "lock", flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(file.map_err(|errno| cannot("open", &shown, errno))?);
        let begun = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if begun.elapsed() < patience => sleep(PAUSE),
                Err(Errno::WOULDBLOCK) => return Err(held(&mut file, &shown)),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(cannot("lock", &shown, errno)),
            }
        }
        // On a full disk the next one is told no name; the lock holds all the same.
        let _ = sign(&mut file);
        Ok(Self { state, _file: file })
    }

    /// The directory it stands for.
    pub fn state(&self) -> &StateDirectory {
        &self.state
    }
}

/// Writes into the lock who holds it, for the next one who finds it taken.
fn sign(file: &mut File) -> std::io::Result<()> {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{} {}\n", std::process::id(), words.join(" ")).as_bytes())
}

fn held(file: &mut File, shown: &str) -> Trouble {
    let mut text = String::new();
    // Whoever holds it may be about to write; then its name is not known, which is said.
    let _ = file.rewind().and_then(|()| file.take(4096).read_to_string(&mut text));
    let reason = match holder(&text) {
        Some((pid, words)) => format!("another gtune holds it: pid {pid}, `{}`", words.escape_debug()),
        None => "another gtune holds it, one that cannot be seen from here".to_owned(),
    };
    Trouble::new(format!("lock {shown}"), reason).with_hint("wait until it has ended, then run the command again")
}

/// Who signed the lock, where that process is still there.
fn holder(text: &str) -> Option<(i32, &str)> {
    let (pid, words) = text.lines().next()?.split_once(' ')?;
    let pid: i32 = pid.parse().ok()?;
    let command_line = procfs::process::Process::new(pid).ok()?.cmdline().ok()?;
    (command_line.join(" ") == words).then_some((pid, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_keeps_others_out_and_says_who_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let first = Lock::take(&root).unwrap();
        let trouble = Lock::take_within(&root, Duration::ZERO).unwrap_err();
        assert!(trouble.reason.contains(&format!("pid {}, `", std::process::id())), "{trouble}");
        drop(first);
        Lock::take_within(&root, Duration::ZERO).unwrap();
    }

    #[test]
    fn a_holder_that_is_not_there_is_not_named() {
        assert_eq!(holder("4194304 gtune apply\n"), None);
        assert_eq!(holder(&format!("{} somebody else\n", std::process::id())), None);
        for text in ["", "x", "12", "a b"] {
            assert_eq!(holder(text), None, "{text:?}");
        }
    }
}
