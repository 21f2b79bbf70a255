//! `/proc/<pid>/status`, read of every process of the host (proc_pid_status(5)).

use super::{ProcessState, SignalSet};
use crate::units::Bytes;

/// What gtune needs of the file.
///
/// Not procfs's parser: that one fails at a name that is no UTF-8, cuts `gunicorn: worker` at the colon, and builds a
/// map of all lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Command name, at most 15 bytes, the kernel's escapes undone, lossily decoded.
    pub name: String,
    /// State letter.
    pub state: ProcessState,
    /// Thread group: the process's own number.
    pub tgid: i32,
    /// The parent; 0 for the first process of a pid namespace and for a parent outside it.
    pub ppid: i32,
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Number of threads.
    pub threads: u32,
    /// Signals with a handler.
    pub sig_cgt: SignalSet,
    /// Signals ignored.
    pub sig_ign: SignalSet,
    /// Effective capabilities (capabilities(7)).
    pub cap_eff: u64,
    /// Its number in its own pid namespace: the last of `NSpid`; none before Linux 4.1.
    pub inner_pid: Option<i32>,
    /// Resident memory; none for kernel threads and zombies.
    pub vm_rss: Option<Bytes>,
}

/// What one pass over the lines has found.
#[derive(Default)]
struct Found<'a> {
    name: Option<&'a [u8]>,
    state: Option<char>,
    tgid: Option<i32>,
    ppid: Option<i32>,
    euid: Option<u32>,
    egid: Option<u32>,
    threads: Option<u32>,
    sig_cgt: Option<u64>,
    sig_ign: Option<u64>,
    cap_eff: Option<u64>,
    inner_pid: Option<i32>,
    vm_rss: Option<Bytes>,
}

impl Status {
    /// Reads the file; none where it is cut short. Allocates nothing but the name.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut found = Found::default();
        for line in bytes.split(|b| *b == b'\n') {
            if let Some(colon) = line.iter().position(|b| *b == b':') {
                found.take(&line[..colon], &line[colon + 1..]);
            }
        }
        Some(Self {
            name: unescape(found.name?),
            state: ProcessState(found.state?),
            tgid: found.tgid?,
            ppid: found.ppid?,
            euid: found.euid?,
            egid: found.egid?,
            threads: found.threads?,
            sig_cgt: SignalSet(found.sig_cgt?),
            sig_ign: SignalSet(found.sig_ign?),
            cap_eff: found.cap_eff?,
            inner_pid: found.inner_pid,
            vm_rss: found.vm_rss,
        })
    }
}

