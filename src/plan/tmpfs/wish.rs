//! What is wished for, and what mount options lack of it.

use crate::checks::by_hand::gtune;
use crate::facts::{Facts, FstabEntry, Mount};
use crate::plan::mount_options::{self, Cap, TmpfsOptions, is_userspace};
use crate::plan::{Already, Ground, MountSize, Refusal, TmpfsRequest, Topic};
use crate::units::{Bytes, quoted};

/// A request for a tmpfs, and all that is known when it is drafted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub facts: &'a Facts,
    pub ground: &'a Ground,
    pub asked: &'a TmpfsRequest,
    /// `--adopt`.
    pub adopt: bool,
    /// `--force`.
    pub lowering: Lowering,
    /// The directory, normalised.
    pub directory: &'a str,
}

/// The bounds that options get where they have none, or where others were asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    pub size: MountSize,
    pub inodes: u64,
}

/// Whether a size below the present one is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lowering {
    Meant,
    NotMeant,
}

/// The size in the recipe of Gunicorn's FAQ. Heartbeat files are empty, so it is no need but a cap on what anyone else
/// may put there.
const DEFAULT_SIZE: MountSize = MountSize::Bytes(Bytes(64 << 20));

/// Inodes where a host does not need more: room for a thousand workers. Without free inodes no worker starts.
const DEFAULT_INODES: u64 = 4096;

/// A worker has one heartbeat file. A reload has two generations of workers, an upgrade (USR2) two masters, each with both.
const INODES_A_WORKER: u64 = 4;

/// What marks a line or a unit as gtune's; mount(8) keeps it from the kernel.
const MARK: &str = "comment=for-gunicorn";

impl<'a> Wish<'a> {
    /// A refusal of the whole wish.
    pub fn refuse(&self, reason: impl Into<String>, hints: Vec<String>) -> Refusal {
        Refusal { what: format!("mount a tmpfs at {}", self.directory), reason: reason.into(), hints }
    }

    /// The command that was run, with these options more.
    pub fn again(&self, more: &str) -> String {
        let size = self.asked.size.map(|size| format!(" --size {}", mount_options::size_value(size)));
        let force = if self.lowering == Lowering::Meant { " --force" } else { "" };
        let (gtune, directory) = (gtune(self.facts), quoted(self.directory));
        format!("{gtune} apply --tmpfs {directory}{}{force}{more}", size.unwrap_or_default())
    }

