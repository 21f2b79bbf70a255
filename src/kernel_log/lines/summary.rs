//! The one line that says whose memory ran out (Linux 5.0 and later), and its forerunner of memory control groups.

use super::text::{number, pid};
use crate::kernel_log::Scope;
use crate::units::Pid;
use bstr::ByteSlice;

/// `oom-kill:constraint=…,task=COMM,pid=P,uid=U`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary<'a> {
    /// What was out of memory.
    pub scope: Scope,
    /// The control group whose limit was hit.
    pub oom_memcg: Option<&'a [u8]>,
    /// The control group of the victim.
    pub task_memcg: Option<&'a [u8]>,
    /// The victim.
    pub pid: Pid,
    /// Its user.
    pub uid: Option<u32>,
}

/// How it begins.
pub const SUMMARY: &[u8] = b"oom-kill:constraint=";

/// The longest that is put together of pieces: a path has at most 4,096 bytes (PATH_MAX), and there are three of them.
pub const LONGEST_SUMMARY: usize = 16 << 10;

/// Reads a whole summary. Paths may hold blanks and commas, and the name anything; so the end is read from the right.
pub fn summary(text: &[u8]) -> Option<Summary<'_>> {
    let (constraint, rest) = text.strip_prefix(SUMMARY)?.split_once_str(b",nodemask=")?;
    let (left, numbers) = rest.rsplit_once_str(b",pid=")?;
    let (victim, rest) = pid(numbers)?;
    let (uid, end) = number(rest.strip_prefix(b",uid=")?)?;
    if !end.trim_ascii().is_empty() {
        return None;
    }
    let (left, _) = left.split_once_str(b",task=")?;
    let (places, task_memcg) = match left.split_once_str(b",task_memcg=") {
        Some((places, path)) => (places, Some(path)),
        None => (left, None),
    };
    let oom_memcg = places.split_once_str(b",oom_memcg=").map(|(_, path)| path);
    let scope = scope(constraint, oom_memcg.is_some());
    Some(Summary { scope, oom_memcg, task_memcg, pid: victim, uid: u32::try_from(uid).ok() })
}

/// Linux 5.0 to 5.2 wrote CONSTRAINT_NONE for control groups too, so the group that is named counts before the word.
fn scope(constraint: &[u8], has_memcg: bool) -> Scope {
    match constraint {
        _ if has_memcg => Scope::Memcg,
        b"CONSTRAINT_NONE" => Scope::Global,
        b"CONSTRAINT_CPUSET" => Scope::Cpuset,
        b"CONSTRAINT_MEMORY_POLICY" => Scope::Mempolicy,
        b"CONSTRAINT_MEMCG" => Scope::Memcg,
        _ => Scope::Unknown,
    }
}

/// Whether `piece` goes on with a summary that is not whole. The kernel prints it in five pieces, and the lines of
/// others may come between: each piece is known by its first word, or by what the text before it waits for.
pub fn goes_on(text: &[u8], piece: &[u8]) -> bool {
    const FIRST_WORDS: [&[u8]; 6] =
        [b",cpuset=", b",mems_allowed=", b",oom_memcg=", b",global_oom", b",task_memcg=", b",task="];
    let waits_for_path = [&b",oom_memcg="[..], b",task_memcg="].iter().any(|word| text.ends_with(word));
    let waits_for_cpuset = text.ends_with(b",cpuset=");
    FIRST_WORDS.iter().any(|word| piece.starts_with(word))
        || (waits_for_path && piece.starts_with(b"/"))
        // A cpuset is named by its last component alone.
        || (waits_for_cpuset && !piece.contains(&b' ') && !piece.is_empty())
}

/// `Task in A killed as a result of limit of B` (before Linux 5.0): the victim's group and the one whose limit was hit.
pub fn legacy_owner(message: &[u8]) -> Option<(&[u8], &[u8])> {
    message.strip_prefix(b"Task in ")?.split_once_str(b" killed as a result of limit of ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MEMCG: &str = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b (1),c,task=x,pid=7,uid=33";

    #[test]
    fn the_group_of_the_limit_and_that_of_the_victim_are_told_apart() {
        let found = summary(MEMCG.as_bytes()).unwrap();
        assert_eq!((found.oom_memcg, found.task_memcg), (Some(&b"/a"[..]), Some(&b"/a/b (1),c"[..])));
        assert_eq!((found.scope, found.pid, found.uid), (Scope::Memcg, Pid(7), Some(33)));
    }

    #[test]
    fn a_name_may_look_like_the_rest_of_the_line() {
        for name in ["x,pid=1,uid=0", "task_memcg=/a", "a,task=b", ""] {
            let line = MEMCG.replace("task=x,", &format!("task={name},"));
            let found = summary(line.as_bytes()).unwrap();
            assert_eq!((found.pid, found.task_memcg), (Pid(7), Some(&b"/a/b (1),c"[..])), "{name}");
        }
    }

    #[test]
    fn the_group_counts_before_the_constraint() {
        let line = MEMCG.replace("CONSTRAINT_MEMCG", "CONSTRAINT_NONE");
        assert_eq!(summary(line.as_bytes()).unwrap().scope, Scope::Memcg);
        let global = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/a,task=x,pid=7,uid=0";
        let found = summary(global.as_bytes()).unwrap();
        assert_eq!((found.scope, found.oom_memcg, found.task_memcg), (Scope::Global, None, Some(&b"/a"[..])));
        let cpuset = global.replace("CONSTRAINT_NONE", "CONSTRAINT_CPUSET");
        assert_eq!(summary(cpuset.as_bytes()).unwrap().scope, Scope::Cpuset);
    }

    #[test]
    fn a_torn_summary_is_put_together_and_nothing_else_is_taken_into_it() {
        let pieces = [
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)",
            ",cpuset=",
            "/",
            ",mems_allowed=0,oom_memcg=",
            "/docker/b2,task_memcg=",
            "/docker/b2",
            ",task=celery,pid=54362,uid=0",
        ];
        let mut text = pieces[0].as_bytes().to_vec();
        for piece in &pieces[1..] {
            assert!(!goes_on(&text, b"eth1: link state change 7"));
            assert!(goes_on(&text, piece.as_bytes()), "{piece}");
            text.extend(piece.as_bytes());
        }
        assert_eq!(summary(&text).unwrap().pid, Pid(54362));
    }

    #[test]
    fn a_summary_that_was_cut_is_none() {
        for end in 0..MEMCG.len() - ",uid=33".len() {
            assert_eq!(summary(&MEMCG.as_bytes()[..end]), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = (summary(&bytes), legacy_owner(&bytes), goes_on(&bytes, &bytes));
            let _ = summary(&[SUMMARY, b"A,nodemask=", &bytes, b",task=", &bytes, b",pid=1,uid=2"].concat());
        }
    }
}
