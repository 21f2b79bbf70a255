//! Kills since boot, for doctor: the kernel's own buffer alone, which costs milliseconds.

use super::{Root, kernel_log};
use crate::facts::{Fact, Host, OomKill, OomLog};
use crate::kernel_log::{Assembler, Clock, Kill};
use jiff::tz::TimeZone;

/// What the kernel's buffer tells of kills. It is not read where the kernel counted none.
pub fn oom_log(root: &Root, host: &Host) -> Fact<OomLog> {
    if !root.is_live() {
        return Fact::unreadable(root.no_live_kernel());
    }
    if host.oom_kills == Fact::Known(0) {
        return Fact::Known(OomLog::default());
    }
    let mut assembler = Assembler::default();
    let reading = match kernel_log::kmsg(&mut assembler) {
        Ok(reading) => reading,
        Err(unread) => return Fact::unreadable(format!("{}: {}", unread.reason, unread.name)),
    };
    let clock = reading.boot.map(|boot| Clock::of_boot(TimeZone::UTC, boot));
    let kills = assembler.finish().kills.iter().map(|kill| told(kill, clock.as_ref())).collect();
    Fact::Known(OomLog { kills, lost: reading.lost.is_some() })
}

fn told(kill: &Kill, clock: Option<&Clock>) -> OomKill {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    OomKill {
        time: clock.and_then(|clock| clock.moment(&kill.stamp)).map(|moment| moment.time),
        pid: kill.pid,
        comm: text(&kill.comm),
        cgroup: kill.task_memcg.as_deref().map(text),
        rss_bytes: kill.sizes.resident(),
        lines: kill.lines,
        limit_bytes: kill.report.hit().and_then(|(_, usage)| usage.limit.number()),
    }
}
