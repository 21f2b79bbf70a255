//! What options demand of a mounted file system. They are never compared as texts: the kernel prints `size=1024k` for
//! `1m` and leaves `mode=1777` out.

use super::effect::{Effect, Machine, SHOWN};
use super::options::Split;
use crate::plan::mount_options::{Cap, TmpfsOptions, percent_of};
use crate::units::Bytes;
use nix::mount::MsFlags;
use std::fmt::Display;

/// When access times are written; statvfs(3) shows neither of the first two for `strictatime`.
const ATIME: [(MsFlags, &str); 3] =
    [(MsFlags::MS_NOATIME, "noatime"), (MsFlags::MS_RELATIME, "relatime"), (MsFlags::MS_STRICTATIME, "strictatime")];

/// A number that options demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    Exactly(u64),
    /// A part of the memory. Its size changes a little while the host runs (ballooning, hot-plugged memory), that of a
    /// mounted tmpfs does not.
    About(u64),
}

impl Amount {
    /// In whole pages, as the kernel rounds it up.
    fn of(cap: Cap, machine: Machine) -> Self {
        let page = machine.page_bytes.max(1);
        let in_pages = |bytes: u64| bytes.div_ceil(page).saturating_mul(page);
        match cap {
            Cap::Bytes(bytes) => Self::Exactly(in_pages(bytes)),
            Cap::Percent(percent) => Self::About(in_pages(percent_of(machine.ram_bytes, percent))),
            Cap::Pages(pages) => Self::Exactly(pages.saturating_mul(page)),
        }
    }

    fn number(self) -> u64 {
        match self {
            Self::Exactly(n) | Self::About(n) => n,
        }
    }

    fn is(self, seen: u64) -> bool {
        match self {
            Self::Exactly(n) => n == seen,
            // Half a per cent of it: less than lies between two sizes that somebody would tell apart.
            Self::About(n) => n.abs_diff(seen) <= n / 200,
        }
    }
}

/// What options demand. What they do not name is left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::perform) struct Demand {
    tmpfs: TmpfsOptions,
    size: Option<Amount>,
    /// Permissions of the root directory.
    pub mode: Option<u32>,
    /// Owner of the root directory.
    pub uid: Option<u32>,
    /// Group of the root directory.
    pub gid: Option<u32>,
    named: MsFlags,
    set: MsFlags,
}

impl Demand {
    /// Of options as the kernel reads them (`shmem_parse_one` in mm/shmem.c). Those of other file systems than tmpfs are
    /// left open, and so are those of tmpfs that cannot be seen from outside, such as `huge=`.
    pub fn of(kind: &str, options: &[String], machine: Machine) -> Self {
        let Split { set, named, data } = Split::of(options);
        let tmpfs = if kind == "tmpfs" { TmpfsOptions::read(&data) } else { TmpfsOptions::default() };
        let number = |id: &Option<String>| id.as_ref().and_then(|id| id.parse().ok());
        Self {
            size: tmpfs.size.map(|cap| Amount::of(cap, machine)),
            mode: tmpfs.mode.map(|mode| mode & 0o7777),
            uid: number(&tmpfs.uid),
            gid: number(&tmpfs.gid),
            tmpfs,
            named,
            set,
        }
    }

    /// Whether the size it demands is less than what is in there.
    pub fn is_too_small_for(&self, seen: &Effect) -> bool {
        self.size.map(Amount::number).is_some_and(|size| size > 0 && size < seen.used_bytes)
    }

    /// Whether it demands a bound.
    pub fn bounds_size(&self) -> bool {
        self.tmpfs.bounds_size()
    }

    /// Whether it demands a bound of inodes.
    pub fn bounds_inodes(&self) -> bool {
        self.tmpfs.bounds_inodes()
    }

    /// What is otherwise, as clauses: `its size is 16 MiB, not 64 MiB`.
    pub fn unmet(&self, seen: &Effect) -> Vec<String> {
        let mut unmet: Vec<String> = self.tmpfs.unreadable().map(|option| format!("{option} cannot be read")).collect();
        if let Some(size) = self.size.filter(|size| !size.is(seen.size_bytes)) {
            unmet.push(not("its size", bound(seen.size_bytes), bound(size.number())));
        }
        if let Some(inodes) = self.tmpfs.inodes.filter(|inodes| *inodes != seen.inodes) {
            unmet.push(not("its number of inodes", seen.inodes, inodes));
        }
        if let Some(mode) = self.mode.filter(|mode| *mode != seen.mode) {
            unmet.push(not("the mode of its directory", format!("{:04o}", seen.mode), format!("{mode:04o}")));
        }
        if let Some(uid) = self.uid.filter(|uid| *uid != seen.uid) {
            unmet.push(not("the owner of its directory", seen.uid, uid));
        }
        if let Some(gid) = self.gid.filter(|gid| *gid != seen.gid) {
            unmet.push(not("the group of its directory", seen.gid, gid));
        }
        unmet.extend(self.unmet_flags(seen.flags));
        unmet
    }

