//! Who may read a file, told by its permissions and group(5).

/// Who may read a file, by its permissions: root, and its group where that has a name and may.
pub fn who_may(groups: &[u8], mode: u32, group: u32) -> String {
    // 040 is the group's right to read; group 0 is root's own.
    if mode & 0o040 == 0 || group == 0 {
        return "needs root".to_owned();
    }
    match group_name(groups, group) {
        Some(name) => format!("needs root or group {name}"),
        None => format!("needs root or group {group}"),
    }
}

/// Whether a group is there (group(5)).
pub fn has_group(groups: &[u8], name: &str) -> bool {
    entries(groups).any(|(own, _)| own == name)
}

fn group_name(groups: &[u8], group: u32) -> Option<&str> {
    entries(groups).find(|(_, number)| *number == group).map(|(name, _)| name)
}

fn entries(groups: &[u8]) -> impl Iterator<Item = (&str, u32)> {
    groups.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = std::str::from_utf8(line).ok()?.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        Some((name, fields.nth(1)?.parse().ok()?))
    })
}
