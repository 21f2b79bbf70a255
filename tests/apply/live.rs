//! `gtune apply` on live hosts in namespaces of their own: mounts, kernel values and limits that are really there.
//!
//! Such a host has copies or empty file systems in place of all that gtune writes to; a law that finds one missing
//! fails before gtune is started.

use crate::snapshot::{Closely, Snapshot};
use crate::support::{Host, Law, Need, Outcome, Result, Running, eventually};
use crate::tree::{Answer, FSTAB};
use std::ffi::OsString;
use std::fs;

/// The laws.
pub fn laws() -> Vec<Law> {
    let bare = [Need::Namespaces];
    let gunicorn = [Need::Namespaces, Need::Venv("23.0.0")];
    let user = [Need::Namespaces, Need::Root];
    let traced = [Need::Namespaces, Need::Strace];
    vec![
        Law::new("a_live_apply_mounts_and_raises_and_its_rollback_takes_it_all_back", &bare, there_and_back),
        Law::new("a_second_live_apply_changes_nothing", &bare, a_second_apply),
        Law::new("a_mount_that_is_right_but_not_stored_is_stored_and_not_mounted_again", &bare, mounted_but_not_stored),
        Law::new("a_line_that_is_right_but_not_mounted_is_mounted", &bare, stored_but_not_mounted),
        Law::new("another_size_is_set_on_the_live_mount", &bare, another_size),
        Law::new("a_directory_that_holds_something_is_not_mounted_over", &bare, not_empty),
        Law::new("options_that_the_kernel_refuses_are_found_before_anything_is_changed", &bare, rehearsed),
        Law::new("a_kernel_value_that_others_raised_since_is_left", &bare, raised_since),
        Law::new("a_kernel_value_that_is_higher_is_not_lowered", &bare, higher),
        Law::new("a_live_dry_run_changes_nothing", &bare, a_dry_run),
        Law::new("a_size_above_the_memory_is_warned_of", &bare, more_than_memory),
        Law::new("workers_beat_on_the_mount_and_a_rollback_waits_for_them", &gunicorn, workers_keep_the_mount),
        Law::new("limits_of_a_running_gunicorn_are_raised_and_taken_back", &gunicorn, limits_of_the_running),
        Law::new("the_queue_of_a_running_gunicorn_is_said_to_need_a_restart", &gunicorn, queue_needs_a_restart),
        Law::new("somaxconn_is_raised_in_the_network_of_the_gunicorn", &gunicorn, network_of_the_gunicorn),
        Law::new("who_is_not_root_is_told_so_in_one_line_and_nothing_is_changed", &user, not_root),
        Law::new("who_is_not_root_may_see_the_plan", &user, a_plan_for_nobody),
        Law::new("in_a_container_the_layer_and_the_snippet_are_named", &bare, in_a_container),
        Law::new("a_live_apply_can_be_taken_back_after_a_kill_at_any_flush", &traced, killed_at_any_flush),
    ]
}

const TARGET: &str = "/mnt/mem";
const APPLY: [&str; 5] = ["apply", "--tmpfs", TARGET, "--somaxconn", "8192"];

/// A live host in which gtune may do what it likes.
struct Live(Host);

impl Live {
    fn new() -> Result<Self> {
        let host = Host::new()?;
        host.own("/etc")?;
        host.shell(
            "mount -t tmpfs -o mode=755 tmpfs /run; mkdir /run/lock
             mount -t tmpfs -o mode=755 tmpfs /var/lib
             mount -t tmpfs -o mode=755 tmpfs /mnt
             rm -rf /etc/sysctl.d /etc/systemd; mkdir -p /etc/sysctl.d /etc/systemd/system",
        )?;
        let live = Self(host);
        fs::write(live.0.seen_from_outside("/etc/fstab"), FSTAB)?;
        // Nothing of the machine may be within reach: each of these is another file system than outside.
        for place in ["/etc", "/run", "/var/lib", "/mnt"] {
            assert!(is_mount(&live, place)?, "{place} is that of the machine");
        }
        live.0.set_somaxconn(4096)?;
        Ok(live)
    }

