//! Laws of paragraphs.

use super::gather;
use crate::triage::sample::{at, death};
use crate::triage::{Confidence, Death, Role, Verdict};

fn oom(mib: u64, seconds: i64) -> Death {
    let summary = format!("killed by the kernel: its control group hit the limit of 200 MiB while it held {mib} MiB");
    Death {
        summary,
        time: Some(at(seconds)),
        advice: vec![format!("advice of {seconds}")],
        ..death(Verdict::KernelOom)
    }
}

#[test]
fn forty_deaths_of_one_cause_are_one_paragraph_with_their_range_and_rhythm() {
    let deaths: Vec<Death> = (0..40_u32).map(|n| oom(148 + u64::from(n % 24), i64::from(n) * 31)).collect();
    let [cause] = &gather(&deaths)[..] else { panic!() };
    assert_eq!(cause.deaths.len(), 40);
    assert_eq!(
        cause.summary,
        "killed by the kernel: its control group hit the limit of 200 MiB while it held 148 to 171 MiB"
    );
    assert_eq!(cause.rhythm.as_deref(), Some("every 31 s"));
    assert_eq!(cause.advice, ["advice of 1209"]);
}

#[test]
fn another_unit_another_role_or_another_cause_is_another_paragraph() {
    let other = Death { unit: Some("other.service".into()), ..oom(150, 2) };
    let master = Death { role: Role::Master, ..oom(150, 3) };
    let told = Death { summary: "killed by the kernel: the host ran out of memory".into(), ..oom(150, 4) };
    assert_eq!(gather(&[oom(150, 1), other, master, told]).len(), 4);
}

#[test]
fn the_worst_comes_first_then_the_most() {
    let timeout = |text: &str, at_| Death { summary: text.into(), time: Some(at(at_)), ..death(Verdict::Timeout) };
    let deaths = [timeout("a", 1), timeout("b", 2), timeout("b", 3), oom(150, 9)];
    let order: Vec<(Verdict, usize)> =
        gather(&deaths).iter().map(|cause| (cause.verdict, cause.deaths.len())).collect();
    assert_eq!(order, [(Verdict::KernelOom, 1), (Verdict::Timeout, 2), (Verdict::Timeout, 1)]);
}

#[test]
fn a_paragraph_is_as_sure_as_the_least_sure_of_it() {
    let doubt = Death { confidence: Confidence::Possible, ..oom(150, 2) };
    assert_eq!(gather(&[oom(150, 1), doubt])[0].confidence, Confidence::Possible);
}
