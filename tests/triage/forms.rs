//! The same lines in a journal, in syslog, in what a container runtime keeps: the same verdicts.

use crate::bed::{Logs, failure, of, piped, together};
use crate::frames::{FRAMES, dressed};
use crate::support::{Law, Result};
use crate::truth::{Case, cases, must_be, must_count};

/// Cases of which a frame hides something, or of which the log says nothing that could be dressed.
const NOT_DRESSED: &[&str] = &["log_disk_full", "all_killed"];

/// The laws.
pub fn laws() -> Vec<Law> {
    let each = cases().into_iter().filter(|case| !NOT_DRESSED.contains(&case.name.as_str())).map(|case| {
        Law::new(format!("every_frame_of_a_log_gives_the_verdicts_of_the_file/{}", case.path()), &[], move || {
            every_frame(&case)
        })
    });
    each.chain([Law::new("a_journal_that_is_piped_gives_the_verdicts_of_the_file", &[], from_a_pipe)]).collect()
}

fn every_frame(case: &Case) -> Result {
    let (logs, text) = (Logs::new()?, case.text()?);
    let plain = of(&[logs.write("plain.log", &text)?])?;
    let one = |frame: &crate::frames::Frame| {
        let what = format!("{} as {}", case.path(), frame.0);
        let said = of(&[logs.write("dressed.log", dressed(frame, &text))?])?;
        must_be(&case.deaths(), &said, &what)?;
        must_count(&case.truth, &said, &what)?;
        if said.verdicts() == plain.verdicts() {
            return Ok(());
        }
        Err(format!("{what}: {:?}, the file: {:?}", said.verdicts(), plain.verdicts()).into())
    };
    together(FRAMES.iter().filter_map(|frame| failure(one(frame))).collect())
}

fn from_a_pipe() -> Result {
    let case = crate::truth::case("27.0.1/timeout_python")?;
    let text = case.text()?;
    for frame in FRAMES {
        let said = piped(&["--error-log", "-"], dressed(frame, &text).as_bytes())?;
        must_be(&case.deaths(), &said, frame.0)?;
    }
    must_be(&case.deaths(), &piped(&["--error-log", "-"], text.as_bytes())?, "plain")
}
