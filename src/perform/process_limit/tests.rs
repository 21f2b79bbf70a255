use super::*;
use crate::perform::private_host::Sleeper;

fn limit(soft: u64, hard: u64) -> SoftHard {
    SoftHard { soft: Limit::At(soft), hard: Limit::At(hard) }
}

#[test]
fn a_limit_is_set_and_its_standing_follows() {
    let sleeper = Sleeper::start(&["prlimit", "--nofile=256:512"]);
    let (process, before, after) = (sleeper.named(), limit(256, 512), limit(300, 400));
    assert_eq!(standing(process, before, after), Ok(Standing::Before));
    make(process, after).unwrap();
    assert_eq!(standing(process, before, after), Ok(Standing::After));
    let other = standing(process, before, limit(1, 2)).unwrap();
    assert_eq!(other, Standing::Other("it is 300, at most 400".into()));
}

#[test]
fn only_leave_raises_the_hard_limit() {
    let sleeper = Sleeper::start(&["prlimit", "--nofile=256:512"]);
    match make(sleeper.named(), limit(256, 1024)) {
        Ok(()) => assert!(nix::unistd::geteuid().is_root()),
        Err(trouble) => assert!(trouble.reason.contains("permission denied"), "{trouble}"),
    }
}

#[test]
fn above_what_the_kernel_allows_nothing_is_set() {
    let sleeper = Sleeper::start(&["prlimit", "--nofile=256:512"]);
    let too_many = SoftHard { soft: Limit::At(256), hard: Limit::Unlimited };
    let said = make(sleeper.named(), too_many).unwrap_err().to_string();
    assert!(said.contains("(fs.nr_open)"), "{said}");
    let said = make(sleeper.named(), limit(512, 256)).unwrap_err().to_string();
    assert!(said.contains("the soft limit would be above the hard one of 256"), "{said}");
    assert_eq!(standing(sleeper.named(), limit(256, 512), too_many), Ok(Standing::Before));
}

#[test]
fn a_process_that_has_ended_is_left_alone() {
    let ended = Sleeper::start(&["env"]).end();
    assert_eq!(standing(ended, limit(1, 2), limit(3, 4)), Ok(Standing::Other("it has ended".into())));
    assert!(make(ended, limit(3, 4)).unwrap_err().reason.contains("it has ended"));
}

#[test]
fn a_later_process_of_the_same_number_is_left_alone() {
    let sleeper = Sleeper::start(&["prlimit", "--nofile=256:512"]);
    let earlier = ProcessRef { start_ticks: sleeper.named().start_ticks - 1, ..sleeper.named() };
    assert!(make(earlier, limit(100, 100)).is_err());
    assert_eq!(standing(sleeper.named(), limit(256, 512), limit(100, 100)), Ok(Standing::Before));
}

#[test]
fn no_number_means_gtune_itself() {
    let caller = ProcessRef { pid: crate::units::Pid(0), start_ticks: 0 };
    assert!(make(caller, limit(100, 100)).is_err());
}
