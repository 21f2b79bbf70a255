//! Workers in uninterruptible sleep: a moment's read, or a disk that does not answer.

use super::heartbeat_place::{self, Medium, medium, pids};
use super::worker_doing::Pace;
use super::{Judgement, Remedy, Seen, Severity, Verdict};
use crate::facts::{Fact, Facts, Process, Service, Worker};
use crate::units::Pid;

/// Workers that wait for a disk and cannot be interrupted.
pub(super) fn waiting_for_disk(facts: &Facts, service: &Service) -> Judgement {
    let waiting: Vec<&Worker> = service.workers.iter().filter(|w| w.process.state.is_blocked()).collect();
    if waiting.is_empty() {
        return Ok(Verdict::Healthy(Seen::default()));
    }
    let overdue = waiting.iter().any(|worker| is_overdue(service, worker));
    let most = waiting.len() * 2 > service.workers.len();
    let on_disk = waiting.iter().any(|worker| lies_on_disk(worker));
    let (severity, consequence) = match (most, on_disk) {
        // One worker in state D at one moment may be any read; several of them, or one whose beat is late too, are not.
        (true, true) if waiting.len() > 1 || overdue => (Severity::Critical, FROZEN),
        (true, false) if waiting.len() > 1 || overdue => (Severity::Warning, ELSEWHERE),
        _ if overdue => (Severity::Warning, ELSEWHERE),
        _ => (Severity::Info, MOMENT),
    };
    let remedy = disk_remedy(facts, service, &waiting, severity);
    Ok(Verdict::finding(severity, disk_seen(facts, service, &waiting), consequence, remedy))
}

const FROZEN: &str = "The disk under the heartbeat is stalled or frozen: these workers serve nothing and cannot be \
                      killed, and when it lets go the master kills them all as timed out.";
const ELSEWHERE: &str = "A worker that waits for a disk serves nothing and cannot be killed until the disk answers.";
const MOMENT: &str = "One look may have met an ordinary read; if it stays so, the disk does not answer.";

/// Whether a worker's beat is later than its class allows; by the slowest usual pace where the class is not known.
fn is_overdue(service: &Service, worker: &Worker) -> bool {
    const SLOWEST: f64 = 16.0;
    let allowance = Pace::of(service).map_or(SLOWEST, |pace| pace.allowance());
    worker.heartbeat.known().is_some_and(|heartbeat| heartbeat.age_seconds.0 > allowance)
}

fn lies_on_disk(worker: &Worker) -> bool {
    let place = heartbeat_place::place(worker);
    place.is_ok_and(|place| matches!(medium(place.filesystem), Medium::Disk | Medium::Far))
}

fn disk_seen(facts: &Facts, service: &Service, waiting: &[&Worker]) -> Seen {
    let share = format!("{} of {} workers", waiting.len(), service.workers.len());
    let all: Vec<Pid> = waiting.iter().map(|worker| worker.process.pid).collect();
    let mut evidence: Vec<String> = waiting.iter().map(|worker| state_line(worker)).collect();
    if let Fact::Known(pressure) = &facts.host.pressure {
        let (ten, sixty) = pressure.io_some;
        evidence.push(format!("/proc/pressure/io: some avg10={ten:.2} avg60={sixty:.2}"));
    }
    let beneath =
        waiting.iter().find(|worker| lies_on_disk(worker)).and_then(|worker| heartbeat_place::place(worker).ok());
    let beneath = beneath.map_or_else(String::new, |place| format!(", heartbeat on {}", place.shown()));
    let observed = format!("{share} in uninterruptible sleep ({}){beneath}", pids(&all));
    Seen { observed, wanted: "no worker that waits for a disk".into(), evidence, ..Seen::default() }
}

fn state_line(worker: &Worker) -> String {
    let Process { pid, state, wait_channel, .. } = &worker.process;
    let channel = wait_channel.known().map_or("a function that could not be read", String::as_str);
    let place = match heartbeat_place::place(worker) {
        Ok(place) => format!("; heartbeat {} old on {}", place.heartbeat.age_seconds, place.shown()),
        Err(_) => String::new(),
    };
    format!("/proc/{pid}/stat: state {}, waits in {channel}{place}", state.0)
}

fn disk_remedy(facts: &Facts, service: &Service, waiting: &[&Worker], severity: Severity) -> Remedy {
    let pid = waiting[0].process.pid;
    let mut by_hand = vec![
        format!("cat /proc/{pid}/stack   # what it waits for"),
        "dmesg --level=err,warn | tail   # what the disk says".into(),
    ];
    let mut remedy = Remedy::default();
    if severity == Severity::Critical {
        by_hand.extend(heartbeat_place::into_memory(service));
        remedy = Remedy { command: heartbeat_place::tmpfs_command(facts, service), restart: true, ..remedy };
    }
    Remedy { by_hand, ..remedy }
}
