//! What is kept of a traceback, as its lines come.

use super::text::{self, kept};
use super::told::{Frame, Traceback};
use bstr::ByteSlice;

/// What a traceback may take, bytes. Python's own, with 1,000 frames of recursion folded into three, are below 16 KiB;
/// chains of two or three are met.
pub(super) const LONGEST: usize = 24 << 10;

/// The same in lines.
const MOST_LINES: u32 = 400;

/// What is looked at of a line: the message of an exception may be a whole document.
const LONGEST_LINE: usize = 4 << 10;

/// The line that opens a traceback; in an exception group other words are before it.
const OPENING: &[u8] = b"Traceback (most recent call last):";

/// Between two tracebacks of one chain.
const CHAINS: [&[u8]; 2] =
    [b"During handling of the above exception, another", b"The above exception was the direct cause"];

/// Where in the text we are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No traceback was met.
    #[default]
    Before,
    /// Its frames.
    Frames,
    /// Behind its last line.
    Behind,
}

/// A traceback that is being read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    lines: u32,
    bytes: usize,
    place: Place,
    is_chained: bool,
    exception: Option<Box<str>>,
    errno: Option<i32>,
    path: Option<Box<str>>,
    /// The frame whose line of code may come next.
    last: Option<Frame>,
    innermost: Option<Frame>,
    of_application: Option<Frame>,
    at_abort: Option<Frame>,
    is_abort: bool,
    is_reopen: bool,
}

/// Whether a traceback begins with this line.
pub(super) fn begins(line: &[u8]) -> bool {
    line.trim_ascii_end().strip_suffix(OPENING).is_some_and(|before| before.is_empty() || before.ends_with(b" Group "))
}

impl Reading {
    /// One that begins with this line.
    pub(super) fn with(line: &[u8]) -> Self {
        let mut reading = Self::default();
        reading.takes(line);
        reading
    }

    /// Takes the next line; says whether it may be of this text: a traceback that no chain leads to is another one, and
    /// no text goes on for ever.
    pub(super) fn takes(&mut self, line: &[u8]) -> bool {
        self.lines += 1;
        self.bytes = self.bytes.saturating_add(line.len() + 1);
        if self.lines > MOST_LINES || self.bytes > LONGEST {
            return false;
        }
        let line = line.get(..LONGEST_LINE).unwrap_or(line).trim_ascii_end();
        let inner = in_group(line);
        // The parts of a group follow it without words.
        self.is_chained |= inner.len() != line.len();
        let line = inner;
        if begins(line) {
            return self.opens();
        }
        if CHAINS.iter().any(|words| line.starts_with(words)) {
            self.is_chained = true;
        } else if self.place == Place::Frames {
            self.of_frames(line);
        }
        true
    }

    fn opens(&mut self) -> bool {
        if self.place == Place::Behind && !self.is_chained {
            return false;
        }
        // Of a chain the last one counts, but where it passed through a handler is told by any.
        let Self { lines, bytes, at_abort, is_abort, is_reopen, .. } = std::mem::take(self);
        *self = Self { lines, bytes, place: Place::Frames, at_abort, is_abort, is_reopen, ..Self::default() };
        true
    }

    fn of_frames(&mut self, line: &[u8]) {
        if let Some(frame) = frame(line) {
            self.enters(frame);
        } else if line.starts_with(b"  ") {
            if let Some(last) = self.last.as_mut().filter(|last| last.code.is_none()) {
                last.code = Some(kept(line.trim_ascii())).filter(|code| !is_marker(code));
            }
        } else if is_exception(line) {
            self.settle();
            self.place = Place::Behind;
            self.is_chained = false;
            self.exception = Some(kept(line));
            (self.errno, self.path) = of_system(line).map_or((None, None), |(errno, path)| (Some(errno), path));
        }
    }

    /// The next frame; the one before is whole now.
    fn enters(&mut self, frame: Frame) {
        self.settle();
        if &*frame.function == "handle_abort" {
            self.is_abort = true;
            self.at_abort = self.of_application.take().or_else(|| self.innermost.take());
        }
        self.is_reopen |= matches!(&*frame.function, "reopen_files" | "handle_usr1");
        self.last = Some(frame);
    }

    fn settle(&mut self) {
        let Some(frame) = self.last.take() else { return };
        if is_of_application(&frame.file) {
            self.of_application = Some(frame);
        } else {
            self.innermost = Some(frame);
        }
    }

