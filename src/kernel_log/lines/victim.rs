//! The lines that name who is killed: `Killed process 815 (gunicorn) total-vm:…`, in the words of every era.

use super::text::{after, kib_after, number, pid, signed, whole_number_after};
use crate::kernel_log::Scope;
use crate::units::{Bytes, Pid};
use bstr::ByteSlice;

/// What a process held when it was killed, as far as the line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Address space (`total-vm`; `vsz` before Linux 2.6.36).
    pub total_vm: Option<Bytes>,
    /// Anonymous memory.
    pub anon_rss: Option<Bytes>,
    /// Pages of files.
    pub file_rss: Option<Bytes>,
    /// Shared memory and tmpfs; told since Linux 4.5.
    pub shmem_rss: Option<Bytes>,
    /// Page tables; told since Linux 5.4.
    pub pgtables: Option<Bytes>,
    /// `/proc/<pid>/oom_score_adj`; told since Linux 5.4.
    pub oom_score_adj: Option<i32>,
}

impl Sizes {
    /// The same with the right unit of the page tables: Linux 5.4 and 5.5 wrote their bytes under the name kB, and their
    /// stable releases mended that at one time or another. Page tables map 512 pages each, so they are not larger than
    /// all that is resident unless nearly nothing is; and whole pages in bytes are multiples of 4096.
    pub fn with_pgtables_of(self, kernel: Option<&str>) -> Self {
        let is_such_kernel = kernel.is_none_or(|release| release.starts_with("5.4.") || release.starts_with("5.5."));
        let in_bytes = |pgtables: Bytes| {
            let as_written = pgtables.0 / 1024;
            let is_bytes =
                as_written.is_multiple_of(4096) && self.resident().is_some_and(|resident| pgtables > resident);
            if is_such_kernel && is_bytes { Bytes(as_written) } else { pgtables }
        };
        Self { pgtables: self.pgtables.map(in_bytes), ..self }
    }

    /// All of it that was in memory; none where the line does not say.
    pub fn resident(&self) -> Option<Bytes> {
        let known = [self.anon_rss, self.file_rss, self.shmem_rss];
        known
            .iter()
            .any(Option::is_some)
            .then(|| Bytes(known.iter().flatten().fold(0, |sum: u64, bytes| sum.saturating_add(bytes.0))))
    }
}

/// A line that says that a process was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Victim<'a> {
    /// Its process id, in the host's pid namespace.
    pub pid: Pid,
    /// Its name, any bytes.
    pub comm: &'a [u8],
    /// Whether the name's end is there: a name may hold a newline, and then some frames make two records of the line.
    pub is_whole: bool,
    /// Its user.
    pub uid: Option<u32>,
    /// What it held.
    pub sizes: Sizes,
    /// What the words before it say of the cause; unknown where there are none.
    pub scope: Scope,
}

/// A process that was picked, before Linux 5.1: one of its children may be killed in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// The one that was picked.
    pub pid: Pid,
    /// What the words before it say of the cause.
    pub scope: Scope,
}

/// Reads `[CAUSE: ]Killed process …`.
pub fn killed(message: &[u8]) -> Option<Victim<'_>> {
    let (scope, rest) = cause(message);
    let (pid, rest) = pid(rest.strip_prefix(b"Killed process ")?)?;
    let (uid, named) = match rest.strip_prefix(b", UID ") {
        // RHEL 6 has the user before the name.
        Some(rest) => number(rest).map(|(uid, rest)| (Some(uid), rest.strip_prefix(b",").unwrap_or(rest)))?,
        None => (None, rest),
    };
    let named = named.strip_prefix(b" (")?;
    let (comm, tail, is_whole) = name_and_tail(named);
    let uid = uid.or_else(|| whole_number_after(tail, b"UID:")).or_else(|| whole_number_after(tail, b", UID "));
    Some(Victim { pid, comm, is_whole, uid: uid.and_then(|uid| u32::try_from(uid).ok()), sizes: sizes(tail), scope })
}

/// Reads `[CAUSE: ]Kill process P (C) score N or sacrifice child`, of Linux 2.6 to 5.0.
pub fn chosen(message: &[u8]) -> Option<Chosen> {
    let (scope, rest) = cause(message);
    let rest = rest.strip_prefix(b"Kill process ").or_else(|| rest.strip_prefix(b"kill process "))?;
    let (pid, rest) = pid(rest)?;
    let (_, tail) = rest.rsplit_once_str(b")")?;
    (tail.starts_with(b" score ") || tail.starts_with(b" or ")).then_some(Chosen { pid, scope })
}

