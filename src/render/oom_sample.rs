//! A report of `oom`, for tests: a kill with its whole report, one that stands alone, one of a container.

use crate::command::{CounterCheck, OomReport, Shown, Source, ToldKill};
use crate::facts::Reason;
use crate::kernel_log::{
    Kill, Known, Moment, Part, Report, Scope, Settled, Sizes, Stamp, Task, Trigger, Uncertainty, Usage, advice,
};
use crate::units::{Bytes, Limit, Pid};
use std::sync::Arc;

const MIB: u64 = 1 << 20;

/// Who is shown: one of a service, one without any report, one of a container.
pub fn report() -> OomReport {
    OomReport {
        observed_at: "2026-11-20T19:20:00Z".parse().unwrap(),
        root: Some("/".into()),
        sources: vec![
            Source {
                name: "/dev/kmsg".into(),
                begins: moment("2026-11-20T19:00:00Z", 1_000),
                ends: None,
                is_live: true,
                has_kernel: true,
                records: Some(812),
                lost: Some(Reason::new("older records were overwritten")),
                notes: vec![],
                framed: true,
            },
            Source {
                name: "notes.txt".into(),
                begins: None,
                ends: None,
                is_live: false,
                has_kernel: true,
                records: None,
                lost: None,
                notes: vec![],
                framed: false,
            },
        ],
        kills: vec![whole(b"gunicorn"), bare(), contained()].into_iter().map(told).collect(),
        shown: Shown::Gunicorns,
        others: 2,
        counters: Some(CounterCheck { counted: 7, told: 5 }),
        blind_spots: vec![Reason::new("cannot read /var/log/kern.log: permission denied (needs root or group adm)")],
        refused: true,
        as_root: Some("sudo gtune oom".into()),
    }
}

/// The same with one kill, of a process of this name in a control group of this name.
pub fn named(comm: &[u8], group: &[u8]) -> OomReport {
    let mut kill = whole(comm);
    kill.kill.task_memcg = Some(group.to_vec());
    Arc::make_mut(&mut kill.kill.report).oom_memcg = Some(group.to_vec());
    OomReport { kills: vec![told(kill)], ..report() }
}

fn told(told: Settled) -> ToldKill {
    let concern = Known::default().concern(&told.kill);
    ToldKill { advice: advice(&told.kill, &concern), told, concern }
}

fn moment(time: &str, micros: u64) -> Option<Moment> {
    let uncertainty = Uncertainty { micros, zone_assumed: false, year_inferred: false, slept: false, derived: false };
    Some(Moment { time: time.parse().unwrap(), uncertainty })
}

fn whole(comm: &[u8]) -> Settled {
    let task = |pid: i32, mib: u64| Task {
        pid: Pid(pid),
        tgid: Some(Pid(pid)),
        uid: Some(33),
        comm: comm.into(),
        total_vm_pages: Some(2 * mib * MIB / 4096),
        rss_pages: Some(mib * MIB / 4096),
        oom_score_adj: Some(0),
    };
    let report = Report {
        trigger: Some(Trigger {
            comm: comm.to_vec(),
            thread: Some(Pid(816)),
            gfp_mask: Some("0xcc0(GFP_KERNEL)".into()),
            order: Some(0),
            oom_score_adj: Some(0),
        }),
        kernel: Some("6.1.0-56-cloud-amd64".into()),
        oom_memcg: Some(b"/system.slice/gunicorn.service".to_vec()),
        memory: Some(Usage { used: Bytes(200 * MIB), limit: Limit::At(200 * MIB) }),
        swap: Some(Usage { used: Bytes(0), limit: Limit::Unlimited }),
        tasks: vec![task(812, 19), task(815, 150), task(816, 20)],
        ..Report::default()
    };
    let kill = Kill {
        pid: Pid(815),
        comm: comm.to_vec(),
        uid: Some(33),
        part: Part::Chosen,
        scope: Scope::Memcg,
        sizes: Sizes { total_vm: Some(Bytes(300 * MIB)), anon_rss: Some(Bytes(150 * MIB)), ..Sizes::default() },
        task_memcg: Some(b"/system.slice/gunicorn.service".to_vec()),
        report: Arc::new(report),
        lines: 1,
        stamp: Stamp { boot_micros: Some(847_268_410), wall: None, derived: false },
        boot: None,
        host: vec![],
        offset: 4_096,
        text: Box::default(),
    };
    Settled { kill, moment: moment("2026-11-20T19:14:07.26841Z", 1_000), source: 0 }
}

fn bare() -> Settled {
    let mut told = whole(b"gunicorn: worke");
    told.kill = Kill {
        task_memcg: None,
        scope: Scope::Unknown,
        report: Arc::default(),
        sizes: Sizes::default(),
        uid: None,
        stamp: Stamp { boot_micros: Some(1_800_300_000), wall: None, derived: false },
        ..told.kill
    };
    Settled { moment: None, ..told }
}

fn contained() -> Settled {
    let mut told = whole(b"gunicorn");
    let id = "3f2a".repeat(16);
    told.kill.task_memcg = Some(format!("/system.slice/docker-{id}.scope").into_bytes());
    Settled { moment: moment("2026-11-20T19:15:00Z", 60_000_000), ..told }
}
