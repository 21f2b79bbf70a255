//! Reading a journal, also one that a power cut ended in the middle of a line.

use super::{Begin, Record, StepState, Transaction, TransactionState, TransactionStep};
use serde_json::Value;

/// The version of the form that this gtune writes, and the newest it reads.
const SCHEMA: u64 = 1;

impl Transaction {
    /// Reads a journal.
    ///
    /// What cannot be read at its end is left out: a line was on disk before its step began, so a line cut short is of a
    /// step that was not begun, or says of one what the host shows as well.
    ///
    /// # Errors
    /// A clause where it holds no first line, is damaged before its end, or is of a newer gtune.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (records, _) = sound(bytes)?;
        let mut records = records.into_iter();
        let Some(Record::Begin(begin)) = records.next() else {
            return Err("it does not say how the transaction began".into());
        };
        let mut transaction = Self { begin, steps: vec![], state: TransactionState::Unfinished, untold: false };
        for record in records {
            transaction.take_in(record)?;
        }
        Ok(transaction)
    }

    /// How many bytes of a journal hold whole records. What comes after them was cut short, and the next record is to be
    /// written in its place.
    pub fn sound_length(bytes: &[u8]) -> usize {
        sound(bytes).map_or(bytes.len(), |(_, length)| length)
    }

    fn take_in(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Begin(Begin { id, .. }) => return Err(format!("another transaction, {id}, begins within it")),
            Record::Intent { step, change } => {
                self.steps.push(TransactionStep { number: step, change, state: StepState::Begun });
            }
            Record::Done { step } => self.mark(step, StepState::Done),
            Record::Failed { step, .. } | Record::Undone { step } => self.mark(step, StepState::Undone),
            Record::Applied => self.become_of(TransactionState::Applied, false),
            Record::RollingBack { .. } => self.become_of(TransactionState::Unfinished, true),
            Record::RolledBack => self.become_of(TransactionState::RolledBack, false),
            Record::PartlyRolledBack { untold } => self.become_of(TransactionState::PartlyRolledBack, untold),
        }
        Ok(())
    }

    fn become_of(&mut self, state: TransactionState, untold: bool) {
        (self.state, self.untold) = (state, untold);
    }

    fn mark(&mut self, number: usize, state: StepState) {
        if let Some(step) = self.steps.iter_mut().rev().find(|step| step.number == number) {
            step.state = state;
        }
    }
}

/// What a line holds.
enum Line {
    Record(Box<Record>),
    Newer,
    Damaged,
}

/// The records, and how many bytes they take. A run of damaged lines at the end is left out, and so is a line without an
/// end: a power cut may leave zeros or old blocks of the disk there.
fn sound(bytes: &[u8]) -> Result<(Vec<Record>, usize), String> {
    let mut records = vec![];
    let (mut length, mut seen) = (0, 0);
    let mut damaged = None;
    for (line, number) in bytes.split_inclusive(|byte| *byte == b'\n').zip(1..) {
        seen += line.len();
        match read(line) {
            Line::Newer => return Err("it was written by a newer gtune".into()),
            Line::Damaged => damaged = damaged.or(Some(number)),
            Line::Record(record) => match damaged {
                Some(damaged) => return Err(format!("line {damaged} is damaged")),
                None => {
                    records.push(*record);
                    length = seen;
                }
            },
        }
    }
    Ok((records, length))
}

