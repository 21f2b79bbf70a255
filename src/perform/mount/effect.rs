//! What a mounted file system does, and what options demand of it. Options are never compared as texts: the kernel
//! prints `size=1024k` for `1m` and leaves `mode=1777` out.

use super::options::Split;
use crate::units::Bytes;
use nix::errno::Errno;
use nix::libc::{S_IFMT, mode_t};
use nix::mount::MsFlags;
use nix::sys::stat::fstat;
use nix::sys::sysinfo::sysinfo;
use nix::unistd::{SysconfVar, sysconf};
use rustix::fs::{StatVfsMountFlags, fstatvfs};
use std::fmt::Display;
use std::os::fd::OwnedFd;

/// The bits that statvfs(3) shows.
const SHOWN: [(StatVfsMountFlags, MsFlags, &str); 6] = [
    (StatVfsMountFlags::RDONLY, MsFlags::MS_RDONLY, "read-only"),
    (StatVfsMountFlags::NOSUID, MsFlags::MS_NOSUID, "nosuid"),
    (StatVfsMountFlags::NODEV, MsFlags::MS_NODEV, "nodev"),
    (StatVfsMountFlags::NOEXEC, MsFlags::MS_NOEXEC, "noexec"),
    (StatVfsMountFlags::SYNCHRONOUS, MsFlags::MS_SYNCHRONOUS, "sync"),
    (StatVfsMountFlags::NODIRATIME, MsFlags::MS_NODIRATIME, "nodiratime"),
];

/// When access times are written; statvfs(3) shows neither of the first two for `strictatime`.
const ATIME: [(MsFlags, &str); 3] =
    [(MsFlags::MS_NOATIME, "noatime"), (MsFlags::MS_RELATIME, "relatime"), (MsFlags::MS_STRICTATIME, "strictatime")];

/// What sizes in per cent are parts of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::perform) struct Machine {
    /// Memory, as sysinfo(2) counts it: as the kernel does for `size=20%`, unlike a `/proc/meminfo` that a container
    /// runtime has put in its place.
    pub ram_bytes: u64,
    /// Size of a page: a tmpfs consists of whole ones.
    pub page_bytes: u64,
}

impl Machine {
    /// This one.
    pub fn here() -> Result<Self, Errno> {
        let page = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|size| u64::try_from(size).ok());
        Ok(Self { ram_bytes: sysinfo()?.ram_total(), page_bytes: page.unwrap_or(4096) })
    }
}

/// What a mounted file system is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::perform) struct Effect {
    /// Its size; 0 where it has no bound.
    pub size_bytes: u64,
    /// What is in it.
    pub used_bytes: u64,
    /// How many inodes it holds; 0 where there is no bound.
    pub inodes: u64,
    /// Its bits, as far as statvfs(3) shows them.
    pub flags: MsFlags,
    /// Permissions of its root directory.
    pub mode: u32,
    /// Owner of its root directory.
    pub uid: u32,
    /// Group of its root directory.
    pub gid: u32,
}

impl Effect {
    /// Of the file system whose root directory this is.
    pub fn of(directory: &OwnedFd) -> Result<Self, Errno> {
        let room = fstatvfs(directory).map_err(|error| Errno::from_raw(error.raw_os_error()))?;
        let stat = fstat(directory)?;
        let in_bytes = |blocks: u64| blocks.saturating_mul(room.f_frsize);
        Ok(Self {
            size_bytes: in_bytes(room.f_blocks),
            used_bytes: in_bytes(room.f_blocks.saturating_sub(room.f_bfree)),
            inodes: room.f_files,
            flags: flags(room.f_flag),
            mode: permissions(stat.st_mode),
            uid: stat.st_uid,
            gid: stat.st_gid,
        })
    }

    /// Whether it is otherwise than it was; what is in it does not count.
    pub fn has_changed_since(&self, before: &Self) -> bool {
        Self { used_bytes: before.used_bytes, ..self.clone() } != *before
    }
}

fn permissions(mode: mode_t) -> u32 {
    mode & !S_IFMT
}

fn flags(shown: StatVfsMountFlags) -> MsFlags {
    let bits = SHOWN.iter().filter(|(seen, ..)| shown.contains(*seen)).map(|(_, bit, _)| *bit);
    let atime = if shown.contains(StatVfsMountFlags::NOATIME) {
        MsFlags::MS_NOATIME
    } else if shown.contains(StatVfsMountFlags::RELATIME) {
        MsFlags::MS_RELATIME
    } else {
        MsFlags::MS_STRICTATIME
    };
    bits.fold(atime, MsFlags::union)
}

/// A number that options demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    Exactly(u64),
    /// A part of the memory. Its size changes a little while the host runs (ballooning, hot-plugged memory), that of a
    /// mounted tmpfs does not.
    About(u64),
}

