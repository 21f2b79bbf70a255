//! Options of every file system, which mount(8) hands to the kernel as bits and not as text.

/// What one of two or more flags decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decides {
    /// Whether anything can be written.
    Writing,
    /// Whether set-user-ID bits count.
    Suid,
    /// Whether device files can be opened.
    Dev,
    /// Whether programs can be run.
    Exec,
    /// Whether each write waits for the disk.
    Sync,
    /// The same for directories.
    Dirsync,
    /// When times of access are kept.
    Atime,
    /// The same for directories.
    Diratime,
    /// Whether times are written late.
    Lazytime,
    /// Whether the kernel's log gets messages.
    Silent,
    /// Whether mandatory locks are allowed.
    Mand,
    /// Whether each change of an inode is counted.
    Iversion,
    /// Whether symbolic links are followed.
    Symfollow,
}

/// Flags of a mount, and what each of them decides (mount(8), FILESYSTEM-INDEPENDENT MOUNT OPTIONS).
const FLAGS: &[(&str, Decides)] = &[
    ("rw", Decides::Writing),
    ("ro", Decides::Writing),
    ("suid", Decides::Suid),
    ("nosuid", Decides::Suid),
    ("dev", Decides::Dev),
    ("nodev", Decides::Dev),
    ("exec", Decides::Exec),
    ("noexec", Decides::Exec),
    ("async", Decides::Sync),
    ("sync", Decides::Sync),
    ("dirsync", Decides::Dirsync),
    ("atime", Decides::Atime),
    ("noatime", Decides::Atime),
    ("relatime", Decides::Atime),
    ("norelatime", Decides::Atime),
    ("strictatime", Decides::Atime),
    ("nostrictatime", Decides::Atime),
    ("diratime", Decides::Diratime),
    ("nodiratime", Decides::Diratime),
    ("lazytime", Decides::Lazytime),
    ("nolazytime", Decides::Lazytime),
    ("silent", Decides::Silent),
    ("loud", Decides::Silent),
    ("mand", Decides::Mand),
    ("nomand", Decides::Mand),
    ("iversion", Decides::Iversion),
    ("noiversion", Decides::Iversion),
    ("symfollow", Decides::Symfollow),
    ("nosymfollow", Decides::Symfollow),
];

/// What a flag decides, and its name; none where the option is no flag.
pub fn flag(option: &str) -> Option<(&'static str, Decides)> {
    FLAGS.iter().find(|(flag, _)| *flag == option).copied()
}
