//! Laws of the page of `triage`.

use super::super::triage_sample::{causes, none, one, report};
use super::*;
use crate::render::change_sample::bare;
use crate::render::style::Paint;
use crate::triage::Triage;
use proptest::prelude::*;
use tabled::grid::util::string::get_text_width;

const PAGE: Page = Page { width: 80, paint: Paint::Plain, detail: Detail::Normal };

fn text(report: &TriageReport, page: &Page) -> String {
    of_causes(report, &causes(report), page)
}

#[test]
fn the_answer_comes_first_then_a_row_a_cause_then_why() {
    let text = text(&report(), &PAGE);
    let at = |said: &str| text.find(said).unwrap_or_else(|| panic!("{said}\n{text}"));
    let order = [
        "1 worker was killed",
        "WHEN                  WHO",
        "2026-11-20T19:14:07Z  worker 815",
        "2026-11-20T18:00:00Z  40 workers",
        "kernel-oom: worker 815 of gunicorn.service, certain\n  killed by the kernel:",
        "timeout: 40 workers of gunicorn.service, likely\n  killed by its master",
        "workers that ended as they were asked to: 4 recycled (max_requests), 2 reloaded\n",
        "not seen: kernel log begins at",
        "log: /var/log/gunicorn/error.log, from 2026-11-15T00:00:03Z to",
        "log: /dev/kmsg, 812 records; older",
        "to read what was refused: sudo gtune triage\n",
    ];
    let places: Vec<usize> = order.iter().map(|said| at(said)).collect();
    assert!(places.is_sorted(), "{places:?}\n{text}");
}

#[test]
fn one_death_has_its_lines_and_what_to_do() {
    let text = text(&one(), &PAGE);
    for said in [
        "  seen: /var/log/gunicorn/error.log:123: [2026-11-20 19:14:07 +0000] [812]",
        "  seen: /dev/kmsg: 2026-11-20T19:14:07Z Memory cgroup out of memory: Killed",
        "  seen: and 1 more line; -v shows all\n",
        "  do: Find what this worker served last:",
        "  do: gtune doctor memory-headroom --unit gunicorn.service\n",
        "  with a release that has frobnicate: gtune frobnicate --unit gunicorn.service\n",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert!(!text.contains("UNIT"), "there is only one");
    assert!(!text.contains("  pids: "));
}

#[test]
fn forty_deaths_of_one_cause_are_one_paragraph() {
    let report = report();
    let short = text(&report, &PAGE);
    assert!(short.contains("2026-11-20T18:00:00Z  40 workers"), "{short}");
    assert!(short.contains("\nto 18:39:00Z\n"), "{short}");
    assert!(short.contains("  one each minute\n  pids: 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007 and 32 more\n"));
    assert_eq!(short.matches("18:00:00 +0000] WORKER").count(), 1);
    let long = text(&report, &Page { detail: Detail::Verbose, ..PAGE });
    assert_eq!(long.matches("18:00:00 +0000] WORKER").count(), 40);
    assert!(long.contains("  worker 1031: 2026-11-20T18:31:00Z; of master 812; Gunicorn 23.0.0\n"), "{long}");
    assert!(long.lines().filter(|line| line.contains("timeout, likely")).count() >= 40, "a row each");
    assert!(!long.contains("-v shows all"));
}

#[test]
fn a_worker_whose_number_is_not_known_is_one_of_several() {
    let text = text(&report(), &PAGE);
    assert!(text.contains("not told              one of 901, 902     not told "), "{text}");
    assert!(text.contains("unknown: one of 901, 902, likely\n  nothing tells \\u{1b}[2J\n"), "{text}");
}

#[test]
fn a_lost_master_takes_its_workers_along() {
    let text = text(&report(), &PAGE);
    assert!(text.contains("master 700 and its 2 workers"), "{text}");
    assert!(text.contains("  workers: 701, 702\n"), "{text}");
}

#[test]
fn quiet_holds_the_answer_and_the_table() {
    let report = report();
    let text = text(&report, &Page { detail: Detail::Quiet, ..PAGE });
    assert!(text.contains("worker 815") && text.contains("1 worker was killed"));
    for left in ["seen:", "do:", "not seen", "log:", "asked to"] {
        assert!(!text.contains(left), "{left}\n{text}");
    }
}

#[test]
fn where_nobody_died_there_is_no_table() {
    let report = TriageReport { answer: "no worker died".into(), ..none() };
    let text = text(&report, &PAGE);
    assert!(text.starts_with("no worker died\n\nworkers that ended as they were asked to: 4 recycled"), "{text}");
    assert!(!text.contains("WHEN"));
    let nothing = TriageReport { triage: Triage::default(), logs: vec![], kernel_logs: vec![], ..report };
    assert_eq!(table(&nothing, &PAGE), "no worker died\n");
}

#[test]
fn no_line_is_wider_than_the_page() {
    for width in 40..=200 {
        for detail in [Detail::Quiet, Detail::Normal, Detail::Verbose] {
            for report in [report(), one(), none()] {
                let text = text(&report, &Page { width, detail, ..PAGE });
                // A command is broken between its words alone, so that it can be pasted.
                let is_too_wide = |line: &&str| get_text_width(line) > width && !line.contains("gtune");
                assert_eq!(text.lines().find(is_too_wide), None, "{width}:\n{text}");
            }
        }
    }
}

#[test]
fn a_page_without_room_for_a_table_has_sentences() {
    let text = text(&report(), &Page { width: 40, detail: Detail::Quiet, ..PAGE });
    assert!(text.contains("2026-11-20T19:14:07Z worker 815\n(gunicorn.service): kernel-oom, certain\n"), "{text}");
}

#[test]
fn colour_adds_escapes_and_changes_no_word() {
    let verbose = Page { detail: Detail::Verbose, ..PAGE };
    let coloured = text(&report(), &Page { paint: Paint::Colour, ..verbose });
    let plain = text(&report(), &verbose);
    let bare = bare(&coloured);
    assert_ne!(coloured, bare);
    assert_eq!(bare.lines().map(str::trim_end).collect::<Vec<_>>(), plain.lines().collect::<Vec<_>>());
}

#[test]
fn words_of_verdicts_are_those_of_json() {
    for verdict in [
        Verdict::MasterLost,
        Verdict::KernelOom,
        Verdict::UserspaceOom,
        Verdict::HeartbeatStorage,
        Verdict::FdExhaustion,
        Verdict::LogReopen,
        Verdict::BootFailure,
        Verdict::Crash,
        Verdict::Killed,
        Verdict::Timeout,
        Verdict::Exit,
        Verdict::Unknown,
    ] {
        assert_eq!(serde_json::to_value(verdict).unwrap(), word(verdict));
    }
    for confidence in [Confidence::Certain, Confidence::Likely, Confidence::Possible] {
        assert_eq!(serde_json::to_value(confidence).unwrap(), sureness(confidence));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_of_a_log_steers_the_terminal(said: String, unit: String, source: String, width in 40usize..200) {
        let mut report = one();
        report.answer = said.clone();
        report.triage.blind_spots = vec![said.clone()];
        report.logs[0].name = source.clone();
        let death = &mut report.triage.deaths[0];
        (death.summary, death.unit) = (said.clone(), Some(unit));
        death.evidence[0].text = said.clone();
        death.evidence[0].source = source;
        death.advice = vec![said];
        for detail in [Detail::Normal, Detail::Verbose] {
            let text = text(&report, &Page { width, detail, ..PAGE });
            prop_assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'));
        }
    }
}
