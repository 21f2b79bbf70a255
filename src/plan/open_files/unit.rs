//! `LimitNOFILE=` in a drop-in of a unit.

use super::Wanted;
use crate::checks::unit_limit::{KEY, loaded, parse};
use crate::facts::{Facts, Unit, parse_unit_file};
use crate::plan::drop_in::DropIn;
use crate::plan::header::header;
use crate::plan::{Ground, Left, Topic};
use crate::units::{Limit, SoftHard};
use std::collections::BTreeMap;

pub(super) const DROP_IN: DropIn = DropIn { topic: "open-files", keys: &[KEY], holds: &["LimitNOFILE"] };

/// The hard limit systemd gives a service where nothing is set, since version 240 (systemd-system.conf(5),
/// DefaultLimitNOFILE=). It is kept where what is loaded cannot be seen, so that no limit is lowered.
const DEFAULT_HARD: Limit = Limit::At(524_288);

/// The soft limit systemd gives a service where nothing is set (systemd-system.conf(5), DefaultLimitNOFILE=). It counts
/// where what is loaded cannot be seen, as in an image.
const DEFAULT_SOFT: Limit = Limit::At(1024);

pub(super) fn draft(facts: &Facts, ground: &Ground, unit: &Unit, wanted: Wanted) -> Topic {
    let loaded = unit.loaded.known().and_then(loaded);
    let stored = stored(ground, unit);
    let is_kept = stored.is_none_or(|stored| wanted.is_met_by(stored.soft));
    let mut topic = Topic::default();
    if let Some(limits) = loaded.or(stored).filter(|limits| is_kept && wanted.is_met_by(limits.soft)) {
        topic.already(wanted.told(format!("{}: LimitNOFILE={}", unit.name, words(limits)), limits.soft));
        return topic;
    }
    let default = facts.host.systemd_default_open_files.known().copied().unwrap_or(DEFAULT_SOFT);
    if loaded.or(stored).is_none() && wanted.is_below(default) {
        topic.already(wanted.told(format!("{}: systemd gives it LimitNOFILE={}", unit.name, word(default)), default));
        return topic;
    }
    let hard = hard(facts, loaded.or(stored).map_or(DEFAULT_HARD, |limits| limits.hard), wanted.soft);
    let limits = SoftHard { soft: Limit::At(wanted.soft), hard };
    let says = format!("{}: LimitNOFILE={}", unit.name, words(limits));
    topic = DROP_IN.draft(unit, ground, &content(limits), &says);
    if topic.refused.is_empty() && topic.changes.is_empty() && loaded.is_some() {
        topic.left.push(Left::reload(&unit.name));
    }
    topic
}

/// What the files will say, an earlier request of the same plan included.
fn stored(ground: &Ground, unit: &Unit) -> Option<SoftHard> {
    let own = ground.files.get(&DROP_IN.path(unit)).and_then(|place| place.image.known());
    let mut lines = BTreeMap::new();
    if let Some(file) = own {
        parse_unit_file("", &file.content.0, &mut lines);
    }
    let winner = lines.get(KEY).and_then(|lines| lines.last()).or_else(|| unit.winner(KEY))?;
    parse(&winner.value)
}

/// The present hard limit where it is high enough; never above what the kernel allows, for systemd would cut it.
fn hard(facts: &Facts, present: Limit, soft: u64) -> Limit {
    let cap = facts.host.nr_open.known().map_or(Limit::Unlimited, |cap| Limit::At(*cap));
    let cut = if present == Limit::Unlimited { present } else { present.min(cap) };
    cut.max(Limit::At(soft))
}

fn content(limits: SoftHard) -> String {
    let header = header("how many files, connections among them, each process of this Gunicorn may open.");
    format!("{header}[Service]\nLimitNOFILE={}\n", words(limits))
}

/// As systemd.exec(5) has it.
fn words(limits: SoftHard) -> String {
    format!("{}:{}", word(limits.soft), word(limits.hard))
}

fn word(limit: Limit) -> String {
    limit.number().map_or_else(|| "infinity".to_owned(), |number| number.to_string())
}
