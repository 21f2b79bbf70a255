//! Opening the root that a command is about.

use super::{ExitCode, Failure};
use crate::host::{Root, told};
use std::path::Path;

/// Opens the directory of `--root`.
///
/// # Errors
/// Where it is not there or may not be entered.
pub fn open(directory: &Path) -> Result<Root, Failure> {
    Root::open(directory).map_err(|error| {
        Failure::new(ExitCode::Usage, format!("open root {}: {}", directory.display(), told(&error)))
            .with_hint("--root takes the top directory of a host, for example /mnt")
    })
}
