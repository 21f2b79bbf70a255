//! Where an operator's own drop-ins of a unit lie, and under which name one is read last (systemd.unit(5)).

use super::Unit;

impl Unit {
    /// Where an operator's own drop-ins lie: `/etc/systemd/system/gunicorn.service.d`; for a unit of a user's manager
    /// below `~/.config`.
    pub fn drop_in_directory(&self) -> String {
        let base = if self.of_user { "~/.config/systemd/user" } else { "/etc/systemd/system" };
        format!("{base}/{}.d", self.name)
    }

    /// The name of a new drop-in that is read after all others of the unit, and so wins: they are read in the order of
    /// their names, whatever directory they lie in, and `systemctl edit` writes `override.conf`. It is never the name of
    /// a file that is there already.
    pub fn last_drop_in_name(&self, topic: &str) -> String {
        drop_in_name_after(topic, self.drop_ins.iter().map(String::as_str))
    }
}

/// The name of a drop-in for a topic that is read after these files: `60-TOPIC.conf` where that is enough.
pub fn drop_in_name_after<'a>(topic: &str, files: impl Iterator<Item = &'a str>) -> String {
    let last = files.map(base_name).max().unwrap_or_default();
    let usual = [format!("60-{topic}.conf"), format!("zz-{topic}.conf")];
    usual.into_iter().find(|name| name.as_str() > last).unwrap_or_else(|| {
        // The next byte of the last one is the dot of its suffix, and `z` is above that.
        format!("{}z-{topic}.conf", last.strip_suffix(".conf").unwrap_or(last))
    })
}

/// The file's name without its directory.
pub fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// A line `Environment="NAME=value"` that systemd reads as this value: backslashes, quotes, ends of lines and the percent
/// sign of specifiers are escaped (systemd.exec(5), systemd.unit(5)).
pub fn environment_line(name: &str, value: &str) -> String {
    environment_line_of(name, &value.replace('%', "%%"))
}

/// The same for a value whose specifiers are meant: `%i` stays, and a percent sign is `%%`.
pub fn environment_line_of(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
    format!("Environment=\"{name}={value}\"")
}
