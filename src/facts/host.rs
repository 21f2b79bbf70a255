//! The machine: kernel, system, its own bounds, and who gtune is on it.

use crate::facts::{Container, Fact};
use crate::units::{Bytes, Limit, Seconds, SoftHard};
use procfs::{FromRead, LoadAverage};
use serde::Serialize;

/// The machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Host {
    /// Kernel release as uname(2) gives it.
    pub kernel: Fact<KernelVersion>,
    /// `PRETTY_NAME` of os-release(5).
    pub os: Fact<String>,
    /// The directory judged, `/` for the live host.
    pub root: String,
    /// Whether it is the live host, not an image below `--root`.
    pub live: bool,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: Fact<String>,
    /// Time since boot.
    pub uptime_seconds: Fact<Seconds>,
    /// The container gtune itself runs in.
    pub container: Option<Container>,
    /// gtune's own effective user id.
    pub uid: u32,
    /// CPUs this process may run on (sched_getaffinity(2)).
    pub cpus: Fact<u64>,
    /// Limits that a program started from this shell inherits.
    pub shell_open_files: Fact<SoftHard>,
    /// Version of systemd where it is pid 1.
    pub systemd: Fact<u32>,
    /// `DefaultLimitNOFILE` of the manager, soft.
    pub systemd_default_open_files: Fact<Limit>,
    /// `/proc/sys/fs/file-nr`.
    pub file_table: Fact<FileTable>,
    /// `/proc/sys/fs/nr_open`: no process limit may be above it.
    pub nr_open: Fact<u64>,
    /// `/proc/sys/kernel/threads-max` and `pid_max`, the lower one.
    pub task_limit: Fact<u64>,
    /// Tasks on the host now (fourth field of `/proc/loadavg`).
    pub tasks: Fact<u64>,
    /// Memory of the host.
    pub memory: Fact<HostMemory>,
    /// `oom_kill` of `/proc/vmstat` since boot; since Linux 4.13.
    pub oom_kills: Fact<u64>,
    /// Pressure stall information; since Linux 4.20.
    pub pressure: Fact<Pressure>,
}

/// A kernel version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KernelVersion {
    /// The release string, for example `6.1.0-18-amd64`.
    pub release: String,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

impl KernelVersion {
    /// Reads a release string; numbers that are not there count as 0.
    pub fn parse(release: &str) -> Self {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
        let major = numbers.next().unwrap_or(0);
        let minor = numbers.next().unwrap_or(0);
        Self { release: release.trim().to_owned(), major, minor }
    }

    /// The value `net.core.somaxconn` has in a new network namespace: 4096 since Linux 5.4 (commit 19f92a030ca6).
    pub fn default_somaxconn(&self) -> u64 {
        if (self.major, self.minor) >= (5, 4) { 4096 } else { 128 }
    }
}

/// The system-wide table of open files (proc_sys_fs(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FileTable {
    /// Handles in use.
    pub used: u64,
    /// `fs.file-max`.
    pub limit: u64,
}

impl FileTable {
    /// Reads `/proc/sys/fs/file-nr`: allocated, free, maximum. Linux has kept none free since 2.6.
    pub fn parse(file_nr: impl AsRef<[u8]>) -> Option<Self> {
        let text = std::str::from_utf8(file_nr.as_ref()).ok()?;
        let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        let (allocated, free, limit) = (next()?, next()?, next()?);
        Some(Self { used: allocated.saturating_sub(free), limit })
    }
}

/// Memory of the host (proc_meminfo(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HostMemory {
    /// `MemTotal`.
    pub total_bytes: Bytes,
    /// `MemAvailable`.
    pub available_bytes: Bytes,
    /// `SwapTotal`.
    pub swap_bytes: Bytes,
}

impl HostMemory {
    /// Reads `/proc/meminfo`; none where one of the three is missing (`MemAvailable` came with Linux 3.14).
    ///
    /// Not procfs's parser: that one needs a dozen more lines, which the meminfo of a container may lack.
    pub fn parse(meminfo: impl AsRef<[u8]>) -> Option<Self> {
        let text = String::from_utf8_lossy(meminfo.as_ref());
        let bytes_of = |key| {
            let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            Some(Bytes::from_kib(rest.trim().strip_suffix("kB")?.trim_end().parse().ok()?))
        };
        Some(Self {
            total_bytes: bytes_of("MemTotal")?,
            available_bytes: bytes_of("MemAvailable")?,
            swap_bytes: bytes_of("SwapTotal")?,
        })
    }
}

/// Share of time in which tasks were held up, per cent over the last 10 and 60 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pressure {
    /// `some avg10` and `some avg60` of `/proc/pressure/io`.
    pub io_some: (f32, f32),
    /// The same of `/proc/pressure/memory`.
    pub memory_some: (f32, f32),
    /// The same of `/proc/pressure/cpu`.
    pub cpu_some: (f32, f32),
}

