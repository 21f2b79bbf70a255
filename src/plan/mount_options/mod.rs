//! What the options of a tmpfs mean (tmpfs(5), mount(8)), whoever wrote them: fstab, a unit, or the kernel.
//!
//! Options are never compared as text: the kernel prints `size=65536k` for `64m`, `nr_inodes=4096` for `4k`, and leaves
//! out `mode=1777` and whatever only mount(8) reads.

mod cap;
mod flag;
mod number;
mod userspace;

pub use cap::{Cap, percent_of, size_value};
pub use flag::{Decides, flag};
pub use number::count;
pub use userspace::{is_userspace, kernel_options};

use super::MountSize;
use crate::units::Bytes;
use cap::size;
use number::number;
use std::collections::BTreeMap;
use userspace::implied;

/// The options of a tmpfs by what they mean. Of several that contradict each other the last one counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TmpfsOptions {
    /// `size=` or `nr_blocks=`; without one the kernel takes half of the memory.
    pub size: Option<Cap>,
    /// `nr_inodes=`; 0 is no bound. Without it the kernel takes one for every two pages of memory.
    pub inodes: Option<u64>,
    /// Permission bits of the root directory; without it the kernel takes 1777. No effect on a remount.
    pub mode: Option<u32>,
    /// Owner of the root directory, by number or, for mount(8) alone, by name.
    pub uid: Option<String>,
    /// Group of the root directory, by number or name.
    pub gid: Option<String>,
    /// Flags such as `nosuid` and `ro`, by what they decide.
    flags: BTreeMap<Decides, &'static str>,
    /// Options that mount(8), systemd or nobody reads: `nofail`, `comment=…`, `x-systemd.…`.
    pub userspace: Vec<String>,
    /// Options of tmpfs and of security modules that mean nothing to a heartbeat: `huge=`, `rootcontext=`.
    pub others: Vec<String>,
    /// What is none of these, or has a value that cannot be read.
    pub unknown: Vec<String>,
}

/// The options above that have a value, by name.
const VALUES: [&str; 6] = ["size", "nr_blocks", "nr_inodes", "mode", "uid", "gid"];

/// Options of tmpfs beside those above (tmpfs(5)), and of security modules, by name.
const OTHERS: &[&str] = &[
    "huge",
    "mpol",
    "inode32",
    "inode64",
    "noswap",
    "quota",
    "usrquota",
    "grpquota",
    "usrquota_block_hardlimit",
    "usrquota_inode_hardlimit",
    "grpquota_block_hardlimit",
    "grpquota_inode_hardlimit",
    "casefold",
    "strict_encoding",
    "context",
    "fscontext",
    "defcontext",
    "rootcontext",
    "seclabel",
    "smackfsdef",
    "smackfsroot",
    "smackfsfloor",
    "smackfshat",
    "smackfstransmute",
];

/// The flags that a mount which holds nothing but heartbeat files does without, as `tmpfs-mount` wants them.
pub const CAREFUL: [&str; 3] = ["nosuid", "nodev", "noexec"];

impl TmpfsOptions {
    /// Reads options, each as it stands between commas.
    pub fn read<S: AsRef<str>>(options: &[S]) -> Self {
        let mut read = Self::default();
        for option in options {
            read.add(option.as_ref());
        }
        read
    }

