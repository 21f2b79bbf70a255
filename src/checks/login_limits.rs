//! What limits.conf and limits.d ask for the user of a service (limits.conf(5)).

use crate::checks::Stored;
use crate::facts::{Fact, Facts, LimitsConf, LimitsLine, Reason, Service, Session};
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

/// limits.conf and limits.d; nothing where there is no such file.
pub(super) fn conf(facts: &Facts) -> Result<Option<&LimitsConf>, Reason> {
    match &facts.limits_conf {
        Fact::Known(conf) => Ok(Some(conf)),
        Fact::Absent => Ok(None),
        Fact::Unreadable(reason) => Err(reason.clone()),
    }
}

/// What is asked for the user of this service. Lines for groups are left out: which groups a user has is not known here.
pub(super) fn intent(conf: Option<&LimitsConf>, service: &Service) -> Option<Intent> {
    let uid = service.workers.first().map_or(service.master.uid, |worker| worker.process.uid);
    let unit = service.unit.known().and_then(|unit| unit.loaded.known());
    let user = if uid == 0 { Some("root") } else { unit.map(|loaded| loaded.user.as_str()) };
    let (soft, _) = conf?.for_session(&Session { user, uid, groups: &[] }, "nofile");
    soft.map(|line| Intent::of(line, line.domain != EVERYBODY))
}

/// What is asked for everybody but root.
pub(super) fn for_everybody(conf: Option<&LimitsConf>) -> Option<Intent> {
    let soft = |line: &&LimitsLine| line.item == "nofile" && line.soft && line.domain == EVERYBODY;
    conf?.lines.iter().rfind(soft).map(|line| Intent::of(line, false))
}

const EVERYBODY: &str = "*";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;

    fn conf(lines: &[(&str, u64)]) -> LimitsConf {
        let line = |(n, (domain, value)): (usize, &(&str, u64))| LimitsLine {
            file: "/etc/security/limits.d/90-app.conf".into(),
            line: n + 1,
            domain: (*domain).into(),
            soft: true,
            hard: true,
            item: "nofile".into(),
            value: Limit::At(*value),
        };
        LimitsConf { lines: lines.iter().enumerate().map(line).collect() }
    }

    #[test]
    fn a_line_for_the_user_beats_a_later_line_for_everybody() {
        let found = intent(Some(&conf(&[("www-data", 8192), ("*", 65_536)])), &healthy::service()).unwrap();
        assert_eq!((found.soft, found.names_user), (Limit::At(8192), true));
        assert_eq!(found.line, "/etc/security/limits.d/90-app.conf:1: www-data - nofile 8192");
    }

    #[test]
    fn a_user_that_is_freed_from_limits_is_asked_nothing() {
        let mut freed = conf(&[("*", 65_536)]);
        let free = LimitsLine { domain: "www-data".into(), item: "-".into(), ..freed.lines[0].clone() };
        freed.lines.push(free);
        assert_eq!(intent(Some(&freed), &healthy::service()), None);
    }

    #[test]
    fn everybody_is_not_root() {
        let mut root = healthy::service();
        root.workers.iter_mut().for_each(|worker| worker.process.uid = 0);
        assert_eq!(intent(Some(&conf(&[("*", 65_536)])), &root), None);
        assert!(intent(Some(&conf(&[("root", 65_536)])), &root).unwrap().names_user);
    }
}
