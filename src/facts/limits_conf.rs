//! `limits.conf` and `limits.d` as pam_limits reads them (limits.conf(5)). They reach login sessions, never services.

use crate::units::Limit;
use serde::Serialize;
use std::cmp::Reverse;

/// All lines that were understood, in the order pam_limits applies them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LimitsConf {
    /// The lines.
    pub lines: Vec<LimitsLine>,
}

/// One line: domain, type, item, value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitsLine {
    /// The file it stands in.
    pub file: String,
    /// Line number, from 1.
    pub line: usize,
    /// `user`, `@group`, `*`, `%group`, or a range of ids.
    pub domain: String,
    /// Whether it sets the soft limit.
    pub soft: bool,
    /// Whether it sets the hard limit.
    pub hard: bool,
    /// `nofile`, `nproc`, …
    pub item: String,
    /// The value.
    pub value: Limit,
}

impl LimitsConf {
    /// Reads the files in the order given: `limits.conf`, then `limits.d/*.conf` by name in the C locale.
    ///
    /// A line of `domain -` alone, which frees the domain from all limits, is kept with the item `-`. Lines that
    /// pam_limits skips with a complaint are left out, and so are negative values, which only `nice` has.
    pub fn parse(files: &[(String, Vec<u8>)]) -> Self {
        let mut lines = Vec::new();
        for (file, bytes) in files {
            let text = String::from_utf8_lossy(bytes);
            let numbered = text.split('\n').enumerate();
            lines.extend(numbered.filter_map(|(index, line)| LimitsLine::parse(file, index + 1, line)));
        }
        Self { lines }
    }

    /// The lines that give a session its soft and hard limit of `item`; none where no line does.
    ///
    /// Rules as pam_limits 1.5.2 was seen to follow them: a line for the user beats one for a group, that beats `*`;
    /// the later of two alike wins; groups and `*` do not reach root; `%` counts for nothing but logins; one line of
    /// `user -` or `@group -` anywhere frees the user from all. Ranges of user ids are lines for the user
    /// (limits.conf(5)); ranges of group ids (`@100:200`) need more than names and are not matched.
    pub fn for_session(&self, session: &Session, item: &str) -> (Option<&LimitsLine>, Option<&LimitsLine>) {
        let reach = |line: &LimitsLine| line.reach(session);
        let freed = |line: &&LimitsLine| line.item == "-" && reach(line).is_some_and(|r| r != Reach::Everybody);
        if self.lines.iter().any(|line| freed(&line)) {
            return (None, None);
        }
        let last = |wanted: fn(&LimitsLine) -> bool| {
            let fitting = self.lines.iter().filter(|line| line.item == item && wanted(line));
            // Of equal ones max_by_key takes the last.
            let ranked = fitting.filter_map(|line| Some((Reverse(reach(line)?), line)));
            ranked.max_by_key(|(rank, _)| *rank).map(|(_, line)| line)
        };
        (last(|line| line.soft), last(|line| line.hard))
    }
}

/// Whose session the limits are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session<'a> {
    /// Name of the user, where it is known.
    pub user: Option<&'a str>,
    /// Its number; 0 is root.
    pub uid: u32,
    /// Names of its groups, as far as they are known.
    pub groups: &'a [&'a str],
}

/// How a line comes to reach a user, most specific first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    User,
    Group,
    Everybody,
}

impl LimitsLine {
    /// One line; text after `#` is a comment, fields after the fourth are ignored.
    fn parse(file: &str, line: usize, text: &str) -> Option<Self> {
        let mut fields = text.split('#').next()?.split_ascii_whitespace();
        let (domain, kind) = (fields.next()?.to_owned(), fields.next()?.to_ascii_lowercase());
        let (soft, hard) = match kind.as_str() {
            "soft" => (true, false),
            "hard" => (false, true),
            "-" => (true, true),
            _ => return None,
        };
        let (item, value) = match (fields.next(), fields.next()) {
            (Some(item), Some(value)) => (item.to_ascii_lowercase(), parse_value(value)?),
            (None, None) if kind == "-" => ("-".to_owned(), Limit::Unlimited),
            _ => return None,
        };
        Some(Self { file: file.to_owned(), line, domain, soft, hard, item, value })
    }

    fn reach(&self, session: &Session) -> Option<Reach> {
        match self.domain.as_str() {
            name if session.user.is_some_and(|user| !user.is_empty() && user == name) => Some(Reach::User),
            range if holds(range, session.uid) => Some(Reach::User),
            _ if session.uid == 0 => None,
            "*" => Some(Reach::Everybody),
            name => session.groups.contains(&name.strip_prefix('@')?).then_some(Reach::Group),
        }
    }
}

/// Whether a domain is a range of user ids with this one in it: `low:high`, `low:`, or `:uid` for just one.
fn holds(domain: &str, uid: u32) -> bool {
    let Some((low, high)) = domain.split_once(':') else { return false };
    match (low.parse::<u32>(), high.parse::<u32>()) {
        (Ok(low), Ok(high)) => (low..=high).contains(&uid),
        (Ok(low), Err(_)) => high.is_empty() && low <= uid,
        (Err(_), Ok(high)) => low.is_empty() && uid == high,
        (Err(_), Err(_)) => false,
    }
}

