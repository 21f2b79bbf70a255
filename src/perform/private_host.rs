//! Laws that change mounts or kernel values are tried in namespaces of their own: as root, and as an ordinary user where
//! the kernel lets one have them. Elsewhere they say that they were skipped.

use crate::plan::ProcessRef;
use crate::units::Pid;
use procfs::process::Process;
use std::any::type_name;
use std::io::{Write, stderr};
use std::process::{Child, Command, Stdio};

/// Set for a test that runs alone.
const ALONE: &str = "GTUNE_TEST_ALONE";

/// Runs a law in mount and network namespaces of its own. To get there the test program runs itself again with this one
/// test; a thread could not, since an ordinary user needs a user namespace, and those are for whole processes (unshare(2)).
pub fn alone<F: FnOnce()>(law: F) {
    if std::env::var_os(ALONE).is_some() {
        return law();
    }
    // `gtune::perform::mount::tests::a_law::{{closure}}`
    let whole = type_name::<F>().trim_end_matches("::{{closure}}");
    let name = whole.split_once("::").expect("a closure lies in a crate").1;
    let probe = unshared().arg("true").output().expect("unshare of util-linux");
    if !probe.status.success() {
        // Not through a macro: what those print is only shown of tests that fail.
        let reason = String::from_utf8_lossy(&probe.stderr).trim().to_owned();
        writeln!(stderr(), "skipped: {name}: no private namespaces ({reason})").expect("standard error");
        return;
    }
    let program = std::env::current_exe().expect("this program");
    let mut again = unshared();
    again.arg(program).args(["--exact", name, "--nocapture", "--test-threads=1"]).env(ALONE, "1");
    let outcome = again.output().expect("this program again");
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned() + &String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success() && said.contains("1 passed"), "{said}");
}

fn unshared() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net"]);
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
}

/// A process that sleeps until it is dropped.
pub struct Sleeper {
    child: Child,
}

impl Sleeper {
    /// Starts one with this command before it (`unshare --net`).
    pub fn start(before: &[&str]) -> Self {
        let words = [before, &["sleep", "600"]].concat();
        let mut command = Command::new(words[0]);
        let child = command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect(words[0]);
        let sleeper = Self { child };
        // It is where it shall be once it has become sleep(1).
        while sleeper.process().stat().expect("a child has a stat").comm != "sleep" {
            std::thread::yield_now();
        }
        sleeper
    }

    fn process(&self) -> Process {
        Process::new(self.child.id() as i32).expect("a child is there until it is waited for")
    }

    /// How a plan names it.
    pub fn named(&self) -> ProcessRef {
        let start_ticks = self.process().stat().expect("a child has a stat").starttime;
        ProcessRef { pid: Pid(self.child.id() as i32), start_ticks }
    }

    /// Ends it, and gives the name it had.
    pub fn end(self) -> ProcessRef {
        self.named()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
