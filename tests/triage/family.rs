//! A log that was rotated: its files are one log, in whatever order they are named.

use crate::bed::{Logs, Said, data, failure, of, of_text, together, told};
use crate::support::{Law, Result};
use crate::truth::{Case, case, cases, must_be, must_count};
use std::path::PathBuf;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_log_that_was_rotated_anywhere_gives_the_verdicts_of_the_whole", &[], split_anywhere),
        Law::new("the_files_of_a_log_may_be_named_in_any_order", &[], in_any_order),
        Law::new("rotated_files_are_known_by_their_names_as_they_are", &[], by_their_names),
        Law::new("a_file_that_is_named_twice_is_read_once", &[], twice),
        Law::new("what_went_to_stderr_adds_the_error_that_the_log_lacks", &[], with_stderr),
        Law::new("logs_of_two_services_are_not_one", &[], two_services),
    ]
}

fn as_whole(case: &Case, said: &Said, what: &str) -> Result {
    must_be(&case.deaths(), said, what)?;
    must_count(&case.truth, said, what)
}

fn split_anywhere() -> Result {
    let mut failures = Vec::new();
    for path in
        ["20.0.4/worker_kill9", "21.2.0/slow_boot", "23.0.0/signals", "27.0.1/timeout_c_call", "27.0.1/boot_syntax"]
    {
        let (logs, case) = (Logs::new()?, case(path)?);
        let text = case.text()?;
        let ends: Vec<_> = text.match_indices('\n').map(|(at, _)| at + 1).filter(|at| *at < text.len()).collect();
        // Every end of a log of some lines; some of one of hundreds.
        for at in ends.iter().step_by(ends.len() / 20 + 1) {
            let (old, new) = text.split_at(*at);
            let files = [logs.write("error.log.1", old)?, logs.write("error.log", new)?];
            for files in [files.to_vec(), files.iter().rev().cloned().collect()] {
                let what = format!("{path}, rotated at {at}, {:?} first", files[0].file_name());
                failures.extend(failure(of(&files).and_then(|said| as_whole(&case, &said, &what))));
            }
        }
    }
    together(failures)
}

fn in_any_order() -> Result {
    let (logs, case) = (Logs::new()?, case("20.0.4/worker_kill9")?);
    let text = case.text()?;
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let (one, two, three) = (lines[..5].concat(), lines[5..8].concat(), lines[8..].concat());
    for names in [
        ["error.log.2", "error.log.1", "error.log"],
        ["error.log-20261118", "error.log-20261119", "error.log"],
        ["error.log.10", "error.log.9", "error.log.8"],
        ["error.2.log", "error.1.log", "error.log"],
    ] {
        let parts = [logs.write(names[0], &one)?, logs.write(names[1], &two)?, logs.write(names[2], &three)?];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let files = order.map(|at| parts[at].clone());
            as_whole(&case, &of(&files)?, &format!("{names:?} as {order:?}"))?;
        }
    }
    Ok(())
}

fn by_their_names() -> Result {
    let rotated: Vec<_> = cases().into_iter().filter(|case| case.files().len() > 1).collect();
    assert!(rotated.len() >= 10, "{}", rotated.len());
    let one = |case: &Case| -> Result {
        let mut files = case.paths();
        files.reverse();
        as_whole(case, &of(&files)?, &format!("{}, newest first", case.path()))
    };
    together(rotated.iter().filter_map(|case| failure(one(case))).collect())
}

fn twice() -> Result {
    let (logs, case) = (Logs::new()?, case("27.0.1/worker_kill9")?);
    let file = logs.write("error.log", case.text()?)?;
    let link = logs.path("link.log");
    std::os::unix::fs::symlink(&file, &link)?;
    for files in [[file.clone(), file.clone()], [file, link]] {
        as_whole(&case, &of(&files)?, "twice")?;
    }
    Ok(())
}

fn with_stderr() -> Result {
    for version in ["20.0.4", "21.2.0", "23.0.0", "27.0.1"] {
        let case = case(&format!("{version}/usr1_permission"))?;
        let stderr: PathBuf = data(&format!("{version}/usr1_permission.log"));
        for files in [[case.paths(), vec![stderr.clone()]].concat(), [vec![stderr.clone()], case.paths()].concat()] {
            let said = of(&files)?;
            as_whole(&case, &said, version)?;
            let tells = said.deaths().iter().all(|death| told(death).contains("Permission"));
            assert!(tells, "{version}: {:#}", said.json);
        }
    }
    Ok(())
}

/// The same names in two directories.
fn two_services() -> Result {
    let (one, two) = (Logs::new()?, Logs::new()?);
    let (first, second) = (case("27.0.1/worker_kill9")?, case("23.0.0/timeout_c_call")?);
    let files = [one.write("error.log", first.text()?)?, two.write("error.log", second.text()?)?];
    let both = [first.deaths(), second.deaths()].concat();
    for files in [files.to_vec(), files.iter().rev().cloned().collect()] {
        must_be(&both, &of(&files)?, "two directories")?;
    }
    // As one text the restart is a restart.
    must_be(&both, &of_text(first.text()? + &second.text()?)?, "one after the other")
}