impl Amount {
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
    size: Option<Amount>,
    inodes: Option<u64>,
    /// Permissions of the root directory.
    pub mode: Option<u32>,
    /// Owner of the root directory.
    pub uid: Option<u32>,
    /// Group of the root directory.
    pub gid: Option<u32>,
    named: MsFlags,
    set: MsFlags,
    /// Options whose value is none.
    odd: Vec<String>,
}

impl Demand {
    /// Reads options as the kernel does (`shmem_parse_one` in mm/shmem.c). Those of other file systems than tmpfs are
    /// left open, and so are those of tmpfs that cannot be seen from outside, such as `huge=`.
    pub fn of(kind: &str, options: &[String], machine: Machine) -> Self {
        let Split { set, named, data } = Split::of(options);
        let mut demand = Self { size: None, inodes: None, mode: None, uid: None, gid: None, named, set, odd: vec![] };
        if kind == "tmpfs" {
            for option in &data {
                if demand.read(option, machine).is_none() {
                    demand.odd.push(option.clone());
                }
            }
        }
        demand
    }

    /// None where the value cannot be read.
    fn read(&mut self, option: &str, machine: Machine) -> Option<()> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let page = machine.page_bytes.max(1);
        match name {
            "size" => self.size = Some(size(value, machine)?),
            "nr_blocks" => self.size = Some(Amount::Exactly(plain_amount(value)?.checked_mul(page)?)),
            "nr_inodes" => self.inodes = Some(plain_amount(value)?),
            "mode" => self.mode = Some(u32::from_str_radix(value, 8).ok()? & 0o7777),
            "uid" => self.uid = Some(value.parse().ok()?),
            "gid" => self.gid = Some(value.parse().ok()?),
            _ => {}
        }
        Some(())
    }

    /// Whether the size it demands is less than what is in there.
    pub fn is_too_small_for(&self, seen: &Effect) -> bool {
        self.size.map(Amount::number).is_some_and(|size| size > 0 && size < seen.used_bytes)
    }

    /// Whether it demands a bound.
    pub fn bounds_size(&self) -> bool {
        self.size.is_some_and(|size| size.number() > 0)
    }

    /// Whether it demands a bound of inodes.
    pub fn bounds_inodes(&self) -> bool {
        self.inodes.is_some_and(|inodes| inodes > 0)
    }

    /// What is otherwise, as clauses: `its size is 16 MiB, not 64 MiB`.
    pub fn unmet(&self, seen: &Effect) -> Vec<String> {
        let mut unmet: Vec<String> = self.odd.iter().map(|option| format!("{option} cannot be read")).collect();
        if let Some(size) = self.size.filter(|size| !size.is(seen.size_bytes)) {
            unmet.push(not("its size", bound(seen.size_bytes), bound(size.number())));
        }
        if let Some(inodes) = self.inodes.filter(|inodes| *inodes != seen.inodes) {
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

/// A size: a number with a suffix, or per cent of the memory, rounded up to pages.
fn size(text: &str, machine: Machine) -> Option<Amount> {
    let page = machine.page_bytes.max(1);
    let in_pages = |bytes: u128| u64::try_from(bytes.div_ceil(page.into())).ok()?.checked_mul(page);
    match text.strip_suffix('%') {
        Some(percent) => {
            let part = u128::from(plain_amount(percent)?).checked_mul(machine.ram_bytes.into())? / 100;
            in_pages(part).map(Amount::About)
        }
        None => in_pages(plain_amount(text)?.into()).map(Amount::Exactly),
    }
}

/// A number as `memparse` of the kernel takes it: decimal, `0x…` or `0…` in octal, with a suffix of 1024 each.
fn plain_amount(text: &str) -> Option<u64> {
    let (digits, shift) = match text.chars().last()?.to_ascii_lowercase() {
        // The letter is a digit there.
        'e' if text.starts_with("0x") => (text, 0),
        letter => match "kmgtpe".find(letter) {
            Some(index) => (text.get(..text.len() - 1)?, 10 * (index as u32 + 1)),
            None => (text, 0),
        },
    };
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => digits_of(hexadecimal, 16)?,
        None if digits.len() > 1 && digits.starts_with('0') => digits_of(digits, 8)?,
        None => digits_of(digits, 10)?,
    };
    number.checked_mul(1 << shift)
}

/// A number without the sign that Rust would let pass.
fn digits_of(text: &str, radix: u32) -> Option<u64> {
    if text.starts_with('+') { None } else { u64::from_str_radix(text, radix).ok() }
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

    #[test]
    fn a_number_is_read_as_the_kernel_reads_it() {
        for (text, number) in [
            ("4k", Some(4096)),
            ("1G", Some(1 << 30)),
            ("010", Some(8)),
            ("0", Some(0)),
            ("0k", Some(0)),
            ("0x1e", Some(30)),
            ("1e", Some(1 << 60)),
            ("16e", None),
            ("", None),
            ("k", None),
            ("-1", None),
            ("+1", None),
            ("1 k", None),
            ("ü", None),
        ] {
            assert_eq!(plain_amount(text), number, "{text}");
        }
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
