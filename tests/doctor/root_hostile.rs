//! A root that means harm: links that lead out, files that never end, garbage everywhere. Nothing outside is read, and
//! there is always an answer.

use super::root::{claims_nothing_live, gtune_doctor, report};
use crate::support::{Law, Need, Report, Result, outcome};
use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("absolute_links_lead_nowhere", &[], || answers(&Hostile::linked(Links::Absolute)?)),
        Law::new("relative_links_lead_nowhere", &[], || answers(&Hostile::linked(Links::Relative)?)),
        Law::new("linked_directories_lead_nowhere", &[], || answers(&Hostile::linked_directories()?)),
        Law::new("link_loops_end", &[], || {
            answers(&Hostile::made(|_, file| Ok(symlink(file.file_name().unwrap_or_default(), file)?))?)
        }),
        Law::new("fifos_do_not_block", &[], fifos_do_not_block),
        Law::new("directories_in_place_of_files_are_no_error", &[], || {
            answers(&Hostile::made(|_, file| Ok(fs::create_dir(file)?))?)
        }),
        Law::new("files_in_place_of_directories_are_no_error", &[], files_in_place_of_directories),
        Law::new("binary_garbage_is_no_error", &[], || answers(&Hostile::garbage(4096)?)),
        Law::new("ten_megabytes_of_garbage_are_no_error", &[], || answers(&Hostile::garbage(10 << 20)?)),
        Law::new("one_endless_line_is_no_error", &[], || {
            answers(&Hostile::made(|_, file| Ok(fs::write(file, vec![b'a'; 3 << 20])?))?)
        }),
        Law::new("files_that_may_not_be_read_are_unknown", &[], || answers(&Hostile::made(unreadable)?)),
        Law::new("nothing_outside_a_hostile_root_is_opened", &[Need::Strace], nothing_outside_is_opened),
        Law::new("every_format_survives_a_hostile_root", &[], every_format_survives),
    ]
}

/// The files gtune reads below a root, or might.
const FILES: &[&str] = &[
    "etc/fstab",
    "etc/os-release",
    "usr/lib/os-release",
    "etc/passwd",
    "etc/group",
    "etc/hostname",
    "etc/machine-id",
    "etc/sysctl.conf",
    "etc/sysctl.d/10-x.conf",
    "etc/sysctl.d/99-sysctl.conf",
    "run/sysctl.d/x.conf",
    "usr/lib/sysctl.d/50-default.conf",
    "usr/local/lib/sysctl.d/x.conf",
    "lib/sysctl.d/50-x.conf",
    "etc/ufw/sysctl.conf",
    "etc/default/ufw",
    "etc/security/limits.conf",
    "etc/security/limits.d/20-nofile.conf",
    "etc/pam.d/common-session",
    "etc/systemd/system.conf",
    "etc/systemd/system.conf.d/x.conf",
    "etc/systemd/system/tmp.mount",
    "etc/systemd/system/mem.mount",
    "etc/systemd/system/gunicorn.service",
    "etc/systemd/system/gunicorn.service.d/override.conf",
    "etc/systemd/system/multi-user.target.wants/gunicorn.service",
    "etc/systemd/system/local-fs.target.wants/tmp.mount",
    "usr/lib/systemd/system/tmp.mount",
    "usr/lib/systemd/system/gunicorn.socket",
    "lib/systemd/system/gunicorn.service",
    "run/systemd/system/x.service",
    "run/systemd/container",
    "etc/supervisor/conf.d/x.conf",
    "etc/logrotate.conf",
    "etc/logrotate.d/gunicorn",
    "proc/1/status",
    "proc/1/environ",
    "proc/self/mountinfo",
    "proc/sys/kernel/random/boot_id",
    "proc/sys/net/core/somaxconn",
    "proc/sys/fs/file-nr",
    "proc/meminfo",
    "proc/vmstat",
    "proc/net/netstat",
    "sys/fs/cgroup/memory.max",
];

/// What lies outside and must never be seen.
const CANARY: &str = "canary-that-no-root-may-show";

/// A root below one temporary directory, and a canary beside it.
struct Hostile(TempDir);

#[derive(Clone, Copy)]
enum Links {
    Absolute,
    Relative,
}

impl Hostile {
    fn root(&self) -> PathBuf {
        self.0.path().join("root")
    }

    fn outside(&self) -> PathBuf {
        self.0.path().join("outside")
    }

    /// A root in which each file is made by `make`, and a canary outside that would be good at each place.
    fn made(make: impl Fn(&Self, &Path) -> Result) -> Result<Self> {
        let hostile = Self(tempfile::tempdir()?);
        fs::create_dir(hostile.root())?;
        fs::create_dir(hostile.outside())?;
        let lines =
            format!("PRETTY_NAME={CANARY}\n{CANARY} /{CANARY} tmpfs {CANARY} 0 0\nnet.core.somaxconn={CANARY}\n");
        fs::write(hostile.outside().join("canary.conf"), lines)?;
        for file in FILES {
            let path = hostile.root().join(file);
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            make(&hostile, &path)?;
        }
        Ok(hostile)
    }

    fn linked(links: Links) -> Result<Self> {
        Self::made(|hostile, file| {
            let canary = hostile.outside().join("canary.conf");
            let target = match links {
                Links::Absolute => canary,
                // Far more steps up than there are: at the top they lead nowhere, but from there down to the canary.
                Links::Relative => Path::new(&"../".repeat(40)).join(canary.strip_prefix("/").unwrap_or(&canary)),
            };
            Ok(symlink(target, file)?)
        })
    }

