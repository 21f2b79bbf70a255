//! What `systemctl show` prints: the machine interface to what a manager has loaded (systemctl(1)).

use super::words::words;
use super::{LoadedUnit, parse_time_span};
use crate::facts::Fact;
use crate::units::Limit;
use std::collections::{BTreeMap, HashMap};

/// What confines a service, as far as it can keep Gunicorn from its files.
const SANDBOX: [&str; 20] = [
    "BindPaths",
    "BindReadOnlyPaths",
    "DynamicUser",
    "ExecPaths",
    "InaccessiblePaths",
    "LogsDirectory",
    "NoExecPaths",
    "PrivateDevices",
    "PrivateNetwork",
    "PrivateTmp",
    "PrivateUsers",
    "ProtectHome",
    "ProtectSystem",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "RootDirectory",
    "RootImage",
    "RuntimeDirectory",
    "StateDirectory",
    "TemporaryFileSystem",
];

/// The values of one unit by key; a key that is printed on several lines has several.
struct Properties<'a>(HashMap<&'a str, Vec<&'a str>>);

impl<'a> Properties<'a> {
    fn read(show: &'a str) -> Self {
        let mut all: HashMap<&str, Vec<&str>> = HashMap::new();
        for (key, value) in show.lines().filter_map(|line| line.split_once('=')) {
            all.entry(key).or_default().push(value);
        }
        Self(all)
    }

