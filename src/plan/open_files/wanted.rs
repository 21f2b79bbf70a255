//! The limit that is wanted for a service.

use crate::checks::at_start::stored_settings;
use crate::checks::by_hand::{gtune, unit_option};
use crate::checks::open_file_limit::{DEFAULT_CONNECTIONS, greatest_need};
use crate::facts::{Fact, Facts, Service, Unit};
use crate::gunicorn::{Sourced, WorkerClass, descriptors_needed, recommended_open_files};
use crate::plan::{Already, OpenFiles, Refusal, Request, Target};
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
    /// So many or more, as they were asked for.
    Asked(u64),
    /// So many or more, as they are needed: `--nofile auto`.
    Needed(u64),
    /// `--force`: this number, also where it is lower than what is there.
    Exactly,
}

impl Wanted {
    /// Whether a soft limit that is there will do.
    pub fn is_met_by(self, soft: Limit) -> bool {
        match self.enough {
            Enough::Asked(number) | Enough::Needed(number) => soft.allows(number),
            Enough::Exactly => soft == Limit::At(self.soft),
        }
    }

    /// Whether it would lower this limit though nobody said that a lower one is meant.
    pub fn is_below(self, soft: Limit) -> bool {
        self.enough != Enough::Exactly && soft > Limit::At(self.soft)
    }

    /// `what` there is with this soft limit, and why it will do: it is kept where less was asked for, and less than the
    /// recommended limit may be enough.
    pub fn told(self, what: String, soft: Limit) -> Already {
        match self.enough {
            Enough::Asked(number) if self.is_below(soft) => {
                Already::kept(format!("{what}, above {number}; --force lowers it"))
            }
            Enough::Needed(number) if number < self.soft => format!("{what}, and {number} are needed").into(),
            _ => what.into(),
        }
    }

    #[cfg(test)]
    pub fn at_least(soft: u64) -> Self {
        Self { soft, enough: Enough::Asked(soft) }
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
    let enough = match asked {
        _ if request.force => Enough::Exactly,
        OpenFiles::At(_) => Enough::Asked(cut(enough)),
        OpenFiles::Auto => Enough::Needed(cut(enough)),
    };
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
/// demanding one counts, with the number of connections that its files give.
fn at_its_start(unit: &Unit) -> u64 {
    let settings = stored_settings(unit);
    let number = |fact: Fact<Sourced<i64>>, default: u64| {
        fact.known().and_then(|found| u64::try_from(found.value).ok()).unwrap_or(default)
    };
    of_class_with(number(settings.worker_connections(), DEFAULT_CONNECTIONS), number(settings.threads(), 1))
}

fn of_class_with(connections: u64, threads: u64) -> u64 {
    let need = |class| descriptors_needed(&class, threads, connections, 1);
    recommended_open_files(need(WorkerClass::Gevent).max(need(WorkerClass::Gthread)))
}
