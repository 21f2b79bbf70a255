//! What systemd has loaded: asked through `systemctl show`, its stable interface for programs (systemctl(1)).

mod question;

use crate::facts::{Fact, LoadedUnit, Reason, parse_shows};
use crate::host::stored::is_unit_name;
use crate::units::Limit;
use nix::unistd::geteuid;
use question::ask;
pub use question::{answer, quiet_command, systemctl};
use std::collections::BTreeMap;
use std::path::Path;

/// The properties gtune judges. Those an old systemd does not know it leaves out of the answer.
const PROPERTIES: &str = "--property=Id,Names,LoadState,NeedDaemonReload,TriggeredBy,\
    Type,MainPID,ActiveState,Result,NRestarts,OOMPolicy,KillMode,TimeoutStopUSec,\
    LimitNOFILE,LimitNOFILESoft,TasksMax,MemoryMax,ExecStart,ExecReload,Environment,EnvironmentFiles,\
    User,DynamicUser,WorkingDirectory,RuntimeDirectory,StateDirectory,LogsDirectory,\
    PrivateTmp,PrivateDevices,PrivateNetwork,PrivateUsers,ProtectSystem,ProtectHome,\
    ReadWritePaths,ReadOnlyPaths,InaccessiblePaths,ExecPaths,NoExecPaths,\
    TemporaryFileSystem,BindPaths,BindReadOnlyPaths,RootDirectory,RootImage";

/// Whether systemd is the service manager of the live host, as sd_booted(3) finds out.
pub fn is_manager() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// What the system's manager has loaded for each of these units; absent for a unit it does not know. One subprocess.
pub fn show(units: &[String]) -> BTreeMap<String, Fact<LoadedUnit>> {
    if is_manager() {
        shown(units, &["show"], &[])
    } else {
        unreadable(units, "systemd is not the service manager of this host")
    }
}

/// The same of a user's manager, which answers to that user alone.
pub fn show_user(uid: u32, units: &[String]) -> BTreeMap<String, Fact<LoadedUnit>> {
    let own = geteuid().as_raw();
    if uid != own {
        let reason = format!("the service manager of uid {uid} answers to that user alone: gtune runs as uid {own}");
        return unreadable(units, &reason);
    }
    match std::env::var("XDG_RUNTIME_DIR") {
        Ok(directory) => shown(units, &["--user", "show"], &[("XDG_RUNTIME_DIR", &directory)]),
        Err(_) => unreadable(units, "XDG_RUNTIME_DIR is not set, so the user's service manager cannot be found"),
    }
}

/// The version of systemd, and the soft limit of open files that its services start with (`DefaultLimitNOFILESoft`).
/// Both absent where systemd is not the service manager. One subprocess.
pub fn manager_defaults() -> (Fact<u32>, Fact<Limit>) {
    if !is_manager() {
        return (Fact::Absent, Fact::Absent);
    }
    match ask(&["show", "--property=Version,DefaultLimitNOFILESoft"], &[]) {
        Ok(answer) => (version(&answer), default_open_files(&answer)),
        Err(reason) => (Fact::Unreadable(reason.clone()), Fact::Unreadable(reason)),
    }
}

fn unreadable(units: &[String], reason: &str) -> BTreeMap<String, Fact<LoadedUnit>> {
    units.iter().map(|unit| (unit.clone(), Fact::unreadable(reason))).collect()
}

fn shown(units: &[String], verb: &[&str], environment: &[(&str, &str)]) -> BTreeMap<String, Fact<LoadedUnit>> {
    let named: Vec<&str> = units.iter().map(String::as_str).filter(|unit| is_unit_name(unit)).collect();
    if named.is_empty() {
        return unreadable(units, "not the name of a unit");
    }
    let arguments = [verb, &[PROPERTIES, "--"], &named].concat();
    match ask(&arguments, environment) {
        Ok(answer) => {
            let blocks = parse_shows(&answer);
            units.iter().map(|unit| (unit.clone(), loaded(&blocks, unit))).collect()
        }
        Err(reason) => units.iter().map(|unit| (unit.clone(), Fact::Unreadable(reason.clone()))).collect(),
    }
}

/// The block of a unit, which stands under its main name where it was asked for by an alias.
fn loaded(blocks: &BTreeMap<String, String>, unit: &str) -> Fact<LoadedUnit> {
    let has_name = |block: &&String| property(block, "Names").is_some_and(|names| names.split(' ').any(|n| n == unit));
    match blocks.get(unit).or_else(|| blocks.values().find(has_name)) {
        Some(block) if property(block, "LoadState") == Some("not-found") => Fact::Absent,
        Some(block) => Fact::Known(LoadedUnit::parse(block)),
        None => Fact::Unreadable(Reason::new(format!("systemctl show said nothing of {}", unit.escape_debug()))),
    }
}

fn property<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

/// `257` of `257.8-1~deb13u2`.
fn version(answer: &str) -> Fact<u32> {
    let text = property(answer, "Version").unwrap_or_default();
    let digits = text.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty());
    digits.and_then(|digits| digits.parse().ok()).into()
}

fn default_open_files(answer: &str) -> Fact<Limit> {
    match property(answer, "DefaultLimitNOFILESoft") {
        Some("infinity") => Fact::Known(Limit::Unlimited),
        Some(number) => number.parse().map_or_else(
            |_| Fact::unreadable(format!("not a limit: DefaultLimitNOFILESoft={}", number.escape_debug())),
            // systemd before 229 printed infinity as the greatest number.
            |n| Fact::Known(if n == u64::MAX { Limit::Unlimited } else { Limit::At(n) }),
        ),
        None => Fact::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "Version=257.8-1~deb13u2\nDefaultLimitNOFILESoft=1024\n";

    #[test]
    fn the_version_is_the_first_number() {
        assert_eq!(version(ANSWER), Fact::Known(257));
        assert_eq!(version("Version=v252\n"), Fact::Known(252));
        assert_eq!(version(""), Fact::Absent);
    }

    #[test]
    fn a_default_limit_is_a_number_or_infinity() {
        assert_eq!(default_open_files(ANSWER), Fact::Known(Limit::At(1024)));
        assert_eq!(default_open_files("DefaultLimitNOFILESoft=infinity\n"), Fact::Known(Limit::Unlimited));
        assert_eq!(default_open_files("DefaultLimitNOFILESoft=18446744073709551615\n"), Fact::Known(Limit::Unlimited));
        assert!(matches!(default_open_files("DefaultLimitNOFILESoft=many\n"), Fact::Unreadable(_)));
        assert_eq!(default_open_files(""), Fact::Absent);
    }

    #[test]
    fn a_unit_asked_for_by_an_alias_is_found_under_its_main_name() {
        let block = "Id=gunicorn.service\nNames=gunicorn.service web.service\nLoadState=loaded\n".to_owned();
        let blocks = BTreeMap::from([("gunicorn.service".to_owned(), block)]);
        assert!(loaded(&blocks, "web.service").known().is_some());
        assert!(matches!(loaded(&blocks, "other.service"), Fact::Unreadable(_)));
    }

    #[test]
    fn a_unit_the_manager_does_not_know_is_absent() {
        let block = "Id=gone.service\nNames=gone.service\nLoadState=not-found\n".to_owned();
        assert_eq!(loaded(&BTreeMap::from([("gone.service".to_owned(), block)]), "gone.service"), Fact::Absent);
    }

    #[test]
    fn another_users_manager_is_not_asked() {
        let units = ["app.service".to_owned()];
        let answer = show_user(geteuid().as_raw() + 1, &units);
        assert!(matches!(answer["app.service"], Fact::Unreadable(_)));
    }
}
