//! Mounts of a mount namespace, and mount units stored for boot.

use crate::facts::fstab::split_options;
use crate::facts::{FsKind, octal, parse_unit_file};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// One line of `/proc/<pid>/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Mount id; the `mnt_id` of a descriptor's fdinfo names it.
    pub id: u64,
    /// Mount id of the parent.
    pub parent: u64,
    /// Device number as `major:minor`.
    pub device: String,
    /// The directory of the file system that forms the root of this mount.
    pub root: String,
    /// Where it is mounted, relative to the process's root, octal escapes decoded.
    pub mount_point: String,
    /// Type of the file system.
    pub kind: FsKind,
    /// Source field, octal escapes decoded.
    pub source: String,
    /// Options of the mount, then those of the file system.
    pub options: Vec<String>,
}

/// A `.mount` unit stored for boot, or one that the distribution switches on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MountUnit {
    /// `Where=`.
    pub mount_point: String,
    /// `Type=`.
    pub kind: FsKind,
    /// `Options=`.
    pub options: Vec<String>,
    /// The file it is read from.
    pub file: String,
    /// Whether something wants it at boot (`*.wants/` link) and nothing masks it.
    pub enabled: bool,
}

impl Mount {
    /// All mounts of a `mountinfo` file, in its order. A line that is cut short or no mount is left out.
    ///
    /// Not procfs's parser: that one loses the whole file at one odd line, the escapes, and the order of options.
    pub fn parse_all(mountinfo: &[u8]) -> Vec<Self> {
        mountinfo.split(|b| *b == b'\n').filter_map(Self::parse_line).collect()
    }

    /// One line. Fields lie between single spaces, since a source may be empty.
    fn parse_line(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|b| *b == b' ');
        let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
        let (id, parent) = (number()?, number()?);
        let device = octal::decode(fields.next()?);
        let (root, mount_point) = (octal::decode(fields.next()?), octal::decode(fields.next()?));
        let mut options = split_options(&octal::decode(fields.next()?));
        // The optional fields (shared:1, master:2, …) are as many as there are; a lone dash ends them.
        fields.find(|field| *field == b"-")?;
        let (kind, source) = (octal::decode(fields.next()?), octal::decode(fields.next()?));
        for option in split_options(&octal::decode(fields.next()?)) {
            if !options.contains(&option) {
                options.push(option);
            }
        }
        Some(Self { id, parent, device, root, mount_point, kind: FsKind::named(kind), source, options })
    }

    /// How many components of `path` lie above or at the mount point; none where the path is not below it.
    fn depth_on(&self, path: &str) -> Option<usize> {
        // The kernel marks a mount point that was removed; no path leads there any more.
        if self.mount_point.ends_with("//deleted") {
            return None;
        }
        let mut of_path = components(path);
        let mut depth = 0;
        for component in components(&self.mount_point) {
            (of_path.next()? == component).then_some(())?;
            depth += 1;
        }
        Some(depth)
    }
}

/// The mount a path lies on: the deepest mount point above it, and of several there the last, which hides the others.
///
/// The path is taken as it is: absolute, links already resolved.
pub fn mount_of<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let depths = mounts.iter().filter_map(|mount| Some((mount.depth_on(path)?, mount)));
    depths.max_by_key(|(depth, _)| *depth).map(|(_, mount)| mount)
}

/// The mount with this id, as `mnt_id` in `/proc/<pid>/fdinfo` names it.
pub fn mount_by_id(mounts: &[Mount], id: u64) -> Option<&Mount> {
    mounts.iter().find(|mount| mount.id == id)
}

impl MountUnit {
    /// Reads a `.mount` unit (systemd.mount(5)); none where it has no `Where=`. `enabled` is left false: links tell it.
    pub fn parse(file: &str, bytes: &[u8]) -> Option<Self> {
        let mut keys = BTreeMap::new();
        parse_unit_file(file, bytes, &mut keys);
        let last = |key: &str| keys.get(key).and_then(|all| all.last()).map(|a| a.value.as_str());
        Some(Self {
            mount_point: normal_path(last("Mount.Where")?),
            kind: FsKind::named(last("Mount.Type").unwrap_or("auto")),
            options: last("Mount.Options").map(split_options).unwrap_or_default(),
            file: file.to_owned(),
            enabled: false,
        })
    }
}

/// The unit name of a path without its suffix, as `systemd-escape --path` prints it: `/srv/my mem` → `srv-my\x20mem`.
pub fn unit_name_of_path(path: &str) -> String {
    let simple: Vec<&str> = components(path).collect();
    if simple.is_empty() {
        return "-".to_owned();
    }
    let mut name = String::with_capacity(path.len());
    for (index, byte) in simple.join("/").bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' => name.push(char::from(byte)),
            b'.' if index > 0 => name.push('.'),
            // Writing to a String cannot fail.
            _ => drop(write!(name, "\\x{byte:02x}")),
        }
    }
    name
}

