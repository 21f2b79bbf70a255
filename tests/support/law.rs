//! A law is a trial with needs. Where a need is not met the trial is ignored, and says so; it never counts as passed.

use super::{Need, Result};
use libtest_mimic::{Arguments, Failed, Trial};

/// A law: what must hold, and what it takes to try it.
pub struct Law {
    name: String,
    needs: Vec<Need>,
    body: Box<dyn FnOnce() -> Result + Send + 'static>,
}

impl Law {
    /// A law by its name, its needs, and the body that fails where it does not hold.
    pub fn new(name: impl Into<String>, needs: &[Need], body: impl FnOnce() -> Result + Send + 'static) -> Self {
        Self { name: name.into(), needs: needs.to_vec(), body: Box::new(body) }
    }

    fn into_trial(self, arguments: &Arguments) -> Trial {
        let missing = self.needs.iter().find_map(|need| need.missing());
        let Some(missing) = missing else {
            return Trial::test(self.name, self.body);
        };
        if !arguments.list && selected(&self.name, arguments) {
            eprintln!("skipped: {}: {missing}", self.name);
        }
        // `--include-ignored` runs it in spite of that: then the missing need is the failure.
        Trial::test(self.name, move || Err(Failed::from(missing))).with_ignored_flag(true)
    }
}

fn selected(name: &str, arguments: &Arguments) -> bool {
    let matches = |filter: &String| if arguments.exact { name == filter } else { name.contains(filter.as_str()) };
    arguments.filter.as_ref().is_none_or(matches) && !arguments.skip.iter().any(matches)
}

/// Tries all laws, and ends the program with libtest's exit code.
pub fn run_laws(laws: Vec<Law>) -> ! {
    let arguments = Arguments::from_args();
    let trials = laws.into_iter().map(|law| law.into_trial(&arguments)).collect();
    libtest_mimic::run(&arguments, trials).exit()
}
