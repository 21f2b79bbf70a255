//! Lines of a sysctl file, in what both loaders agree on.

/// One line that says something about a key or a pattern of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Line number, from 1.
    pub number: usize,
    /// The text before the equals sign without a leading dash; not normalised.
    pub key: &'a str,
    /// The value; none for `-key`, which keeps patterns off a key.
    pub value: Option<&'a str>,
}

/// Reads one line whose outer blanks are gone: `key = value`, `-key = value` (mute errors, assign all the same), `-key`.
pub(super) fn read_line(number: usize, text: &str) -> Option<Line<'_>> {
    if text.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
    match key.strip_prefix('-') {
        Some(key) => Some(Line { number, key, value }),
        None => value.map(|_| Line { number, key, value }),
    }
}

/// Turns separators into slashes. Where the first one is a dot, dots and slashes change places (sysctl.d(5)).
pub(super) fn slashes(key: &str) -> String {
    let dots_separate = key.find(['.', '/']).is_some_and(|at| key.as_bytes()[at] == b'.');
    let swap = |c| match c {
        '.' if dots_separate => '/',
        '/' if dots_separate => '.',
        other => other,
    };
    key.chars().map(swap).collect()
}

/// A path below `/proc/sys` without what the kernel overlooks in a path: leading and doubled slashes, `.`.
pub(super) fn simple(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    parts.join("/")
}