    fn unmet_flags(&self, seen: MsFlags) -> Vec<String> {
        let differing = |bit: &MsFlags| self.named.contains(*bit) && self.set.contains(*bit) != seen.contains(*bit);
        let name = |bit: MsFlags, name: &str| {
            if seen.contains(bit) { format!("it is mounted {name}") } else { format!("it is not mounted {name}") }
        };
        let shown = SHOWN.iter().map(|(_, bit, word)| (*bit, *word));
        // Of the three ways to write access times one is always another's opposite: the wanted one is enough.
        let atime = ATIME.iter().copied().filter(|(bit, _)| self.set.contains(*bit));
        shown.chain(atime).filter(|(bit, _)| differing(bit)).map(|(bit, word)| name(bit, word)).collect()
    }
}

fn not(what: &str, seen: impl Display, wanted: impl Display) -> String {
    format!("{what} is {seen}, not {wanted}")
}

fn bound(bytes: u64) -> String {
    if bytes == 0 { "unlimited".to_owned() } else { Bytes(bytes).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MACHINE: Machine = Machine { ram_bytes: 1000 * 4096, page_bytes: 4096 };

    fn healthy() -> Effect {
        Effect {
            size_bytes: 64 << 20,
            used_bytes: 0,
            inodes: 4096,
            flags: MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | MsFlags::MS_NOATIME,
            mode: 0o1777,
            uid: 0,
            gid: 0,
        }
    }

    fn demand(options: &str) -> Demand {
        let options: Vec<String> = options.split(',').map(str::to_owned).collect();
        Demand::of("tmpfs", &options, MACHINE)
    }

    #[test]
    fn the_same_effect_can_be_written_in_many_ways() {
        for options in [
            "size=64m,nr_inodes=4k,mode=1777,noatime,nosuid,nodev,noexec",
            "rw,nosuid,nodev,noexec,noatime,size=65536k,nr_inodes=4096,inode64",
            "size=0x4000000,mode=01777,uid=0,gid=0",
            "nr_blocks=16k",
            "size=67108863",
            "defaults,huge=never,noswap",
            "",
        ] {
            assert_eq!(demand(options).unmet(&healthy()), Vec::<String>::new(), "{options}");
        }
    }

    #[test]
    fn what_is_otherwise_is_said() {
        for (options, said) in [
            ("size=16m", "its size is 64 MiB, not 16 MiB"),
            ("size=0", "its size is 64 MiB, not unlimited"),
            ("nr_inodes=0", "its number of inodes is 4096, not 0"),
            ("mode=0700", "the mode of its directory is 1777, not 0700"),
            ("uid=33", "the owner of its directory is 0, not 33"),
            ("gid=33", "the group of its directory is 0, not 33"),
            ("ro", "it is not mounted read-only"),
            ("exec", "it is mounted noexec"),
            ("relatime", "it is not mounted relatime"),
            ("size=much", "size=much cannot be read"),
        ] {
            assert_eq!(demand(options).unmet(&healthy()), [said], "{options}");
        }
    }

    #[test]
    fn a_part_of_the_memory_may_be_off_by_a_little() {
        let sized = |pages: u64| Effect { size_bytes: pages * 4096, ..healthy() };
        assert_eq!(demand("size=20%").unmet(&sized(200)), Vec::<String>::new());
        assert_eq!(demand("size=20%").unmet(&sized(201)), Vec::<String>::new());
        assert_eq!(demand("size=20%").unmet(&sized(210)).len(), 1);
    }

    proptest! {
        #[test]
        fn no_option_panics(option in ".{0,24}", value in "(size|nr_blocks|nr_inodes|mode|uid)=.{0,24}") {
            Demand::of("tmpfs", &[option, value], MACHINE).unmet(&healthy());
        }

        #[test]
        fn a_size_in_bytes_is_met_by_the_pages_it_needs(bytes in 1u64..1 << 50) {
            let seen = Effect { size_bytes: bytes.div_ceil(4096) * 4096, ..healthy() };
            prop_assert_eq!(demand(&format!("size={bytes}")).unmet(&seen), Vec::<String>::new());
        }
    }
}
