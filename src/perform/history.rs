//! The transactions that are kept: finding them, listing them.

use super::state_directory::StateDirectory;
use crate::host::Root;
use crate::plan::{Transaction, TransactionState, Trouble};
use jiff::Timestamp;

/// Why a rollback did not begin. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotBegun {
    /// No transaction has the name that was given, or more than one begins with it.
    NotFound(Trouble),
    /// All else.
    Trouble(Trouble),
}

impl From<Trouble> for NotBegun {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// A journal that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// Its name in the directory of journals: `20261121T120501Z-4c1d9e.jsonl`.
    pub name: String,
    /// What it tells; a clause where it cannot be read.
    pub transaction: Result<Transaction, String>,
    /// How many of its bytes hold whole records.
    pub sound_length: u64,
}

impl Kept {
    fn read(state: &StateDirectory, name: String) -> Self {
        match state.journal(&name) {
            Err(reason) => Self { name, transaction: Err(reason), sound_length: 0 },
            Ok(bytes) => Self {
                name,
                transaction: Transaction::parse(&bytes),
                sound_length: Transaction::sound_length(&bytes) as u64,
            },
        }
    }

    /// All journals, oldest first.
    ///
    /// # Errors
    /// Where the directory cannot be listed.
    pub fn all(state: &StateDirectory) -> Result<Vec<Self>, Trouble> {
        let names = state.journal_names()?;
        let mut all: Vec<Self> = names.into_iter().map(|name| Self::read(state, name)).collect();
        // The name holds the second it began, the first record the rest of it.
        all.sort_by(|a, b| (a.second(), a.at()).cmp(&(b.second(), b.at())));
        Ok(all)
    }

    fn second(&self) -> &str {
        self.name.split('-').next().unwrap_or(&self.name)
    }

    /// When it began, where it can be read.
    pub fn at(&self) -> Option<Timestamp> {
        self.transaction.as_ref().ok().map(|transaction| transaction.begin.at)
    }

    /// Its id, which its name holds too.
    pub fn id(&self) -> &str {
        let name = self.name.strip_suffix(".jsonl").unwrap_or(&self.name);
        name.rsplit('-').next().unwrap_or(name)
    }

    /// Whether it is the one of that name, which may be its id or the name of its file.
    fn is_named(&self, name: &str) -> bool {
        self.id() == name || self.name.strip_suffix(".jsonl") == Some(name)
    }

    /// Whether its id begins so.
    fn begins_with(&self, name: &str) -> bool {
        !name.is_empty() && self.id().starts_with(name)
    }

    /// The trouble that it cannot be read.
    pub fn unreadable(&self, state: &StateDirectory, reason: &str) -> Trouble {
        let shown = state.shown(&format!("journal/{}", self.name));
        let hint = match reason.contains("newer") {
            true => format!("{}   # then use the newer gtune, or name the one that is meant", state.gtune("history")),
            false => format!("less {shown}   # then move it out of that directory"),
        };
        Trouble::new(format!("read {shown}"), reason).with_hint(hint)
    }
}

/// The transactions that are kept below a root, newest first, and what is to be said of journals that cannot be read:
/// all, or those that the name may mean. Takes no lock: it works while another gtune is at work.
///
/// # Errors
/// The state directory may not be read, or others could have written what is in it.
pub fn history(root: &Root, name: Option<&str>) -> Result<(Vec<Transaction>, Vec<String>), Trouble> {
    let Some(state) = StateDirectory::find(root)? else { return Ok((vec![], vec![])) };
    let (mut transactions, mut notes) = (vec![], vec![]);
    let is_meant = |kept: &Kept| name.is_none_or(|name| kept.is_named(name) || kept.begins_with(name));
    for kept in Kept::all(&state)?.into_iter().rev().filter(is_meant) {
        let shown = state.shown(&format!("journal/{}", kept.name));
        match kept.transaction {
            Ok(transaction) => transactions.push(transaction),
            Err(reason) => notes.push(format!("cannot read {}: {reason}", shown.escape_debug())),
        }
    }
    Ok((transactions, notes))
}