    /// gtune, with the words before it that say as whom or how it runs.
    fn gtune_under(&self, wrapper: &[&str], arguments: &[&str]) -> Result<Outcome> {
        let mut argv: Vec<OsString> = wrapper.iter().map(OsString::from).collect();
        argv.push(self.0.gtune().into());
        argv.extend(arguments.iter().map(OsString::from));
        self.0.run(&argv)
    }

    fn gtune(&self, arguments: &[&str]) -> Result<Answer> {
        Answer::read(self.gtune_under(&[], &[&["--format", "json"], arguments].concat())?)
    }

    /// All that gtune may have changed in files.
    fn snapshot(&self) -> Result<[Snapshot; 2]> {
        Ok([Snapshot::of(&self.0.seen_from_outside("/etc"))?, Snapshot::of(&self.0.seen_from_outside("/mnt"))?])
    }

    fn must_be(&self, before: &[Snapshot; 2], closely: Closely) -> Result {
        let now = self.snapshot()?;
        now.iter().zip(before).try_for_each(|(now, before)| now.must_be(before, closely))
    }

    /// The type and the options of what is mounted at the target; none where nothing is.
    fn mounted(&self) -> Result<Option<(String, String)>> {
        let text = fs::read_to_string(self.0.seen_from_outside("/proc/1/mounts"))?;
        let mut lines = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let found = lines.rfind(|fields| fields.get(1) == Some(&TARGET));
        Ok(found.map(|fields| (fields[2].to_owned(), fields[3].to_owned())))
    }

    fn must_be_mounted(&self, options: &[&str]) -> Result {
        let (kind, found) = self.mounted()?.ok_or("nothing is mounted")?;
        assert_eq!(kind, "tmpfs");
        let missing = options.iter().find(|option| !found.split(',').any(|one| one == **option));
        missing.map_or(Ok(()), |option| Err(format!("not {option}: {found}").into()))
    }

    fn somaxconn(&self) -> Result<String> {
        Ok(self.0.shell("cat /proc/sys/net/core/somaxconn")?.trim().to_owned())
    }
}

fn is_mount(live: &Live, place: &str) -> Result<bool> {
    let text = fs::read_to_string(live.0.seen_from_outside("/proc/1/mounts"))?;
    Ok(text.lines().any(|line| line.split(' ').nth(1) == Some(place)))
}

fn there_and_back() -> Result {
    let live = Live::new()?;
    let before = live.snapshot()?;
    live.gtune(&APPLY)?.must_end(0)?;
    live.must_be_mounted(&["size=65536k", "nosuid", "nodev", "noexec"])?;
    assert_eq!(live.0.shell(&format!("stat -c %a {TARGET}"))?.trim(), "1777");
    assert_eq!(live.somaxconn()?, "8192");
    assert!(fs::read_to_string(live.0.seen_from_outside("/etc/fstab"))?.contains(TARGET));
    let answer = live.gtune(&["rollback"])?.must_end(0)?;
    assert_eq!(live.mounted()?, None, "{answer:#?}");
    assert_eq!(live.somaxconn()?, "4096");
    live.must_be(&before, Closely::Restored)
}

fn a_second_apply() -> Result {
    let live = Live::new()?;
    live.gtune(&APPLY)?.must_end(0)?;
    let (before, mount) = (live.snapshot()?, live.0.shell("cat /proc/1/mountinfo")?);
    live.gtune(&APPLY)?.must_end(0)?;
    assert_eq!(live.0.shell("cat /proc/1/mountinfo")?, mount);
    assert_eq!(live.0.shell("ls /var/lib/gtune/journal | wc -l")?.trim(), "1");
    live.must_be(&before, Closely::Untouched)
}

const RIGHT: &str = "size=64m,nr_inodes=4k,mode=1777,nosuid,nodev,noexec,noatime";

