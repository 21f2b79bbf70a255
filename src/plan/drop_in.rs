//! Drop-ins that gtune writes for a service: one file a topic, so that each can be taken back alone.

use super::header::{edit_is_lost, is_edited};
use super::{Change, FileImage, Ground, Place, Places, Refusal, Topic};
use crate::facts::{Fact, Unit, UnitAssignment, base_name, drop_in_name_after, variable_in};

/// A drop-in of gtune's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DropIn {
    /// What it is about: `heartbeat`, `open-files`, `oom-policy`.
    pub topic: &'static str,
    /// The keys it sets, as `Section.Key`: another file that is read later and sets one of them would win. Of a list of
    /// variables only the one that it sets, `Service.Environment:NAME`.
    pub keys: &'static [&'static str],
    /// All keys that it may hold, by their names alone.
    pub holds: &'static [&'static str],
}

impl DropIn {
    /// The file: the one gtune wrote before where it is still read last, else a new one that is.
    ///
    /// A file is found again by its name, which ends in `gtune-TOPIC.conf`.
    pub fn path(&self, unit: &Unit) -> String {
        let name = format!("gtune-{}", self.topic);
        let rivals = self.rivals(unit);
        let rivals = || rivals.iter().map(|line| line.file.as_str());
        let directory = unit.drop_in_directory();
        let mut own =
            unit.drop_ins.iter().filter(|path| path.starts_with(&format!("{directory}/")) && self.is_own(path));
        let still_last = |path: &&String| rivals().all(|rival| base_name(path) > base_name(rival));
        match own.rfind(still_last) {
            Some(path) => path.clone(),
            None if self.sets_variables() => format!("{directory}/{}", drop_in_name_after(&name, others(unit))),
            None => {
                format!("{directory}/{}", drop_in_name_after(&name, rivals().filter(|path| path.ends_with(".conf"))))
            }
        }
    }

    /// A list can be emptied by a line that leaves no trace among the assignments (`Environment=`), so a new file that
    /// sets a variable is read after all files of others.
    fn sets_variables(&self) -> bool {
        self.keys.iter().any(|key| key.contains(':'))
    }

    /// Whether a file is one that gtune wrote for this topic.
    pub fn is_own(&self, path: &str) -> bool {
        base_name(path).ends_with(&format!("gtune-{}.conf", self.topic))
    }

    /// Lines of other drop-ins that set one of the keys. The unit file itself is always read before them.
    fn rivals<'a>(&self, unit: &'a Unit) -> Vec<&'a UnitAssignment> {
        let lines = self.keys.iter().flat_map(|key| assignments(unit, key));
        lines.filter(|line| unit.drop_ins.contains(&line.file) && !self.is_own(&line.file)).collect()
    }

    /// Places to look at before it is drafted.
    pub fn places(&self, unit: &Unit) -> Places {
        Places { files: [self.path(unit)].into(), ..Places::default() }
    }

    /// The changes that make it hold these lines; none where it does already. `says` is what the lines come to:
    /// `gunicorn.service: OOMPolicy=continue`.
    pub fn draft(&self, unit: &Unit, ground: &Ground, content: &str, says: &str) -> Topic {
        let path = self.path(unit);
        let mut topic = Topic::default();
        let free = Place::free(&path);
        let place = ground.files.get(&path).unwrap_or(&free);
        if let Some(refusal) = obstructed(ground, &path, place) {
            return Topic::refused(refusal);
        }
        let before = place.image.known();
        if before.is_some_and(|file| file.content.0 == content.as_bytes()) {
            topic.already(format!("{says} ({path})"));
            return topic;
        }
        topic
            .warnings
            .extend(before.filter(|file| is_edited(&file.content.0, self.holds)).map(|_| edit_is_lost(&path)));
        topic.changes = ground.make_above(&path);
        topic.changes.push(Change::File {
            before: before.cloned(),
            after: Some(FileImage::configuration(content)),
            path,
        });
        topic
    }
}

/// The assignments of a key, or of one variable of it.
fn assignments<'a>(unit: &'a Unit, key: &'a str) -> impl Iterator<Item = &'a UnitAssignment> {
    let (key, variable) = key.split_once(':').map_or((key, None), |(key, name)| (key, Some(name)));
    let lines = unit.stored.get(key).into_iter().flatten();
    lines.filter(move |line| variable.is_none_or(|name| variable_in(&line.value, name).is_some()))
}

/// The drop-ins of a unit that are not gtune's.
fn others(unit: &Unit) -> impl Iterator<Item = &str> {
    unit.drop_ins.iter().map(String::as_str).filter(|path| !base_name(path).contains("gtune-"))
}

