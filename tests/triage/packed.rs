//! Compressed logs, made with the system's own tools.

use crate::bed::{Logs, of, piped, with_kernel};
use crate::support::{Law, Need, Result};
use crate::truth::{case, expected, must_be, must_count};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Tool, the package that has it, and the ending it gives.
const TOOLS: &[(&str, &str, &str)] =
    &[("gzip", "gzip", "gz"), ("xz", "xz-utils", "xz"), ("zstd", "zstd", "zst"), ("bzip2", "bzip2", "bz2")];

/// The laws.
pub fn laws() -> Vec<Law> {
    let each = TOOLS.iter().map(|(tool, package, ending)| {
        let need = [Need::Program(tool, package)];
        Law::new(format!("a_compressed_log_tells_what_the_log_tells/{ending}"), &need, move || read(tool, ending))
    });
    each.collect()
}

/// The file packed, with its ending added; the file itself goes.
fn packed(tool: &str, ending: &str, file: &Path) -> Result<PathBuf> {
    let output = Command::new(tool).arg("-c").arg(file).stdin(Stdio::null()).output()?;
    assert!(output.status.success(), "{output:?}");
    let path = PathBuf::from(format!("{}.{ending}", file.display()));
    fs::write(&path, output.stdout)?;
    crate::kernel_bed::date(&path)?;
    fs::remove_file(file)?;
    Ok(path)
}

fn read(tool: &str, ending: &str) -> Result {
    let (logs, case) = (Logs::new()?, case("23.0.0/worker_other_deaths")?);
    let text = case.text()?;
    let whole = packed(tool, ending, &logs.write("whole.log", &text)?)?;
    must_be(&case.deaths(), &of(std::slice::from_ref(&whole))?, "packed")?;
    must_be(&case.deaths(), &piped(&["--error-log", "-"], &fs::read(&whole)?)?, "packed, in a pipe")?;
    // Rotated twice, the older ones packed.
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let files = [
        logs.write("error.log", lines[11..].concat())?,
        packed(tool, ending, &logs.write("error.log.2", lines[..6].concat())?)?,
        packed(tool, ending, &logs.write("error.log.1", lines[6..11].concat())?)?,
    ];
    let said = of(&files)?;
    must_be(&case.deaths(), &said, "rotated and packed")?;
    must_count(&case.truth, &said, "rotated and packed")?;
    // What is cut yields what is left, and says so.
    let bytes = fs::read(&whole)?;
    let said = of(&[logs.write("cut.log", &bytes[..bytes.len() - 10])?])?;
    assert!(!said.blind_spots().is_empty(), "{:#}", said.json);
    let oom = crate::truth::case("23.0.0/oom")?;
    let kernel = fs::read(crate::bed::data("23.0.0/oom.kmsg.log"))?;
    let kernel = packed(tool, ending, &logs.write("kern.log.1", kernel)?)?;
    must_be(
        &expected(&["22062 kernel-oom certain..certain".into()]),
        &with_kernel(&oom.paths(), &[kernel])?,
        "kernel log",
    )
}