fn mounted_but_not_stored() -> Result {
    let live = Live::new()?;
    live.0.shell(&format!("mkdir {TARGET}; mount -t tmpfs -o {RIGHT} tmpfs {TARGET}; touch {TARGET}/here"))?;
    let before = live.snapshot()?;
    live.gtune(&["apply", "--tmpfs", TARGET])?.must_end(0)?;
    assert!(fs::read_to_string(live.0.seen_from_outside("/etc/fstab"))?.contains(TARGET));
    live.0.shell(&format!("test -e {TARGET}/here"))?;
    live.gtune(&["rollback"])?.must_end(0)?;
    live.0.shell(&format!("test -e {TARGET}/here"))?;
    live.must_be(&before, Closely::Restored)
}

fn stored_but_not_mounted() -> Result {
    let live = Live::new()?;
    let line = format!("tmpfs {TARGET} tmpfs defaults,{RIGHT},nofail,comment=for-gunicorn 0 0\n");
    fs::write(live.0.seen_from_outside("/etc/fstab"), format!("{FSTAB}{line}"))?;
    live.0.shell(&format!("mkdir {TARGET}"))?;
    let before = live.snapshot()?;
    live.gtune(&["apply", "--tmpfs", TARGET])?.must_end(0)?;
    live.must_be_mounted(&["size=65536k"])?;
    live.gtune(&["rollback"])?.must_end(0)?;
    assert_eq!(live.mounted()?, None);
    live.must_be(&before, Closely::Restored)
}

fn another_size() -> Result {
    let live = Live::new()?;
    live.gtune(&APPLY)?.must_end(0)?;
    live.0.shell(&format!("touch {TARGET}/here"))?;
    live.gtune(&["apply", "--tmpfs", TARGET, "--size", "128m"])?.must_end(0)?;
    live.must_be_mounted(&["size=131072k"])?;
    live.gtune(&["rollback"])?.must_end(0)?;
    live.must_be_mounted(&["size=65536k"])?;
    live.0.shell(&format!("test -e {TARGET}/here"))?;
    Ok(())
}

fn not_empty() -> Result {
    let live = Live::new()?;
    live.0.shell(&format!("mkdir {TARGET}; touch {TARGET}/theirs"))?;
    let before = live.snapshot()?;
    live.gtune(&APPLY)?.must_end(4)?.must_say(&[TARGET, "holds"])?;
    assert_eq!((live.mounted()?, live.somaxconn()?.as_str()), (None, "4096"), "all or nothing");
    live.must_be(&before, Closely::Untouched)
}

fn rehearsed() -> Result {
    let live = Live::new()?;
    let before = live.snapshot()?;
    // So many bytes are more than the kernel can count in pages.
    let answer = live.gtune(&["apply", "--tmpfs", TARGET, "--size", "17179869183g"])?;
    assert!(matches!(answer.code, 2 | 4), "{answer:#?}");
    assert_eq!(live.mounted()?, None);
    live.must_be(&before, Closely::Untouched)
}

fn raised_since() -> Result {
    let live = Live::new()?;
    live.gtune(&APPLY)?.must_end(0)?;
    live.0.set_somaxconn(16384)?;
    let answer = live.gtune(&["rollback"])?;
    assert!(matches!(answer.code, 0 | 5), "{answer:#?}");
    assert_eq!(live.somaxconn()?, "16384", "somebody wants it so");
    Ok(())
}

fn higher() -> Result {
    let live = Live::new()?;
    live.0.set_somaxconn(16384)?;
    live.gtune(&["apply", "--somaxconn", "8192"])?;
    assert_eq!(live.somaxconn()?, "16384");
    Ok(())
}

fn a_dry_run() -> Result {
    let live = Live::new()?;
    let before = live.snapshot()?;
    live.gtune(&[&APPLY[..], &["--dry-run"]].concat())?.must_end(0)?.must_say(&["/etc/fstab", TARGET])?;
    assert_eq!((live.mounted()?, live.somaxconn()?.as_str()), (None, "4096"));
    live.0.shell("test ! -e /var/lib/gtune")?;
    live.must_be(&before, Closely::Untouched)
}

