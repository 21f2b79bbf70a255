//! The value that the next boot sets: a file of sysctl.d that wins with both loaders.

use super::{KEY, Wanted, own_file, what};
use crate::checks::by_hand::gtune;
use crate::facts::{Assignment, Fact, Facts, Prediction, SysctlFile, SysctlStore, base_name};
use crate::plan::drop_in::obstructed;
use crate::plan::shared_file::replace;
use crate::plan::{Already, Change, FileImage, Ground, Left, Place, Places, Refusal, Request, Topic};
use std::collections::BTreeSet;

/// procps reads it after all directories; systemd does not, unless a link in sysctl.d leads there (Debian 12 and older).
const SYSCTL_CONF: &str = "/etc/sysctl.conf";

const DIRECTORY: &str = "/etc/sysctl.d";

/// Names that are tried in this order. `99-gtune.conf` would be read before `99-sysctl.conf`, a link to
/// `/etc/sysctl.conf` on many systems, and lose.
const NAMES: [&str; 4] = ["99-zz-gtune.conf", "99-zzzz-gtune.conf", "zz-gtune.conf", "zzzz-gtune.conf"];

/// The files that may be written.
pub(super) fn places(facts: &Facts) -> Places {
    let now = facts.sysctl_store.keys.get(KEY);
    let own = candidates(now).into_iter();
    Places { files: own.chain([SYSCTL_CONF.to_owned()]).collect(), ..Places::default() }
}

/// The file that is gtune's already first, then the usual names, then one after the file that wins now.
fn candidates(now: Option<&Prediction>) -> Vec<String> {
    let winners: Vec<&str> = now.map(winners).unwrap_or_default();
    let is_own = |path: &&&str| path.starts_with(DIRECTORY) && base_name(path).ends_with("z-gtune.conf");
    let own = winners.iter().filter(is_own).map(|path| (*path).to_owned());
    let usual = NAMES.iter().map(|name| format!("{DIRECTORY}/{name}"));
    // The next byte of the winner's name is the dot of its suffix, and `z` is above that.
    let later = winners.iter().filter(|path| **path != SYSCTL_CONF).map(|path| {
        let name = base_name(path);
        format!("{DIRECTORY}/{}z-gtune.conf", name.strip_suffix(".conf").unwrap_or(name))
    });
    let mut seen = BTreeSet::new();
    own.chain(usual).chain(later).filter(|path| seen.insert(path.clone())).collect()
}

fn winners(found: &Prediction) -> Vec<&str> {
    [&found.systemd, &found.procps].into_iter().filter_map(|fact| fact.known()).map(|line| line.file.as_str()).collect()
}

/// What it takes that the next boot sets the value.
pub(super) fn draft(facts: &Facts, ground: &Ground, request: &Request, wanted: Wanted) -> Topic {
    let now = predict(&ground.sysctl_files, &ground.sysctl_conf);
    for loader in [&now.systemd, &now.procps] {
        if let Fact::Unreadable(reason) = loader {
            let hint = "make it readable, or move it away: what it sets may win";
            return Topic::refused(Refusal::new(
                format!("tell what the next boot sets {KEY} to"),
                reason.to_string(),
                hint,
            ));
        }
    }
    let kept = |fact: &Fact<Assignment>| is_enough(facts, fact, wanted);
    let by_sysctl_conf = now.procps.known().is_some_and(|line| line.file == SYSCTL_CONF);
    let needs_file = !kept(&now.systemd) || !(kept(&now.procps) || by_sysctl_conf);
    let mut topic = Topic::default();
    let mut after = now;
    if needs_file {
        let Some((own, predicted)) = winning_file(ground, &after, wanted) else {
            return Topic::refused(cannot_win(&after, wanted.value));
        };
        topic = write(ground, own, wanted.value);
        after = predicted;
    } else {
        topic.already(stands(facts, &after.systemd, wanted));
    }
    let lowers =
        after.procps.known().filter(|line| line.file == SYSCTL_CONF && !is_enough(facts, &after.procps, wanted));
    if let Some(line) = lowers {
        topic.absorb(of_sysctl_conf(facts, ground, request, wanted.value, line));
    }
    topic
}

fn predict(files: &[SysctlFile], sysctl_conf: &Fact<Vec<u8>>) -> Prediction {
    let mut store = SysctlStore::predict(&[KEY], files, sysctl_conf.clone());
    store.keys.remove(KEY).unwrap_or(Prediction { systemd: Fact::Absent, procps: Fact::Absent })
}

/// Whether what a loader sets will do. Where no file names the key the kernel's default stays, which only the running
/// kernel tells: an image may boot with another.
fn is_enough(facts: &Facts, fact: &Fact<Assignment>, wanted: Wanted) -> bool {
    match fact {
        Fact::Known(line) => line.value.parse().is_ok_and(|value| wanted.is_met_by(value)),
        Fact::Absent => kernel_default(facts).is_some_and(|value| wanted.is_met_by(value)),
        Fact::Unreadable(_) => false,
    }
}

