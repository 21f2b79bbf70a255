//! What systemd 252 and procps 4.0.2 really did with these files on a kernel where the key was 1 before.

use super::*;
use proptest::prelude::*;

const KEY: &str = "net.core.somaxconn";

/// Files by the first letter of their directory (etc, run, local, usr) or `sysctl.conf`; `K` stands for the key.
type Case = (&'static [(&'static str, &'static str)], Option<&'static str>, Option<&'static str>);

/// Files, what systemd left, what procps left; none where the old value stayed for want of any assignment.
const BOTH_AGREE: &[Case] = &[
    (&[], None, None),
    (&[("e/b.conf", "K=5"), ("r/a.conf", "K=6")], Some("5"), Some("5")),
    (&[("e/A.conf", "K=5"), ("e/a.conf", "K=6"), ("e/_.conf", "K=7")], Some("6"), Some("6")),
    (&[("e/a.conf", ""), ("u/a.conf", "K=6")], None, None),
    (&[("e/a.conf", "K=5"), ("r/a.conf", "K=6")], Some("5"), Some("5")),
    (&[("l/a.conf", "K=5"), ("u/a.conf", "K=6")], Some("5"), Some("5")),
    (&[("e/a.conf", "-K=5")], Some("5"), Some("5")),
    (&[("e/a.conf", "K=5\nK=6")], Some("6"), Some("6")),
    (&[("e/a.conf", "net.core.somax*=7"), ("e/b.conf", "-K")], None, None),
    (&[("e/a.conf", "net.core.somax*=7"), ("e/b.conf", "-net/core/somaxconn")], None, None),
    (&[("e/a.conf", "-K"), ("e/b.conf", "K=7")], Some("7"), Some("7")),
    (&[("e/a.conf", "net.core.somax*=7"), ("e/b.conf", "-net.core.*")], Some("7"), Some("7")),
    (&[("e/a.conf", "K=5"), ("e/b.conf", "net.core.somax*=7")], Some("5"), Some("5")),
    (&[("e/a.conf", "net.core.somax*=7"), ("e/b.conf", "K=5")], Some("5"), Some("5")),
    (&[("e/a.conf", "net.core.somax*=7"), ("e/b.conf", "net.core.*conn=8")], Some("8"), Some("8")),
    (&[("e/a.conf", "net.*=7")], None, None),
    (&[("e/a.conf", "net.*.somaxconn=7")], Some("7"), Some("7")),
    (&[("e/a.conf", "*.core.somaxconn=7")], Some("7"), Some("7")),
    (&[("e/a.conf", "net.core.somax{conn,x}=7")], None, None),
    (&[("e/a.conf", "net/core/somax*=7")], Some("7"), Some("7")),
    (&[("e/a.conf", "/net/core/somaxconn=7")], Some("7"), Some("7")),
    (&[("e/a.conf", "net//core/./somaxconn=7")], Some("7"), Some("7")),
    (&[("e/a.conf", "net..core.somaxconn=7")], Some("7"), Some("7")),
    (&[("e/a.conf", "net.core/somaxconn=7")], None, None),
    (&[("e/a.conf", "net/core.somaxconn=7")], None, None),
    (&[("e/a.conf", "/proc/sys/net/core/somaxconn=7")], None, None),
    (&[("e/a.conf", "  \tK \t =  7  \r")], Some("7"), Some("7")),
    (&[("e/a.conf", ";K=7\n  # K=7\nsomething\n")], None, None),
    (&[("e/a.conf", "K=7 # why")], Some("7 # why"), Some("7 # why")),
    (&[("e/a.conf", "\u{feff}K=7")], None, None),
    (&[("e/a.conf", "K=5"), ("e/b.conf", "-K"), ("e/c.conf", "K=5")], Some("5"), Some("5")),
];

const THEY_DIFFER: &[Case] = &[
    (&[("e/zz.conf", "K=5"), ("sysctl.conf", "K=6")], Some("5"), Some("6")),
    (&[("e/a.conf", "net.core.somax*=7"), ("sysctl.conf", "K=9")], Some("7"), Some("9")),
    (&[("e/a.conf", "K=9"), ("sysctl.conf", "net.core.somax*=7")], Some("9"), Some("9")),
    (&[("e/a.conf", "- K=5")], Some("5"), None),
    (&[("e/a.conf", "--K=5")], None, Some("5")),
    (&[("e/a.conf", "K=7"), ("e/b.conf", "-K")], None, Some("7")),
    (&[("e/a.conf", "K=5"), ("e/b.conf", "-K"), ("e/c.conf", "net.core.somax*=7")], None, Some("5")),
    (&[("e/a.conf", "net.core.somax*=7"), ("e/b.conf", "-net.core.somax*")], None, Some("7")),
    (&[("e/a.conf", "net.core.somax*=7"), ("e/b.conf", "-/net/core/somaxconn")], None, Some("7")),
    (&[("e/a.conf", "net.core.somax*=7"), ("e/b.conf", "- net/core/somaxconn")], None, Some("7")),
    (&[("e/a.conf", "net//core/somaxconn=7"), ("e/b.conf", "net.core.somax*=8")], Some("7"), Some("8")),
    (
        &[("e/a.conf", "net.core.somax*=7"), ("e/b.conf", "net.core.*conn=8"), ("e/c.conf", "net.core.somax*=7")],
        Some("8"),
        Some("7"),
    ),
    (&[("e/.a.conf", "K=5")], None, Some("5")),
    (&[("e/a.conf", "# x\rK=7")], Some("7"), None),
    (&[("e/a.conf", "# x\0K=7")], Some("7"), None),
    (&[("e/a.conf", "K=7\0junk")], Some("7"), Some("7")),
    (&[("e/a.conf", "K=7\u{b}")], Some("7\u{b}"), Some("7")),
];

fn file(path: &str, content: Fact<Vec<u8>>) -> SysctlFile {
    let (directory, name) = path.split_once('/').unwrap();
    let index = "erlu".find(directory).unwrap();
    SysctlFile { path: format!("{}/{name}", DIRECTORIES[index]), content }
}

fn predict(files: &[SysctlFile], sysctl_conf: Fact<Vec<u8>>) -> Prediction {
    SysctlStore::predict(&[KEY], files, sysctl_conf).keys.remove(KEY).unwrap()
}

fn known(path: &str, text: &str) -> SysctlFile {
    file(path, Fact::Known(text.replace('K', KEY).into_bytes()))
}

fn values(files: &[(&str, &str)]) -> (Option<String>, Option<String>) {
    let (conf, dropped): (Vec<_>, Vec<_>) = files.iter().partition(|(path, _)| *path == "sysctl.conf");
    let files: Vec<_> = dropped.iter().map(|(path, text)| known(path, text)).collect();
    let conf = conf.first().map(|(_, text)| text.replace('K', KEY).into_bytes());
    let prediction = predict(&files, conf.into());
    let value = |fact: Fact<Assignment>| fact.known().map(|a| a.value.clone());
    (value(prediction.systemd), value(prediction.procps))
}

#[test]
fn the_prediction_is_what_the_real_loaders_did() {
    for (files, systemd, procps) in BOTH_AGREE.iter().chain(THEY_DIFFER) {
        let expected = (systemd.map(str::to_owned), procps.map(str::to_owned));
        assert_eq!(values(files), expected, "{files:?}");
    }
}

#[test]
fn a_link_to_nowhere_masks_too() {
    let files = [file("e/a.conf", Fact::Absent), known("u/a.conf", "K=6")];
    let prediction = predict(&files, Fact::Absent);
    assert_eq!((prediction.systemd, prediction.procps), (Fact::Absent, Fact::Absent));
}

#[test]
fn the_winner_is_named_by_file_and_line() {
    let files = [known("e/99-sysctl.conf", "# c\n\nK = 1024\n"), known("e/99-gtune.conf", "K=4096\n")];
    let systemd = predict(&files, Fact::Absent).systemd;
    let winner = systemd.known().unwrap();
    assert_eq!((winner.file.as_str(), winner.line), ("/etc/sysctl.d/99-sysctl.conf", 3));
    assert_eq!(winner.value, "1024");
}

#[test]
fn of_two_equal_lines_the_later_one_wins() {
    let prediction = predict(&[known("e/a.conf", "K=5\nK=5")], Fact::Absent);
    assert_eq!(prediction.systemd.known().unwrap().line, 2);
    assert_eq!(prediction.procps.known().unwrap().line, 2);
}

#[test]
fn a_hidden_file_matters_only_where_it_could_win() {
    let hidden = |path: &str| file(path, Fact::unreadable("permission denied"));
    let expected = Fact::unreadable("permission denied: /etc/sysctl.d/b.conf");
    let after = predict(&[known("e/a.conf", "K=5"), hidden("e/b.conf")], Fact::Absent);
    assert_eq!((after.systemd, after.procps), (expected.clone(), expected.clone()));
    let before = predict(&[hidden("e/b.conf"), known("e/c.conf", "K=5")], Fact::Absent);
    assert!(before.systemd.known().is_some() && before.procps.known().is_some());
    let pattern = predict(&[hidden("e/b.conf"), known("e/c.conf", "net.core.somax*=5")], Fact::Absent);
    assert_eq!((pattern.systemd, pattern.procps), (expected.clone(), expected));
    let masked = predict(&[known("e/b.conf", ""), hidden("u/b.conf")], Fact::Absent);
    assert_eq!(masked.systemd, Fact::Absent);
}

#[test]
fn only_procps_cares_for_a_hidden_sysctl_conf() {
    let prediction = predict(&[known("e/a.conf", "K=5")], Fact::unreadable("permission denied: /etc/sysctl.conf"));
    assert!(prediction.systemd.known().is_some());
    assert_eq!(prediction.procps, Fact::unreadable("permission denied: /etc/sysctl.conf"));
}

proptest! {
    #[test]
    fn no_bytes_panic(a: Vec<u8>, b: Vec<u8>, key in ".{0,12}") {
        let files = [file("e/a.conf", Fact::Known(a)), SysctlFile { path: key.clone(), content: Fact::Known(b.clone()) }];
        SysctlStore::predict(&[&key, KEY], &files, Fact::Known(b));
    }

    #[test]
    fn the_order_of_the_files_does_not_matter(numbers in proptest::collection::vec(0u8..4, 1..6)) {
        let all: Vec<_> = numbers.iter().enumerate().map(|(i, n)| known(&format!("e/{i}.conf"), &format!("K={n}"))).collect();
        let reversed: Vec<_> = all.iter().rev().cloned().collect();
        prop_assert_eq!(predict(&all, Fact::Absent), predict(&reversed, Fact::Absent));
    }
}