    fn add(&mut self, option: &str) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if let Some((flag, decides)) = flag(option) {
            self.flags.insert(decides, flag);
        } else if is_userspace(option) {
            implied(option).iter().for_each(|flag| self.add(flag));
            self.userspace.push(option.to_owned());
        } else if !self.take_value(name, value) {
            let to = if OTHERS.contains(&name) { &mut self.others } else { &mut self.unknown };
            to.push(option.to_owned());
        }
    }

    /// Keeps what an option of tmpfs sets; false where it is none, or its value cannot be read.
    fn take_value(&mut self, name: &str, value: &str) -> bool {
        match name {
            "size" => keep(&mut self.size, size(value)),
            "nr_blocks" => keep(&mut self.size, number(value).map(Cap::Pages)),
            "nr_inodes" => keep(&mut self.inodes, number(value)),
            "mode" => keep(&mut self.mode, u32::from_str_radix(value, 8).ok()),
            "uid" => keep(&mut self.uid, Some(value.to_owned()).filter(|value| !value.is_empty())),
            "gid" => keep(&mut self.gid, Some(value.to_owned()).filter(|value| !value.is_empty())),
            _ => false,
        }
    }

    /// Whether this flag is the one that counts.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.values().any(|set| *set == flag)
    }

    /// Whether mount(8) or systemd is told this.
    pub fn tells(&self, option: &str) -> bool {
        self.userspace.iter().any(|told| told == option)
    }

    /// The size as a request would name it, where there is a bound in bytes or per cent.
    pub fn bound(&self) -> Option<MountSize> {
        match self.size? {
            Cap::Bytes(bytes) if bytes > 0 => Some(MountSize::Bytes(Bytes(bytes))),
            Cap::Percent(percent @ 1..=100) => Some(MountSize::Percent(percent as u8)),
            _ => None,
        }
    }

    /// Whether no more than a part of the memory can be taken there: a size is given and is not 0.
    pub fn bounds_size(&self) -> bool {
        self.size.is_some_and(|cap| !matches!(cap, Cap::Bytes(0) | Cap::Percent(0) | Cap::Pages(0)))
    }

    /// Whether a number of inodes is given and is not 0.
    pub fn bounds_inodes(&self) -> bool {
        self.inodes.is_some_and(|inodes| inodes > 0)
    }

    /// What a careful mount for heartbeats has and this one has not, as `tmpfs-mount` judges it: the flags, a size, a
    /// number of inodes, and that it can be written.
    pub fn lacks(&self) -> Vec<&'static str> {
        let flags = CAREFUL.into_iter().filter(|flag| !self.has(flag));
        let caps = [("size=", self.bounds_size()), ("nr_inodes=", self.bounds_inodes()), ("rw", !self.has("ro"))];
        flags.chain(caps.into_iter().filter(|(_, given)| !given).map(|(cap, _)| cap)).collect()
    }

    /// Whether the size is this one, to a page; without a size, the half of the memory that the kernel takes is meant.
    ///
    /// `memory` is all of it (`MemTotal`); unknown, per cent can be compared with per cent alone.
    pub fn is_size(&self, wanted: MountSize, memory: Option<Bytes>) -> bool {
        self.size.unwrap_or(Cap::Percent(50)).is_near(Cap::from(wanted), memory)
    }

    /// Whether only its owner may write there, and the owner is root: a service that does not start as root cannot.
    pub fn is_roots_alone(&self) -> bool {
        let is_root = |id: &Option<String>| matches!(id.as_deref(), None | Some("0" | "root"));
        let mode = self.mode.unwrap_or(0o1777);
        mode & 0o002 == 0 && is_root(&self.uid) && (mode & 0o020 == 0 || is_root(&self.gid))
    }

    /// The option that names an account, which mount(8) alone can look up; the kernel takes numbers.
    pub fn named_account(&self) -> Option<String> {
        let named = |option: &str, id: &Option<String>| {
            let name = id.as_deref().filter(|id| id.parse::<u32>().is_err())?;
            Some(format!("{option}={name}"))
        };
        named("uid", &self.uid).or_else(|| named("gid", &self.gid))
    }

    /// The options whose value the kernel cannot read: no number, or an account by name.
    pub fn unreadable(&self) -> impl Iterator<Item = String> {
        let has_value = |option: &&String| VALUES.contains(&option.split('=').next().unwrap_or(option));
        self.unknown.iter().filter(has_value).cloned().chain(self.named_account())
    }
}

