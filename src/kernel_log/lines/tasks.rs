//! The table of processes in a report. Its columns changed with nearly every era, so its own header says what they are.

use super::text::{number, signed};
use crate::units::Pid;
use bstr::ByteSlice;

/// The columns of a table, as its header names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Uid,
    Tgid,
    TotalVm,
    Rss,
    Swap,
    OomScoreAdj,
    Other,
}

/// A row of the table. Memory is in pages, as the kernel wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row<'a> {
    /// Process id, in the host's pid namespace.
    pub pid: Option<Pid>,
    /// Its user.
    pub uid: Option<u32>,
    /// Thread group; the same as the pid, but for odd tables of old kernels.
    pub tgid: Option<Pid>,
    /// Address space, pages.
    pub total_vm_pages: Option<u64>,
    /// Resident memory, pages.
    pub rss_pages: Option<u64>,
    /// In swap, pages.
    pub swap_pages: Option<u64>,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i32>,
    /// Its name, any bytes.
    pub comm: &'a [u8],
}

/// Reads `[  pid  ]   uid  tgid total_vm      rss … name`.
pub fn columns(message: &[u8]) -> Option<Columns> {
    let (first, rest) = message.strip_prefix(b"[")?.split_once_str(b"]")?;
    if first.trim_ascii() != b"pid" {
        return None;
    }
    let words: Vec<&[u8]> = rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    let (last, words) = words.split_last()?;
    (*last == b"name").then(|| Columns(words.iter().map(|word| column(word)).collect()))
}

fn column(word: &[u8]) -> Column {
    match word {
        b"uid" => Column::Uid,
        b"tgid" => Column::Tgid,
        b"total_vm" => Column::TotalVm,
        b"rss" => Column::Rss,
        b"swapents" => Column::Swap,
        b"oom_score_adj" => Column::OomScoreAdj,
        _ => Column::Other,
    }
}

impl Columns {
    /// Reads a row of this table: `[    236]   997   236    51717    48519 … gunicorn`.
    pub fn row<'a>(&self, message: &'a [u8]) -> Option<Row<'a>> {
        let rest = message.strip_prefix(b"[")?.trim_ascii_start();
        let (pid, rest) = super::text::pid(rest)?;
        let mut rest = rest.strip_prefix(b"]")?;
        let mut row = Row { pid: Some(pid), ..Row::default() };
        for column in &self.0 {
            rest = value(*column, rest.trim_ascii_start(), &mut row)?;
        }
        // One blank stands before the name, which may begin with others and may be empty.
        row.comm = rest.strip_prefix(b" ").unwrap_or(rest);
        Some(row)
    }
}

/// Reads the value of a column into its place; what follows it.
fn value<'a>(column: Column, text: &'a [u8], row: &mut Row<'_>) -> Option<&'a [u8]> {
    if column == Column::OomScoreAdj {
        let (adj, rest) = signed(text)?;
        row.oom_score_adj = Some(adj);
        return Some(rest);
    }
    // oom_adj of old kernels, and swap entries that were counted down too often, can be below zero.
    let (number, rest) = number(text.strip_prefix(b"-").unwrap_or(text))?;
    let small = u32::try_from(number).ok();
    match column {
        Column::Uid => row.uid = small,
        Column::Tgid => row.tgid = small.and_then(|pid| i32::try_from(pid).ok()).map(Pid),
        Column::TotalVm => row.total_vm_pages = Some(number),
        Column::Rss => row.rss_pages = Some(number),
        Column::Swap => row.swap_pages = Some(number),
        Column::OomScoreAdj | Column::Other => {}
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_era_is_read_by_its_own_header() {
        for (header, row, rss, adj) in [
            (
                "[ pid ]   uid  tgid total_vm      rss cpu oom_adj name",
                "[ 2757]     0  2757    26465     6825   1     -17 smbd",
                6825,
                None,
            ),
            (
                "[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name",
                "[ 2757]     0  2757    26465     6825      61        0         -1000 smbd",
                6825,
                Some(-1000),
            ),
            (
                "[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name",
                "[ 2757]     0  2757    26465     6825      61       3        0             0 smbd",
                6825,
                Some(0),
            ),
            (
                "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
                "[   2757]     0  2757    26465     6825   106496        0             5 smbd",
                6825,
                Some(5),
            ),
            (
                "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
                "[   2757]     0  2757    26465     6825     5769     1056         0   143360        0             0 smbd",
                6825,
                Some(0),
            ),
        ] {
            let columns = columns(header.as_bytes()).unwrap();
            let found = columns.row(row.as_bytes()).unwrap();
            assert_eq!(
                (found.pid, found.rss_pages, found.oom_score_adj),
                (Some(Pid(2757)), Some(rss), adj),
                "{header}"
            );
            assert_eq!((found.comm, found.total_vm_pages, found.uid), (&b"smbd"[..], Some(26465), Some(0)));
        }
    }

    #[test]
    fn a_name_is_the_rest_of_the_row() {
        let columns = columns(b"[ pid ]   uid  tgid total_vm      rss cpu oom_adj name").unwrap();
        for name in ["", " lead trail ", "[  777]", "12 13"] {
            let row = format!("[ 2757]     0  2757    26465     6825   1     -17 {name}");
            assert_eq!(columns.row(row.as_bytes()).unwrap().comm, name.as_bytes());
        }
    }

    #[test]
    fn what_is_no_row_is_none() {
        let columns = columns(b"[ pid ]   uid  tgid total_vm      rss cpu oom_adj name").unwrap();
        for line in ["[ 2757]     0  2757    26465", "eth1: link state change 0", "[ x]", "[12.5] a", "[]", "["] {
            assert_eq!(columns.row(line.as_bytes()), None, "{line}");
        }
        for header in ["[ pid ]", "[]", "", "[ pid ] uid tgid", "] pid ["] {
            assert_eq!(super::columns(header.as_bytes()), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = columns(&bytes);
            if let Some(columns) = columns(&[b"[ pid ] uid tgid rss ", &bytes[..], b" name"].concat()) {
                let _ = columns.row(&bytes);
                let _ = columns.row(&[b"[  12] 1 2 ", &bytes[..]].concat());
            }
        }
    }
}
