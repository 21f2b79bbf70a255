//! The lines that open a report: who asked for memory, and in which context.

use super::text::{after, number, pid, signed};
use crate::units::Pid;
use bstr::ByteSlice;

/// `COMM invoked oom-killer: gfp_mask=…, order=N, oom_score_adj=N`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoked<'a> {
    /// Name of the thread that asked; empty up to Linux 2.6.1x, which did not say.
    pub comm: &'a [u8],
    /// What it asked for, as the kernel wrote it: `0xcc0(GFP_KERNEL)`.
    pub gfp_mask: Option<&'a [u8]>,
    /// It asked for 2^order pages; -1 where a person asked (sysrq f).
    pub order: Option<i32>,
    /// `oom_score_adj` of the thread; up to Linux 2.6.35 `oom_adj`, which has another scale, is not given.
    pub oom_score_adj: Option<i32>,
}

/// `CPU: 1 UID: 33 PID: 815 Comm: gunicorn Not tainted 6.1.0 #1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context<'a> {
    /// Thread id, in the host's pid namespace.
    pub thread: Pid,
    /// Its user; told since Linux 6.11.
    pub uid: Option<u32>,
    /// Its name.
    pub comm: &'a [u8],
    /// Release of the kernel, for example `6.1.0-18-amd64`.
    pub kernel: Option<&'a [u8]>,
}

/// Reads the first line of a report.
pub fn invoked(message: &[u8]) -> Option<Invoked<'_>> {
    let (comm, fields) = match message.split_once_str(b" invoked oom-killer: ") {
        Some(found) => found,
        None => (&b""[..], message.strip_prefix(b"oom-killer: ")?),
    };
    // Names have at most 15 bytes (TASK_COMM_LEN); kernel threads may add the work they do, as in `kworker/u8:2+flush`.
    const LONGEST_NAME: usize = 64;
    if comm.len() > LONGEST_NAME || !(fields.starts_with(b"gfp_mask=") || fields.starts_with(b"order=")) {
        return None;
    }
    Some(Invoked {
        comm,
        gfp_mask: after(fields, b"gfp_mask=").map(mask),
        order: after(fields, b"order=").and_then(signed).map(|(order, _)| order),
        oom_score_adj: after(fields, b"oom_score_adj=").and_then(signed).map(|(adj, _)| adj),
    })
}

/// The mask up to the comma that ends it; flags in brackets hold none.
fn mask(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == b',').unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// Reads the line of the stack dump that names the context.
pub fn context(message: &[u8]) -> Option<Context<'_>> {
    // Linux 2.6 wrote `Pid: 2757, comm: smbd Not tainted 2.6.24`.
    let (before, rest) = match message.strip_prefix(b"CPU: ") {
        Some(rest) => rest.split_once_str(b"PID: ")?,
        None => (&b""[..], message.strip_prefix(b"Pid: ")?),
    };
    let (thread, rest) = pid(rest)?;
    let rest = rest.strip_prefix(b" Comm: ").or_else(|| rest.strip_prefix(b", comm: "))?;
    let (comm, kernel) = match rest.rsplit_once_str(b" Not tainted ") {
        Some((comm, kernel)) => (comm, kernel),
        None => rest.rsplit_once_str(b" Tainted: ")?,
    };
    // Kernels of distributions put this between the name and the taint.
    let comm = comm.strip_suffix(b" Kdump: loaded").unwrap_or(comm);
    let uid = after(before, b"UID: ").and_then(number).and_then(|(uid, _)| u32::try_from(uid).ok());
    Some(Context { thread, uid, comm, kernel: release(kernel) })
}

/// The first word that is a version: letters of the taint stand before it, in any number.
fn release(text: &[u8]) -> Option<&[u8]> {
    let mut words = text.split(|byte| *byte == b' ');
    words.find(|word| word.first().is_some_and(u8::is_ascii_digit) && word.contains(&b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> (String, Option<String>, Option<i32>, Option<i32>) {
        let line = invoked(line.as_bytes()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(line.comm), line.gfp_mask.map(text), line.order, line.oom_score_adj)
    }

    #[test]
    fn every_era_says_who_asked_and_for_what() {
        for (line, comm, mask, order, adj) in [
            ("oom-killer: gfp_mask=0xd0, order=0", "", "0xd0", 0, None),
            ("smbd invoked oom-killer: gfp_mask=0x1201d2, order=0, oomkilladj=0", "smbd", "0x1201d2", 0, None),
            ("x invoked oom-killer: gfp_mask=0xd0, order=0, oom_adj=-17", "x", "0xd0", 0, None),
            ("x invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0", "x", "0xd0", 0, Some(0)),
            (
                "x invoked oom-killer: order=3, oom_score_adj=-900, gfp_mask=0x24(GFP_A|__GFP_B)",
                "x",
                "0x24(GFP_A|__GFP_B)",
                3,
                Some(-900),
            ),
            (
                "x invoked oom-killer: gfp_mask=0x14(GFP_A), nodemask=(null), order=0, oom_score_adj=1000",
                "x",
                "0x14(GFP_A)",
                0,
                Some(1000),
            ),
            (
                "kworker/0:1 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-1, oom_score_adj=0",
                "kworker/0:1",
                "0xcc0(GFP_KERNEL)",
                -1,
                Some(0),
            ),
        ] {
            assert_eq!(read(line), (comm.into(), Some(mask.into()), Some(order), adj), "{line}");
        }
    }

    #[test]
    fn a_sentence_about_the_oom_killer_opens_no_report() {
        for line in ["systemd: x invoked oom-killer: see the log", "oom-killer: disabled", "x invoked oom-killer:"] {
            assert_eq!(invoked(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn the_context_names_a_thread_and_the_kernel() {
        for (line, thread, uid, comm, kernel) in [
            (
                "CPU: 4 PID: 29481 Comm: sed Not tainted 3.10.0-1160.el7.x86_64 #1",
                29481,
                None,
                "sed",
                "3.10.0-1160.el7.x86_64",
            ),
            ("CPU: 0 UID: 33 PID: 8 Comm: a b Tainted: G        W  OE      6.11.0 #1", 8, Some(33), "a b", "6.11.0"),
            ("CPU: 0 PID: 8 Comm: x Kdump: loaded Tainted: P   5.14.0-1.el9 #1", 8, None, "x", "5.14.0-1.el9"),
            (
                "CPU: 0 UID: 0 PID: 8 Comm: PID: 1 Comm: x Not tainted 6.18.44 #1",
                8,
                Some(0),
                "PID: 1 Comm: x",
                "6.18.44",
            ),
            ("Pid: 2757, comm: smbd Not tainted 2.6.24 #1", 2757, None, "smbd", "2.6.24"),
        ] {
            let found = context(line.as_bytes()).unwrap();
            assert_eq!((found.thread, found.uid, found.comm), (Pid(thread), uid, comm.as_bytes()), "{line}");
            assert_eq!(found.kernel, Some(kernel.as_bytes()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = (invoked(&bytes), context(&bytes));
            let _ = invoked(&[&bytes[..], b" invoked oom-killer: gfp_mask=", &bytes].concat());
            let _ = context(&[b"CPU: 1 PID: 2 Comm: ", &bytes[..], b" Tainted: ", &bytes].concat());
        }
    }
}
