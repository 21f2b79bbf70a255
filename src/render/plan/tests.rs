//! Laws of what `apply` prints.

use super::*;
use crate::checks::healthy::host_with_gunicorn;
use crate::facts::Facts;
use crate::plan::{Action, Change, MountImage, Trouble};
use crate::render::change_sample::{bare, done, findings, mixed, plan, refusal, trouble};
use crate::render::style::Paint;
use proptest::prelude::*;
use tabled::grid::util::string::get_text_width;

const PAGE: Page = Page { width: 80, paint: Paint::Plain, detail: Detail::Normal };

fn report<'a>(facts: &'a Facts, plan: &'a Plan, performed: Option<Performed>) -> ApplyReport<'a> {
    let findings = performed.as_ref().map(|_| findings()).unwrap_or_default();
    ApplyReport { facts, plan, dry_run: performed.is_none(), performed, trouble: None, not_done: vec![], findings }
}

fn text(plan: &Plan, performed: Option<Performed>, page: &Page) -> String {
    apply(&report(&host_with_gunicorn(), plan, performed), page)
}

#[test]
fn a_dry_run_shows_exactly_the_plan_that_is_then_performed() {
    let (dry, real) = (text(&plan(), None, &PAGE), text(&plan(), Some(done()), &PAGE));
    let shown = dry.split("\nleft to do:").next().unwrap();
    assert!(shown.contains("\n 1  make directory /mem (0755 root)\n"), "{shown}");
    assert!(shown.contains("    +tmpfs /mem tmpfs size=64m 0 0\n"), "{shown}");
    assert!(real.starts_with(shown), "{real}");
    assert!(dry.ends_with("dry run: nothing was changed\n"), "{dry}");
}

#[test]
fn what_was_done_ends_with_the_way_back() {
    let real = text(&plan(), Some(done()), &PAGE);
    assert!(real.ends_with("done: transaction 7f3a9c; undo with: gtune rollback 7f3a9c\n"), "{real}");
    let mut facts = host_with_gunicorn();
    facts.host.root = "/mnt/a b".into();
    let plan = plan();
    let real = apply(&report(&facts, &plan, Some(done())), &PAGE);
    assert!(real.contains("gtune --root '/mnt/a b' rollback 7f3a9c\n"), "{real}");
}

#[test]
fn every_step_has_its_word_and_a_failure_its_reason_and_hint() {
    let real = text(&plan(), Some(mixed()), &PAGE);
    for line in [
        "undone        1  make directory /mem\n",
        "not undone    2  mount tmpfs at /mem\n",
        "    cannot replace /etc/fstab: no space left on device",
        "    hint: df /etc",
        "already so    3",
        "changed       4  add a line to /etc/fstab",
        "failed        5  make\n",
        "not reached  11  restart gunicorn.service",
        "failed, and PARTLY CHANGED: steps 2 and 4 are not as they were; run:",
    ] {
        assert!(real.contains(line), "{line} in\n{real}");
    }
}

#[test]
fn a_failure_that_was_taken_back_says_so() {
    let mut performed = done();
    performed.steps.fill(StepOutcome::Undone);
    performed.steps[10] = StepOutcome::Failed(trouble());
    let said = "\nfailed: everything was put back as it was; gunicorn.service runs again\n";
    assert!(text(&plan(), Some(performed), &PAGE).ends_with(said));
}

#[test]
fn each_finding_says_what_became_of_it() {
    let real = text(&plan(), Some(done()), &PAGE);
    for line in [
        "gone: heartbeat-filesystem (gunicorn.service)\n",
        "still there: tmpfs-mount (gunicorn.service): ext4 at /tmp\n",
        "new: fstab (gunicorn.service): ext4 at /tmp\n",
        "unknown now: open-file-limit (gunicorn.service): ext4 at /tmp\n",
    ] {
        assert!(real.contains(line), "{line} in\n{real}");
    }
}