    /// The mount that is seen at the directory now.
    pub fn mount(&self) -> Option<&'a Mount> {
        let mounts = self.facts.mounts.known().filter(|_| self.facts.host.live)?;
        mounts.iter().rfind(|mount| mount.mount_point == self.directory)
    }

    /// The memory that per cent are of. That of an image is not known.
    pub fn memory(&self) -> Option<Bytes> {
        self.facts.host.memory.known().filter(|_| self.facts.host.live).map(|memory| memory.total_bytes)
    }

    /// Inodes that all Gunicorns of the host may need at once.
    fn inodes_needed(&self) -> u64 {
        let services = self.facts.services.known().map(Vec::as_slice).unwrap_or_default();
        services.iter().map(|service| service.workers.len() as u64).sum::<u64>().saturating_mul(INODES_A_WORKER)
    }

    /// The bounds for options that have none: what was asked for, else what these others have.
    pub fn caps<'o>(&self, others: impl IntoIterator<Item = &'o TmpfsOptions>) -> Caps {
        let there = others.into_iter().find(|options| options.bound().is_some());
        let bound = there.and_then(TmpfsOptions::bound);
        let asked = self.asked.size.filter(|_| there.is_none_or(|there| self.kept(there).is_none()));
        let inodes = self.inodes_needed().checked_next_power_of_two().unwrap_or(u64::MAX);
        Caps { size: asked.or(bound).unwrap_or(DEFAULT_SIZE), inodes: inodes.max(DEFAULT_INODES) }
    }

    /// Why these options keep their size though another was asked for: it is smaller, or may be, and nobody said that
    /// this is meant.
    fn kept(&self, options: &TmpfsOptions) -> Option<String> {
        let asked = self.asked.size.filter(|_| self.lowering == Lowering::NotMeant && options.bounds_size())?;
        if options.is_size(asked, self.memory()) {
            return None;
        }
        let (there, wanted) = (options.size?, Cap::from(asked));
        let is_smaller = match (there, wanted) {
            (Cap::Percent(there), Cap::Percent(wanted)) => Some(wanted < there),
            _ => there.bytes(self.memory()).zip(wanted.bytes(self.memory())).map(|(there, wanted)| wanted < there),
        };
        let wanted = mount_options::size_value(asked);
        match is_smaller {
            Some(false) => None,
            Some(true) => Some(format!("above {wanted}; --force makes it smaller")),
            None => Some(format!("and {wanted} may be less; --force sets it")),
        }
    }

    /// The same as a line of what is already so: `/mem is mounted with size=20%, above 10%; …`.
    pub fn kept_size(&self, what: &str, options: &TmpfsOptions) -> Option<Already> {
        let size = match options.size? {
            Cap::Bytes(bytes) => format!("size={}", mount_options::count(bytes)),
            Cap::Percent(percent) => format!("size={percent}%"),
            Cap::Pages(pages) => format!("nr_blocks={pages}"),
        };
        Some(Already::kept(format!("{what} with {size}, {}", self.kept(options)?)))
    }

    /// What options lack of the wish, as the options that would mend it: `nosuid`, `size=64m`.
    pub fn lacks(&self, options: &TmpfsOptions, caps: Caps) -> Vec<String> {
        let mend = |lack: &'static str| match lack {
            "size=" => {
                let default_is_it = options.size.is_none() && options.is_size(caps.size, self.memory());
                (!default_is_it).then(|| size_option(caps.size))
            }
            // Without a number the kernel bounds it too, by one inode for every two pages (tmpfs(5)): no reason to refuse
            // what somebody chose, though with leave it is made as `tmpfs-mount` wants it.
            "nr_inodes=" if options.inodes.is_none() && !self.adopt => None,
            "nr_inodes=" => Some(format!("nr_inodes={}", mount_options::count(caps.inodes))),
            flag => Some(flag.to_owned()),
        };
        let mut lacks: Vec<String> = options.lacks().into_iter().filter_map(mend).collect();
        let asked = self.asked.size.filter(|size| options.bounds_size() && !options.is_size(*size, self.memory()));
        lacks.extend(asked.filter(|_| self.kept(options).is_none()).map(size_option));
        lacks
    }

    /// Options that lack nothing, of these: what is harmless stays, in its order.
    pub fn mended(&self, options: &[String], caps: Caps) -> Vec<String> {
        let read = TmpfsOptions::read(options);
        let lacks = self.lacks(&read, caps);
        let is_lacking = |name: &str| lacks.iter().any(|lack| lack.starts_with(name));
        let keeps = |option: &&String| {
            let name = option.split_once('=').map_or(option.as_str(), |(name, _)| name);
            match name {
                "size" | "nr_blocks" if is_lacking("size=") => false,
                "nr_inodes" if is_lacking("nr_inodes=") => false,
                // A value that cannot be read makes the whole mount fail.
                "size" | "nr_blocks" | "nr_inodes" | "mode" | "uid" | "gid" => !read.unknown.contains(option),
                _ => !HARMFUL.contains(&name),
            }
        };
        let mut mended: Vec<String> = options.iter().filter(keeps).cloned().collect();
        for lack in lacks {
            // Leaving out `ro` is enough.
            if lack != "rw" && !mended.contains(&lack) {
                mended.push(lack);
            }
        }
        mended
    }

    /// The options of a new mount. It is the recipe of Gunicorn's FAQ, and what a mount of empty files can do without.
    /// Where a tmpfs is mounted already, whoever may write to it may after the next boot, and nobody else.
    pub fn fresh(&self, caps: Caps, live: Option<&TmpfsOptions>) -> Vec<String> {
        let inodes = format!("nr_inodes={}", mount_options::count(caps.inodes));
        let mode = live.and_then(|live| live.mode).unwrap_or(0o1777);
        let mut options = vec![size_option(caps.size), inodes, format!("mode={mode:o}")];
        let owner = |name: &str, id: Option<&String>| id.map(|id| format!("{name}={id}"));
        options.extend(owner("uid", live.and_then(|live| live.uid.as_ref())));
        options.extend(owner("gid", live.and_then(|live| live.gid.as_ref())));
        options.extend(["noatime", "nosuid", "nodev", "noexec"].map(str::to_owned));
        options
    }

    /// What the operator should know of options that are kept as they are.
    pub fn remarks(&self, options: &TmpfsOptions) -> Vec<String> {
        let (directory, needed) = (self.directory, self.inodes_needed());
        let few = options.inodes.filter(|inodes| *inodes > 0 && *inodes < needed);
        let few = few.map(|inodes| {
            format!(
                "{directory} has room for {inodes} files; the workers of this host may need {needed} during an upgrade."
            )
        });
        let shut = options.is_roots_alone().then(|| {
            format!("Only root may write to {directory}; a service that starts as another user fails there until: chmod 1777 {}", quoted(directory))
        });
        few.into_iter().chain(shut).collect()
    }

    /// A warning where a mount of the topic may take more than the memory there is.
    pub fn too_large(&self, topic: &Topic) -> Option<String> {
        let memory = self.memory()?;
        let sizes = topic.rehearsals.iter().filter_map(|image| TmpfsOptions::read(&image.options).size);
        let largest = sizes.filter_map(|size| size.bytes(Some(memory))).max().filter(|size| *size >= memory.0)?;
        Some(format!(
            "{} may take {} of {memory} memory: whoever fills it takes the host down. Heartbeats need no more than 64m.",
            self.directory,
            Bytes(largest)
        ))
    }
}

/// Options that a heartbeat mount must not have: it could not be written, would not be mounted, or would be another.
const HARMFUL: &[&str] = &["ro", "suid", "dev", "exec", "noauto", "bind", "rbind", "move", "remount"];

fn size_option(size: MountSize) -> String {
    format!("size={}", mount_options::size_value(size))
}

/// The same with gtune's mark.
pub(super) fn marked(mut options: Vec<String>) -> Vec<String> {
    if !crate::checks::made_for_gunicorn(&options) {
        options.push(MARK.to_owned());
    }
    options
}

/// Options without those that systemd and mount(8) read in `/etc/fstab` alone (systemd.mount(5)).
pub(super) fn outside_fstab(options: Vec<String>) -> Vec<String> {
    let is_fstabs = |option: &String| {
        let marks = option.starts_with("comment=") || option.starts_with("x-gtune");
        is_userspace(option) && !marks && mount_options::kernel_options(std::slice::from_ref(option)).is_empty()
    };
    options.into_iter().filter(|option| !is_fstabs(option)).collect()
}

/// `line 5: tmpfs /mem tmpfs size=64m`, without what may be a password of another file system.
pub(super) fn shown(entry: &FstabEntry) -> String {
    let shown = |option: &String| match option.split_once('=') {
        Some((name, _)) if name.starts_with("pass") => format!("{name}=…"),
        _ => option.clone(),
    };
    let options: Vec<String> = entry.options.iter().map(shown).collect();
    let line = format!("line {}: {} {} {} {}", entry.line, entry.source, entry.target, entry.kind, options.join(","));
    line.trim_end().to_owned()
}
