//! Names that rotation gives to the files of a log.

/// How logrotate(8) and its compressors end a name.
const COMPRESSED: [&str; 4] = [".gz", ".xz", ".zst", ".bz2"];

/// Whether a name is that of the log, or one that logrotate(8) gave it: `kern.log.2.gz`, `messages-20261120.xz`.
pub fn is_member(name: &str, family: &str) -> bool {
    let Some(rest) = name.strip_prefix(family) else { return false };
    let rest = COMPRESSED.iter().find_map(|end| rest.strip_suffix(end)).unwrap_or(rest);
    let is_rotation = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    rest.is_empty() || (rest.starts_with(['.', '-']) && rest.len() > 1 && rest.bytes().all(is_rotation))
}
