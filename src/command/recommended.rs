//! What doctor would have gtune mend, as requests.

use crate::checks::{self, Outcome, Row, Selection, Verdict};
use crate::cli::{Apply, Command};
use crate::facts::Facts;
use crate::plan::{Left, Request};
use std::ffi::OsString;

/// The requests that the remedies of all findings name, each once, and what they would need more leave for.
///
/// A remedy is read as a command line is: what doctor recommends is what apply does. One that touches lines of others
/// (`--adopt`) is only taken where the operator gave that leave.
pub fn requests(facts: &Facts, options: &Apply) -> (Vec<Request>, Vec<Left>) {
    let mut requests: Vec<Request> = vec![];
    let mut left = vec![];
    for (command, mut request) in checks::assess(facts, &Selection::default()).iter().filter_map(remedy) {
        if !concerns(&request, options) {
            continue;
        }
        if request.adopt && !options.adopt {
            left.push(Left::new(
                command,
                "it changes what gtune did not write, and so was not taken with --recommended",
            ));
            continue;
        }
        request.restart = options.restart;
        if !requests.contains(&request) {
            requests.push(request);
        }
    }
    (requests, left)
}

/// The request that the remedy of a finding names.
fn remedy(row: &Row) -> Option<(String, Request)> {
    let Outcome::Judged(Verdict::Finding(finding)) = &row.outcome else { return None };
    let command = finding.remedy.command.clone()?;
    let words = shlex::split(&command)?.into_iter().map(OsString::from);
    match crate::cli::parse(words, 0).ok()?.command {
        Command::Apply(apply) => Some((command, apply.request())),
        _ => None,
    }
}

/// With `--unit`, what is asked for other units is left out; what concerns the host is not.
fn concerns(request: &Request, options: &Apply) -> bool {
    options.unit.is_empty() || request.units.is_empty() || request.units.iter().any(|unit| options.unit.contains(unit))
}