fn read(line: &[u8]) -> Line {
    // No beginning of a JSON object is one itself, so a line that was cut is never taken for one of a newer gtune.
    let Some(Ok(value)) = line.strip_suffix(b"\n").map(serde_json::from_slice::<Value>) else { return Line::Damaged };
    if value.get("record").is_none_or(|record| !record.is_string()) {
        return Line::Damaged;
    }
    if value.get("schema").and_then(Value::as_u64).is_some_and(|schema| schema > SCHEMA) {
        return Line::Newer;
    }
    serde_json::from_value(value).map_or(Line::Newer, |record| Line::Record(Box::new(record)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::change::samples::one_of_each;
    use proptest::prelude::*;

    const OLD: &[u8] = include_bytes!("../../../tests/data/journal-1.jsonl");

    fn begin() -> Begin {
        Transaction::parse(OLD).unwrap().begin
    }

    fn journal(records: &[Record]) -> Vec<u8> {
        let line = |record: &Record| serde_json::to_string(record).unwrap() + "\n";
        records.iter().map(line).collect::<String>().into_bytes()
    }

    fn applied() -> Vec<Record> {
        let mut records = vec![Record::Begin(begin())];
        for (change, step) in one_of_each().into_iter().zip(1..) {
            records.extend([Record::Intent { step, change }, Record::Done { step }]);
        }
        records.push(Record::Applied);
        records
    }

    fn state(records: &[Record]) -> TransactionState {
        Transaction::parse(&journal(records)).unwrap().state
    }

    #[test]
    fn a_journal_of_the_first_version_stays_readable() {
        let old = Transaction::parse(OLD).unwrap();
        assert_eq!((old.begin.id.as_str(), old.begin.boot_id.is_some()), ("4c1d9e", true));
        assert_eq!(old.begin.restarts, ["gunicorn.service"]);
        assert_eq!(old.steps.iter().map(|step| step.change.clone()).collect::<Vec<_>>(), one_of_each());
        assert_eq!(old.state, TransactionState::PartlyRolledBack);
        let last = old.steps.last().unwrap();
        assert_eq!((last.number, last.state), (9, StepState::Undone));
        assert!(old.steps.iter().rev().skip(1).all(|step| step.state == StepState::Done));
    }

    #[test]
    fn the_last_word_on_the_whole_is_its_state() {
        let mut records = applied();
        assert_eq!(state(&records), TransactionState::Applied);
        assert_eq!(state(&records[..records.len() - 1]), TransactionState::Unfinished);
        records.push(Record::RollingBack { at: begin().at });
        assert_eq!(state(&records), TransactionState::Unfinished);
        records.push(Record::Undone { step: 9 });
        records.push(Record::PartlyRolledBack { untold: false });
        assert_eq!(state(&records), TransactionState::PartlyRolledBack);
        records.push(Record::RolledBack);
        assert_eq!(state(&records), TransactionState::RolledBack);
    }

    #[test]
    fn what_a_newer_gtune_wrote_is_not_guessed_at() {
        let newer = "it was written by a newer gtune".to_owned();
        let old = String::from_utf8(OLD.to_vec()).unwrap();
        for line in [
            r#"{"record":"paused","step":3}"#,
            r#"{"record":"intent","step":3,"change":{"kind":"hugepages","before":0,"after":8}}"#,
        ] {
            assert_eq!(Transaction::parse(format!("{old}{line}\n").as_bytes()), Err(newer.clone()), "{line}");
        }
        let schema = old.replacen(r#""schema":1"#, r#""schema":2"#, 1);
        assert_eq!(Transaction::parse(schema.as_bytes()), Err(newer));
    }

    #[test]
    fn damage_before_the_end_is_named_and_at_the_end_left_out() {
        let whole = journal(&applied());
        let zeros = [&whole[..], &[0; 4096], b"\n", &[0xff; 7]].concat();
        assert_eq!(Transaction::parse(&zeros), Transaction::parse(&whole));
        assert_eq!(Transaction::sound_length(&zeros), whole.len());
        let middle = [b"{}\n", &whole[..]].concat();
        assert_eq!(Transaction::parse(&middle), Err("line 1 is damaged".into()));
        assert_eq!(Transaction::parse(b""), Err("it does not say how the transaction began".into()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0usize..4000, flip: u8) {
            let _ = Transaction::parse(&bytes);
            let mut broken = OLD.to_vec();
            if let Some(byte) = broken.get_mut(at) {
                *byte ^= flip;
            }
            let _ = Transaction::parse(&broken);
            prop_assert!(Transaction::sound_length(&broken) <= broken.len());
        }

        #[test]
        fn however_it_was_cut_every_step_with_a_whole_intent_is_known(cut in 0usize..6000, garbage in "[\\x00a-z{\"\n]{0,40}") {
            let records = applied();
            let whole = journal(&records);
            let cut = cut.min(whole.len());
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            let torn = [&whole[..cut], garbage.as_bytes()].concat();
            // A line that was cut and then ended by garbage could only be whole if nothing was cut from it.
            prop_assume!(whole[cut..].first() != Some(&b'\n'));
            let intents = records[..lines].iter().filter(|record| matches!(record, Record::Intent { .. })).count();
            match Transaction::parse(&torn) {
                Ok(transaction) => prop_assert_eq!(transaction.steps.len(), intents),
                Err(_) => prop_assert_eq!(lines, 0),
            }
            prop_assert_eq!(Transaction::sound_length(&torn), whole[..cut].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
        }
    }
}
