//! limits.d for a Gunicorn that was started from a login: the only kind of service it reaches (pam_limits(8)).

use super::drop_in::obstructed;
use super::header::header;
use super::open_files::Wanted;
use super::{Change, FileImage, Ground, Left, Place, Places, Refusal, Topic};
use crate::facts::{Fact, Facts, LimitsConf, LimitsLine, Service, Session};
use crate::units::Limit;

/// gtune's own file; `limits.conf` itself is never edited.
const FILE: &str = "/etc/security/limits.d/90-gtune.conf";

/// What the file is for.
const PURPOSE: &str = "how many files a Gunicorn that is started from a login may open.";

/// The file that may be written.
pub(super) fn places() -> Places {
    Places { files: [FILE.to_owned()].into(), ..Places::default() }
}

/// A line for the user who starts this service, never for everybody.
pub(super) fn draft(facts: &Facts, ground: &Ground, service: &Service, wanted: Wanted) -> Topic {
    let others = match &facts.limits_conf {
        Fact::Known(conf) => conf.lines.iter().filter(|line| line.file != FILE).cloned().collect(),
        Fact::Absent => vec![],
        Fact::Unreadable(reason) => {
            let hint = "run it as root";
            return Topic::refused(Refusal::new("read /etc/security/limits.conf", reason.to_string(), hint));
        }
    };
    let free = Place::free(FILE);
    let place = ground.files.get(FILE).unwrap_or(&free);
    if let Some(refusal) = obstructed(ground, FILE, place) {
        return Topic::refused(refusal);
    }
    let before = place.image.known();
    let user = User { uid: service.master.uid };
    let present = with_own(&others, before.map_or(&[][..], |file| &file.content.0));
    let mut topic = Topic::default();
    if let Some(line) = user.soft(&present).filter(|line| wanted.is_met_by(line.value)) {
        let what = format!("{}, line {}: {} nofile {}", line.file, line.line, line.domain, line.value);
        topic.already(wanted.told(what, line.value));
        return topic;
    }
    let content = user.content(before.map(|file| file.content.0.as_slice()), wanted.soft, hard(facts, service, wanted));
    if let Some(refusal) = user.loses(&with_own(&others, &content), wanted) {
        return Topic::refused(refusal);
    }
    topic.warnings.extend(may_win(&others));
    topic.changes = ground.make_above(FILE);
    let after =
        before.map_or_else(|| FileImage::configuration(content.clone()), |file| file.with_content(content.clone()));
    topic.changes.push(Change::File { path: FILE.into(), before: before.cloned(), after: Some(after) });
    let why = format!("limits.d counts for new logins only: start {} again from one", service.name);
    topic.left.push(Left::new("log in anew, then: ulimit -Sn", why));
    topic
}

/// The lines of all files in the order pam_limits reads them, gtune's own in its place: limits.conf, then limits.d by
/// name in the C locale.
fn with_own(others: &[LimitsLine], own: &[u8]) -> LimitsConf {
    let mut lines = others.to_vec();
    lines.extend(LimitsConf::parse(&[(FILE.to_owned(), own.to_vec())]).lines);
    lines.sort_by_key(|line| rank(&line.file));
    LimitsConf { lines }
}

fn rank(file: &str) -> (bool, String) {
    (file.contains("/limits.d/"), crate::facts::base_name(file).to_owned())
}

/// The present hard limit where it is higher, so that it is not lowered; a login fails where it is above fs.nr_open.
fn hard(facts: &Facts, service: &Service, wanted: Wanted) -> u64 {
    let present = service.master.limits.known().map(|limits| limits.open_files.hard);
    let cap = facts.host.nr_open.known().copied();
    let present = match present {
        Some(Limit::At(number)) => Some(cap.map_or(number, |cap| number.min(cap))),
        Some(Limit::Unlimited) => cap,
        None => None,
    };
    present.unwrap_or(wanted.soft).max(wanted.soft)
}

/// The user of a session, known by number alone.
struct User {
    uid: u32,
}

impl User {
    /// As limits.conf(5) names one user: root by name, others by `:uid`, a range whose lower end is left out and that
    /// so matches exactly one.
    fn domain(&self) -> String {
        if self.uid == 0 { "root".into() } else { format!(":{}", self.uid) }
    }

    fn soft<'a>(&self, conf: &'a LimitsConf) -> Option<&'a LimitsLine> {
        let user = (self.uid == 0).then_some("root");
        conf.for_session(&Session { user, uid: self.uid, groups: &[] }, "nofile").0
    }

    /// Why gtune's line would not be the one that counts.
    fn loses(&self, conf: &LimitsConf, wanted: Wanted) -> Option<Refusal> {
        let what = format!("set the limit of open files for logins of uid {}", self.uid);
        match self.soft(conf) {
            Some(line) if line.file == FILE && wanted.is_met_by(line.value) => None,
            Some(line) => {
                let reason = format!("{}, line {} wins over {FILE}", line.file, line.line);
                Some(Refusal::new(what, reason, format!("change line {} of {} by hand", line.line, line.file)))
            }
            None => {
                let hint = "grep -rE '^[^#]*[[:space:]]-[[:space:]]*$' /etc/security/   # the line that does";
                Some(Refusal::new(what, "a line frees this user from all limits of limits.conf(5)", hint))
            }
        }
    }

    /// The file with this user's limit. Lines of other users and other items stay as they are, byte for byte.
    fn content(&self, present: Option<&[u8]>, soft: u64, hard: u64) -> Vec<u8> {
        let domain = self.domain();
        let fresh = header(PURPOSE);
        let present = present.unwrap_or(fresh.as_bytes());
        let kept = present.split_inclusive(|byte| *byte == b'\n').filter(|line| !sets_open_files(line, &domain));
        let mut bytes = kept.collect::<Vec<_>>().concat();
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        let lines = match soft == hard {
            true => format!("{domain} - nofile {soft}\n"),
            false => format!("{domain} soft nofile {soft}\n{domain} hard nofile {hard}\n"),
        };
        bytes.extend_from_slice(lines.as_bytes());
        bytes
    }
}