fn more_than_memory() -> Result {
    let live = Live::new()?;
    live.gtune(&["apply", "--tmpfs", TARGET, "--size", "64000g", "--dry-run"])?.must_end(0)?.must_say(&["memory"])?;
    Ok(())
}

/// The files of a heartbeat's file system: all processes of it keep their files there.
fn workers_beat_on(gunicorn: &Running<'_>, live: &Live) -> Result {
    use std::os::unix::fs::MetadataExt;
    let device = fs::metadata(live.0.seen_from_outside(TARGET))?.dev();
    for worker in gunicorn.workers() {
        assert!(worker.heartbeats.iter().all(|heartbeat| heartbeat.file.0 == device), "{worker:?}");
    }
    Ok(())
}

fn workers_keep_the_mount() -> Result {
    let live = Live::new()?;
    let before = live.snapshot()?;
    live.gtune(&APPLY)?.must_end(0)?;
    let gunicorn = live.0.gunicorn("23.0.0").args(&["--worker-tmp-dir", TARGET]).start()?;
    workers_beat_on(&gunicorn, &live)?;
    live.0.doctor(&[])?.check("heartbeat-filesystem")?.must_be("ok")?;
    let master = gunicorn.master()?.pid;
    live.gtune(&["rollback"])?.must_end(5)?.must_say(&[TARGET, "gtune rollback"])?;
    assert!(live.mounted()?.is_some(), "workers use it");
    assert_eq!(gunicorn.workers().len(), 2, "and go on");
    gunicorn.signal("TERM", master)?;
    eventually("the end of a Gunicorn", || gunicorn.processes().is_empty().then_some(()))?;
    live.gtune(&["rollback"])?.must_end(0)?;
    assert_eq!(live.mounted()?, None);
    live.must_be(&before, Closely::Restored)
}

/// The soft limits of open files of a Gunicorn's processes.
fn soft_limits(gunicorn: &Running<'_>, live: &Live) -> Result<Vec<String>> {
    let limit = |pid: i32| -> Result<String> {
        let text = fs::read_to_string(live.0.seen_from_outside(format!("/proc/{pid}/limits")))?;
        let line = text.lines().find(|line| line.starts_with("Max open files")).ok_or("no limit of open files")?;
        Ok(line.split_whitespace().nth(3).unwrap_or_default().to_owned())
    };
    gunicorn.processes().iter().map(|process| limit(process.pid)).collect()
}

fn limits_of_the_running() -> Result {
    let live = Live::new()?;
    let shell = ["sh", "-euc", "ulimit -Sn 1024; exec \"$@\"", "sh"];
    let gunicorn = live.0.gunicorn("23.0.0").under(&shell).start()?;
    let of_all =
        |number: &str| -> Result<bool> { Ok(soft_limits(&gunicorn, &live)?.iter().all(|limit| limit == number)) };
    assert!(of_all("1024")?);
    // Above the hard limit only a privileged process may go (setrlimit(2)); 2048 is below that of any machine.
    let answer = live.gtune(&["apply", "--nofile", "2048"])?.must_end(0)?;
    assert!(of_all("2048")?, "{:?} {answer:#?}", soft_limits(&gunicorn, &live)?);
    live.gtune(&["rollback"])?.must_end(0)?;
    assert!(of_all("1024")?, "{:?}", soft_limits(&gunicorn, &live)?);
    Ok(())
}

fn queue_needs_a_restart() -> Result {
    let live = Live::new()?;
    live.0.set_somaxconn(128)?;
    let gunicorn = live.0.gunicorn("23.0.0").start()?;
    live.gtune(&["apply", "--somaxconn", "4096"])?
        .must_end(0)?
        .must_say(&["listen", &gunicorn.master()?.pid.to_string()])?;
    assert_eq!(live.somaxconn()?, "4096");
    Ok(())
}