/// A value as strtol(3) takes it: the digits in front count.
fn parse_value(text: &str) -> Option<Limit> {
    if matches!(text.to_ascii_lowercase().as_str(), "unlimited" | "infinity" | "-1") {
        return Some(Limit::Unlimited);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(text, |end| &text[..end]);
    digits.parse().ok().map(Limit::At)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn session(user: &str) -> Session<'_> {
        Session { user: Some(user), uid: if user == "root" { 0 } else { 65_534 }, groups: &["nogroup"] }
    }

    /// The soft limit of open files that `files` give to a member of `nogroup`.
    fn soft(user: &str, files: &[&str]) -> Option<Limit> {
        let files: Vec<_> = files.iter().map(|text| ("f".to_owned(), text.as_bytes().to_vec())).collect();
        LimitsConf::parse(&files).for_session(&session(user), "nofile").0.map(|line| line.value)
    }

    #[test]
    fn a_session_gets_what_pam_limits_really_gave_it() {
        // Each line was tried with su(1) and pam_limits 1.5.2.
        for (user, text, value) in [
            ("nobody", "* soft nofile 100", Some(100)),
            ("root", "* soft nofile 100", None),
            ("root", "@nogroup soft nofile 100", None),
            ("root", "root soft nofile 100", Some(100)),
            ("nobody", "nobody soft nofile 100\n* soft nofile 50", Some(100)),
            ("nobody", "@nogroup soft nofile 100\n* soft nofile 50", Some(100)),
            ("nobody", "nobody soft nofile 100\n@nogroup soft nofile 50", Some(100)),
            ("nobody", "* - nofile 100", Some(100)),
            ("nobody", "% soft nofile 100", None),
            ("nobody", "% soft nofile 100\n* soft nofile 50", Some(50)),
            ("nobody", "%nogroup soft nofile 100\n* soft nofile 50", Some(50)),
            ("nobody", "* soft nofile 100k", Some(100)),
            ("nobody", "* soft nofile 0x64", Some(0)),
            ("nobody", "* soft nofile 100\n* soft nofile abc", Some(100)),
            ("nobody", "* SOFT NOFILE 100", Some(100)),
            ("nobody", "* soft nofile 100#why", Some(100)),
            ("nobody", "* soft nofile 100 200", Some(100)),
            ("nobody", "* both nofile 100", None),
            ("nobody", "* soft nofile 100\r", Some(100)),
            ("nobody", "* soft nofile 100\nnobody -", None),
            ("nobody", "* soft nofile 100\n@nogroup -", None),
            ("nobody", "* -\n* soft nofile 100", Some(100)),
        ] {
            assert_eq!(soft(user, &[text]), value.map(Limit::At), "{text}");
        }
    }

    #[test]
    fn a_later_file_wins_among_equals_only() {
        assert_eq!(soft("nobody", &["* soft nofile 100", "* soft nofile 50"]), Some(Limit::At(50)));
        assert_eq!(soft("nobody", &["nobody soft nofile 100", "* soft nofile 50"]), Some(Limit::At(100)));
    }

    #[test]
    fn a_dash_sets_soft_and_hard_and_each_side_has_its_own_winner() {
        let conf = LimitsConf::parse(&[("f".into(), b"# x\nnobody hard nofile 300\n* - nofile 100".to_vec())]);
        let (soft, hard) = conf.for_session(&session("nobody"), "nofile");
        assert_eq!((soft.unwrap().line, hard.unwrap().line), (3, 2));
        assert_eq!(conf.for_session(&session("nobody"), "nproc"), (None, None));
    }

    #[test]
    fn unlimited_has_three_names() {
        for name in ["unlimited", "Infinity", "-1"] {
            assert_eq!(soft("nobody", &[&format!("* soft nofile {name}")]), Some(Limit::Unlimited));
        }
    }

    #[test]
    fn a_range_of_ids_may_be_open_at_its_end() {
        for (domain, hit) in [
            ("33:", true),
            ("1:40", true),
            (":33", true),
            (":40", false),
            ("34:", false),
            ("x:y", false),
            ("@33:", false),
        ] {
            assert_eq!(holds(domain, 33), hit, "{domain}");
        }
        assert_eq!(soft("nobody", &["65534: soft nofile 100\n* soft nofile 50"]), Some(Limit::At(100)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            LimitsConf::parse(&[("f".into(), bytes)]).for_session(&session("root"), "nofile");
        }

        #[test]
        fn a_line_keeps_all_it_says(domain in "[a-z@*][a-z]{0,8}", value in 0u64..1 << 40) {
            let conf = LimitsConf::parse(&[("f".into(), format!("{domain}\thard\tnofile {value}").into_bytes())]);
            let line = &conf.lines[0];
            prop_assert_eq!((&line.domain, line.hard, line.soft, line.value), (&domain, true, false, Limit::At(value)));
        }
    }
}