    /// What was read.
    pub(super) fn end(mut self) -> Traceback {
        self.settle();
        let of_frames = self.of_application.or(self.innermost);
        let Self { exception, errno, path, at_abort, is_abort, is_reopen, .. } = self;
        let frame = if is_abort { at_abort } else { of_frames };
        Traceback { exception, errno, path, frame, is_abort, is_reopen }
    }
}

/// A line without the rulers that an exception group has at its left: `  | `, `    | `, `  + `.
fn in_group(line: &[u8]) -> &[u8] {
    let inner = line.trim_ascii_start();
    match inner.strip_prefix(b"| ").or_else(|| inner.strip_prefix(b"+ ")) {
        Some(inner) if line.starts_with(b"  ") => inner,
        _ => line,
    }
}

/// `  File "/srv/app/app.py", line 19, in app`; of a syntax error without the function.
fn frame(line: &[u8]) -> Option<Frame> {
    let rest = line.trim_ascii_start().strip_prefix(b"File \"")?;
    let (file, rest) = rest.split_at_checked(rest.find(b"\", line ")?)?;
    let (number, rest) = text::number(rest.strip_prefix(b"\", line ")?)?;
    // A file that cannot be compiled has no function yet; what fails is the module.
    let function = if rest.is_empty() { b"<module>".as_slice() } else { rest.strip_prefix(b", in ")? };
    Some(Frame { file: kept(file), line: u32::try_from(number).ok()?, function: kept(function), code: None })
}

/// Whether a line only marks a part of the one above: `    ^^^^^`, `    ~~~^^^`.
fn is_marker(code: &str) -> bool {
    code.chars().all(|letter| matches!(letter, '^' | '~' | ' '))
}

/// Whether a file is the application's: outside of the standard library, of what pip installs, of the script that starts
/// Gunicorn, and no text that was compiled on the way.
fn is_of_application(file: &str) -> bool {
    let foreign = ["/site-packages/", "/dist-packages/", "/lib/python", "/lib64/python"];
    !file.starts_with('<') && !foreign.iter().any(|part| file.contains(part)) && !file.ends_with("/bin/gunicorn")
}

/// `OSError: [Errno 24] Too many open files`, `shop.errors.Broken`, `KeyboardInterrupt`.
fn is_exception(line: &[u8]) -> bool {
    let name = line.find_byte(b':').and_then(|end| line.get(..end)).unwrap_or(line);
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || !byte.is_ascii();
    // Lines of other loggers look alike.
    const LEVELS: [&[u8]; 5] = [b"DEBUG", b"INFO", b"WARNING", b"ERROR", b"CRITICAL"];
    name.first().is_some_and(|first| !first.is_ascii_digit() && *first != b'.')
        && name.iter().all(letter)
        && (name.len() == line.len() || line.get(name.len() + 1).is_none_or(|byte| *byte == b' '))
        && last.first().is_some_and(|first| first.is_ascii_uppercase() || name.len() > last.len())
        && !LEVELS.contains(&name)
}