fn kernel_default(facts: &Facts) -> Option<u64> {
    facts.host.kernel.known().filter(|_| facts.host.live).map(|kernel| kernel.default_somaxconn())
}

fn stands(facts: &Facts, fact: &Fact<Assignment>, wanted: Wanted) -> Already {
    match fact.known() {
        Some(line) => {
            let what = format!("the next boot sets {KEY} to {} ({}, line {})", line.value, line.file, line.line);
            wanted.told(what, line.value.parse().unwrap_or_default())
        }
        None => {
            let default = kernel_default(facts).unwrap_or_default();
            wanted.told(format!("no sysctl file names {KEY}, and the kernel's default is {default}"), default)
        }
    }
}

/// gtune's own file with this value, before and after.
struct OwnFile {
    path: String,
    content: Vec<u8>,
}

/// The first of the names under which the value wins with systemd, and with procps but for `/etc/sysctl.conf`.
fn winning_file(ground: &Ground, now: &Prediction, wanted: Wanted) -> Option<(OwnFile, Prediction)> {
    candidates(Some(now)).into_iter().find_map(|path| {
        let present = ground.files.get(&path).and_then(|place| place.image.known());
        let content = own_file::with_value(present.map(|file| file.content.0.as_slice()), wanted.value);
        let others = ground.sysctl_files.iter().filter(|file| file.path != path).cloned();
        let own = SysctlFile { path: path.clone(), content: Fact::Known(content.clone()) };
        let files: Vec<SysctlFile> = others.chain([own]).collect();
        let after = predict(&files, &ground.sysctl_conf);
        let wins = |fact: &Fact<Assignment>| fact.known().is_some_and(|line| line.file == path);
        let but_for_sysctl_conf = wins(&predict(&files, &Fact::Absent).procps);
        (wins(&after.systemd) && but_for_sysctl_conf).then_some((OwnFile { path, content }, after))
    })
}

fn cannot_win(now: &Prediction, value: u64) -> Refusal {
    let reason = match now.systemd.known().or(now.procps.known()) {
        Some(line) => format!("{}, line {} wins over every name gtune can give its file", line.file, line.line),
        None => "a file that is read later takes the key back".to_owned(),
    };
    Refusal::new(format!("{} for the next boot", what(value)), reason, "systemd-analyze cat-config sysctl.d")
}

fn write(ground: &Ground, own: OwnFile, value: u64) -> Topic {
    let free = Place::free(&own.path);
    let place = ground.files.get(&own.path).unwrap_or(&free);
    if let Some(refusal) = obstructed(ground, &own.path, place) {
        return Topic::refused(refusal);
    }
    let before = place.image.known().cloned();
    if before.as_ref().is_some_and(|file| file.content.0 == own.content) {
        // The loaders read something else than this file: a link to it was replaced, or it vanished meanwhile.
        let reason = format!("{} holds the value and is not what the loaders read", own.path);
        return Topic::refused(Refusal::new(what(value), reason, format!("ls -l {}", own.path)));
    }
    let after = match &before {
        Some(file) => file.with_content(own.content),
        None => FileImage::configuration(own.content),
    };
    let mut topic = Topic { changes: ground.make_above(&own.path), ..Topic::default() };
    topic.changes.push(Change::File { path: own.path, before, after: Some(after) });
    topic
}

/// `/etc/sysctl.conf` sets another value, and procps reads it last: a file of others, so `--adopt` decides.
fn of_sysctl_conf(facts: &Facts, ground: &Ground, request: &Request, value: u64, line: &Assignment) -> Topic {
    if request.adopt {
        return adopt(ground, value, line);
    }
    let told = format!("{SYSCTL_CONF}, line {} sets {KEY} to {}", line.line, line.value);
    // Where systemd is not process 1, the boot scripts run sysctl --system.
    let when = match facts.host.systemd {
        Fact::Absent => "every boot sets that, for without systemd this file is read last",
        _ => "sysctl --system, which some packages run, sets that until the next boot",
    };
    Topic {
        warnings: vec![format!("{told}: {when}.")],
        left: vec![Left::new(
            format!(
                "{} apply --somaxconn {value} --adopt   # or in {SYSCTL_CONF}, line {}: {}",
                gtune(facts),
                line.line,
                own_file::line(value)
            ),
            "systemd-sysctl and sysctl --system then set the same",
        )],
        ..Topic::default()
    }
}

fn adopt(ground: &Ground, value: u64, line: &Assignment) -> Topic {
    let place = ground.files.get(SYSCTL_CONF);
    if let Some(refusal) = place.and_then(|place| obstructed(ground, SYSCTL_CONF, place)) {
        return Topic::refused(refusal);
    }
    let file = place.and_then(|place| place.image.known());
    match file.and_then(|file| replace(file, SYSCTL_CONF, line.line, &own_file::line(value))) {
        Some(change) => Topic { changes: vec![change], ..Topic::default() },
        None => {
            let reason = format!("line {} is not there any more", line.line);
            Topic::refused(Refusal::new(format!("change {SYSCTL_CONF}"), reason, "run it again"))
        }
    }
}
