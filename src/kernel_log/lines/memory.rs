//! The lines of a report that say how much memory there was: of a control group, or of the whole host.

use super::text::{after, kib_after, number};
use crate::units::{Bytes, Limit};
use bstr::ByteSlice;

/// What a control group used of what it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Used.
    pub used: Bytes,
    /// Its limit.
    pub limit: Limit,
}

/// Which of its bounds a control group's line tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// `memory`.
    Memory,
    /// Memory and swap together (version 1).
    MemoryAndSwap,
    /// Swap alone (version 2).
    Swap,
    /// The kernel's own memory (version 1).
    Kernel,
}

/// A number of pages that the block on the whole host's memory tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostPages {
    /// `N pages RAM`.
    Ram(u64),
    /// `N pages reserved`.
    Reserved(u64),
}

/// Swap of the whole host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostSwap {
    /// `Total swap`.
    Total(Bytes),
    /// `Free swap`.
    Free(Bytes),
}

/// The largest limit that is one: the kernel prints "none" as the greatest number of its counter, in KiB:
/// 9007199254740988 of pages (Linux 3.19), 9007199254740991 and 18014398509481983 before.
const LARGEST_LIMIT_KIB: u64 = 9_007_199_254_740_000;

/// Reads `memory: usage 204800kB, limit 204800kB, failcnt 126` and its like.
pub fn usage(message: &[u8]) -> Option<(Bound, Usage)> {
    const BOUNDS: [(&[u8], Bound); 4] = [
        (b"memory: ", Bound::Memory),
        (b"memory+swap: ", Bound::MemoryAndSwap),
        (b"swap: ", Bound::Swap),
        (b"kmem: ", Bound::Kernel),
    ];
    let (bound, rest) = BOUNDS.iter().find_map(|(word, bound)| Some((*bound, message.strip_prefix(*word)?)))?;
    let used = kib_after(rest, b"usage ")?;
    let (kib, rest) = number(after(rest, b"limit ")?)?;
    let limit = if kib >= LARGEST_LIMIT_KIB { Limit::Unlimited } else { Limit::At(kib.saturating_mul(1024)) };
    rest.starts_with(b"kB").then_some((bound, Usage { used, limit }))
}

/// Reads `Memory cgroup stats for PATH:` and what follows on the same line, as up to Linux 5.2.
pub fn stats_header(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = message.strip_prefix(b"Memory cgroup stats for ")?;
    match rest.split_once_str(b": ") {
        Some(found) => Some(found),
        None => Some((rest.strip_suffix(b":")?, b"")),
    }
}

/// Reads one figure of a control group: `anon 208678912`, in bytes, of Linux 5.3 and later.
pub fn stat(line: &[u8]) -> Option<(&[u8], u64)> {
    let line = line.strip_prefix(b" ").unwrap_or(line);
    let (name, rest) = line.split_once_str(b" ")?;
    let (value, end) = number(rest)?;
    let is_name =
        !name.is_empty() && name.iter().all(|byte| byte.is_ascii_lowercase() || b"_0123456789".contains(byte));
    (is_name && end.is_empty()).then_some((name, value))
}

/// Reads `cache:0KB rss:204800KB …` of Linux up to 5.2, into bytes.
pub fn old_stats(line: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    line.split(|byte| *byte == b' ').filter_map(|word| {
        let (name, value) = word.split_once_str(b":")?;
        let (kib, unit) = number(value)?;
        (unit == b"KB").then_some((name, kib.saturating_mul(1024)))
    })
}

/// Reads `130939 pages RAM` and `10679 pages reserved`.
pub fn host_pages(message: &[u8]) -> Option<HostPages> {
    let (count, rest) = number(message)?;
    match rest {
        b" pages RAM" | b" pages of RAM" => Some(HostPages::Ram(count)),
        b" pages reserved" | b" reserved pages" => Some(HostPages::Reserved(count)),
        _ => None,
    }
}

/// Reads `Free swap  = 0kB` and `Total swap = 0kB`.
pub fn host_swap(message: &[u8]) -> Option<HostSwap> {
    if message.starts_with(b"Total swap = ") {
        return kib_after(message, b"= ").map(HostSwap::Total);
    }
    message.starts_with(b"Free swap  = ").then(|| kib_after(message, b"= ")).flatten().map(HostSwap::Free)
}

/// Reads `shmem:89` out of the lines after `Mem-Info:`: pages of tmpfs and shared memory on the whole host.
pub fn host_shmem_pages(line: &[u8]) -> Option<u64> {
    let mut words = line.split(|byte| *byte == b' ');
    let value = words.find_map(|word| word.strip_prefix(b"shmem:"))?;
    number(value).filter(|(_, end)| end.is_empty()).map(|(pages, _)| pages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_limit_is_not_a_large_one() {
        let (bound, at) = usage(b"memory: usage 204800kB, limit 204800kB, failcnt 126").unwrap();
        assert_eq!((bound, at.used, at.limit), (Bound::Memory, Bytes(200 << 20), Limit::At(200 << 20)));
        for none in ["9007199254740988", "18014398509481983", "9007199254740991"] {
            let line = format!("swap: usage 0kB, limit {none}kB, failcnt 0");
            assert_eq!(
                usage(line.as_bytes()).unwrap(),
                (Bound::Swap, Usage { used: Bytes(0), limit: Limit::Unlimited })
            );
        }
        assert_eq!(usage(b"memory: usage 204800kB, limit 2048"), None, "a number that was cut");
    }

    #[test]
    fn figures_of_both_eras_are_in_bytes() {
        assert_eq!(stats_header(b"Memory cgroup stats for /a b:"), Some((&b"/a b"[..], &b""[..])));
        let (path, rest) = stats_header(b"Memory cgroup stats for /a: cache:0KB rss:204800KB mapped_file:4KB").unwrap();
        assert_eq!(path, b"/a");
        assert_eq!(
            old_stats(rest).collect::<Vec<_>>(),
            [(&b"cache"[..], 0), (b"rss", 200 << 20), (b"mapped_file", 4096)]
        );
        assert_eq!(stat(b"anon 208678912"), Some((&b"anon"[..], 208_678_912)));
        assert_eq!(stat(b" thp_fault_alloc 43"), Some((&b"thp_fault_alloc"[..], 43)));
        for other in ["eth1: link state change 0", "Call Trace:", "anon x", "anon 1 2", ""] {
            assert_eq!(stat(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn the_memory_of_the_host_is_read() {
        assert_eq!(host_pages(b"130939 pages RAM"), Some(HostPages::Ram(130_939)));
        assert_eq!(host_pages(b"10679 pages reserved"), Some(HostPages::Reserved(10_679)));
        assert_eq!(host_pages(b"0 pages in swap cache"), None);
        assert_eq!(host_swap(b"Free swap  = 4kB"), Some(HostSwap::Free(Bytes(4096))));
        assert_eq!(host_swap(b"Total swap = 8kB"), Some(HostSwap::Total(Bytes(8192))));
        assert_eq!(host_shmem_pages(b" mapped:5 shmem:89 pagetables:477"), Some(89));
        assert_eq!(host_shmem_pages(b"Node 0 shmem:356kB"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = (usage(&bytes), stats_header(&bytes), stat(&bytes), old_stats(&bytes).count());
            let _ = (host_pages(&bytes), host_swap(&bytes), host_shmem_pages(&bytes));
            let _ = usage(&[b"memory: usage ", &bytes[..], b"kB, limit ", &bytes].concat());
        }
    }
}
