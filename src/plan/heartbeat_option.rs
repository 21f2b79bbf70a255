//! `--tmpfs DIR` with `--unit`: the drop-in that makes a service keep its heartbeat files in the directory. Without
//! `--unit`: what is left to do so.

mod by_hand;
mod cmd_args;
mod environment;
mod environment_files;
mod program;
mod sandbox;
#[cfg(test)]
mod tests;

use super::drop_in::DropIn;
use super::header::header;
use super::{Ground, Places, Refusal, Request, Target, Topic};
use crate::checks::by_hand::{gtune, mounts_reach};
use crate::facts::{Fact, Facts, Filesystem, Heartbeat, LoadedUnit, Service, Unit, environment_line_of};
use crate::units::quoted;
use cmd_args::VARIABLE;
use program::Start;
use sandbox::{Access, Sandbox};

/// The file that gtune writes. `Environment=` is a list, of which only assignments of the same variable are rivals.
const HEARTBEAT: DropIn = DropIn {
    topic: "heartbeat",
    keys: &["Service.Environment:GUNICORN_CMD_ARGS"],
    holds: &["RequiresMountsFor", "Environment", "ReadWritePaths"],
};

/// The places to look at: gtune's own drop-in of each service, and the files its environment comes from.
pub fn places(facts: &Facts, request: &Request) -> Places {
    if request.tmpfs.is_none() {
        return Places::default();
    }
    let (targets, _) = Target::choose(facts, &request.units);
    let own = targets.iter().filter_map(Target::system_unit).map(|unit| HEARTBEAT.places(unit));
    let sources = targets.iter().filter_map(|target| target.unit).map(environment_files::places);
    own.chain(sources).fold(Places::default(), Places::and)
}

/// What makes the services keep their heartbeat files in the directory of `--tmpfs`.
pub fn draft(facts: &Facts, ground: &Ground, request: &Request) -> Topic {
    let Some(tmpfs) = &request.tmpfs else { return Topic::default() };
    let directory = trimmed(&tmpfs.directory);
    let (targets, refused) = Target::choose(facts, &request.units);
    let mut topic = Topic { refused, ..Topic::default() };
    let wishes = targets.into_iter().map(|target| Wish { facts, ground, target, directory });
    if !request.units.is_empty() {
        wishes.for_each(|wish| topic.absorb(wish.draft().unwrap_or_else(Topic::refused)));
        return topic;
    }
    let mut wishes = wishes.peekable();
    if wishes.peek().is_none() {
        topic.left.push(by_hand::for_the_first(directory));
    }
    wishes.for_each(|wish| topic.absorb(wish.left()));
    topic
}

/// One service that shall keep its heartbeat files in a directory.
struct Wish<'a> {
    facts: &'a Facts,
    ground: &'a Ground,
    target: Target<'a>,
    directory: &'a str,
}

impl<'a> Wish<'a> {
    /// The drop-in that fulfils it.
    ///
    /// # Errors
    /// Why no drop-in can.
    fn draft(&self) -> Result<Topic, Refusal> {
        let unit = self.unit()?;
        self.check_name()?;
        self.check_reach()?;
        let start = self.start();
        if let Start::Embedded(program) = &start {
            let is_told = self.lies_there() == Some(true);
            return if is_told { Ok(self.already("by its own program")) } else { Err(self.embedded(program)) };
        }
        let given = self.given_elsewhere(unit)?;
        let proven = given.is_some() && self.lies_there() == Some(true);
        let writable = if proven { Access::Writable } else { self.access(unit) };
        if let (Some(place), Access::Writable) = (&given, &writable) {
            return Ok(self.already(place));
        }
        let line = match given {
            Some(_) => None,
            None => Some(environment_line_of(VARIABLE, &self.new_value(unit)?)),
        };
        let content = self.content(line, writable)?;
        if unit.of_user {
            return Err(self.of_user(&content));
        }
        let mut topic = self.with_restart(HEARTBEAT.draft(unit, self.ground, &content, &self.is_told()));
        if let (Start::Unclear(program), false) = (start, topic.changes.is_empty()) {
            topic.warnings.push(format!(
                "gtune cannot see how {program} starts Gunicorn: where it embeds it, {VARIABLE} has no effect; \
                 gtune doctor shows it after the restart"
            ));
        }
        Ok(topic)
    }