/// Refuses to begin while an earlier transaction is neither done nor undone: what it left cannot be told from what was
/// there before it.
pub(super) fn refuse_unfinished(state: &StateDirectory) -> Result<(), Trouble> {
    for kept in Kept::all(state)?.iter().rev() {
        match &kept.transaction {
            Err(reason) => return Err(kept.unreadable(state, reason)),
            Ok(transaction) if transaction.state == TransactionState::Unfinished => {
                let reason = format!("transaction {} was cut short", transaction.begin.id);
                let hint = state.gtune(&format!("rollback {}", transaction.begin.id));
                return Err(Trouble::new("begin a transaction", reason).with_hint(hint));
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// The transaction that is to be taken back: the named one, or the last that is not taken back yet, if there is one.
pub(super) fn choose<'a>(
    state: &StateDirectory,
    all: &'a [Kept],
    id: Option<&str>,
) -> Result<Option<(&'a Kept, &'a Transaction)>, NotBegun> {
    let kept = match id {
        Some(id) => Some(named(state, all, id)?),
        None => last(all),
    };
    match kept.map(|kept| (kept, &kept.transaction)) {
        None => Ok(None),
        Some((kept, Ok(transaction))) => Ok(Some((kept, transaction))),
        Some((kept, Err(reason))) => Err(kept.unreadable(state, reason).into()),
    }
}

fn last(all: &[Kept]) -> Option<&Kept> {
    let open = |kept: &&Kept| {
        !kept.transaction.as_ref().is_ok_and(|transaction| transaction.state == TransactionState::RolledBack)
    };
    all.iter().rev().find(open)
}

fn named<'a>(state: &StateDirectory, all: &'a [Kept], name: &str) -> Result<&'a Kept, NotBegun> {
    let name = name.strip_suffix(".jsonl").unwrap_or(name);
    if let Some(kept) = all.iter().find(|kept| kept.is_named(name)) {
        return Ok(kept);
    }
    let begun: Vec<&Kept> = all.iter().filter(|kept| kept.begins_with(name)).collect();
    let reason = match begun.as_slice() {
        [kept] => return Ok(kept),
        [] => NONE.to_owned(),
        several => format!("it may be {}", several.iter().map(|kept| kept.id()).collect::<Vec<_>>().join(" or ")),
    };
    Err(not_found(name, &reason, state.gtune("history")))
}

/// Said of a name that no transaction has.
pub(super) const NONE: &str = "the journal holds none of that name";

/// The trouble that a transaction cannot be found.
pub(super) fn not_found(name: &str, reason: &str, hint: String) -> NotBegun {
    NotBegun::NotFound(Trouble::new(format!("find transaction {}", name.escape_debug()), reason).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &[u8] = include_bytes!("../../tests/data/journal-1.jsonl");

    fn kept(id: &str, state: TransactionState) -> Kept {
        let mut transaction = Transaction::parse(OLD).unwrap();
        transaction.begin.id = id.into();
        transaction.state = state;
        Kept { name: format!("20261121T120501Z-{id}.jsonl"), transaction: Ok(transaction), sound_length: 0 }
    }

    fn chosen<'a>(all: &'a [Kept], id: Option<&str>) -> Result<&'a str, String> {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDirectory::make(&Root::open(directory.path()).unwrap()).unwrap();
        match choose(&state, all, id) {
            Ok(chosen) => Ok(chosen.map_or("none", |(kept, _)| kept.id())),
            Err(NotBegun::NotFound(trouble) | NotBegun::Trouble(trouble)) => Err(trouble.reason),
        }
    }

    #[test]
    fn the_last_one_in_force_is_meant_where_none_is_named() {
        use TransactionState::*;
        let mut all = vec![kept("aaaaaa", Applied), kept("bbbbbb", Applied), kept("cccccc", RolledBack)];
        assert_eq!(chosen(&all, None), Ok("bbbbbb"));
        all.push(kept("dddddd", PartlyRolledBack));
        assert_eq!(chosen(&all, None), Ok("dddddd"));
        assert_eq!(chosen(&[], None), Ok("none"), "that is no trouble");
        all.push(Kept { transaction: Err("it was written by a newer gtune".into()), ..kept("eeeeee", Applied) });
        assert_eq!(chosen(&all, None), Err("it was written by a newer gtune".into()), "nothing is skipped in silence");
        assert_eq!(chosen(&all, Some("bbbbbb")), Ok("bbbbbb"));
    }

    #[test]
    fn a_name_may_be_short_but_not_doubtful() {
        let all = [kept("abc123", TransactionState::Applied), kept("abd123", TransactionState::RolledBack)];
        for name in ["abc123", "abc", "20261121T120501Z-abc123", "20261121T120501Z-abc123.jsonl"] {
            assert_eq!(chosen(&all, Some(name)), Ok("abc123"), "{name}");
        }
        assert_eq!(chosen(&all, Some("ab")), Err("it may be abc123 or abd123".into()));
        for name in ["", "x", "bc123", "\u{1b}[2J"] {
            assert_eq!(chosen(&all, Some(name)), Err(NONE.into()), "{name}");
        }
    }

    #[test]
    fn without_a_state_directory_nothing_was_ever_done() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(history(&Root::open(directory.path()).unwrap(), None), Ok((vec![], vec![])));
    }
}
