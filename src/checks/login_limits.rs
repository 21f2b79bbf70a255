//! What limits.conf and limits.d ask for the user of a service (limits.conf(5)).

use crate::checks::Stored;
use crate::facts::{Fact, Facts, LimitsLine, Reason, Service};
use crate::units::Limit;

/// A soft limit of open files that limits.d asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Intent {
    /// The limit.
    pub soft: Limit,
    /// Whether the line names this user, not everybody.
    pub names_user: bool,
    /// The winning line, as evidence.
    pub line: String,
    file: String,
    at: usize,
}

impl Intent {
    /// As a stored value.
    pub fn stored(&self) -> Stored {
        Stored { value: self.soft.to_string(), file: Some(self.file.clone()), line: Some(self.at) }
    }

    /// The number to set elsewhere; for `unlimited` the cap the kernel starts with (fs.nr_open).
    pub fn number(&self) -> u64 {
        self.soft.number().unwrap_or(1_048_576)
    }

    fn of(line: &LimitsLine, names_user: bool) -> Self {
        let kind = if line.hard { "-" } else { "soft" };
        Self {
            soft: line.value,
            names_user,
            line: format!("{}:{}: {} {kind} nofile {}", line.file, line.line, line.domain, line.value),
            file: line.file.clone(),
            at: line.line,
        }
    }
}

/// The lines of limits.conf and limits.d; none where there is no such file.
pub(super) fn lines(facts: &Facts) -> Result<&[LimitsLine], Reason> {
    match &facts.limits_conf {
        Fact::Known(conf) => Ok(&conf.lines),
        Fact::Absent => Ok(&[]),
        Fact::Unreadable(reason) => Err(reason.clone()),
    }
}

/// What is asked for the user of this service: the last line that names it, else the last for everybody.
/// Lines for groups are left out: whose groups a user has is not known here.
pub(super) fn intent(lines: &[LimitsLine], service: &Service) -> Option<Intent> {
    let uid = service.workers.first().map_or(service.master.uid, |worker| worker.process.uid);
    let user = service.unit.known().and_then(|unit| unit.loaded.known()).map(|loaded| loaded.user.as_str());
    let named = soft_lines(lines).rfind(|line| names(&line.domain, uid, user));
    // pam_limits never applies `*` to root.
    let everybody = soft_lines(lines).rfind(|line| line.domain == "*" && uid != 0);
    named.map(|line| Intent::of(line, true)).or(everybody.map(|line| Intent::of(line, false)))
}

/// What is asked for everybody but root.
pub(super) fn for_everybody(lines: &[LimitsLine]) -> Option<Intent> {
    soft_lines(lines).rfind(|line| line.domain == "*").map(|line| Intent::of(line, false))
}

fn soft_lines(lines: &[LimitsLine]) -> impl DoubleEndedIterator<Item = &LimitsLine> {
    lines.iter().filter(|line| line.item == "nofile" && line.soft)
}

/// A domain is a name, one number after a colon, or a range of numbers `low:high` whose end may be open.
fn names(domain: &str, uid: u32, user: Option<&str>) -> bool {
    let name = match uid {
        0 => Some("root"),
        _ => user,
    };
    match domain.split_once(':') {
        None => name.is_some_and(|name| !name.is_empty() && name == domain),
        Some((low, high)) => in_range(low, high, uid),
    }
}

fn in_range(low: &str, high: &str, uid: u32) -> bool {
    match (low.parse::<u32>(), high.parse::<u32>()) {
        (Ok(low), Ok(high)) => (low..=high).contains(&uid),
        (Ok(low), Err(_)) => high.is_empty() && low <= uid,
        (Err(_), Ok(high)) => low.is_empty() && uid == high,
        (Err(_), Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;

    fn conf(lines: &[(&str, u64)]) -> Vec<LimitsLine> {
        let line = |(n, (domain, value)): (usize, &(&str, u64))| LimitsLine {
            file: "/etc/security/limits.d/90-app.conf".into(),
            line: n + 1,
            domain: (*domain).into(),
            soft: true,
            hard: true,
            item: "nofile".into(),
            value: Limit::At(*value),
        };
        lines.iter().enumerate().map(line).collect()
    }

    #[test]
    fn a_line_for_the_user_beats_a_later_line_for_everybody() {
        let found = intent(&conf(&[("www-data", 8192), ("*", 65_536)]), &healthy::service()).unwrap();
        assert_eq!((found.soft, found.names_user), (Limit::At(8192), true));
        assert_eq!(found.line, "/etc/security/limits.d/90-app.conf:1: www-data - nofile 8192");
    }

    #[test]
    fn a_range_of_ids_may_be_open_at_its_end() {
        for (domain, hit) in
            [("33:", true), ("1:40", true), (":33", true), (":40", false), ("34:", false), ("x:y", false)]
        {
            assert_eq!(names(domain, 33, None), hit, "{domain}");
        }
    }

    #[test]
    fn everybody_is_not_root() {
        let mut root = healthy::service();
        root.workers.iter_mut().for_each(|worker| worker.process.uid = 0);
        assert_eq!(intent(&conf(&[("*", 65_536)]), &root), None);
        assert!(intent(&conf(&[("root", 65_536)]), &root).unwrap().names_user);
    }
}