    fn all(&self, key: &str) -> &[&'a str] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    fn first(&self, key: &str) -> Option<&'a str> {
        self.all(key).first().copied()
    }

    fn text(&self, key: &str) -> String {
        self.first(key).unwrap_or_default().to_owned()
    }

    /// A number or time; absent where the key was not printed, empty or `[not set]`.
    fn limit(&self, key: &str, parse: fn(&str) -> Option<Limit>) -> Fact<Limit> {
        match self.first(key) {
            None | Some("" | "[not set]") => Fact::Absent,
            Some(value) => match parse(value) {
                Some(limit) => Fact::Known(limit),
                None => Fact::unreadable(format!("systemctl show printed {key}={value}, which is no limit")),
            },
        }
    }
}

impl LoadedUnit {
    /// Reads the block that `systemctl show` prints for one service. What it does not print is empty or absent.
    ///
    /// The arguments of `ExecStart` are printed with blanks between and without quotes. They are split at blanks, so
    /// an argument that holds one comes apart and one that is empty is lost; the unit file knows better.
    pub fn parse(show: &str) -> Self {
        let p = Properties::read(show);
        Self {
            kind: p.text("Type"),
            main_pid: p.first("MainPID").and_then(|v| v.parse().ok()).unwrap_or(0),
            active_state: p.text("ActiveState"),
            result: p.text("Result"),
            restarts: p.first("NRestarts").and_then(|v| v.parse().ok()),
            oom_policy: p.text("OOMPolicy"),
            kill_mode: p.text("KillMode"),
            timeout_stop: p.limit("TimeoutStopUSec", parse_time_span),
            open_files_soft: p.limit("LimitNOFILESoft", parse_number),
            open_files_hard: p.limit("LimitNOFILE", parse_number),
            tasks_max: p.limit("TasksMax", parse_number),
            memory_max: p.limit("MemoryMax", parse_number),
            exec_start: p.first("ExecStart").map(|v| split_blanks(arguments(v))).unwrap_or_default(),
            exec_reload: p.first("ExecReload").map(arguments).unwrap_or_default().to_owned(),
            environment: p.all("Environment").iter().flat_map(|v| words(v)).map(|word| word.text).collect(),
            environment_files: p.all("EnvironmentFiles").iter().filter_map(|v| environment_file(v)).collect(),
            user: p.text("User"),
            working_directory: p.text("WorkingDirectory"),
            socket_units: socket_units(p.first("TriggeredBy").unwrap_or_default()),
            need_daemon_reload: p.first("NeedDaemonReload") == Some("yes"),
            sandbox: sandbox(&p),
        }
    }
}

/// The blocks of several units by their `Id`. Ask for `Id`, or a block cannot be told and is left out.
pub fn parse_shows(text: &str) -> BTreeMap<String, String> {
    let id_of = |block: &str| block.lines().find_map(|line| line.strip_prefix("Id=")).map(str::to_owned);
    text.split("\n\n").filter_map(|block| Some((id_of(block)?, block.trim_matches('\n').to_owned()))).collect()
}

/// `infinity`, or the number of 64 bits that older versions print for it, is no limit.
fn parse_number(value: &str) -> Option<Limit> {
    match value {
        "infinity" => Some(Limit::Unlimited),
        number => number.parse().ok().map(|n| if n == u64::MAX { Limit::Unlimited } else { Limit::At(n) }),
    }
}

/// The command line in `{ path=… ; argv[]=… ; ignore_errors=no ; start_time=… }`.
fn arguments(value: &str) -> &str {
    let Some((_, from)) = value.split_once("argv[]=") else { return "" };
    // The last of these is systemd's own; an argument may hold the same text.
    let end = from.rfind(" ; ignore_errors=").or_else(|| from.rfind(" ; flags="));
    end.map_or(from, |end| &from[..end])
}

fn split_blanks(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// `/etc/default/web (ignore_errors=yes)`: the path, and whether it may be missing.
fn environment_file(value: &str) -> Option<(String, bool)> {
    let (path, may_be_missing) = match value.rsplit_once(" (ignore_errors=") {
        Some((path, rest)) => (path, rest == "yes)"),
        None => (value, false),
    };
    (!path.is_empty()).then(|| (path.to_owned(), may_be_missing))
}

fn socket_units(triggered_by: &str) -> Vec<String> {
    triggered_by.split_ascii_whitespace().filter(|unit| unit.ends_with(".socket")).map(str::to_owned).collect()
}

fn sandbox(properties: &Properties<'_>) -> BTreeMap<String, String> {
    SANDBOX.iter().filter_map(|key| Some(((*key).to_owned(), properties.first(key)?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A unit with every oddity, as systemd 252 and 257 print it alike.
    const WEB: &str = include_str!("../../../tests/data/systemctl-show-web.txt");
    const THREE: &str = include_str!("../../../tests/data/systemctl-show-three.txt");
    const RUNNING: &str = include_str!("../../../tests/data/systemctl-show-running.txt");
    const OOM_KILLED: &str = include_str!("../../../tests/data/systemctl-show-oom-killed.txt");

    #[test]
    fn limits_are_numbers_or_none_at_all() {
        let unit = LoadedUnit::parse(WEB);
        assert_eq!(unit.open_files_soft, Fact::Known(Limit::At(4096)));
        assert_eq!(unit.open_files_hard, Fact::Known(Limit::Unlimited));
        assert_eq!(unit.tasks_max, Fact::Known(Limit::Unlimited));
        assert_eq!(unit.memory_max, Fact::Known(Limit::At(200 << 20)));
        assert_eq!(unit.timeout_stop, Fact::Known(Limit::At(90_000_000)));
    }

    #[test]
    fn the_environment_comes_back_as_it_was_set() {
        let expected = [
            "A=1",
            "B=two words",
            "C=its",
            "D=q\"x",
            "E=a\\b",
            "F=a$b",
            "G=",
            "H=semi;x",
            "I=äö",
            "J=tab\tx",
            "K=nl\nx",
            "L=it's",
            "M=%",
        ];
        assert_eq!(LoadedUnit::parse(WEB).environment, expected);
    }

    #[test]
    fn each_environment_file_says_whether_it_may_be_missing() {
        let files = LoadedUnit::parse(WEB).environment_files;
        assert_eq!(files, [("/run/env/missing".to_owned(), true), ("/run/env/here".to_owned(), false)]);
    }

    #[test]
    fn a_command_ends_where_systemd_goes_on_and_not_where_an_argument_looks_so() {
        let unit = LoadedUnit::parse(WEB);
        assert_eq!(unit.exec_start.first().map(String::as_str), Some("/bin/sleep"));
        assert_eq!(unit.exec_start.last().map(String::as_str), Some("1000"));
        assert_eq!(unit.exec_reload, "/bin/kill -s HUP $MAINPID");
    }

    #[test]
    fn what_confines_the_service_is_kept_as_printed() {
        let sandbox = LoadedUnit::parse(WEB).sandbox;
        assert_eq!(
            (sandbox["ProtectSystem"].as_str(), sandbox["ReadWritePaths"].as_str()),
            ("strict", "/srv/a \"/srv/b c\"")
        );
    }

    #[test]
    fn a_real_gunicorn_is_read_in_life_and_death() {
        let (alive, dead) = (LoadedUnit::parse(RUNNING), LoadedUnit::parse(OOM_KILLED));
        assert_eq!((alive.main_pid, alive.result.as_str(), alive.active_state.as_str()), (171, "success", "active"));
        assert_eq!((dead.main_pid, dead.result.as_str()), (0, "oom-kill"));
        assert_eq!((alive.timeout_stop, alive.restarts), (Fact::Absent, Some(0)));
    }

    #[test]
    fn several_units_are_told_apart_by_their_id() {
        let blocks = parse_shows(THREE);
        assert_eq!(blocks.keys().collect::<Vec<_>>(), ["cron.service", "nosuch.service", "web.service"]);
        assert_eq!(LoadedUnit::parse(&blocks["cron.service"]).tasks_max, Fact::Known(Limit::At(1154)));
        assert_eq!(LoadedUnit::parse(&blocks["nosuch.service"]).oom_policy, "");
    }

    #[test]
    fn only_sockets_count_among_the_triggers() {
        assert_eq!(LoadedUnit::parse("TriggeredBy=web.timer web.socket\n").socket_units, ["web.socket"]);
    }

    #[test]
    fn a_limit_that_is_none_is_not_taken_for_one() {
        let unit = LoadedUnit::parse("TasksMax=[not set]\nMemoryMax=soon\nLimitNOFILE=18446744073709551615\n");
        assert_eq!((unit.tasks_max, unit.open_files_hard), (Fact::Absent, Fact::Known(Limit::Unlimited)));
        assert!(matches!(unit.memory_max, Fact::Unreadable(_)));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s).*", value in "(?s).*") {
            parse_shows(&text);
            LoadedUnit::parse(&text);
            LoadedUnit::parse(&format!("ExecStart={value}\nEnvironment={value}\nEnvironmentFiles={value}"));
        }
    }
}