/// Number and file of `OSError: [Errno 28] No space left on device: '/mnt/hb/wgunicorn-r5w24oby'`.
fn of_system(line: &[u8]) -> Option<(i32, Option<Box<str>>)> {
    let rest = line.get(line.find(b"[Errno ")?..)?;
    let (errno, rest) = text::number(rest.strip_prefix(b"[Errno ")?)?;
    let quoted = rest.find(b": '").map(|at| (at, b'\'')).or_else(|| rest.find(b": \"").map(|at| (at, b'"')));
    let path = quoted.and_then(|(at, quote)| {
        let path = rest.get(at + 3..)?;
        path.get(..path.find_byte(quote)?).map(kept)
    });
    Some((errno, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Traceback {
        let mut reading = Reading::default();
        for line in text.lines() {
            assert!(reading.takes(line.as_bytes()), "{line}");
        }
        reading.end()
    }

    fn at(traceback: &Traceback) -> String {
        traceback.frame.as_ref().map_or_else(String::new, |frame| {
            format!("{}:{} {} {}", frame.file, frame.line, frame.function, frame.code.as_deref().unwrap_or("-"))
        })
    }

    const ABORTED: &str = r#"Traceback (most recent call last):
  File "/srv/app/venv/lib/python3.11/site-packages/gunicorn/workers/sync.py", line 141, in handle
    self.handle_request(listener, req, client, addr)
  File "/srv/app/app.py", line 19, in app
    time.sleep(600)
    ^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/site.py", line 2, in wait
  File "/srv/app/venv/lib/python3.11/site-packages/gunicorn/workers/base.py", line 200, in handle_abort
    sys.exit(1)
SystemExit: 1"#;

    #[test]
    fn an_aborted_worker_is_told_by_the_line_of_the_application_that_it_was_in() {
        let read = read(ABORTED);
        assert!(read.is_abort && !read.is_reopen);
        assert_eq!(at(&read), "/srv/app/app.py:19 app time.sleep(600)");
        assert_eq!(read.exception.as_deref(), Some("SystemExit: 1"));
        let idle = self::read(&ABORTED.replace("/srv/app/app.py", "/usr/lib/python3.11/select.py"));
        assert_eq!(at(&idle), "/usr/lib/python3.11/site.py:2 wait -");
    }

    #[test]
    fn of_a_chain_the_last_part_counts_and_any_part_tells_of_an_abort() {
        let text = format!(
            "{ABORTED}\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"/srv/app/db.py\", line 7, in __exit__\n    raise Broken(x)\nshop.Broken: x\n"
        );
        let read = read(&text);
        assert!(read.is_abort);
        assert_eq!(read.exception.as_deref(), Some("shop.Broken: x"));
        assert_eq!(at(&read), "/srv/app/app.py:19 app time.sleep(600)");
    }

    #[test]
    fn what_the_system_refused_is_told_with_its_file() {
        let lines = "  File \"/usr/lib/python3.11/tempfile.py\", line 256, in _mkstemp_inner\n    fd = _os.open(file, flags, 0o600)";
        let of = |exception: &str| {
            let read = read(&format!("Traceback (most recent call last):\n{lines}\n{exception}\n"));
            (read.errno, read.path.as_deref().map(str::to_owned))
        };
        let full = of("OSError: [Errno 28] No space left on device: '/mnt/hb/wgunicorn-r5w24oby'");
        assert_eq!(full, (Some(28), Some("/mnt/hb/wgunicorn-r5w24oby".to_owned())));
        assert_eq!(of("OSError: [Errno 24] Too many open files"), (Some(24), None));
        assert_eq!(of("OSError: [Errno 18] Cross: 'a' -> 'b'"), (Some(18), Some("a".to_owned())));
        assert_eq!(of("FileNotFoundError: [Errno 2] No usable directory in ['/tmp', '/x']"), (Some(2), None));
        assert_eq!(of("ValueError: x"), (None, None));
    }

    #[test]
    fn a_file_that_cannot_be_compiled_is_the_innermost_frame() {
        let read = read(
            "Traceback (most recent call last):\n  File \"<frozen importlib._bootstrap>\", line 241, in _call\n  File \"/srv/app/badsyntax.py\", line 1\n    def app(environ, start_response)\n                                    ^\nSyntaxError: expected ':'\nexpected ':' (badsyntax.py, line 1)\n",
        );
        assert_eq!(read.exception.as_deref(), Some("SyntaxError: expected ':'"));
        assert_eq!(at(&read), "/srv/app/badsyntax.py:1 <module> def app(environ, start_response)");
    }

    #[test]
    fn lines_of_two_processes_that_wrote_at_once_still_tell_the_exception() {
        let read = read(
            "Traceback (most recent call last):\n  File \"/v/site-packages/gunicorn/arbiter.py\", line 583, in spawn_worker\nTraceback (most recent call last):\n    self.log.reopen_files()\n^^^  File \"/usr/lib/python3.11/logging/__init__.py\", line 1213, in _open\n^^^^^^\n  File \"/v/site-packages/gunicorn/glogging.py\", line 372, in reopen_files\nPermissionError: [Errno 13] Permission denied: '/srv/app/logs/error.log'\n",
        );
        assert!(read.is_reopen);
        assert_eq!((read.errno, read.path.as_deref()), (Some(13), Some("/srv/app/logs/error.log")));
    }

    #[test]
    fn an_exception_group_is_read_to_its_last_part() {
        let read = read(
            "  + Exception Group Traceback (most recent call last):\n  |   File \"/srv/app/a.py\", line 1, in run\n  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)\n  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    |   File \"/srv/app/b.py\", line 2, in inner\n    |     int(x)\n    | ValueError: x\n    +------------------------------------\n",
        );
        assert_eq!(at(&read), "/srv/app/b.py:2 inner int(x)");
        assert_eq!(read.exception.as_deref(), Some("ValueError: x"));
    }

    #[test]
    fn a_traceback_that_no_chain_leads_to_is_another() {
        let mut reading = Reading::default();
        for line in ABORTED.lines() {
            assert!(reading.takes(line.as_bytes()));
        }
        assert!(!reading.takes(OPENING));
    }
}
