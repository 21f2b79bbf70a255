//! Where logs go by settings and units, as paths (pure).

use crate::facts::Unit;
use crate::gunicorn::Settings;

/// The path of the error log that is set, beneath this directory where it is relative; none for standard error.
pub fn error_log(settings: &Settings, directory: &str) -> Option<String> {
    let set = settings.errorlog().known().map(|set| set.value.clone())?;
    (set != "-").then(|| joined(directory, &set))
}

/// A path from a directory.
pub fn joined(directory: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", directory.trim_end_matches('/')) }
}

/// The files that a unit's standard error and output go to, specifiers in place (systemd.exec(5)); standard error goes where
/// output goes unless it is told otherwise.
pub fn outputs(unit: &Unit) -> Vec<String> {
    let value = |key: &str| unit.winner(key).map(|line| line.value.as_str());
    let output = value("Service.StandardOutput");
    let error = value("Service.StandardError").filter(|value| *value != "inherit").or(output);
    let path = |value: &str| {
        let path = ["file:", "append:", "truncate:"].iter().find_map(|kind| value.strip_prefix(kind))?;
        specified(path, &unit.name).filter(|path| path.starts_with('/'))
    };
    error.and_then(path).into_iter().collect()
}

/// A path of a unit with its specifiers in place (systemd.unit(5)); none where one stands for what only the manager knows.
pub fn specified(text: &str, unit: &str) -> Option<String> {
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut whole = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            whole.push(c);
            continue;
        }
        match rest.next()? {
            '%' => whole.push('%'),
            'n' => whole.push_str(unit),
            'N' => whole.push_str(stem),
            'p' => whole.push_str(prefix),
            'i' => whole.push_str(instance),
            'j' => whole.push_str(prefix.rsplit('-').next()?),
            'L' => whole.push_str("/var/log"),
            'S' => whole.push_str("/var/lib"),
            't' => whole.push_str("/run"),
            _ => return None,
        }
    }
    Some(whole)
}
