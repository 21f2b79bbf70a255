//! Laws of the page of `oom`.

use super::super::oom_sample::{named, report};
use super::*;
use crate::render::change_sample::bare;
use crate::render::style::Paint;
use proptest::prelude::*;
use tabled::grid::util::string::get_text_width;

const PAGE: Page = Page { width: 80, paint: Paint::Plain, detail: Detail::Normal };

#[test]
fn a_kill_is_a_row_and_its_time_is_never_broken() {
    let text = table(&report(), &PAGE);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0].split("  ").filter(|word| !word.is_empty()).map(str::trim).collect::<Vec<_>>(), HEADINGS);
    assert!(lines[1].starts_with("2026-11-20T19:14:07Z   gunicorn"), "{text}");
    assert!(lines[1].contains(" gunicorn.service ") && lines[1].contains(" 150 MiB "), "{text}");
    assert!(text.contains("boot+1800.300s "), "{text}");
    assert!(text.contains("\n~2026-11-20T19:15:00Z "), "a minute's doubt: {text}");
    assert!(text.contains("docker-3f2a3f2a3f2a "), "{text}");
}

#[test]
fn what_the_numbers_say_what_is_not_shown_and_what_is_lost_is_told() {
    let mut read = report();
    read.refused = false;
    let text = table(&read, &PAGE);
    for said in [
        "gunicorn 815:\n  this process alone grew: 150 MiB, where others of its name hold 20 MiB",
        "2 more kills do not concern a Gunicorn; all of them: gtune oom --all\n",
        "log lost: the kernel counted 7 kills since boot, these logs tell of 5;",
        "log: /dev/kmsg, from 2026-11-20T19:00:00Z, 812 records; older records were",
        "log: notes.txt; nothing in it says that it is a log\n",
        "cannot read /var/log/kern.log: permission denied",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
}

#[test]
fn what_may_be_in_a_log_that_may_not_be_read_is_not_lost() {
    let text = table(&report(), &Page { width: 200, ..PAGE });
    assert!(
        text.contains(
            "the kernel counted 7 kills since boot, these logs tell of 5; the logs that may not be read may tell"
        ),
        "{text}"
    );
    assert!(!text.contains("log lost"));
}

#[test]
fn in_full_each_kill_has_its_report_and_unknown_things_have_no_line() {
    let text = table(&report(), &Page { detail: Detail::Verbose, ..PAGE });
    for said in [
        "gunicorn 815, killed 2026-11-20T19:14:07.26841Z\n",
        "  why: the limit of control group /system.slice/gunicorn.service was hit\n",
        "  limit: memory 200 MiB of 200 MiB; swap 0 B, no limit\n",
        "  held: 150 MiB anonymous, 300 MiB address space\n",
        "  asked: gunicorn (thread 816), order 0, 0xcc0(GFP_KERNEL)\n",
        "  processes: 3 in the report; the largest: gunicorn 815 150 MiB, gunicorn 816",
        "  time: off by up to 60 s\n",
        "  log: /dev/kmsg, byte 4096\n",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert_eq!(text.matches("  asked:").count(), 2, "the one without a report has none");
}

#[test]
fn without_kills_it_says_of_what_there_is_none() {
    let none = |shown| OomReport { kills: vec![], shown, others: 0, ..report() };
    assert!(table(&none(Shown::Gunicorns), &PAGE).starts_with("no kill of a Gunicorn for want of memory"));
    assert!(table(&none(Shown::All), &PAGE).starts_with("no kill for want of memory in these logs\n"));
    let unread = OomReport { sources: vec![], ..none(Shown::All) };
    assert!(table(&unread, &PAGE).starts_with("no kernel log was read"), "not looked at is not none");
}

#[test]
fn no_line_is_wider_than_the_page() {
    for width in 40..=200 {
        for detail in [Detail::Quiet, Detail::Normal, Detail::Verbose] {
            let text = table(&report(), &Page { width, detail, ..PAGE });
            assert!(text.lines().all(|line| get_text_width(line) <= width), "{width}:\n{text}");
        }
    }
}

#[test]
fn colour_adds_escapes_and_changes_no_word() {
    let verbose = Page { detail: Detail::Verbose, ..PAGE };
    let bare = bare(&table(&report(), &Page { paint: Paint::Colour, ..verbose }));
    let trimmed: Vec<&str> = bare.lines().map(str::trim_end).collect();
    assert_eq!(trimmed, table(&report(), &verbose).lines().collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_name_steers_the_terminal(comm: Vec<u8>, group: Vec<u8>, width in 40usize..200) {
        let text = table(&named(&comm, &group), &Page { width, detail: Detail::Verbose, ..PAGE });
        prop_assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'));
    }
}
