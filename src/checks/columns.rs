//! The four columns of a directive of a unit, as far as its files tell.

use crate::checks::{Columns, Stored};
use crate::facts::{Unit, UnitAssignment};

/// What the files of a unit say of a directive of its `[Service]` section: configured, and stored for boot.
pub(super) fn of_directive(unit: Option<&Unit>, name: &str) -> Columns {
    let winner = unit.and_then(|unit| unit.winner(&format!("Service.{name}")));
    Columns {
        configured: winner.map(|line| format!("{name}={}", line.value)),
        stored_for_boot: winner.map(stored),
        ..Columns::default()
    }
}

/// The line that wins.
pub(super) fn stored(line: &UnitAssignment) -> Stored {
    Stored { value: line.value.clone(), file: Some(line.file.clone()), line: Some(line.line) }
}
