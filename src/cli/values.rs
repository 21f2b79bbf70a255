//! Values that are read from the command line: checks, units, process ids.

use crate::checks::{self, Check};
use crate::units::Pid;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};

/// A check that was named on the command line.
#[derive(Clone, Copy)]
pub struct CheckName(pub &'static Check);

impl std::fmt::Debug for CheckName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.id)
    }
}

/// Checks by their id; the ids are possible values, so that completion knows them and a wrong one gets a suggestion.
pub(super) fn check_parser() -> ValueParser {
    let ids = PossibleValuesParser::new(checks::ALL.iter().map(|check| PossibleValue::new(check.id).help(check.title)));
    ValueParser::new(ids.try_map(|id| check_named(&id)))
}

fn check_named(id: &str) -> Result<CheckName, String> {
    checks::ALL.iter().find(|check| check.id == id).map(|check| CheckName(check)).ok_or(format!("no check {id}"))
}

/// A unit as systemctl(1) takes it: without a suffix it is a service.
pub(super) fn unit_name(text: &str) -> Result<String, String> {
    const SUFFIXES: [&str; 3] = [".service", ".scope", ".slice"];
    if text.is_empty() || text.contains('/') || text.chars().any(char::is_whitespace) {
        return Err("a unit is named as in systemctl list-units, for example gunicorn.service".to_owned());
    }
    let complete = SUFFIXES.iter().any(|suffix| text.ends_with(suffix));
    Ok(if complete { text.to_owned() } else { format!("{text}.service") })
}

pub(super) fn master_pid(text: &str) -> Result<Pid, String> {
    match text.parse() {
        Ok(pid) if pid > 0 => Ok(Pid(pid)),
        _ => Err("a process id is a whole number above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_a_name_and_no_path() {
        assert!(unit_name("/etc/systemd/system/gunicorn.service").is_err());
        assert!(unit_name("").is_err());
        assert_eq!(unit_name("gunicorn").as_deref(), Ok("gunicorn.service"));
    }

    #[test]
    fn a_process_id_is_above_zero() {
        for wrong in ["0", "-1", "x", "99999999999"] {
            assert!(master_pid(wrong).is_err(), "{wrong}");
        }
    }
}