/// Why a file cannot be written: something at it, or above it, is in the way, or it could not be looked at.
pub(super) fn obstructed(ground: &Ground, path: &str, place: &Place<FileImage>) -> Option<Refusal> {
    let refuse = |obstacle: &super::Obstacle, at: &str| {
        Some(Refusal::new(format!("write {path}"), format!("{at} {obstacle}"), obstacle.hint(at)))
    };
    if let Some(obstacle) = &place.obstacle {
        return refuse(obstacle, path);
    }
    if let Fact::Unreadable(reason) = &place.image {
        return Some(Refusal { what: format!("read {path}"), reason: reason.to_string(), hints: vec![] });
    }
    let above = super::ground::ancestors(path)
        .find(|directory| ground.directories.get(directory).is_some_and(|place| place.image != Fact::Absent))?;
    let obstacle = ground.directories.get(&above)?.obstacle.as_ref()?;
    refuse(obstacle, &above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::plan::header::header;

    const OPEN_FILES: DropIn = DropIn { topic: "open-files", keys: &["Service.LimitNOFILE"], holds: &["LimitNOFILE"] };
    const DIRECTORY: &str = "/etc/systemd/system/gunicorn.service.d";

    fn with_line(file: &str) -> Unit {
        let mut unit = healthy::unit();
        unit.drop_ins = vec![file.into()];
        let line = UnitAssignment { value: "1024".into(), file: file.into(), line: 2 };
        unit.stored.insert("Service.LimitNOFILE".into(), vec![line]);
        unit
    }

    #[test]
    fn a_drop_in_is_read_after_those_that_set_the_same() {
        assert_eq!(OPEN_FILES.path(&healthy::unit()), format!("{DIRECTORY}/60-gtune-open-files.conf"));
        let rival = with_line(&format!("{DIRECTORY}/override.conf"));
        assert_eq!(OPEN_FILES.path(&rival), format!("{DIRECTORY}/zz-gtune-open-files.conf"));
        let mut other = rival;
        other.stored.clear();
        assert_eq!(OPEN_FILES.path(&other), format!("{DIRECTORY}/60-gtune-open-files.conf"), "it sets other keys");
    }

    #[test]
    fn the_file_of_an_earlier_run_is_found_again() {
        let own = format!("{DIRECTORY}/zz-gtune-open-files.conf");
        assert_eq!(OPEN_FILES.path(&with_line(&own)), own);
    }

    const HEARTBEAT: DropIn =
        DropIn { topic: "heartbeat", keys: &["Service.Environment:GUNICORN_CMD_ARGS"], holds: &["Environment"] };

    fn with_environment(files: &[(&str, &str)]) -> Unit {
        let mut unit = healthy::unit();
        for (name, value) in files {
            let file = format!("{DIRECTORY}/{name}");
            let line = UnitAssignment { value: (*value).into(), file: file.clone(), line: 2 };
            unit.stored.entry("Service.Environment".into()).or_default().push(line);
            unit.drop_ins.push(file);
        }
        unit
    }

    #[test]
    fn a_later_line_for_another_variable_is_no_rival() {
        let own = ("60-gtune-heartbeat.conf", "GUNICORN_CMD_ARGS=-w4");
        let beside = with_environment(&[own, ("override.conf", "TZ=UTC")]);
        assert_eq!(HEARTBEAT.path(&beside), format!("{DIRECTORY}/60-gtune-heartbeat.conf"));
        let beaten = with_environment(&[own, ("override.conf", "TZ=UTC \"GUNICORN_CMD_ARGS=-w 2\"")]);
        assert_eq!(HEARTBEAT.path(&beaten), format!("{DIRECTORY}/zz-gtune-heartbeat.conf"));
    }

    #[test]
    fn a_new_file_that_sets_a_variable_is_read_after_all_others_for_any_may_empty_the_list() {
        let unit = with_environment(&[("override.conf", "TZ=UTC"), ("zz-gtune-open-files.conf", "A=1")]);
        assert_eq!(HEARTBEAT.path(&unit), format!("{DIRECTORY}/zz-gtune-heartbeat.conf"));
        assert_eq!(HEARTBEAT.path(&healthy::unit()), format!("{DIRECTORY}/60-gtune-heartbeat.conf"));
    }

    #[test]
    fn a_second_draft_changes_nothing() {
        let unit = healthy::unit();
        let mut ground = Ground::default();
        let content = format!("{}[Service]\nLimitNOFILE=4096\n", header("more files."));
        let draft = |ground: &Ground| OPEN_FILES.draft(&unit, ground, &content, "gunicorn.service: LimitNOFILE=4096");
        let first = draft(&ground);
        assert_eq!(first.changes.len(), 1);
        first.changes.iter().for_each(|change| ground.after(change));
        let second = draft(&ground);
        assert!(second.changes.is_empty());
        let own = format!("{DIRECTORY}/60-gtune-open-files.conf");
        assert_eq!(second.already[0].what, format!("gunicorn.service: LimitNOFILE=4096 ({own})"));
    }

    #[test]
    fn an_edit_that_is_lost_is_warned_of_and_another_value_is_none() {
        let own = format!("{DIRECTORY}/60-gtune-open-files.conf");
        let warnings = |more: &str| {
            let content = format!("{}[Service]\nLimitNOFILE=4096\n{more}", header("more files."));
            let mut ground = Ground::default();
            ground.files.insert(own.clone(), Place::holding(&own, FileImage::configuration(content)));
            OPEN_FILES.draft(&healthy::unit(), &ground, "x", "x").warnings
        };
        assert_eq!(warnings(""), [""; 0]);
        assert_eq!(warnings("LimitNPROC=9\n"), [format!("{own} was edited since gtune wrote it; the edit is lost.")]);
    }

    #[test]
    fn what_is_in_the_way_is_refused_with_a_hint() {
        let unit = healthy::unit();
        let mut ground = Ground::default();
        let obstacle = Some(super::super::Obstacle::ReadOnly);
        let etc = Place { obstacle, ..Place::holding("/etc", super::super::DirectoryImage::OF_ROOT) };
        ground.directories.insert("/etc".into(), etc);
        let topic = OPEN_FILES.draft(&unit, &ground, "x", "x");
        assert!(topic.changes.is_empty());
        assert!(topic.refused[0].reason.contains("read-only"), "{:?}", topic.refused);
    }
}