fn keep<T>(slot: &mut Option<T>, read: Option<T>) -> bool {
    let understood = read.is_some();
    if understood {
        *slot = read;
    }
    understood
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(options: &str) -> TmpfsOptions {
        TmpfsOptions::read(&options.split(',').collect::<Vec<_>>())
    }

    const GOOD: &str =
        "defaults,size=64m,nr_inodes=4k,mode=1777,noatime,nosuid,nodev,noexec,nofail,comment=for-gunicorn";

    #[test]
    fn what_is_written_and_what_the_kernel_prints_mean_the_same() {
        let (written, printed) =
            (read(GOOD), read("rw,nosuid,nodev,noexec,noatime,size=65536k,nr_inodes=4096,inode64"));
        assert!(written.lacks().is_empty() && printed.lacks().is_empty());
        assert_eq!((written.size, written.inodes), (printed.size, printed.inodes));
        assert_eq!(written.userspace, ["defaults", "nofail", "comment=for-gunicorn"]);
        assert!(written.unknown.is_empty() && printed.unknown.is_empty());
    }

    #[test]
    fn the_last_of_two_that_contradict_each_other_counts() {
        let options = read("noexec,exec,size=1m,nr_blocks=4,size=50%,ro,rw");
        assert!(options.has("exec") && !options.has("noexec") && options.has("rw") && !options.has("ro"));
        assert_eq!(options.size, Some(Cap::Percent(50)));
    }

    #[test]
    fn what_lets_users_mount_stands_for_flags() {
        assert!(CAREFUL.iter().all(|flag| read("user").has(flag)));
        assert!(!read("user,exec").has("noexec"));
        let kernel = kernel_options(&["size=1m".into(), "user".into(), "x-a=b".into(), "exec".into()]);
        assert_eq!(kernel, ["size=1m", "nosuid", "nodev", "noexec", "exec"]);
    }

    #[test]
    fn what_is_lacking_is_named() {
        assert_eq!(read("rw").lacks(), ["nosuid", "nodev", "noexec", "size=", "nr_inodes="]);
        assert_eq!(read("nosuid,nodev,noexec,size=0,nr_inodes=0,ro").lacks(), ["size=", "nr_inodes=", "rw"]);
    }

    #[test]
    fn a_size_is_the_same_to_a_page() {
        let memory = Some(Bytes(24_684_100 << 10));
        let percent = MountSize::Percent(50);
        // Printed by Linux 6.18 for size=50% of this memory.
        assert!(read("size=12342048k").is_size(percent, memory));
        assert!(read("rw").is_size(percent, memory), "half of the memory is the default");
        assert!(read("size=50%").is_size(percent, None));
        assert!(!read("size=12342048k").is_size(percent, None));
        let sixteen = MountSize::Bytes(Bytes(16 << 20));
        assert!(read("size=16384k").is_size(sixteen, None) && !read("size=64m").is_size(sixteen, memory));
        assert!(!read("size=0").is_size(MountSize::Bytes(Bytes(1)), None));
    }

    #[test]
    fn a_mode_that_shuts_services_out_is_told() {
        assert!(read("mode=755").is_roots_alone() && read("mode=770").is_roots_alone());
        for open in ["rw", "mode=1777", "mode=700,uid=33", "mode=770,gid=www-data"] {
            assert!(!read(open).is_roots_alone(), "{open}");
        }
        assert_eq!(read("mode=770,gid=www-data,uid=3").named_account().as_deref(), Some("gid=www-data"));
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        assert_eq!(read("bogus,size=1.5m,huge=always,mode=9").unknown, ["bogus", "size=1.5m", "mode=9"]);
        assert_eq!(read("huge=always").others, ["huge=always"]);
        let unreadable: Vec<String> = read("bogus,size=1.5m,huge=always,gid=www-data,uid=").unreadable().collect();
        assert_eq!(unreadable, ["size=1.5m", "uid=", "gid=www-data"]);
    }

    proptest! {
        #[test]
        fn no_option_panics_and_none_is_lost(options: Vec<String>) {
            let read = TmpfsOptions::read(&options);
            read.lacks();
            read.is_roots_alone();
            read.is_size(MountSize::Percent(3), Some(Bytes(u64::MAX)));
            let kernel = kernel_options(&options);
            let all = options.iter().all(|option| kernel.contains(option) || read.userspace.contains(option));
            prop_assert!(all);
        }

        #[test]
        fn a_written_size_is_read_as_it_was_meant(bytes in 1u64.., percent in 1u8..=100) {
            for size in [MountSize::Bytes(Bytes(bytes)), MountSize::Percent(percent)] {
                let options = [format!("size={}", size_value(size))];
                prop_assert_eq!(TmpfsOptions::read(&options).bound(), Some(size));
            }
        }
    }
}