#[test]
fn nothing_to_do_is_an_answer() {
    let plan = Plan { already: plan().already, ..Plan::default() };
    let text = text(&plan, None, &PAGE);
    assert!(text.contains("already so: net.core.somaxconn is 8192\n"), "{text}");
    assert!(text.ends_with("\nnothing to do: all of it is so already\n"), "{text}");
}

#[test]
fn a_refusal_comes_with_its_hints_and_the_promise_that_nothing_was_changed() {
    let plan = Plan { refused: vec![refusal()], left: vec![], ..plan() };
    let text = text(&plan, None, &PAGE);
    let expected = "refused: cannot mount a tmpfs at /srv: it is not empty\n  hint: gtune apply --tmpfs /mem\n\n\
                    nothing was changed\n";
    assert!(text.ends_with(expected), "{text}");
    let facts = host_with_gunicorn();
    let mut report = report(&facts, &plan, None);
    report.trouble = Some(trouble());
    let text = apply(&report, &PAGE);
    assert!(text.contains("refused: cannot replace /etc/fstab: no space left on device\n  hint: df /etc\n"), "{text}");
}

#[test]
fn quiet_holds_failures_what_is_left_and_the_last_line() {
    let quiet = Page { detail: Detail::Quiet, ..PAGE };
    let real = text(&plan(), Some(done()), &quiet);
    let expected = "left to do:\n  systemctl restart gunicorn.service\n    the workers take /mem when they start\n\
                    done: transaction 7f3a9c; undo with: gtune rollback 7f3a9c\n";
    assert_eq!(real, expected);
    let real = text(&plan(), Some(mixed()), &quiet);
    assert!(real.contains("failed") && !real.contains("already so") && !real.contains("changed     "), "{real}");
}

#[test]
fn no_line_is_wider_than_the_page() {
    let refused = Plan { refused: vec![refusal()], rehearsals: vec![], ..plan() };
    for width in 40..=200 {
        for detail in [Detail::Quiet, Detail::Normal, Detail::Verbose] {
            let page = Page { width, detail, ..PAGE };
            for text in
                [text(&plan(), Some(mixed()), &page), text(&plan(), Some(done()), &page), text(&refused, None, &page)]
            {
                let longest = text.lines().map(get_text_width).max().unwrap();
                assert!(longest <= width, "{width}:\n{text}");
            }
        }
    }
}

#[test]
fn colour_adds_escapes_and_changes_no_word() {
    for performed in [None, Some(done()), Some(mixed())] {
        let coloured = text(&plan(), performed.clone(), &Page { paint: Paint::Colour, ..PAGE });
        assert_eq!(bare(&coloured), text(&plan(), performed, &PAGE));
        assert_ne!(bare(&coloured), coloured);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_that_was_seen_steers_the_terminal_or_widens_the_page(text in any::<String>(), width in 40usize..200) {
        let image = MountImage { kind: text.clone(), source: text.clone(), options: vec![text.clone()] };
        let plan = Plan {
            actions: vec![
                Action::Change(Change::Mount { target: text.clone(), before: None, after: Some(image.clone()) }),
                Action::Restart(text.clone()),
            ],
            warnings: vec![text.clone()],
            already: vec![text.clone().into()],
            rehearsals: vec![image],
            ..Plan::default()
        };
        let trouble = Trouble::new(text.clone(), text.clone());
        let steps = vec![StepOutcome::NotUndone(trouble.clone()), StepOutcome::Failed(trouble)];
        let performed = Performed { transaction: None, steps, unverified: None };
        let shown = super::tests::text(&plan, Some(performed), &Page { width, detail: Detail::Verbose, ..PAGE });
        prop_assert!(!shown.chars().any(|letter| letter.is_control() && letter != '\n'));
        prop_assert!(shown.lines().all(|line| get_text_width(line) <= width), "{shown}");
    }
}