impl<'a> Found<'a> {
    /// Takes one line, where it is one of those that matter.
    fn take(&mut self, key: &[u8], value: &'a [u8]) {
        // The kernel writes one tab; blanks beyond it belong to the name.
        let value = value.strip_prefix(b"\t").unwrap_or(value);
        match key {
            b"Name" => self.name = Some(value),
            b"State" => self.state = value.first().map(|b| char::from(*b)),
            b"Tgid" => self.tgid = word(value, 0),
            b"PPid" => self.ppid = word(value, 0),
            // Real, effective, saved, of the file system.
            b"Uid" => self.euid = word(value, 1),
            b"Gid" => self.egid = word(value, 1),
            b"Threads" => self.threads = word(value, 0),
            b"SigCgt" => self.sig_cgt = hexadecimal(value),
            b"SigIgn" => self.sig_ign = hexadecimal(value),
            b"CapEff" => self.cap_eff = hexadecimal(value),
            b"NSpid" => self.inner_pid = text(value).and_then(|v| v.split_ascii_whitespace().next_back()?.parse().ok()),
            b"VmRSS" => self.vm_rss = word(value, 0).map(Bytes::from_kib),
            _ => {}
        }
    }
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

fn word<T: std::str::FromStr>(value: &[u8], at: usize) -> Option<T> {
    text(value)?.split_ascii_whitespace().nth(at)?.parse().ok()
}

fn hexadecimal(value: &[u8]) -> Option<u64> {
    u64::from_str_radix(text(value)?.trim(), 16).ok()
}

/// The kernel writes a line feed of a name as `\n` and a backslash as `\\`; other bytes stand as they are.
fn unescape(name: &[u8]) -> String {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match (byte, after.first()) {
            (b'\\', Some(b'n')) => Some(b'\n'),
            (b'\\', Some(b'\\')) => Some(b'\\'),
            _ => None,
        };
        plain.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[1..] } else { after };
    }
    String::from_utf8(plain).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MASTER: &str = "Name:\tgunicorn\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t812\nNgid:\t0\nPid:\t812\nPPid:\t1\n\
        TracerPid:\t0\nUid:\t0\t33\t33\t33\nGid:\t0\t34\t34\t34\nFDSize:\t64\nGroups:\t33 \nNStgid:\t812\t7\n\
        NSpid:\t812\t7\nVmPeak:\t  200 kB\nVmRSS:\t   51200 kB\nThreads:\t2\nSigQ:\t0/30506\n\
        SigIgn:\t0000000001001000\nSigCgt:\t0000000108314a07\nCapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\n";

    fn named(name: &[u8]) -> Status {
        let rest = MASTER.as_bytes().strip_prefix(b"Name:\tgunicorn").unwrap();
        Status::parse(&[b"Name:\t", name, rest].concat()).unwrap()
    }

    #[test]
    fn a_process_is_what_its_effective_ids_and_masks_say() {
        let status = Status::parse(MASTER.as_bytes()).unwrap();
        assert_eq!((status.tgid, status.ppid, status.threads, status.state), (812, 1, 2, ProcessState('S')));
        assert_eq!((status.euid, status.egid, status.cap_eff), (33, 34, 0x1ff_ffff_ffff));
        assert_eq!((status.sig_cgt, status.sig_ign), (SignalSet(0x1_0831_4a07), SignalSet(0x0100_1000)));
        assert_eq!((status.inner_pid, status.vm_rss), (Some(7), Some(Bytes(50 << 20))));
    }

    #[test]
    fn a_name_may_hold_anything() {
        for (written, name) in [
            (&b"gunicorn: worke"[..], "gunicorn: worke"),
            (b"a\\nPPid:\\t1", "a\nPPid:\\t1"),
            (b"back\\\\slash", "back\\slash"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            (b" x ", " x "),
            (b"", ""),
        ] {
            assert_eq!(named(written).name, name);
        }
        assert_eq!(named(b"a\\nPPid:\\t1").ppid, 1);
    }

    #[test]
    fn a_kernel_thread_has_no_memory_and_an_old_kernel_no_inner_pid() {
        let text = MASTER.replace("VmRSS", "X").replace("NSpid", "Y");
        let status = Status::parse(text.as_bytes()).unwrap();
        assert_eq!((status.vm_rss, status.inner_pid), (None, None));
    }

    #[test]
    fn half_a_file_is_no_process() {
        for key in ["Name", "State", "Tgid", "PPid", "Uid", "Gid", "Threads", "SigIgn", "SigCgt", "CapEff"] {
            let text = MASTER.replace(&format!("{key}:"), "Gone:");
            assert_eq!(Status::parse(text.as_bytes()), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            Status::parse(&bytes);
        }

        #[test]
        fn no_name_changes_anything_else(name in proptest::collection::vec(any::<u8>(), 0..16)) {
            let escaped: Vec<u8> = name.iter().flat_map(|b| match b {
                b'\n' => b"\\n".to_vec(),
                b'\\' => b"\\\\".to_vec(),
                other => vec![*other],
            }).collect();
            let status = named(&escaped);
            prop_assert_eq!(&status.name, &String::from_utf8_lossy(&name).into_owned());
            prop_assert_eq!(Status { name: "gunicorn".into(), ..status }, named(b"gunicorn"));
        }
    }
}
