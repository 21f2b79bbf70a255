//! Lines as kernels of many versions print them, and what must not be taken for one.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Messages that say something, each with what it says.
fn examples() -> Vec<(&'static str, Value)> {
    [faults(), stalls(), limits(), disks(), memory()].concat()
}

#[rustfmt::skip]
fn faults() -> Vec<(&'static str, Value)> {
    vec![
        // arch/x86/mm/fault.c: 2.6.24, 3.x, 4.x to 6.0, 6.1, 6.12.
        ("gunicorn[815]: segfault at 0000000000000008 rip 00002b5a1 rsp 00007fff1 error 4", json!({"event": "segfault", "comm": "gunicorn", "tid": 815, "address": 8, "instruction_pointer": 0x2b5a1, "stack_pointer": 0x7fff1_u64, "error": {"code": 4, "words": ["read", "nothing mapped", "in user mode"]}, "object": null, "cpu": null})),
        ("pylotro[2222]: segfault at 0 ip           (null) sp bf8fa3bc error 4 in libm-2.11.1.so[110000+24000]", json!({"event": "segfault", "comm": "pylotro", "tid": 2222, "address": 0, "instruction_pointer": 0, "stack_pointer": 0xbf8f_a3bc_u64, "error": {"code": 4, "words": ["read", "nothing mapped", "in user mode"]}, "object": {"file": "libm-2.11.1.so", "file_offset_bytes": null, "base": 0x110000, "size_bytes": 0x24000}, "cpu": null})),
        ("python3[48210]: segfault at 10 ip 00007f3a1c2b9d41 sp 00007ffd8a1e2f10 error 6 in libparquet.so.1500[7f3a1c200000+1a3000] likely on CPU 2 (core 1, socket 0)", json!({"event": "segfault", "comm": "python3", "tid": 48210, "address": 16, "instruction_pointer": 0x7f3a_1c2b_9d41_u64, "stack_pointer": 0x7ffd_8a1e_2f10_u64, "error": {"code": 6, "words": ["write", "nothing mapped", "in user mode"]}, "object": {"file": "libparquet.so.1500", "file_offset_bytes": null, "base": 0x7f3a_1c20_0000_u64, "size_bytes": 0x1a3000}, "cpu": 2})),
        ("gunicorn: worke[7]: segfault at 0 ip 0000000000000000 sp 00007f41465edcc8 error 14 likely on CPU 17 (core 6, socket 0)", json!({"event": "segfault", "comm": "gunicorn: worke", "tid": 7, "address": 0, "instruction_pointer": 0, "stack_pointer": 0x7f41_465e_dcc8_u64, "error": {"code": 20, "words": ["execute", "nothing mapped", "in user mode"]}, "object": null, "cpu": 17})),
        ("a b[1]: c[12]: segfault at 7f01 ip 00007f01 sp 00007f02 error 7 in libc.so.6[28000,7f0a2c828000+155000] likely on CPU 0 (core 0, socket 0)", json!({"event": "segfault", "comm": "a b[1]: c", "tid": 12, "address": 0x7f01, "instruction_pointer": 0x7f01, "stack_pointer": 0x7f02, "error": {"code": 7, "words": ["write", "not allowed", "in user mode"]}, "object": {"file": "libc.so.6", "file_offset_bytes": 0x28000, "base": 0x7f0a_2c82_8000_u64, "size_bytes": 0x155000}, "cpu": 0})),
        // arch/x86/kernel/traps.c: now, up to 5.5, up to 3.7.
        ("traps: gunicorn[815] general protection fault ip:7f01 sp:7f02 error:0 in libpython3.11.so.1.0[7f00+200]", json!({"event": "trap", "comm": "gunicorn", "tid": 815, "what": "general protection fault", "instruction_pointer": 0x7f01, "stack_pointer": 0x7f02, "error_code": 0, "object": {"file": "libpython3.11.so.1.0", "file_offset_bytes": null, "base": 0x7f00, "size_bytes": 0x200}})),
        ("traps: x[1] y[815] trap invalid opcode ip:7f01 sp:7f02 error:0 in a[b]c[1,7f00+200]", json!({"event": "trap", "comm": "x[1] y", "tid": 815, "what": "invalid opcode", "instruction_pointer": 0x7f01, "stack_pointer": 0x7f02, "error_code": 0, "object": {"file": "a[b]c", "file_offset_bytes": 1, "base": 0x7f00, "size_bytes": 0x200}})),
        ("traps: php[9] control protection ip:1 sp:2 ssp:3 error:1(near ret) in php[0+1000]", json!({"event": "trap", "comm": "php", "tid": 9, "what": "control protection", "instruction_pointer": 1, "stack_pointer": 2, "error_code": 1, "object": null})),
        ("java[9] trap divide error ip:1 sp:2 error:0", json!({"event": "trap", "comm": "java", "tid": 9, "what": "divide error", "instruction_pointer": 1, "stack_pointer": 2, "error_code": 0, "object": null})),
        // arch/arm64/kernel/traps.c: now and up to 4.16; arch/riscv/kernel/traps.c.
        ("gunicorn[815]: unhandled exception: DABT (lower EL), ESR 0x0000000092000006, level 2 translation fault in libc.so.6[ffff8000+1000]", json!({"event": "unhandled-exception", "comm": "gunicorn", "tid": 815, "what": "DABT (lower EL), ESR 0x0000000092000006, level 2 translation fault", "signal": null, "address": null, "object": {"file": "libc.so.6", "file_offset_bytes": null, "base": 0xffff_8000_u64, "size_bytes": 4096}})),
        ("gunicorn[815]: unhandled level 2 translation fault (11) at 0x00000010, esr 0x92000006, in libc.so[ff+1]", json!({"event": "unhandled-exception", "comm": "gunicorn", "tid": 815, "what": "level 2 translation fault", "signal": 11, "address": 16, "object": {"file": "libc.so", "file_offset_bytes": null, "base": 255, "size_bytes": 1}})),
        ("gunicorn[815]: unhandled signal 11 code 0x1 at 0x0000000000000000 in python3.11[10000+1000]", json!({"event": "unhandled-exception", "comm": "gunicorn", "tid": 815, "what": "signal", "signal": 11, "address": 0, "object": {"file": "python3.11", "file_offset_bytes": null, "base": 65536, "size_bytes": 4096}})),
        // kernel/auditsc.c.
        (r#"audit: type=1326 audit(1688154587.565:14): auid=1000 uid=33 gid=33 ses=3 subj=snap x pid=1 pid=27503 comm="gunicorn" exe="/usr/bin/python3.11" sig=31 arch=c000003e syscall=41 compat=0 ip=0x7f code=0x80000000"#, json!({"event": "seccomp", "tid": 27503, "comm": "gunicorn", "exe": "/usr/bin/python3.11", "uid": 33, "signal": 31, "syscall": 41})),
        (r#"type=1326 audit(1446574222.1:4): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=27503 comm=6D79206170702028763229 sig=0 syscall=2 compat=0 ip=0x7f code=0x7ffc0000"#, json!({"event": "seccomp", "tid": 27503, "comm": "my app (v2)", "exe": null, "uid": 0, "signal": 0, "syscall": 2})),
    ]
}

#[rustfmt::skip]
fn stalls() -> Vec<(&'static str, Value)> {
    vec![
        // kernel/hung_task.c.
        ("INFO: task jbd2/vda1-8:221 blocked for more than 120 seconds.", json!({"event": "hung-task", "comm": "jbd2/vda1-8", "tid": 221, "seconds": 120, "is_in_io_wait": false})),
        ("INFO: task :1 blocked for:1473 blocked in I/O wait for more than 122 seconds. [Warning #1]", json!({"event": "hung-task", "comm": ":1 blocked for", "tid": 1473, "seconds": 122, "is_in_io_wait": true})),
        // mm/page_alloc.c: now, 4.6, 3.10, 2.6.32.
        ("kworker/u8:2: page allocation failure: order:4, mode:0x40820(GFP_ATOMIC|__GFP_COMP), nodemask=(null),cpuset=/,mems_allowed=0", json!({"event": "page-allocation-failure", "comm": "kworker/u8:2", "order": 4, "mode": "0x40820(GFP_ATOMIC|__GFP_COMP)"})),
        ("gunicorn: page allocation failure: order:0, mode:0x20", json!({"event": "page-allocation-failure", "comm": "gunicorn", "order": 0, "mode": "0x20"})),
        ("swapper: page allocation failure. order:1, mode:0x20", json!({"event": "page-allocation-failure", "comm": "swapper", "order": 1, "mode": "0x20"})),
    ]
}

#[rustfmt::skip]
fn limits() -> Vec<(&'static str, Value)> {
    vec![
        // net/ipv4/tcp_input.c: 6.2 on, 4.x, with MPTCP, 3.1, 2.6.
        ("TCP: request_sock_TCP: Possible SYN flooding on port 127.0.0.1:8000. Sending cookies.", json!({"event": "syn-flooding", "port": 8000, "address": "127.0.0.1", "is_ipv6": false, "answer": "cookies"})),
        ("TCP: request_sock_subflow_v4: Possible SYN flooding on port [::]:20002. Sending cookies.", json!({"event": "syn-flooding", "port": 20002, "address": "::", "is_ipv6": true, "answer": "cookies"})),
        ("TCP: request_sock_TCPv6: Possible SYN flooding on port 34391. Dropping request.  Check SNMP counters.", json!({"event": "syn-flooding", "port": 34391, "address": null, "is_ipv6": true, "answer": "dropped"})),
        ("TCP: TCP: Possible SYN flooding on port 80. Sending cookies.  Check SNMP counters.", json!({"event": "syn-flooding", "port": 80, "address": null, "is_ipv6": null, "answer": "cookies"})),
        ("possible SYN flooding on port 4671. Sending cookies.", json!({"event": "syn-flooding", "port": 4671, "address": null, "is_ipv6": null, "answer": "cookies"})),
        // net/ipv4/tcp.c.
        ("TCP: out of memory -- consider tuning tcp_mem", json!({"event": "tcp-memory-exhausted"})),
        ("Out of socket memory", json!({"event": "tcp-memory-exhausted"})),
        ("TCP: too many orphaned sockets", json!({"event": "too-many-orphaned-sockets"})),
        ("VFS: file-max limit 9223 reached", json!({"event": "file-max-reached", "limit": 9223})),
        ("nf_conntrack: nf_conntrack: table full, dropping packet", json!({"event": "conntrack-full", "network_namespace": null})),
        ("nf_conntrack: nf_conntrack: table full in netns 4026532281, dropping packet", json!({"event": "conntrack-full", "network_namespace": 4_026_532_281_u64})),
        ("ip_conntrack: table full, dropping packet.", json!({"event": "conntrack-full", "network_namespace": null})),
        ("cgroup: fork rejected by pids controller in /system.slice/my app.service", json!({"event": "pids-limit", "cgroup": "/system.slice/my app.service"})),
    ]
}

#[rustfmt::skip]
fn disks() -> Vec<(&'static str, Value)> {
    vec![
        // File systems and disks.
        ("EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm ls: reading directory lblock 0", json!({"event": "file-system-error", "file_system": "EXT4", "device": "sda1", "what": "ext4_find_entry:1455: inode #2: comm ls: reading directory lblock 0"})),
        ("EXT4-fs error (device dm-0) in ext4_reserve_inode_write:5902: Readonly filesystem", json!({"event": "file-system-error", "file_system": "EXT4", "device": "dm-0", "what": "in ext4_reserve_inode_write:5902: Readonly filesystem"})),
        ("BTRFS error (device sdb state EA): parent transid verify failed", json!({"event": "file-system-error", "file_system": "BTRFS", "device": "sdb", "what": "parent transid verify failed"})),
        ("EXT4-fs (nvme0n1p1): Delayed block allocation failed for inode 12 at logical offset 0 with max blocks 1 with error 28", json!({"event": "delayed-allocation-failed", "device": "nvme0n1p1", "inode": 12, "errno": 28})),
        ("EXT4-fs (sda1): delayed block allocation failed for inode 12 at logical offset 0 with max blocks 1 with error -28", json!({"event": "delayed-allocation-failed", "device": "sda1", "inode": 12, "errno": 28})),
        ("EXT4-fs (sda1): Remounting filesystem read-only", json!({"event": "remounted-read-only", "device": "sda1"})),
        ("BTRFS info (device sda1 state E): forced readonly", json!({"event": "remounted-read-only", "device": "sda1"})),
        ("Remounting filesystem read-only", json!({"event": "remounted-read-only", "device": null})),
        ("XFS (dm-1): Corruption of in-memory data detected.  Shutting down filesystem", json!({"event": "xfs-shutdown", "device": "dm-1", "reason": "Corruption of in-memory data detected"})),
        ("XFS (sdb1): Log I/O Error (0x2) detected at xlog_ioend_work+0x6e/0x70 [xfs] (fs/xfs/xfs_log.c:1378).  Shutting down filesystem.", json!({"event": "xfs-shutdown", "device": "sdb1", "reason": "Log I/O Error (0x2) detected at xlog_ioend_work+0x6e/0x70 [xfs] (fs/xfs/xfs_log.c:1378)"})),
        ("XFS (sdb1): Filesystem has been shut down due to log error (0x2).", json!({"event": "xfs-shutdown", "device": "sdb1", "reason": "log error (0x2)"})),
        ("Buffer I/O error on dev sda1, logical block 0, async page read", json!({"event": "buffer-error", "device": "sda1", "block": 0})),
        ("Buffer I/O error on device sda1, logical block 7", json!({"event": "buffer-error", "device": "sda1", "block": 7})),
        ("blk_update_request: I/O error, dev sda, sector 123 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0", json!({"event": "block-error", "kind": "I/O", "device": "sda", "sector": 123})),
        ("critical medium error, dev nvme0n1, sector 5 op 0x0:(READ)", json!({"event": "block-error", "kind": "critical medium", "device": "nvme0n1", "sector": 5})),
        ("end_request: I/O error, dev fd0, sector 0", json!({"event": "block-error", "kind": "I/O", "device": "fd0", "sector": 0})),
    ]
}

#[rustfmt::skip]
fn memory() -> Vec<(&'static str, Value)> {
    vec![
        // oomd's BaseKillPlugin.cpp.
        ("oomd kill: 50.85 49.35 30.53 system.slice/a b ruleset:[.service 6905962496 ruleset:[protection against low swap] detectorgroup:[free swap goes below 10 percent] killer:kill_by_swap_usage v2", json!({"event": "oomd-kill", "cgroup": "system.slice/a b ruleset:[.service", "size_bytes": 6_905_962_496_u64, "ruleset": "protection against low swap", "is_dry_run": false})),
        ("oomd kill: 0.00 0.00 0.00 system.slice/x.service 1 ruleset:[r] detectorgroup:[d] killer:(dry)kill_by_memory_size_or_growth v2", json!({"event": "oomd-kill", "cgroup": "system.slice/x.service", "size_bytes": 1, "ruleset": "r", "is_dry_run": true})),
        // mm/oom_kill.c, lib/ratelimit.c.
        ("Out of memory and no killable processes...", json!({"event": "no-killable-process"})),
        ("Kernel panic - not syncing: System is deadlocked on memory", json!({"event": "oom-panic", "why": "nobody-to-kill"})),
        ("Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled", json!({"event": "oom-panic", "why": "system-wide"})),
        ("Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled", json!({"event": "oom-panic", "why": "compulsory"})),
        ("Out of memory: system-wide panic_on_oom is enabled", json!({"event": "oom-panic", "why": "system-wide"})),
        ("oom_kill_process: 10 callbacks suppressed", json!({"event": "lines-suppressed", "function": "oom_kill_process", "calls": 10})),
        ("OOM killer disabled.", json!({"event": "oom-killer-disabled"})),
        ("OOM killer enabled.", json!({"event": "oom-killer-enabled"})),
    ]
}

/// Messages with nothing of that in them, though some look so.
const OTHERS: &[&str] = &[
    "",
    "Out of memory: Killed process 4242 (gunicorn) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:33",
    "gunicorn invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
    "app: the kernel said: gunicorn[815]: segfault",
    "gunicorn[]: segfault at 0 ip 0 sp 0 error 4",
    "gunicorn[99999999999]: segfault at 0 ip 0 sp 0 error 4",
    "gunicorn[81x]: segfault at 0 ip 0 sp 0 error 4",
    "gunicorn[815]: unhandled exception",
    "traps: gunicorn[815] something else ip:7f01 sp:7f02 error:0",
    "audit: type=1400 audit(1.0:1): apparmor=\"DENIED\" pid=1 comm=\"x\" sig=31",
    "INFO: task gunicorn blocked for more than 120 seconds.",
    "app says: TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.",
    "TCP: request_sock_TCP: Possible SYN flooding on port 80000. Sending cookies.",
    "EXT4-fs (vda): re-mounted. Quota mode: none.",
    "operation not supported error, dev loop0, sector 0 op 0x3:(DISCARD)",
    "nf_conntrack: expectation table full",
    "---[ end Kernel panic - not syncing: System is deadlocked on memory ]---",
    "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009",
    "a man said: 10 callbacks suppressed",
    "net_ratelimit: many callbacks suppressed",
];

fn said(message: &[u8]) -> Option<Value> {
    event(message, Origin::Kernel).map(|event| serde_json::to_value(event).unwrap())
}

fn holds_a_needle(message: &[u8]) -> bool {
    NEEDLES.iter().any(|needle| memchr::memmem::find(message, needle).is_some())
}

#[test]
fn each_kernel_says_it_in_its_own_words() {
    for (message, expected) in examples() {
        assert_eq!(said(message.as_bytes()), Some(expected), "{message}");
    }
}

#[test]
fn what_only_looks_so_says_nothing() {
    for message in OTHERS {
        assert_eq!(said(message.as_bytes()), None, "{message}");
    }
}

#[test]
fn only_oomd_is_believed_when_it_was_not_the_kernel() {
    for (message, expected) in examples() {
        let is_oomd = expected["event"] == "oomd-kill";
        assert_eq!(event(message.as_bytes(), Origin::Other).is_some(), is_oomd, "{message}");
        assert!(event(message.as_bytes(), Origin::Unsaid).is_some(), "{message}");
    }
}

#[test]
fn words_behind_it_or_at_the_end_of_the_line_change_nothing() {
    for (message, expected) in examples().into_iter().filter(|(message, _)| message.ends_with(['.', ')'])) {
        assert_eq!(said(format!("{message} \r").as_bytes()).unwrap()["event"], expected["event"], "{message}");
    }
}

#[test]
fn a_line_that_quotes_one_is_not_one() {
    for (message, _) in examples() {
        let quoted = format!("an application, quoting at length: {message}");
        assert_eq!(said(quoted.as_bytes()), None, "{quoted}");
    }
}

#[test]
fn a_name_that_a_log_writer_made_longer_is_still_a_name() {
    for name in
        ["#033[31mred#033[0m", "\\x1b[31mred\\x1b[0m", "\\033[31mred\\033[0m", "\u{fffd}\u{fffd}\u{fffd}[1] gunicorn"]
    {
        let message = format!("{name}[815]: segfault at 0 ip 0 sp 0 error 4");
        assert_eq!(said(message.as_bytes()).unwrap()["comm"], name);
    }
}

#[test]
fn the_needles_survive_the_escapes_of_json_writers() {
    for needle in NEEDLES {
        assert!(needle.len() >= 4 && needle.iter().all(|b| matches!(b, b' '..=b'~') && !b"\"\\/<>&'".contains(b)));
    }
}

#[test]
fn every_bit_of_a_fault_has_its_word() {
    assert_eq!(FaultCode(0x15).words(), ["execute", "not allowed", "in user mode"]);
    assert_eq!(FaultCode(0).words(), ["read", "nothing mapped", "in kernel mode"]);
    assert_eq!(FaultCode(0x27).words(), ["write", "not allowed", "in user mode", "protection key"]);
}

#[test]
fn a_long_line_of_begins_is_read_in_time() {
    for begin in [
        "[1] trap x",
        "[1] trap x ip:0 sp:0",
        "[1]: unhandled x",
        "[1]: segfault at 0 ip 0 sp 0",
        ": page allocation failure",
    ] {
        let line = begin.repeat(2_000_000 / begin.len());
        let began = std::time::Instant::now();
        event(line.as_bytes(), Origin::Kernel);
        assert!(began.elapsed().as_secs() < 5, "{begin}");
    }
}

/// Any name a task can have: up to 15 bytes but a zero, and those that look like the text around them.
fn comm() -> impl Strategy<Value = Vec<u8>> {
    let traps = [
        "[1]: segfault a",
        "]: segfault at ",
        "[7] trap int3 i",
        ":1 blocked for ",
        ": page allocati",
        "a\nb",
        "",
        "in x[0+1]",
        "INFO: task a:1",
        "traps: x[1] ",
    ];
    prop_oneof![
        proptest::collection::vec(1_u8.., 0..=15),
        proptest::sample::select(traps.map(|name| name.as_bytes().to_vec()).to_vec()),
        "[\\[\\]0-9: a]{0,15}".prop_map(String::into_bytes),
    ]
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A message with anything in some place of it.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let messages: Vec<Vec<u8>> = examples().into_iter().map(|(message, _)| message.as_bytes().to_vec()).collect();
    let splice =
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), proptest::collection::vec(any::<u8>(), 0..6));
    (proptest::sample::select(messages), proptest::collection::vec(splice, 0..4)).prop_map(|(mut message, splices)| {
        for (from, length, bytes) in splices {
            let from = from.index(message.len() + 1);
            let to = from + length.index((message.len() - from).min(8) + 1);
            message.splice(from..to, bytes);
        }
        message
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        event(&bytes, Origin::Kernel);
    }

    #[test]
    fn what_says_something_holds_a_needle(message in mutated()) {
        prop_assert!(event(&message, Origin::Kernel).is_none() || holds_a_needle(&message));
    }

    #[test]
    fn a_message_cut_anywhere_is_no_panic_and_no_other_event((message, expected) in proptest::sample::select(examples()), at in any::<prop::sample::Index>()) {
        let cut = &message.as_bytes()[..at.index(message.len() + 1)];
        if let Some(said) = said(cut) {
            prop_assert_eq!(&said["event"], &expected["event"]);
        }
    }

    #[test]
    fn any_name_survives_a_segfault(comm in comm(), file in comm(), tid: u32, address: u64) {
        let number = format!("[{tid}]: segfault at {address:x} ip {address:016x} sp 00007ffd8a1e2f10 error 4 in ");
        let message = joined(&[&comm, number.as_bytes(), &file, b"[7f3a1c200000+1a3000]"]);
        match event(&message, Origin::Kernel) {
            Some(Event::Segfault(fault)) => {
                prop_assert_eq!(fault.comm.as_bytes(), &comm);
                prop_assert_eq!((fault.tid, fault.address), (tid, address));
                prop_assert_eq!(&fault.object.unwrap().file.0, &file);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn any_name_survives_a_trap(comm in comm(), tid: u32) {
        let text = format!("[{tid}] trap int3 ip:7f01 sp:7f02 error:0 in x[0+1]");
        match event(&joined(&[b"traps: ", &comm, text.as_bytes()]), Origin::Kernel) {
            Some(Event::Trap(trap)) => prop_assert_eq!((trap.comm.0, trap.tid, trap.what.0), (comm, tid, b"int3".to_vec())),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn any_name_survives_a_hung_task_and_a_failed_allocation(comm in comm(), tid: u32) {
        let text = format!(":{tid} blocked for more than 120 seconds.");
        match event(&joined(&[b"INFO: task ", &comm, text.as_bytes()]), Origin::Kernel) {
            Some(Event::HungTask(task)) => prop_assert_eq!((&task.comm.0, task.tid), (&comm, tid)),
            other => prop_assert!(false, "{other:?}"),
        }
        match event(&joined(&[&comm, b": page allocation failure: order:3, mode:0x20"]), Origin::Kernel) {
            Some(Event::PageAllocationFailure(failure)) => prop_assert_eq!(failure.comm.0, comm),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn any_name_survives_seccomp(comm in comm(), tid: u32) {
        // audit_string_contains_control (kernel/audit.c) decides between the two ways.
        let is_plain = comm.iter().all(|b| (0x21..=0x7e).contains(b) && *b != b'"');
        let written = if is_plain {
            joined(&[b"\"", &comm, b"\""])
        } else {
            comm.iter().map(|b| format!("{b:02X}")).collect::<String>().into_bytes()
        };
        let text = format!("audit: type=1326 audit(1.0:1): auid=0 uid=0 gid=0 ses=1 pid={tid} comm=");
        match event(&joined(&[text.as_bytes(), &written, b" exe=\"/x\" sig=31 arch=c000003e syscall=41"]), Origin::Kernel) {
            Some(Event::Seccomp(call)) => prop_assert_eq!((call.comm.0, call.tid, call.signal), (comm, tid, 31)),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
