//! Small material for tests: begin with something whole, change one thing.

use super::{Confidence, Context, Death, Ended, Evidence, How, KernelEvent, MasterEnd, MasterHow, Material, Role};
use super::{Source, Verdict};
use crate::gunicorn::log::{Ending, Event, Frame, ManagerEvent, Place, Said, Told, Traceback};
use crate::gunicorn::{Version, WorkerClass};
use crate::kernel_log::{self, Kill, Moment, Part, Report, Scope, Settled, Sizes, Stamp, Uncertainty, Usage};
use crate::units::{Bytes, Limit, Pid};
use jiff::Timestamp;

/// The unit of [`unit`].
pub const UNIT: &str = "gunicorn.service";

/// So many seconds after 19:14.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_202_040 + seconds).unwrap()
}

/// A line of Gunicorn's, by its master.
pub fn told(event: Event, seconds: i64) -> Told {
    line(Said::Gunicorn(event), Some(Pid(812)), seconds)
}

/// A line of a manager's, in the journal (source 1).
pub fn manager(event: ManagerEvent, seconds: i64) -> (usize, Told) {
    (1, line(Said::Manager(event), None, seconds))
}

fn line(said: Said, writer: Option<Pid>, seconds: i64) -> Told {
    let place = Place { offset: seconds.unsigned_abs() * 100, line: seconds.unsigned_abs() + 1 };
    let text = format!("{said:?}").into_bytes().into();
    Told { said, writer, frame_pid: None, unit: None, time: Some(at(seconds)), source: 0, place, text }
}

/// A worker of master 812 that ended so, after the line that says so.
pub fn ended(pid: i32, how: How, seconds: i64) -> Ended {
    let ending = match how {
        How::Told(ending) => vec![told(Event::Ended { pid: Pid(pid), ending }, seconds)],
        How::Exited => vec![told(Event::Exiting(Pid(pid)), seconds)],
        How::Silent => vec![],
    };
    let context = Context { booted: Some(at(-3600)), alive: 4, is_worker: true, ..Context::default() };
    Ended {
        pid: Some(Pid(pid)),
        candidates: vec![],
        master: Some(Pid(812)),
        version: Some(Version::new(23, 0, 0)),
        class: Some(WorkerClass::Sync),
        time: Some(at(seconds)),
        how,
        context,
        told: ending,
        source: 0,
    }
}

/// One that a signal ended.
pub fn signalled(pid: i32, signal: i32, seconds: i64) -> Ended {
    ended(pid, How::Told(Ending::Signal { signal, core: false }), seconds)
}

/// One that exited with this status.
pub fn exited(pid: i32, status: i32, seconds: i64) -> Ended {
    ended(pid, How::Told(Ending::Exit(status)), seconds)
}

/// The same after its `WORKER TIMEOUT`, so many seconds before its end.
pub fn timed_out(mut ended: Ended, ago: i64) -> Ended {
    let seconds = ended.time.map_or(0, |time| time.as_second() - at(0).as_second()) - ago;
    let pid = ended.pid.unwrap_or(Pid(0));
    ended.context.timed_out = Some(told(Event::TimedOut(pid), seconds));
    ended.context.timed_out_together = 1;
    ended.context.lingered_seconds = Some(ago);
    ended
}

/// Master 812, whose log ends so.
pub fn master(how: MasterHow, seconds: i64) -> MasterEnd {
    MasterEnd {
        pid: Pid(812),
        version: Some(Version::new(23, 0, 0)),
        workers: vec![Pid(815), Pid(816)],
        started: None,
        time: Some(at(seconds)),
        noticed: None,
        how,
        asked: false,
        reloading: false,
        told: vec![told(Event::Booting(Pid(816)), seconds)],
        source: 0,
    }
}

