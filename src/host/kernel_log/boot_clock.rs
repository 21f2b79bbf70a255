//! The clocks of the running kernel, taken together.

use crate::kernel_log::BootClock;
use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

/// The relation of the kernel's clock to the wall clock now; none where a clock cannot be read, which no kernel since
/// 2.6.39 does (clock_gettime(2)).
pub fn boot_clock() -> Option<BootClock> {
    let now_micros = micros(ClockId::CLOCK_MONOTONIC)?;
    let since_boot = micros(ClockId::CLOCK_BOOTTIME)?;
    // The two are read one after the other: below a millisecond the difference is that and no sleep.
    let slept_micros = Some(since_boot.saturating_sub(now_micros)).filter(|slept| *slept >= 1_000).unwrap_or(0);
    Some(BootClock { now: Timestamp::now(), now_micros, slept_micros })
}

fn micros(clock: ClockId) -> Option<u64> {
    let time = clock_gettime(clock).ok()?;
    let (seconds, nanos) = (u64::try_from(time.tv_sec()).ok()?, u64::try_from(time.tv_nsec()).ok()?);
    Some(seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000))
}
