//! The options of a mount as mount(2) takes them: bits for those of every file system, text for the rest.

use super::effect::Machine;
use crate::plan::mount_options::{Decides, flag};
use nix::mount::MsFlags;

/// Of these one holds at a time.
const ATIME: MsFlags = MsFlags::MS_NOATIME.union(MsFlags::MS_RELATIME).union(MsFlags::MS_STRICTATIME);

/// What flags decide, as bits of mount(2), and the flag for what the kernel does where nothing is said. What is not in
/// here goes to the kernel as text.
const BITS: [(Decides, MsFlags, Option<&str>); 9] = [
    (Decides::Writing, MsFlags::MS_RDONLY, Some("rw")),
    (Decides::Suid, MsFlags::MS_NOSUID, Some("suid")),
    (Decides::Dev, MsFlags::MS_NODEV, Some("dev")),
    (Decides::Exec, MsFlags::MS_NOEXEC, Some("exec")),
    (Decides::Sync, MsFlags::MS_SYNCHRONOUS, Some("async")),
    (Decides::Dirsync, MsFlags::MS_DIRSYNC, None),
    (Decides::Lazytime, MsFlags::MS_LAZYTIME, Some("nolazytime")),
    (Decides::Diratime, MsFlags::MS_NODIRATIME, Some("diratime")),
    // relatime is what the kernel does where nothing is said (mount(2), since Linux 2.6.30).
    (Decides::Atime, ATIME, Some("relatime")),
];

/// The bits that an option decides on, and those of them that it sets; none where it goes to the kernel as text.
fn bits(option: &str) -> Option<(MsFlags, MsFlags)> {
    let (flag, decides) = flag(option)?;
    let (_, decided, _) = BITS.iter().find(|(other, ..)| *other == decides)?;
    let set = match flag {
        "noatime" => MsFlags::MS_NOATIME,
        "strictatime" | "norelatime" => MsFlags::MS_STRICTATIME,
        "relatime" | "atime" | "nostrictatime" => MsFlags::MS_RELATIME,
        "ro" | "nosuid" | "nodev" | "noexec" | "sync" | "dirsync" | "lazytime" | "nodiratime" => *decided,
        _ => MsFlags::empty(),
    };
    Some((*decided, set))
}

/// Options, split into what mount(2) takes as bits and what it takes as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::perform) struct Split {
    /// The bits that are set.
    pub set: MsFlags,
    /// The bits that the options decide on, set or not.
    pub named: MsFlags,
    /// The options of the file system, in their order.
    pub data: Vec<String>,
}

impl Split {
    /// Splits; of options that contradict one another the last one holds, as mount(8) has it.
    pub fn of(options: &[String]) -> Self {
        let mut split = Self { set: MsFlags::empty(), named: MsFlags::empty(), data: vec![] };
        // `defaults` stands for what is so anyway (mount(8)).
        for option in options.iter().filter(|option| !matches!(option.as_str(), "" | "defaults")) {
            match bits(option) {
                Some((decided, set)) => {
                    split.named |= decided;
                    split.set = (split.set - decided) | set;
                }
                None => split.data.push(option.clone()),
            }
        }
        split
    }

    /// The text for mount(2).
    pub fn text(&self) -> String {
        self.data.join(",")
    }
}

/// The options of `image`, and for everything that only `other` names what the kernel does where nothing is said.
///
/// Without this an image could not be told from another one that says more, and a mount that is there already could
/// not be brought back to it: what a remount does not name stays as it is (`shmem_reconfigure` in mm/shmem.c).
pub(in crate::perform) fn completed(
    kind: &str,
    image: &[String],
    other: Option<&[String]>,
    machine: Machine,
) -> Vec<String> {
    let (own, others) = (Split::of(image), Split::of(other.unwrap_or_default()));
    let missing = others.named - own.named;
    let mut options = image.to_vec();
    let defaults = BITS.iter().filter(|(_, decided, _)| missing.contains(*decided));
    options.extend(defaults.filter_map(|(_, _, default)| default.map(str::to_owned)));
    if kind == "tmpfs" {
        options.extend(missing_data(&own, &others, machine));
    }
    options
}

/// What a tmpfs is given where nothing is said (tmpfs(5)): half of the memory, an inode for every second page of it, a
/// directory of root's that all may write to.
fn missing_data(own: &Split, others: &Split, machine: Machine) -> Vec<String> {
    let names = |split: &Split, keys: &[&str]| {
        let mut named = split.data.iter().map(|option| option.split('=').next().unwrap_or(option));
        named.any(|name| keys.contains(&name))
    };
    let defaults = [
        (&["size", "nr_blocks"][..], "size=50%".to_owned()),
        (&["nr_inodes"], format!("nr_inodes={}", machine.ram_bytes / machine.page_bytes.max(1) / 2)),
        (&["mode"], "mode=1777".to_owned()),
        (&["uid"], "uid=0".to_owned()),
        (&["gid"], "gid=0".to_owned()),
    ];
    let missing = defaults.into_iter().filter(|(keys, _)| names(others, keys) && !names(own, keys));
    missing.map(|(_, default)| default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MACHINE: Machine = Machine { ram_bytes: 1 << 30, page_bytes: 4096 };

    fn words(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn words_of_every_file_system_are_bits_and_the_rest_is_text() {
        let split = Split::of(&words("defaults,size=64m,mode=1777,noatime,nosuid,nodev,noexec,nr_inodes=4k"));
        let expected = MsFlags::MS_NOATIME | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        assert_eq!(split.set, expected);
        assert_eq!(split.text(), "size=64m,mode=1777,nr_inodes=4k");
    }

    #[test]
    fn the_last_word_holds() {
        assert_eq!(Split::of(&words("nosuid,suid,ro,rw")).set, MsFlags::empty());
        assert_eq!(Split::of(&words("noatime,strictatime")).set, MsFlags::MS_STRICTATIME);
        assert_eq!(Split::of(&words("strictatime,atime")).set, MsFlags::MS_RELATIME);
    }

    #[test]
    fn what_only_the_other_image_names_is_said_as_the_kernel_has_it() {
        let full = words("ro,nosuid,nodev,noexec,sync,nodiratime,noatime,size=1m,nr_inodes=5,mode=700,uid=1,gid=2");
        let bare = completed("tmpfs", &[], Some(&full), MACHINE);
        let expected = "rw,suid,dev,exec,async,diratime,relatime,size=50%,nr_inodes=131072,mode=1777,uid=0,gid=0";
        assert_eq!(bare.join(","), expected);
        assert_eq!(completed("tmpfs", &full, Some(&words("size=2m,rw")), MACHINE), full);
        assert_eq!(completed("tmpfs", &full, None, MACHINE), full);
    }

    proptest! {
        #[test]
        fn every_option_is_a_bit_or_text(options in proptest::collection::vec("[a-z]{0,9}(=[0-9a-z%]{0,4})?", 0..9)) {
            let split = Split::of(&options);
            let is_text = |option: &&String| !matches!(option.as_str(), "" | "defaults") && bits(option).is_none();
            let rest: Vec<String> = options.iter().filter(is_text).cloned().collect();
            prop_assert_eq!(split.data, rest);
        }
    }
}