/// The kernel's kill of a process of the unit, at a limit of 200 MiB.
pub fn kill(pid: i32, seconds: i64) -> Settled {
    let usage = Usage { used: Bytes(200 << 20), limit: Limit::At(200 << 20) };
    let group = || Some(format!("/system.slice/{UNIT}").into_bytes());
    let report = Report { memory: Some(usage), oom_memcg: group(), ..Report::default() };
    let kill = Kill {
        pid: Pid(pid),
        comm: b"gunicorn".to_vec(),
        uid: None,
        part: Part::Chosen,
        scope: Scope::Memcg,
        sizes: Sizes { anon_rss: Some(Bytes(148 << 20)), ..Sizes::default() },
        task_memcg: group(),
        report: report.into(),
        lines: 1,
        stamp: Stamp { boot_micros: Some(u64::try_from(9_000 + seconds).unwrap() * 1_000_000), ..Stamp::default() },
        boot: None,
        host: vec![],
        offset: 4_096,
        text: format!("Memory cgroup out of memory: Killed process {pid} (gunicorn)").into_bytes().into(),
    };
    Settled { kill, moment: Some(moment(seconds)), source: 0 }
}

/// A kill in a container's group.
pub fn contained(pid: i32, seconds: i64) -> Settled {
    let mut settled = kill(pid, seconds);
    settled.kill.task_memcg = Some(format!("/kubepods/burstable/pod1/{}", "3f2a".repeat(16)).into_bytes());
    settled
}

/// Half a second before, to the millisecond.
pub fn moment(seconds: i64) -> Moment {
    let uncertainty =
        Uncertainty { micros: 1_000, zone_assumed: false, year_inferred: false, slept: false, derived: false };
    Moment { time: Timestamp::from_millisecond(at(seconds).as_millisecond() - 500).unwrap(), uncertainty }
}

/// A line of the kernel, as it reads it.
pub fn kernel(text: &str, seconds: i64) -> KernelEvent {
    let event = kernel_log::event(text.as_bytes(), kernel_log::Origin::Kernel).unwrap();
    KernelEvent { event, moment: Some(moment(seconds)), source: 0, offset: 8_192, text: text.as_bytes().into() }
}

/// A traceback that ends so.
pub fn traceback(exception: &str, errno: Option<i32>, path: Option<&str>) -> Traceback {
    let frame = Frame { file: "/srv/app/wsgi.py".into(), line: 30, function: "application".into(), code: None };
    let exception = Some(exception.into());
    Traceback { exception, errno, path: path.map(Into::into), frame: Some(frame), is_abort: false, is_reopen: false }
}

/// Want of descriptors.
pub fn emfile() -> Traceback {
    traceback("OSError: [Errno 24] Too many open files", Some(24), None)
}

/// A log of a unit, its journal, and a kernel log that covers an hour on either side.
pub fn material(ended: impl IntoIterator<Item = Ended>) -> Material {
    let source =
        |name: &str| Source { name: name.into(), begins: Some(at(-3600)), ends: Some(at(3600)), ..Source::default() };
    let journal = Source { has_managers: true, ..source("journal") };
    Material {
        sources: vec![Source { unit: Some(UNIT.into()), ..source("error.log") }, journal],
        kernel_sources: vec![source("kern.log")],
        ended: ended.into_iter().collect(),
        ..Material::default()
    }
}

/// The same of a log without a unit, and without any other log.
pub fn alone(ended: impl IntoIterator<Item = Ended>) -> Material {
    let mut material = material(ended);
    material.kernel_sources.clear();
    material.sources.truncate(1);
    material.sources.iter_mut().for_each(|source| source.unit = None);
    material
}

/// A death that is told.
pub fn death(verdict: Verdict) -> Death {
    let line =
        Evidence { source: "error.log".into(), line: Some(7), offset: None, time: None, text: "it ended".into() };
    Death {
        pid: Some(Pid(815)),
        candidates: vec![],
        host_pid: None,
        role: Role::Worker,
        workers: vec![],
        master_pid: Some(Pid(812)),
        unit: Some(UNIT.into()),
        time: Some(at(7)),
        gunicorn: Some(Version::new(23, 0, 0)),
        verdict,
        confidence: Confidence::Likely,
        summary: "it ended".into(),
        evidence: vec![line],
        advice: vec!["do something".into()],
    }
}