fn sets_open_files(line: &[u8], domain: &str) -> bool {
    let read = LimitsConf::parse(&[(FILE.to_owned(), line.to_vec())]).lines;
    read.iter().any(|line| line.domain == domain && line.item == "nofile")
}

/// Later lines for a user by name: whose number that is, gtune does not know.
fn may_win(others: &[LimitsLine]) -> Vec<String> {
    let by_name = |line: &&LimitsLine| line.item == "nofile" && !line.domain.starts_with(['*', '@', '%']);
    let later =
        others.iter().filter(by_name).filter(|line| !line.domain.contains(':') && rank(&line.file) > rank(FILE));
    later
        .map(|line| format!("{}, line {} wins where {} is the user who starts it.", line.file, line.line, line.domain))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::{host_with_gunicorn, service};
    use proptest::prelude::*;

    fn conf(files: &[(&str, &str)]) -> Facts {
        let files: Vec<_> =
            files.iter().map(|(name, text)| (format!("/etc/security/{name}"), text.as_bytes().to_vec())).collect();
        let mut facts = host_with_gunicorn();
        facts.limits_conf = Fact::Known(LimitsConf::parse(&files));
        facts
    }

    fn drafted(facts: &Facts, ground: &Ground) -> Topic {
        draft(facts, ground, &service(), Wanted::at_least(8192))
    }

    fn written(topic: &Topic) -> String {
        let Some(Change::File { after: Some(after), .. }) = topic.changes.last() else { panic!("{topic:?}") };
        after.content.text()
    }

    #[test]
    fn one_user_is_named_by_number_and_never_everybody() {
        let text = written(&drafted(&conf(&[("limits.conf", "* soft nofile 1024\n")]), &Ground::default()));
        assert!(text.ends_with("\n:33 soft nofile 8192\n:33 hard nofile 524288\n"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with('*')));
        assert_eq!(User { uid: 0 }.domain(), "root");
    }

    #[test]
    fn a_second_draft_changes_nothing() {
        let facts = conf(&[]);
        let mut ground = Ground::default();
        let first = drafted(&facts, &ground);
        assert!(first.left[0].command.starts_with("log in anew"), "{:?}", first.left);
        first.changes.iter().for_each(|change| ground.after(change));
        let again = drafted(&facts, &ground);
        assert_eq!((again.changes.len(), again.already.len()), (0, 1));
    }

    #[test]
    fn what_others_ask_for_and_is_enough_stays() {
        let topic = drafted(&conf(&[("limits.d/50-app.conf", "* - nofile 65536\n")]), &Ground::default());
        assert!(topic.changes.is_empty() && topic.already[0].what.contains("50-app.conf"), "{topic:?}");
    }

    #[test]
    fn a_later_line_that_would_win_is_refused_and_one_that_may_is_said() {
        let topic = drafted(&conf(&[("limits.d/95-x.conf", "33: soft nofile 1024\n")]), &Ground::default());
        assert!(topic.refused[0].reason.contains("95-x.conf, line 1"), "{topic:?}");
        let topic = drafted(&conf(&[("limits.d/95-x.conf", "deploy soft nofile 1024\n")]), &Ground::default());
        assert!(topic.refused.is_empty() && topic.warnings[0].contains("deploy"), "{topic:?}");
        let topic = drafted(&conf(&[("limits.d/10-x.conf", ":33 -\n")]), &Ground::default());
        assert!(topic.refused[0].reason.contains("frees"), "{topic:?}");
    }

    #[test]
    fn an_unlimited_hard_limit_becomes_what_the_kernel_allows() {
        let mut service = service();
        let Fact::Known(limits) = &mut service.master.limits else { panic!() };
        limits.open_files.hard = Limit::Unlimited;
        assert_eq!(hard(&conf(&[]), &service, Wanted::at_least(8192)), 1_048_576);
    }

    proptest! {
        #[test]
        fn a_line_of_others_stays_byte_for_byte(bytes: Vec<u8>, uid in 1u32..70_000, soft in 1u64..9999) {
            let user = User { uid };
            let after = user.content(Some(&bytes), soft, 10_000);
            let others = |bytes: &[u8]| -> Vec<Vec<u8>> {
                let lines = bytes.split(|byte| *byte == b'\n');
                lines.filter(|line| !line.is_empty() && !sets_open_files(line, &user.domain())).map(<[u8]>::to_vec).collect()
            };
            prop_assert_eq!(others(&after), others(&bytes));
            prop_assert_eq!(user.content(Some(&after), soft, 10_000), after, "a second time changes nothing");
        }

        #[test]
        fn the_line_that_is_written_is_read_for_this_user_alone(uid in 1u32..70_000, soft in 1u64..9999) {
            let read = with_own(&[], &User { uid }.content(None, soft, 10_000));
            prop_assert_eq!(User { uid }.soft(&read).map(|line| line.value), Some(Limit::At(soft)));
            prop_assert_eq!(User { uid: uid + 1 }.soft(&read), None);
        }
    }
}
