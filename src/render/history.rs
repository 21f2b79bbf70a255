//! What `history` tells people: a row a transaction; with an id, or with `-v`, its steps.

use super::shell::{closing, gtune};
use super::step::{Result, Word, difference, results};
use super::wrap::{fill, labelled};
use super::{Page, style, visible};
use crate::cli::Detail;
use crate::command::HistoryReport;
use crate::plan::{Action, StepState, Transaction, TransactionState, TransactionStep};
use clap::builder::styling::Style as Look;
use jiff::Timestamp;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

/// All transactions, newest first; with `-v` their steps.
pub fn list(report: &HistoryReport, page: &Page) -> String {
    let mut parts = vec![];
    if report.transactions.is_empty() && page.detail != Detail::Quiet {
        parts.push(labelled("", "no transactions: gtune has changed nothing here", page.width));
    } else if !report.transactions.is_empty() {
        parts.push(table(report, page));
    }
    if page.detail == Detail::Verbose {
        parts.extend(report.transactions.iter().map(|transaction| steps(transaction, page)));
    }
    parts.push(open(report, page));
    parts.push(unreadable(report, page));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// The transactions of a report in full: who, when, and every step with the difference it made.
pub fn in_full(report: &HistoryReport, page: &Page) -> String {
    let one = |transaction| head(transaction, page) + "\n" + &differences(transaction, page);
    let mut parts: Vec<String> = report.transactions.iter().map(one).collect();
    parts.push(open(report, page));
    parts.push(unreadable(report, page));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn table(report: &HistoryReport, page: &Page) -> String {
    let mut builder = Builder::default();
    builder.push_record(["ID", "WHEN", "STATE", "WHAT"].map(|word| page.paint.with(Look::new().bold(), word)));
    for transaction in &report.transactions {
        let state = word(transaction.state);
        builder.push_record([
            visible(&transaction.begin.id).into_owned(),
            minute(transaction.begin.at),
            page.paint.with(state.look, state.text),
            visible(&what(transaction)).into_owned(),
        ]);
    }
    let mut table = builder.build();
    table.with(Style::empty()).with(Padding::new(0, 2, 0, 0));
    table.with(style::fitting(page.width));
    table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// In UTC, as in the journal and in JSON, whatever the time zone of who looks: `2026-11-20T18:46Z`.
fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

/// The command line without the name of the program, whatever it was called.
fn what(transaction: &Transaction) -> String {
    let words = transaction.begin.arguments.get(1..).unwrap_or_default();
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// The word of a state.
fn word(state: TransactionState) -> Word {
    match state {
        TransactionState::Applied => Word::good("applied"),
        TransactionState::Unfinished => Word::bad("unfinished"),
        TransactionState::RolledBack => Word::quiet("rolled back"),
        TransactionState::PartlyRolledBack => Word::odd("partly rolled back"),
    }
}

fn step_word(state: StepState) -> Word {
    match state {
        StepState::Begun => Word::odd("begun"),
        StepState::Done => Word::good("done"),
        StepState::Undone => Word::quiet("undone"),
    }
}

fn steps(transaction: &Transaction, page: &Page) -> String {
    let heading = fill(&format!("transaction {}", visible(&transaction.begin.id)), page.width).join("\n");
    let all: Vec<Result> = transaction.steps.iter().map(result).collect();
    format!("{}\n{}", page.paint.heading(&heading), results(&all, page))
}

fn result(step: &TransactionStep) -> Result {
    Result { number: step.number, title: step.change.to_string(), word: step_word(step.state), below: vec![] }
}

fn differences(transaction: &Transaction, page: &Page) -> String {
    let one = |step: &TransactionStep| {
        results(&[result(step)], page) + &difference(&Action::Change(step.change.clone()), page)
    };
    transaction.steps.iter().map(one).collect()
}

fn head(transaction: &Transaction, page: &Page) -> String {
    let begin = &transaction.begin;
    let state = word(transaction.state);
    let by = match &begin.sudo_user {
        Some(user) => format!("uid {} for {user}", begin.uid),
        None => format!("uid {}", begin.uid),
    };
    let named = format!("transaction {}: ", visible(&begin.id));
    let title = match named.chars().count() + state.text.len() <= page.width {
        true => format!("{named}{}\n", page.paint.with(state.look, state.text)),
        false => labelled("", &format!("{named}{}", state.text), page.width),
    };
    let rows = [
        ("  when: ", minute(begin.at)),
        ("  who: ", by),
        ("  what: ", format!("gtune {}", what(transaction))),
        ("  version: ", begin.gtune.clone()),
    ];
    title + &rows.iter().map(|(label, text)| labelled(label, &visible(text), page.width)).collect::<String>()
}

/// What only `rollback` can settle. One that ended with something left may do so again, whoever stands in its way; so that
/// is looked at first.
fn open(report: &HistoryReport, page: &Page) -> String {
    let is_open = |transaction: &&Transaction| {
        matches!(transaction.state, TransactionState::Unfinished | TransactionState::PartlyRolledBack)
    };
    let one = |transaction: &Transaction| {
        let id = visible(&transaction.begin.id);
        let (to_do, option) = match transaction.state {
            TransactionState::PartlyRolledBack => ("see what is left with:", " --dry-run"),
            _ => ("settle it with:", ""),
        };
        let command = visible(&gtune(&report.root, &format!("rollback {id}{option}"))).into_owned();
        closing(&format!("{id} is {}; {to_do}", word(transaction.state).text), &command, page.width)
    };
    report.transactions.iter().filter(is_open).map(one).collect()
}

fn unreadable(report: &HistoryReport, page: &Page) -> String {
    report.unreadable.iter().map(|why| labelled("", &visible(why), page.width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::change_sample::{bare, history, transaction};
    use crate::render::style::Paint;
    use proptest::prelude::*;
    use tabled::grid::util::string::get_text_width;

    const PAGE: Page = Page { width: 80, paint: Paint::Plain, detail: Detail::Normal };

    #[test]
    fn a_transaction_is_a_row_and_what_is_open_says_how_to_settle_it() {
        let text = list(&history(), &PAGE);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["ID", "WHEN", "STATE", "WHAT"]);
        assert!(lines[1].starts_with("7f3a9c  2026-11-20T18:46Z  applied"), "{text}");
        assert!(text.contains("0b11aa is unfinished; settle it with: gtune rollback 0b11aa\n"), "{text}");
        assert!(
            text.contains(
                "\n123abc is partly rolled back; see what is left with:\n  gtune rollback 123abc --dry-run\n"
            )
        );
        assert!(text.contains("\ncannot read /var/lib/gtune/journal/x.jsonl: line 3"), "{text}");
    }

    #[test]
    fn what_was_asked_for_stands_without_the_program_and_can_be_pasted() {
        let one = transaction("7f3a9c", TransactionState::Applied);
        assert_eq!(what(&one), "apply --tmpfs '/mem dir' --unit gunicorn.service");
        let mut renamed = one.clone();
        renamed.begin.arguments[0] = "/opt/tools/gtune-0.2".into();
        assert_eq!(what(&renamed), what(&one));
    }

    #[test]
    fn a_host_without_transactions_is_told() {
        let report = HistoryReport {
            observed_at: Timestamp::UNIX_EPOCH,
            root: "/".into(),
            transactions: vec![],
            unreadable: vec![],
        };
        assert_eq!(list(&report, &PAGE), "no transactions: gtune has changed nothing here\n");
        assert_eq!(list(&report, &Page { detail: Detail::Quiet, ..PAGE }), "");
    }

    #[test]
    fn in_full_every_step_has_its_difference() {
        let transactions = vec![transaction("7f3a9c", TransactionState::Applied)];
        let text = in_full(
            &HistoryReport { observed_at: Timestamp::UNIX_EPOCH, root: "/".into(), transactions, unreadable: vec![] },
            &PAGE,
        );
        assert!(text.starts_with("transaction 7f3a9c: applied\n  when: 2026-11-20T18:46Z\n  who: uid 0 for alice\n"));
        assert!(text.contains("done  4  add a line to /etc/fstab\n    --- /etc/fstab\n"), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        for width in 40..=200 {
            for detail in [Detail::Quiet, Detail::Normal, Detail::Verbose] {
                let page = Page { width, detail, ..PAGE };
                for text in [list(&history(), &page), in_full(&history(), &page)] {
                    assert!(text.lines().all(|line| get_text_width(line) <= width), "{width}:\n{text}");
                }
            }
        }
    }

    #[test]
    fn colour_adds_escapes_and_changes_no_word() {
        let verbose = Page { detail: Detail::Verbose, ..PAGE };
        for shown in [list, in_full] {
            let coloured = shown(&history(), &Page { paint: Paint::Colour, ..verbose });
            let bare = bare(&coloured);
            let trimmed: Vec<&str> = bare.lines().map(str::trim_end).collect();
            assert_eq!(trimmed, shown(&history(), &verbose).lines().collect::<Vec<_>>());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn nothing_in_a_journal_steers_the_terminal(text in any::<String>(), width in 40usize..200) {
            let mut one = transaction(&text, TransactionState::Unfinished);
            one.begin.arguments = vec![text.clone(), text.clone()];
            one.begin.gtune.clone_from(&text);
            one.begin.sudo_user = Some(text.clone());
            let report = HistoryReport { observed_at: Timestamp::UNIX_EPOCH, root: text.clone(), transactions: vec![one], unreadable: vec![text] };
            let page = Page { width, detail: Detail::Verbose, ..PAGE };
            for shown in [list(&report, &page), in_full(&report, &page)] {
                prop_assert!(!shown.chars().any(|letter| letter.is_control() && letter != '\n'));
            }
        }
    }
}