/// An absolute path without doubled and trailing slashes; anything else (`none`, `swap`) as it is.
pub(super) fn normal_path(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOST: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
27 22 0:24 / /mem rw,nosuid,nodev shared:2 master:7 - tmpfs tmpfs rw,size=65536k
30 22 0:30 / /srv/my\\040mem ro - tmpfs  rw
31 27 0:31 / /mem rw - ramfs ramfs rw
";

    #[test]
    fn a_line_has_any_number_of_optional_fields() {
        let mounts = Mount::parse_all(HOST.as_bytes());
        assert_eq!(mounts.iter().map(|m| m.id).collect::<Vec<_>>(), [22, 27, 30, 31]);
        assert_eq!(mounts[1].options, ["rw", "nosuid", "nodev", "size=65536k"]);
        assert_eq!((mounts[2].source.as_str(), mounts[2].mount_point.as_str()), ("", "/srv/my mem"));
    }

    #[test]
    fn one_odd_line_costs_no_other() {
        let odd = HOST.replace("27 22 0:24", "27 \u{fffd}");
        assert_eq!(Mount::parse_all(odd.as_bytes()).len(), 3);
    }

    #[test]
    fn a_path_lies_on_the_deepest_mount_by_whole_names() {
        let mounts = Mount::parse_all(HOST.as_bytes());
        let kind = |path| mount_of(&mounts, path).unwrap().kind.name().to_owned();
        assert_eq!(kind("/memory/x"), "ext4");
        assert_eq!(kind("/srv/my mem/wgunicorn-x"), "tmpfs");
        assert_eq!(kind("/"), "ext4");
    }

    #[test]
    fn a_later_mount_hides_an_earlier_one_at_the_same_place() {
        let mounts = Mount::parse_all(HOST.as_bytes());
        assert_eq!(mount_of(&mounts, "/mem/wgunicorn-x").unwrap().kind.name(), "ramfs");
        assert_eq!(mount_by_id(&mounts, 27).unwrap().kind.name(), "tmpfs");
    }

    #[test]
    fn a_removed_mount_point_holds_no_path() {
        let mounts = Mount::parse_all(&[HOST.as_bytes(), b"40 22 0:40 / /a//deleted rw - tmpfs t rw\n"].concat());
        assert_eq!(mount_of(&mounts, "/a/deleted/x").unwrap().id, 22);
    }

    #[test]
    fn a_mount_unit_needs_a_place() {
        let unit = MountUnit::parse("/etc/systemd/system/mem.mount", b"[Mount]\nWhat=tmpfs\nWhere=/mem/\nType=tmpfs\n");
        assert_eq!(unit.unwrap().mount_point, "/mem");
        assert_eq!(MountUnit::parse("x.mount", b"[Mount]\nWhat=tmpfs\n"), None);
    }

    #[test]
    fn a_unit_name_is_what_systemd_escape_prints() {
        // Each taken from `systemd-escape -p` of systemd 252.
        for (path, name) in [
            ("/mem", "mem"),
            ("/srv/my mem", r"srv-my\x20mem"),
            ("//srv//a-b/", r"srv-a\x2db"),
            ("/", "-"),
            ("/.hidden/.x", r"\x2ehidden-.x"),
            ("/a:b_c.d", "a:b_c.d"),
            ("/ü", r"\xc3\xbc"),
            ("/a/./b", "a-b"),
        ] {
            assert_eq!(unit_name_of_path(path), name);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mounts = Mount::parse_all(&bytes);
            mount_of(&mounts, &String::from_utf8_lossy(&bytes));
            MountUnit::parse("x.mount", &bytes);
        }

        #[test]
        fn an_encoded_mount_reads_as_the_kernel_meant_it(source in "(?s).{0,20}", point in "(/[^/\0]{1,8}){1,4}") {
            let (s, p) = (octal::encode(&source), octal::encode(&point));
            let mounts = Mount::parse_all(format!("1 0 0:1 / {p} rw shared:1 - tmpfs {s} rw\n").as_bytes());
            prop_assert_eq!(&mounts[0].source, &source);
            prop_assert_eq!(&mounts[0].mount_point, &point);
        }

        #[test]
        fn a_unit_name_holds_the_whole_path(path in "(/[^/\0.]{1,8}){1,4}") {
            let name = unit_name_of_path(&path);
            prop_assert_eq!(format!("/{}", unescape(&name.replace('-', "/"))), path);
        }
    }

    fn unescape(name: &str) -> String {
        let mut parts = name.split("\\x");
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend_from_slice(&part.as_bytes()[2..]);
        }
        String::from_utf8(bytes).unwrap()
    }
}
