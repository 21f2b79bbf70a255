//! `--somaxconn`: the kernel's bound of listen queues, now and at the next boot.

mod live;
mod own_file;
mod queues;
mod stored;

use super::{Already, Ground, Places, Refusal, Request, Target, Topic};
use crate::checks::by_hand::{gtune, holds_one_application};
use crate::checks::listen_queue::container_steps;
use crate::facts::Facts;

const KEY: &str = "net.core.somaxconn";

/// The value is an `int` of the kernel, and above it a write ends in EINVAL (tried on Linux 6.18).
const MOST: u64 = i32::MAX as u64;

/// What the kernel took before Linux 4.1: a socket kept its bound in 16 bits (commits 5f671d6b4ec3, which refuses more,
/// and becb74f0acca, which widened it).
const MOST_BEFORE_4_1: u64 = 65_535;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    value: u64,
    meant: Meant,
}

/// How a number is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meant {
    AtLeast,
    /// `--force`: also where it is lower than what is there.
    Exactly,
}

impl Wanted {
    fn of(request: &Request) -> Option<Self> {
        let meant = if request.force { Meant::Exactly } else { Meant::AtLeast };
        request.somaxconn.map(|value| Self { value, meant })
    }

    /// Whether a value that is there will do.
    fn is_met_by(self, present: u64) -> bool {
        match self.meant {
            Meant::AtLeast => present >= self.value,
            Meant::Exactly => present == self.value,
        }
    }

    /// `what` there is with this value, which will do; it is kept where less was asked for.
    fn told(self, what: String, present: u64) -> Already {
        match self.meant {
            Meant::AtLeast if present > self.value => {
                Already::kept(format!("{what}, above {}; --force lowers it", self.value))
            }
            _ => what.into(),
        }
    }
}

/// The files that may be written.
pub fn places(facts: &Facts, request: &Request) -> Places {
    match request.somaxconn {
        Some(_) => stored::places(facts),
        None => Places::default(),
    }
}

/// What `--somaxconn` comes to.
pub fn draft(facts: &Facts, ground: &Ground, request: &Request) -> Topic {
    let Some(wanted) = Wanted::of(request) else { return Topic::default() };
    if let Some(refusal) = out_of_range(facts, wanted.value).or_else(|| inside_container(facts, wanted.value)) {
        return Topic::refused(refusal);
    }
    let (targets, refused) = Target::choose(facts, &request.units);
    let mut topic = Topic { refused, ..Topic::default() };
    // Below another root nothing runs: what is stored is all there is.
    let scope = match facts.host.live {
        true => live::draft(facts, ground, request, wanted, &targets),
        false => live::Scope { stores: true, topic: Topic::default() },
    };
    if scope.stores {
        topic.absorb(stored::draft(facts, ground, request, wanted));
    }
    topic.absorb(scope.topic);
    if facts.host.live {
        topic.absorb(queues::draft(facts, request, wanted.value, &targets));
    }
    topic
}

fn what(value: u64) -> String {
    format!("set {KEY} to {value}")
}

fn out_of_range(facts: &Facts, value: u64) -> Option<Refusal> {
    let old = facts.host.kernel.known().filter(|kernel| (kernel.major, kernel.minor) < (4, 1));
    let most = if old.is_some() { MOST_BEFORE_4_1 } else { MOST };
    if (1..=most).contains(&value) {
        return None;
    }
    let reason = match old {
        Some(kernel) => format!("Linux {} takes 1 to {most}", kernel.release),
        None => format!("the kernel takes 1 to {most}"),
    };
    Some(Refusal::new(what(value), reason, format!("{} apply --somaxconn 4096", gtune(facts))))
}

/// In a container of one application the runtime sets kernel values, and what is written inside is gone with it.
fn inside_container(facts: &Facts, value: u64) -> Option<Refusal> {
    let container = facts.host.container.as_ref().filter(|container| holds_one_application(container))?;
    let reason = format!("gtune runs in a container ({}), whose runtime sets it", container.runtime);
    Some(Refusal { what: what(value), reason, hints: container_steps(&container.runtime, value) })
        .filter(|_| facts.host.live)
}

#[cfg(test)]
mod tests;
