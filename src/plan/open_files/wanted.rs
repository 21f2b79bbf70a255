//! The limit that is wanted for a service.

use crate::checks::by_hand::{gtune, unit_option};
use crate::checks::open_file_limit::{DEFAULT_CONNECTIONS, greatest_need};
use crate::facts::{Fact, Facts, Service, Unit, parse_exec_start};
use crate::gunicorn::{
    SettingInputs, Settings, Source, Sourced, WorkerClass, descriptors_needed, gunicorn_arguments,
    recommended_open_files,
};
use crate::plan::{OpenFiles, Refusal, Request, Target};
use crate::units::Limit;

/// A soft limit, and what will do in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) struct Wanted {
    /// What is set where it is set.
    pub soft: u64,
    enough: Enough,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enough {
    /// So many or more.
    AtLeast(u64),
    /// `--force`: this number, also where it is lower than what is there.
    Exactly,
}

impl Wanted {
    /// Whether a soft limit that is there will do.
    pub fn is_met_by(self, soft: Limit) -> bool {
        match self.enough {
            Enough::AtLeast(number) => soft.allows(number),
            Enough::Exactly => soft == Limit::At(self.soft),
        }
    }

    /// Why less than the recommended limit will do; empty where a number was asked for.
    pub fn told(self) -> String {
        match self.enough {
            Enough::AtLeast(number) if number < self.soft => format!(", and {number} are needed"),
            _ => String::new(),
        }
    }

    #[cfg(test)]
    pub fn at_least(soft: u64) -> Self {
        Self { soft, enough: Enough::AtLeast(soft) }
    }
}

/// What is wanted for a service, and what is to be said of the number.
pub(super) fn wanted(
    facts: &Facts,
    request: &Request,
    target: &Target<'_>,
    asked: OpenFiles,
) -> Result<(Wanted, Vec<String>), Refusal> {
    let mut warnings = vec![];
    let (soft, enough) = match (asked, target.service) {
        (OpenFiles::At(0), _) => return Err(zero(target)),
        (OpenFiles::At(number), _) => (number, number),
        // A limit below the recommended one that covers the need is no finding of `doctor`, and none here.
        (OpenFiles::Auto, Some(service)) => {
            let need = greatest_need(service).map_err(|reason| class_unknown(facts, service, &reason.to_string()))?;
            (recommended_open_files(need.number), need.number)
        }
        (OpenFiles::Auto, None) => {
            let number = target.unit.map_or_else(|| of_class_with(DEFAULT_CONNECTIONS, 1), at_its_start);
            let told = "is enough for every worker class with the arguments of ExecStart=; it does not run, so its \
                        configuration file was not read";
            warnings.push(format!("{}: {number} {told}.", target.name));
            (number, number)
        }
    };
    let cap = facts.host.nr_open.known().copied().filter(|cap| *cap < soft);
    if let Some(cap) = cap {
        let raise = format!("sysctl -w fs.nr_open={soft}");
        warnings.push(format!("{soft} is above fs.nr_open: {} gets {cap}; for more, first: {raise}.", target.name));
    }
    let cut = |number: u64| cap.map_or(number, |cap| cap.min(number));
    let enough = if request.force { Enough::Exactly } else { Enough::AtLeast(cut(enough)) };
    Ok((Wanted { soft: cut(soft), enough }, warnings))
}

fn zero(target: &Target<'_>) -> Refusal {
    let what = format!("set the limit of open files of {} to 0", target.name);
    Refusal::new(what, "a process without descriptors cannot run", "name a number, or --nofile auto")
}

fn class_unknown(facts: &Facts, service: &Service, reason: &str) -> Refusal {
    let hint = format!("{} apply --nofile 4096{}", gtune(facts), unit_option(service));
    Refusal::new(format!("tell what limit of open files {} needs", service.name), reason, hint)
}

/// The limit for a unit that does not run: which class it will use, its configuration file may say, so the most
/// demanding one counts, with the number of connections that `ExecStart=` gives.
fn at_its_start(unit: &Unit) -> u64 {
    let stored = unit.winner("Service.ExecStart").map(|line| parse_exec_start(&line.value));
    let command = stored.or_else(|| unit.loaded.known().map(|loaded| loaded.exec_start.clone())).unwrap_or_default();
    let settings = Settings::resolve(&SettingInputs {
        arguments: Fact::Known(gunicorn_arguments(&command).map(<[String]>::to_vec).unwrap_or_default()),
        arguments_from: Source::ExecStart,
        variables: Fact::Absent,
        config: Fact::Absent,
    });
    let number = |fact: Fact<Sourced<i64>>, default: u64| {
        fact.known().and_then(|found| u64::try_from(found.value).ok()).unwrap_or(default)
    };
    of_class_with(number(settings.worker_connections(), DEFAULT_CONNECTIONS), number(settings.threads(), 1))
}

fn of_class_with(connections: u64, threads: u64) -> u64 {
    let need = |class| descriptors_needed(&class, threads, connections, 1);
    recommended_open_files(need(WorkerClass::Gevent).max(need(WorkerClass::Gthread)))
}