/// Reads `Kill process P (C) sharing same memory`: Linux 2.6.37 to 4.x tell of each process that shares the memory of
/// one they kill and dies with it.
pub fn sharing(message: &[u8]) -> Option<(Pid, &[u8])> {
    let (pid, rest) = pid(message.strip_prefix(b"Kill process ")?)?;
    Some((pid, rest.strip_prefix(b" (")?.strip_suffix(b") sharing same memory")?))
}

/// Reads `Tasks in PATH are going to be killed due to memory.oom.group set` (Linux 4.19): the group.
pub fn group(message: &[u8]) -> Option<&[u8]> {
    message.strip_prefix(b"Tasks in ")?.strip_suffix(b" are going to be killed due to memory.oom.group set")
}

/// What the words before `: ` say of the cause, and the rest; only words that the kernel has.
fn cause(message: &[u8]) -> (Scope, &[u8]) {
    const CAUSES: [(&[u8], Scope); 7] = [
        (b"Memory cgroup out of memory: ", Scope::Memcg),
        (b"Out of memory: ", Scope::Global),
        (b"Out of memory (oom_kill_allocating_task): ", Scope::Global),
        (b"Memory cgroup out of memory (oom_kill_allocating_task): ", Scope::Memcg),
        // Linux 2.6 up to 2.6.2x wrote it with capitals.
        (b"Out of Memory: ", Scope::Global),
        (b"No available memory (MPOL_BIND): ", Scope::Mempolicy),
        (b"No available memory in cpuset: ", Scope::Cpuset),
    ];
    let found = CAUSES.iter().find_map(|(words, scope)| Some((*scope, message.strip_prefix(*words)?)));
    found.unwrap_or((Scope::Unknown, message))
}

/// The name, what follows its closing bracket, and whether that bracket is there. The name is free text of at most 15
/// bytes, and may hold brackets and all that follows in the line; so its end is looked for from the right.
fn name_and_tail(named: &[u8]) -> (&[u8], &[u8], bool) {
    for end in [&b") total-vm:"[..], b") vsz:", b"), UID "] {
        if let Some((comm, _)) = named.rsplit_once_str(end) {
            return (comm, named.get(comm.len()..).unwrap_or_default(), true);
        }
    }
    // Up to Linux 2.6.2x nothing follows the name but, at times, a full stop.
    let bare = named.strip_suffix(b".").unwrap_or(named);
    match (bare.strip_suffix(b")"), named.rsplit_once_str(b") ")) {
        // The line may have been cut within the first word after the name.
        (Some(comm), _) | (None, Some((comm, _))) => (comm, b"", true),
        (None, None) => (named, b"", false),
    }
}

