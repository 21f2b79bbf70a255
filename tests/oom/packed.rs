//! Compressed logs, made with the system's own tools.

use crate::bed::{Logs, Said, all, date, dmesg, report};
use crate::support::{Law, Need, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Tool, the package that has it, and the ending it gives.
const TOOLS: &[(&str, &str, &str)] =
    &[("gzip", "gzip", "gz"), ("xz", "xz-utils", "xz"), ("zstd", "zstd", "zst"), ("bzip2", "bzip2", "bz2")];

/// The laws.
pub fn laws() -> Vec<Law> {
    let each = TOOLS.iter().flat_map(|(tool, package, ending)| {
        let need = [Need::Program(tool, package)];
        [
            Law::new(format!("a_compressed_log_is_read_as_the_log/{ending}"), &need, move || read(tool, ending)),
            Law::new(
                format!("a_compressed_log_that_is_cut_yields_what_is_left_and_says_so/{ending}"),
                &need,
                move || cut(tool, ending),
            ),
        ]
    });
    each.collect()
}

fn kills(pids: std::ops::Range<u32>) -> String {
    pids.map(|pid| dmesg(pid, &report(pid, "gunicorn", "/system.slice/gunicorn.service"))).collect()
}

/// The file packed, with its ending added; the file itself goes.
fn packed(tool: &str, ending: &str, file: &Path) -> Result<PathBuf> {
    let output = Command::new(tool).arg("-c").arg(file).stdin(Stdio::null()).output()?;
    assert!(output.status.success(), "{output:?}");
    let path = PathBuf::from(format!("{}.{ending}", file.display()));
    fs::write(&path, output.stdout)?;
    date(&path)?;
    fs::remove_file(file)?;
    Ok(path)
}

fn found(files: &[PathBuf]) -> Result<Said> {
    all(files)
}

fn read(tool: &str, ending: &str) -> Result {
    let logs = Logs::new()?;
    let one = packed(tool, ending, &logs.write("kern.log.1", kills(10..13))?)?;
    assert_eq!(found(std::slice::from_ref(&one))?.pids(), [10, 11, 12]);
    // Its content tells what it is, not its name; and a plain file may be called anything.
    let bytes = fs::read(&one)?;
    let plain = logs.write(&format!("plain.{ending}"), kills(13..14))?;
    assert_eq!(found(&[logs.write("no-ending", &bytes)?, plain])?.pids(), [10, 11, 12, 13]);
    assert_eq!(crate::files::piped(&bytes)?.pids(), [10, 11, 12]);
    // logrotate and others append: several streams in one file are one log.
    let two = fs::read(packed(tool, ending, &logs.write("kern.log.2", kills(14..15))?)?)?;
    assert_eq!(found(&[logs.write("both", [bytes.as_slice(), &two].concat())?])?.pids(), [10, 11, 12, 14]);
    let empty = packed(tool, ending, &logs.write("empty.log", "")?)?;
    let said = found(&[empty])?;
    assert_eq!((said.code, said.kills().len()), (0, 0), "{:#}", said.json);
    Ok(())
}

fn cut(tool: &str, ending: &str) -> Result {
    let logs = Logs::new()?;
    // Noise that does not pack well, so that the cut lies long after the first kill, in a block of its own (bzip2 has
    // blocks of 900 kB, and what is cut within a block is lost with it).
    let mut state: u32 = 1;
    let noise: String = (0..60_000)
        .map(|n| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("[   20.{n:06}] eth0: {state:08x}{:08x} link state changed\n", state.rotate_left(13) ^ n)
        })
        .collect();
    let file = packed(tool, ending, &logs.write("kern.log.1", kills(10..12) + &noise + &kills(30..31))?)?;
    let bytes = fs::read(&file)?;
    let said = found(&[logs.write("cut", &bytes[..bytes.len() - 100])?])?;
    assert_eq!(said.pids().get(..2), Some(&[10, 11][..]), "{:#}", said.json["log"]);
    let log = &said.json["log"][0];
    assert!(log["lost"] == true || log["note"].is_string(), "{log}");
    assert_eq!(said.code, 1);
    Ok(())
}
