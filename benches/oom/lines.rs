//! What a busy web server's syslog is full of: the firewall, AppArmor, container bridges; ssh, cron, systemd, Gunicorn.

use crate::dice::Dice;

/// A line without its stamp.
pub struct Line {
    pub is_kernel: bool,
    pub text: String,
}

/// Three lines of the kernel to one of all other programs, as on a host with a firewall that logs.
pub fn line(dice: &mut Dice) -> Line {
    let is_kernel = dice.percent(75);
    let text = if is_kernel { kernel(dice) } else { userland(dice) };
    Line { is_kernel, text }
}

fn kernel(dice: &mut Dice) -> String {
    match dice.bits() % 100 {
        0..55 => firewall(dice),
        55..70 => apparmor(dice),
        70..79 => {
            let state = *dice.one_of(&["blocking", "disabled", "forwarding"]);
            format!("br-{}: port {}(veth{}) entered {state} state", dice.hex(12), dice.between(1, 40), dice.hex(7))
        }
        79..84 => {
            let port = *dice.one_of(&[80, 443, 8000, 8001]);
            format!("TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:{port}. Sending cookies.")
        }
        84..88 => segfault(dice),
        88..91 => format!(
            "perf: interrupt took too long ({} > {}), lowering kernel.perf_event_max_sample_rate to {}",
            dice.between(2500, 9900),
            dice.between(2400, 9800),
            dice.one_of(&[79750, 63750, 51000, 32000])
        ),
        91..93 => format!("EXT4-fs (dm-{}): re-mounted {} r/w. Quota mode: none.", dice.between(0, 9), dice.hex(32)),
        93..96 => "nf_conntrack: nf_conntrack: table full, dropping packet".to_owned(),
        96..98 => near_miss(dice),
        _ => format!("hrtimer: interrupt took {} ns", dice.between(3_000_000, 90_000_000)),
    }
}

fn firewall(dice: &mut Dice) -> String {
    format!(
        "[UFW BLOCK] IN=eth0 OUT= MAC={0}:{0}:08:00 SRC={1} DST=10.0.0.{2} LEN={3} TOS=0x00 PREC=0x00 TTL={4} ID={5} DF \
         PROTO=TCP SPT={6} DPT={7} WINDOW={8} RES=0x00 SYN URGP=0 ",
        dice.hex(12),
        dice.ip(),
        dice.between(1, 254),
        dice.one_of(&[40, 44, 52, 60]),
        dice.between(30, 250),
        dice.between(1, 65535),
        dice.between(1024, 65535),
        dice.one_of(&[22, 23, 445, 3389, 5432, 6379, 8080]),
        dice.one_of(&[1024, 14600, 29200, 65535]),
    )
}

fn apparmor(dice: &mut Dice) -> String {
    format!(
        "audit: type=1400 audit(1765{}.{}:{}): apparmor=\"DENIED\" operation=\"open\" class=\"file\" \
         profile=\"snap.app.web\" name=\"/proc/{}/mountinfo\" pid={} comm=\"python3\" requested_mask=\"r\" \
         denied_mask=\"r\" fsuid=0 ouid=0",
        dice.between(100_000, 999_999),
        dice.between(100, 999),
        dice.between(100, 99_999),
        dice.between(300, 32_000),
        dice.between(300, 32_000),
    )
}

fn segfault(dice: &mut Dice) -> String {
    format!(
        "python3[{}]: segfault at {:x} ip 00007f{} sp 00007ff{} error 4 in libc.so.6[7f{}000+155000] likely on CPU {} \
         (core {}, socket 0)",
        dice.between(300, 32_000),
        dice.between(0, 1 << 20),
        dice.hex(10),
        dice.hex(9),
        dice.hex(7),
        dice.between(0, 7),
        dice.between(0, 7),
    )
}

/// Lines of the kernel's about the OOM killer that are no kill.
fn near_miss(dice: &mut Dice) -> String {
    let pid = dice.between(300, 32_000);
    match dice.bits() % 4 {
        0 => format!("oom_reaper: unable to reap pid:{pid} (java)"),
        1 => "OOM killer disabled.".to_owned(),
        2 => {
            format!("celery ({pid}): /proc/{pid}/oom_adj is deprecated, please use /proc/{pid}/oom_score_adj instead.")
        }
        _ => format!("oom_kill_process: {} callbacks suppressed", dice.between(1, 99)),
    }
}

fn userland(dice: &mut Dice) -> String {
    let pid = dice.between(300, 32_000);
    match dice.bits() % 100 {
        0..35 => {
            let user = *dice.one_of(&["root", "invalid user admin", "invalid user test", "ubuntu"]);
            let port = dice.between(1024, 65535);
            format!("sshd[{pid}]: Failed password for {user} from {} port {port} ssh2", dice.ip())
        }
        35..50 => format!("CRON[{pid}]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)"),
        50..70 => {
            let verb = *dice.one_of(&["Starting", "Started", "Finished"]);
            let unit =
                *dice.one_of(&["logrotate.service - Rotate log files", "apt-daily.service - Daily apt activities"]);
            format!("systemd[1]: {verb} {unit}.")
        }
        70..90 => {
            let requests = dice.between(1, 9999);
            format!("gunicorn[{pid}]: [{pid}] [INFO] {requests} requests, {} MiB resident", dice.between(80, 900))
        }
        90..97 => format!("dbus-daemon[{pid}]: [system] Successfully activated service 'org.freedesktop.hostname1'"),
        _ => format!("systemd[1]: app.service: Consumed {}.{}s CPU time.", dice.between(1, 59), dice.between(100, 999)),
    }
}

/// What other programs say, and is no kill however much it looks so; each with the pid it names.
pub fn decoys() -> Vec<(u64, &'static str)> {
    vec![
        (
            4242,
            "gunicorn[4711]: Out of memory: Killed process 4242 (gunicorn) total-vm:1kB, anon-rss:1kB, file-rss:0kB, \
                shmem-rss:0kB, UID:33 pgtables:4kB oom_score_adj:0",
        ),
        (
            1,
            "mallory: kernel: [99999.000000] Out of memory: Killed process 1 (systemd) total-vm:1kB, anon-rss:1kB, \
             file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0",
        ),
        (
            5151,
            "web[88]: kernel said: Memory cgroup out of memory: Killed process 5151 (gunicorn) total-vm:1kB, \
                anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:33 pgtables:4kB oom_score_adj:0",
        ),
        (6161, "earlyoom[612]: sending SIGTERM to process 6161 uid 33 \"gunicorn\": oom_score 805, VmRSS 912 MiB"),
    ]
}