fn sizes(tail: &[u8]) -> Sizes {
    let total_vm = kib_after(tail, b"total-vm:").or_else(|| kib_after(tail, b"vsz:"));
    let adj = after(tail, b"oom_score_adj:").and_then(signed).map(|(adj, _)| adj);
    let resident = |key: &[u8]| kib_after(tail, key);
    Sizes {
        total_vm,
        anon_rss: resident(b"anon-rss:"),
        file_rss: resident(b"file-rss:"),
        shmem_rss: resident(b"shmem-rss:"),
        pgtables: kib_after(tail, b"pgtables:"),
        oom_score_adj: adj,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAIL: &str =
        "total-vm:55416kB, anon-rss:38832kB, file-rss:4224kB, shmem-rss:0kB, UID:33 pgtables:140kB oom_score_adj:-5";

    fn comm(line: &str) -> String {
        String::from_utf8_lossy(killed(line.as_bytes()).unwrap().comm).into_owned()
    }

    #[test]
    fn every_era_names_its_victim() {
        for (line, name, uid, scope) in [
            (
                format!("Memory cgroup out of memory: Killed process 815 (gunicorn) {TAIL}"),
                "gunicorn",
                Some(33),
                Scope::Memcg,
            ),
            (
                "Out of memory: Killed process 815 (a b) total-vm:1kB, anon-rss:1kB, file-rss:0kB".into(),
                "a b",
                None,
                Scope::Global,
            ),
            ("Killed process 815 (httpd)".into(), "httpd", None, Scope::Unknown),
            ("Out of Memory: Killed process 815 (httpd).".into(), "httpd", None, Scope::Global),
            ("Killed process 815 (x) vsz:1kB, anon-rss:2kB, file-rss:3kB".into(), "x", None, Scope::Unknown),
            (
                "Killed process 815, UID 48, (httpd) total-vm:1kB, anon-rss:1kB, file-rss:0kB".into(),
                "httpd",
                Some(48),
                Scope::Unknown,
            ),
            ("Killed process 815 (java), UID 0, total-vm:9kB, anon-rss:1kB".into(), "java", Some(0), Scope::Unknown),
            (
                "Out of memory (oom_kill_allocating_task): Killed process 815 (x) total-vm:1kB".into(),
                "x",
                None,
                Scope::Global,
            ),
            ("No available memory in cpuset: Killed process 815 (x) total-vm:1kB".into(), "x", None, Scope::Cpuset),
        ] {
            let victim = killed(line.as_bytes()).unwrap();
            assert_eq!(
                (victim.pid, victim.comm, victim.uid, victim.scope),
                (Pid(815), name.as_bytes(), uid, scope),
                "{line}"
            );
            assert!(victim.is_whole, "{line}");
        }
    }

    #[test]
    fn all_sizes_are_read_and_none_is_made_up() {
        let line = format!("Killed process 815 (x) {TAIL}");
        let sizes = killed(line.as_bytes()).unwrap().sizes;
        assert_eq!(sizes.total_vm, Some(Bytes::from_kib(55416)));
        assert_eq!(sizes.resident(), Some(Bytes::from_kib(38832 + 4224)));
        assert_eq!((sizes.pgtables, sizes.oom_score_adj), (Some(Bytes::from_kib(140)), Some(-5)));
        assert_eq!(killed(b"Killed process 815 (x)").unwrap().sizes, Sizes::default());
    }

    #[test]
    fn page_tables_of_linux_5_4_are_bytes() {
        let line = format!("Killed process 815 (x) {}", TAIL.replace("pgtables:140kB", "pgtables:143360kB"));
        let sizes = killed(line.as_bytes()).unwrap().sizes;
        assert_eq!(sizes.with_pgtables_of(Some("5.4.0-42-generic")).pgtables, Some(Bytes(143_360)));
        assert_eq!(sizes.with_pgtables_of(None).pgtables, Some(Bytes(143_360)));
        assert_eq!(sizes.with_pgtables_of(Some("6.1.0-18-amd64")).pgtables, Some(Bytes::from_kib(143_360)));
    }

    #[test]
    fn a_name_is_all_between_the_first_bracket_and_the_last_that_ends_it() {
        for name in
            ["my app (v2)", "a) total-vm:1k", ")", "(((", "", " lead trail ", "Killed process", "a\nb", "a), UID 3, x"]
        {
            assert_eq!(comm(&format!("Out of memory: Killed process 1 ({name}) {TAIL}")), name);
        }
    }

    #[test]
    fn a_picked_process_is_not_yet_killed() {
        let line = b"Memory cgroup out of memory: Kill process 815 (a) b) score 5 or sacrifice child";
        assert_eq!(chosen(line), Some(Chosen { pid: Pid(815), scope: Scope::Memcg }));
        assert_eq!(killed(line), None);
        assert!(chosen(b"Out of memory: kill process 815 (a) score 5 or a child").is_some());
        assert_eq!(sharing(b"Kill process 9 (a) b) sharing same memory"), Some((Pid(9), &b"a) b"[..])));
        assert_eq!(chosen(b"Kill process 9 (a) sharing same memory"), None);
    }

    #[test]
    fn what_only_speaks_of_a_kill_is_none() {
        for line in [
            "gunicorn[1]: Out of memory: Killed process 1 (x) total-vm:1kB",
            "Killed process invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0",
            "Killed process 0 (x)",
            "Killed process 99999999 (x)",
            "Killed process 12",
            "OOM killer: Killed process 12 (x)",
        ] {
            assert_eq!(killed(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_group_is_named_by_its_path() {
        assert_eq!(group(b"Tasks in /a b are going to be killed due to memory.oom.group set"), Some(&b"/a b"[..]));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, cut in 0usize..200) {
            let _ = (killed(&bytes), chosen(&bytes), sharing(&bytes), group(&bytes));
            let mut line = b"Memory cgroup out of memory: Killed process 815 (".to_vec();
            line.extend(&bytes);
            line.extend(TAIL.as_bytes());
            line.truncate(cut);
            let _ = killed(&line);
        }

        #[test]
        fn any_name_is_read_back(name in proptest::collection::vec(any::<u8>().prop_filter("ends a name", |b| *b != 0), 0..=15)) {
            let line = [b"Killed process 815 (", &name[..], b") ", TAIL.as_bytes()].concat();
            prop_assert_eq!(killed(&line).unwrap().comm, &name[..]);
        }
    }
}