    fn unit(&self) -> Result<&'a Unit, Refusal> {
        let unseen = || match self.target.service.map(|service| &service.unit) {
            Some(Fact::Unreadable(reason)) => self.refuse(reason.to_string(), "run it as root"),
            _ => {
                let without = format!("{} apply --tmpfs {}", gtune(self.facts), quoted(self.directory));
                self.refuse("no unit of systemd runs it", format!("{without}   # says what is left to do"))
            }
        };
        self.target.unit.ok_or_else(unseen)
    }

    /// A line of a unit file ends where such a name has an end of line.
    fn check_name(&self) -> Result<(), Refusal> {
        if self.directory.contains(char::is_control) {
            let reason = "its name holds a control character, which a unit file cannot";
            return Err(self.refuse(reason, "choose another name, such as /mem"));
        }
        Ok(())
    }

    /// Neither a mount nor the environment of a unit goes into a container.
    fn check_reach(&self) -> Result<(), Refusal> {
        match self.target.service {
            Some(service) if !mounts_reach(self.facts, service) => {
                let runtime = service.container.as_ref().map_or("its own", |container| &container.runtime);
                let reason = format!("it runs in a container ({runtime}), which this mount does not reach");
                Err(self.refuse(reason, by_hand::give(service, self.directory)))
            }
            _ => Ok(()),
        }
    }

    fn access(&self, unit: &Unit) -> Access {
        let own = environment::own_paths(self.ground, unit);
        Sandbox::of(unit, &own).access(self.directory)
    }

    fn content(&self, environment: Option<String>, access: Access) -> Result<String, Refusal> {
        let path = unit_word(self.directory);
        let mut lines = vec!["[Unit]".to_owned(), format!("RequiresMountsFor={path}"), "[Service]".to_owned()];
        lines.extend(environment);
        match access {
            Access::Writable => {}
            Access::ReadOnly => lines.push(format!("ReadWritePaths={path}")),
            Access::Hidden { reason, hint } => return Err(self.refuse(reason, hint)),
        }
        let purpose = "this Gunicorn keeps its heartbeat files in memory, where touching one never waits for a disk.";
        Ok(header(purpose) + &lines.join("\n") + "\n")
    }

    fn already(&self, place: &str) -> Topic {
        let mut topic = Topic::default();
        topic.already(format!("{} ({place})", self.is_told()));
        self.with_restart(topic)
    }

    fn is_told(&self) -> String {
        format!("{} is told to use {}", self.target.name, self.directory)
    }

    /// A change reaches the workers with a restart; so does one of an earlier run that was not followed by one.
    fn with_restart(&self, mut topic: Topic) -> Topic {
        let runs = self.target.service.is_some();
        let waits = !topic.changes.is_empty() || self.in_force() == Some(false);
        if runs && waits && topic.refused.is_empty() {
            topic.needs_restart.push(self.target.name.to_owned());
        }
        topic
    }

    /// Whether the running workers have their files there, in memory; none where that cannot be seen or nothing runs.
    fn in_force(&self) -> Option<bool> {
        let in_memory = |filesystem: &Filesystem| filesystem.kind.in_memory();
        let is_so = |heartbeat: &Heartbeat| self.is_in(heartbeat) && heartbeat.filesystem.known().is_none_or(in_memory);
        self.workers_all(is_so).or_else(|| self.told(self.target.service?))
    }

    /// Whether they have them there, on whatever the directory is now.
    fn lies_there(&self) -> Option<bool> {
        self.workers_all(|heartbeat| self.is_in(heartbeat))
    }

    fn workers_all(&self, is_so: impl Fn(&Heartbeat) -> bool) -> Option<bool> {
        let workers = &self.target.service?.workers;
        let seen: Option<Vec<bool>> = workers.iter().map(|worker| worker.heartbeat.known().map(&is_so)).collect();
        seen.filter(|seen| !seen.is_empty()).map(|seen| seen.iter().all(|is_so| *is_so))
    }

    fn is_in(&self, heartbeat: &Heartbeat) -> bool {
        heartbeat.path.rsplit_once('/').is_some_and(|(directory, _)| trimmed(directory) == self.directory)
    }

    /// Whether the settings in force say so.
    fn told(&self, service: &Service) -> Option<bool> {
        match service.settings.worker_tmp_dir() {
            Fact::Known(told) => Some(trimmed(&told.value) == self.directory),
            Fact::Absent => Some(false),
            Fact::Unreadable(_) => None,
        }
    }

    fn refuse(&self, reason: impl Into<String>, hint: impl Into<String>) -> Refusal {
        Refusal::new(format!("make {} use {}", self.target.name, self.directory), reason, hint)
    }
}

/// What the manager has loaded, unless files have changed since: then they tell what comes next.
fn loaded_now(unit: &Unit) -> Option<&LoadedUnit> {
    unit.loaded.known().filter(|loaded| !loaded.need_daemon_reload || unit.fragment.known().is_none())
}

/// A directory without a slash at its end.
fn trimmed(directory: &str) -> &str {
    match directory.trim_end_matches('/') {
        "" => directory,
        trimmed => trimmed,
    }
}

/// A path as one word of a unit file (systemd.syntax(7)), the percent sign of specifiers doubled.
fn unit_word(path: &str) -> String {
    let escaped = path.replace('%', "%%").replace('\\', "\\\\").replace('"', "\\\"");
    let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\' | ';');
    if path.chars().all(is_plain) { escaped } else { format!("\"{escaped}\"") }
}