    /// Directories that are links out of the root, to directories that hold the canary under each name.
    fn linked_directories() -> Result<Self> {
        let hostile = Self::made(|hostile, file| {
            let below = file.strip_prefix(hostile.root()).unwrap_or(file);
            let copy = hostile.outside().join(below);
            fs::create_dir_all(copy.parent().unwrap_or(&copy))?;
            Ok(fs::copy(hostile.outside().join("canary.conf"), copy).map(drop)?)
        })?;
        for name in ["etc", "usr", "lib", "run", "proc", "sys"] {
            fs::remove_dir_all(hostile.root().join(name))?;
            symlink(hostile.outside().join(name), hostile.root().join(name))?;
        }
        Ok(hostile)
    }

    fn garbage(bytes: usize) -> Result<Self> {
        let garbage = garbage(bytes);
        Self::made(move |_, file| Ok(fs::write(file, &garbage)?))
    }
}

/// Bytes of every value, in lines of very different lengths, with pieces of real syntax in between.
fn garbage(bytes: usize) -> Vec<u8> {
    let pieces: [&[u8]; 6] =
        [b"\n", b"tmpfs /tmp tmpfs \\777", b"[Service]\nExecStart=", b"= \0", b"\"\\\n", b"\xff\xfe"];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut out = Vec::with_capacity(bytes + 64);
    while out.len() < bytes {
        // xorshift64: the same garbage on every machine.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
        if state.is_multiple_of(7) {
            out.extend_from_slice(pieces[(state >> 32) as usize % pieces.len()]);
        }
    }
    out
}

fn unreadable(_: &Hostile, file: &Path) -> Result {
    use std::os::unix::fs::PermissionsExt;
    fs::write(file, "net.core.somaxconn = 128\n")?;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o000))?)
}

/// There is a whole report, it claims nothing live, and it shows nothing from outside.
fn answers(hostile: &Hostile) -> Result {
    let report = report(&hostile.root())?;
    claims_nothing_live(&report)?;
    shows_no_canary(&report)
}

fn shows_no_canary(report: &Report) -> Result {
    let shown = report.json.to_string() + &report.stderr;
    if shown.contains(CANARY) { Err(format!("it read the canary: {shown}").into()) } else { Ok(()) }
}

fn fifos_do_not_block() -> Result {
    let hostile = Hostile::made(|_, file| {
        nix::unistd::mkfifo(file, nix::sys::stat::Mode::from_bits_truncate(0o644))?;
        assert!(fs::symlink_metadata(file)?.file_type().is_fifo());
        Ok(())
    })?;
    answers(&hostile)
}

fn files_in_place_of_directories() -> Result {
    let hostile = Hostile(tempfile::tempdir()?);
    fs::create_dir(hostile.root())?;
    for name in ["etc", "usr", "lib", "run", "proc", "sys", "var", "tmp"] {
        fs::write(hostile.root().join(name), "a file\n")?;
    }
    answers(&hostile)
}

fn every_format_survives() -> Result {
    for hostile in [Hostile::garbage(65536)?, Hostile::linked(Links::Absolute)?] {
        for format in ["table", "json", "prometheus", "nagios"] {
            let said = gtune_doctor(&hostile.root(), &["--format", format])?;
            assert!(matches!(said.code, Some(0..=3)) && !said.stdout.is_empty(), "{format}: {said:?}");
            assert!(!said.stderr.contains("panicked"), "{said:?}");
            let raw_control = |c: char| c.is_control() && c != '\n';
            assert!(!said.stdout.contains(raw_control), "{format} prints control characters: {said:?}");
        }
    }
    Ok(())
}

/// strace names the file behind each descriptor that was opened; none may lie outside, but for what any program needs.
fn nothing_outside_is_opened() -> Result {
    for links in [Links::Absolute, Links::Relative] {
        let hostile = Hostile::linked(links)?;
        let trace = hostile.0.path().join("trace");
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-e", "trace=open,openat,openat2", "-o"]).arg(&trace);
        command.args([env!("CARGO_BIN_EXE_gtune"), "--root"]).arg(hostile.root()).arg("doctor");
        outcome(&mut command)?;
        let trace = fs::read_to_string(trace)?;
        let opened = trace.lines().filter_map(opened);
        let (inside, outside): (Vec<_>, Vec<_>) = opened.partition(|(_, path)| path.starts_with(hostile.root()));
        assert!(!inside.is_empty(), "nothing was opened at all: {trace}");
        let outside: Vec<_> = outside.into_iter().filter(|(pid, path)| !is_own(pid, path)).collect();
        assert!(outside.is_empty(), "opened outside: {outside:?}");
    }
    Ok(())
}

/// `812 openat(3</x>, "y", O_RDONLY) = 4</x/y>`: who opened, and what it was.
fn opened(line: &str) -> Option<(&str, &Path)> {
    let (pid, call) = line.split_once(' ')?;
    let path = call.rsplit_once(") = ")?.1.split_once('<')?.1.strip_suffix('>')?;
    Some((pid, Path::new(path)))
}

/// The program's own libraries, its time zone and terminal, and what it asks about itself.
fn is_own(pid: &str, path: &Path) -> bool {
    const OWN: &[&str] = &["/usr/lib", "/lib", "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", "/dev"];
    OWN.iter().any(|own| path.starts_with(own)) || path.starts_with(format!("/proc/{pid}"))
}