fn network_of_the_gunicorn() -> Result {
    let live = Live::new()?;
    let gunicorn = live.0.gunicorn("23.0.0").isolated("echo 128 > /proc/sys/net/core/somaxconn").start()?;
    let master = gunicorn.master()?.pid;
    let theirs = || live.0.shell(&format!("nsenter --net=/proc/{master}/ns/net cat /proc/sys/net/core/somaxconn"));
    assert_eq!(theirs()?.trim(), "128");
    live.gtune(&["apply", "--somaxconn", "8192"])?.must_end(0)?;
    assert_eq!(theirs()?.trim(), "8192");
    live.gtune(&["rollback"])?.must_end(0)?;
    assert_eq!(theirs()?.trim(), "128");
    Ok(())
}

const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

fn not_root() -> Result {
    let live = Live::new()?;
    let before = live.snapshot()?;
    let said = live.gtune_under(&NOBODY, &APPLY)?;
    assert_eq!((said.code, said.stdout.as_str()), (Some(4), ""), "{said:?}");
    let (errors, hints): (Vec<_>, Vec<_>) = said.stderr.lines().partition(|line| !line.starts_with("hint:"));
    assert_eq!(errors.len(), 1, "{said:?}");
    assert!(errors[0].contains("root") && hints.iter().any(|hint| hint.contains("sudo")), "{said:?}");
    assert_eq!((live.mounted()?, live.somaxconn()?.as_str()), (None, "4096"));
    live.must_be(&before, Closely::Untouched)
}

fn a_plan_for_nobody() -> Result {
    let live = Live::new()?;
    let before = live.snapshot()?;
    let said = live.gtune_under(&NOBODY, &[&["--format", "json"], &APPLY[..], &["--dry-run"]].concat())?;
    Answer::read(said)?.must_end(0)?.must_say(&["/etc/fstab"])?;
    live.must_be(&before, Closely::Untouched)
}

/// As a container runtime leaves it: `/proc/sys` read-only, and a mark that says what it is.
fn in_a_container() -> Result {
    let live = Live::new()?;
    live.0.shell("touch /run/.containerenv; mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys")?;
    let before = live.snapshot()?;
    let answer = live.gtune(&["apply", "--somaxconn", "8192"])?.must_end(4)?;
    assert!(answer.says("--sysctl net.core.somaxconn=8192") || answer.says("securityContext"), "{answer:#?}");
    assert_eq!(live.somaxconn()?, "4096");
    live.must_be(&before, Closely::Untouched)
}

/// gtune flushes its journal before and after each step; killed at each of these flushes it leaves every state that a
/// step can be found in, and a rollback restores the host from all of them.
fn killed_at_any_flush() -> Result {
    let live = Live::new()?;
    let before = live.snapshot()?;
    let mut killed = 0;
    for call in ["fsync", "fdatasync"] {
        for ordinal in 1..100 {
            let inject = format!("inject={call}:signal=SIGKILL:when={ordinal}");
            let strace = ["strace", "-f", "-qq", "-o", "/run/trace", "-e", "trace=fsync,fdatasync", "-e", &inject];
            let said = live.gtune_under(&strace, &APPLY)?;
            let answer = live.gtune(&["rollback"])?;
            let told = |e: libtest_mimic::Failed| format!("killed at {call} #{ordinal}: {e:?} {answer:#?}");
            assert_eq!((live.mounted()?, live.somaxconn()?.as_str()), (None, "4096"), "{call} #{ordinal}: {answer:#?}");
            live.must_be(&before, Closely::Restored).map_err(told)?;
            if said.code == Some(0) {
                break;
            }
            assert!(matches!(said.code, None | Some(137)), "not killed: {said:?}");
            killed += 1;
        }
    }
    assert!(killed > 4, "only {killed} flushes for a plan of four steps");
    Ok(())
}