/// `PRETTY_NAME` of os-release(5), which is quoted as a shell quotes.
pub fn parse_pretty_name(os_release: impl AsRef<[u8]>) -> Option<String> {
    let text = String::from_utf8_lossy(os_release.as_ref());
    // As in a shell, the last assignment counts.
    let value = text.lines().filter_map(|line| line.trim().strip_prefix("PRETTY_NAME=")).next_back()?;
    shlex::split(value)?.into_iter().next().filter(|name| !name.is_empty())
}

/// `oom_kill` of `/proc/vmstat`: processes killed for want of memory since boot, in control groups too. Since Linux 4.13.
pub fn parse_oom_kill(vmstat: impl AsRef<[u8]>) -> Option<u64> {
    let number = |line: &[u8]| std::str::from_utf8(line.strip_prefix(b"oom_kill ")?).ok()?.trim().parse().ok();
    vmstat.as_ref().split(|b| *b == b'\n').find_map(number)
}

/// `avg10` and `avg60` of the `some` line of a pressure file, in per cent.
///
/// Not procfs's parser: that one wants a `full` line, which `/proc/pressure/cpu` lacks before Linux 5.13.
pub fn parse_pressure_some(text: impl AsRef<[u8]>) -> Option<(f32, f32)> {
    let text = String::from_utf8_lossy(text.as_ref());
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let average =
        |key| some.split(' ').find_map(|word| word.strip_prefix(key))?.parse().ok().filter(|a: &f32| a.is_finite());
    Some((average("avg10=")?, average("avg60=")?))
}

/// How many tasks there are, of `/proc/loadavg` (`1/213`: 1 runs of 213).
pub fn parse_tasks(loadavg: impl AsRef<[u8]>) -> Option<u64> {
    LoadAverage::from_read(loadavg.as_ref()).ok().map(|load| u64::from(load.max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MEMINFO: &str = "MemTotal:        8148032 kB\nMemFree: 1 kB\nMemAvailable:    6000000 kB\nSwapTotal: 0 kB\n";

    #[test]
    fn memory_is_counted_in_kib() {
        let memory = HostMemory::parse(MEMINFO).unwrap();
        assert_eq!((memory.total_bytes, memory.swap_bytes), (Bytes(8_148_032 << 10), Bytes(0)));
        assert_eq!(HostMemory::parse(MEMINFO.replace("MemAvailable", "X")), None);
    }

    #[test]
    fn a_name_is_unquoted_as_a_shell_does() {
        assert_eq!(
            parse_pretty_name("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n").as_deref(),
            Some("Debian GNU/Linux 12")
        );
        assert_eq!(parse_pretty_name("PRETTY_NAME='It'\\''s'").as_deref(), Some("It's"));
        assert_eq!(parse_pretty_name("PRETTY_NAME=\nNAME=x"), None);
    }

    #[test]
    fn handles_in_use_are_those_not_free() {
        assert_eq!(
            FileTable::parse("2016\t16\t9223372036854775807\n"),
            Some(FileTable { used: 2000, limit: i64::MAX as u64 })
        );
        assert_eq!(FileTable::parse("2016\t0"), None);
    }

    #[test]
    fn a_counter_that_is_missing_is_not_zero() {
        assert_eq!(parse_oom_kill("nr_free_pages 7\noom_kill 3\noom_kill_x 9\n"), Some(3));
        assert_eq!(parse_oom_kill("nr_free_pages 7\n"), None);
    }

    #[test]
    fn pressure_needs_no_full_line() {
        let some = "some avg10=1.50 avg60=0.25 avg300=0.00 total=391926\n";
        assert_eq!(parse_pressure_some(some), Some((1.5, 0.25)));
        assert_eq!(parse_pressure_some("full avg10=1.50 avg60=0.25\n"), None);
        assert_eq!(parse_pressure_some("some avg10=nan avg60=0.25\n"), None);
    }

    #[test]
    fn tasks_are_all_of_them_not_those_that_run() {
        assert_eq!(parse_tasks("0.20 0.18 0.12 1/213 11206\n"), Some(213));
        assert_eq!(parse_tasks("0.20"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            KernelVersion::parse(&text);
            FileTable::parse(&bytes);
            HostMemory::parse(&bytes);
            HostMemory::parse(MEMINFO.replace("8148032", &text));
            parse_pretty_name(&bytes);
            parse_pretty_name(format!("PRETTY_NAME={text}"));
            parse_oom_kill(&bytes);
            parse_pressure_some(&bytes);
            parse_pressure_some(format!("some {text}"));
            parse_tasks(&bytes);
            parse_tasks(format!("0.1 0.1 0.1 {text}"));
        }
    }
}
