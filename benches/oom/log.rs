//! The big log: made once for each size and seed.

use crate::Result;
use crate::dice::Dice;
use crate::lines::{Line, decoys, line};
use crate::report::report;
use crate::truth::Truth;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// 2025-12-01: the log goes on into the next year, and its stamps do not say so.
const BEGINS_AT_SECONDS: u64 = 1_764_547_200;

/// So long it goes, whatever its size.
const DAYS: u64 = 40;

/// The host was up before.
const UPTIME_MICROS: u64 = 5_000_000_000;

/// A dozen, and one more so that each kind meets each damage.
const REPORTS: usize = 13;

/// Different lines; from these the log is drawn.
const POOL: usize = 32_768;

/// Bytes of a line with its stamp, about.
const LINE_BYTES: u64 = 190;

/// A log and what happened in it.
pub struct Log {
    pub path: PathBuf,
    pub packed: PathBuf,
    pub truth: Truth,
}

impl Log {
    /// The log of this size and seed; what an earlier run has made is taken as it is.
    pub fn at(directory: &Path, size: u64, seed: u64) -> Result<Self> {
        let path = directory.join(format!("syslog-{size}-{seed}"));
        let packed = path.with_extension("gz");
        let note = path.with_extension("truth.json");
        if let Ok(truth) = Truth::read(&note) {
            return Ok(Self { path, packed, truth });
        }
        eprintln!("making {} …", path.display());
        let truth = write(&path, size, seed)?;
        // A log without years is read by the time of its file, which gzip(1) takes over.
        let ended = SystemTime::UNIX_EPOCH + Duration::from_secs(BEGINS_AT_SECONDS + DAYS * 86_400);
        File::options().append(true).open(&path)?.set_modified(ended)?;
        let into = File::create(&packed)?;
        if !Command::new("gzip").arg("--stdout").arg(&path).stdout(into.try_clone()?).status()?.success() {
            return Err("cannot pack the log with gzip".into());
        }
        into.set_modified(ended)?;
        truth.write(&note)?;
        Ok(Self { path, packed, truth })
    }
}

/// Writes lines with stamps that go on evenly.
struct Pen {
    file: BufWriter<File>,
    written: u64,
    lines: u64,
    micros: u64,
    step_micros: u64,
    second: u64,
    stamp: String,
}

impl Pen {
    fn new(path: &Path, size: u64) -> Result<Self> {
        let step_micros = (DAYS * 86_400_000_000 / (size / LINE_BYTES).max(1)).max(1);
        let file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        Ok(Self { file, written: 0, lines: 0, micros: 0, step_micros, second: u64::MAX, stamp: String::new() })
    }

    fn write(&mut self, line: &Line) -> Result {
        let second = self.micros / 1_000_000;
        if second != self.second {
            self.second = second;
            self.stamp = self.time()?.strftime("%b %e %H:%M:%S web-07 ").to_string();
        }
        let since_boot = self.micros + UPTIME_MICROS;
        let (seconds, micros) = (since_boot / 1_000_000, since_boot % 1_000_000);
        let head = if line.is_kernel { format!("kernel: [{seconds:5}.{micros:06}] ") } else { String::new() };
        writeln!(self.file, "{}{head}{}", self.stamp, line.text)?;
        self.written += (self.stamp.len() + head.len() + line.text.len() + 1) as u64;
        self.lines += 1;
        Ok(())
    }

    fn time(&self) -> Result<jiff::Zoned> {
        let seconds = BEGINS_AT_SECONDS + self.micros / 1_000_000;
        Ok(Timestamp::from_second(seconds.try_into()?)?.to_zoned(TimeZone::UTC))
    }
}

/// Something that is to stand at a place in the log.
enum Due {
    Report(usize),
    Decoy(usize),
}

fn write(path: &Path, size: u64, seed: u64) -> Result<Truth> {
    let mut dice = Dice::new(seed);
    let pool: Vec<Line> = (0..POOL).map(|_| line(&mut dice)).collect();
    let decoys = decoys();
    let mut due: Vec<(u64, Due)> = (0..REPORTS)
        .map(Due::Report)
        .chain((0..decoys.len()).map(Due::Decoy))
        .map(|what| (dice.between(size / 100, size - size / 50), what))
        .collect();
    due.sort_by_key(|(at, _)| *at);
    let mut truth =
        Truth { reports: REPORTS, decoys: decoys.iter().map(|(pid, _)| *pid).collect(), ..Truth::default() };
    let mut pen = Pen::new(path, size)?;
    for (at, what) in due {
        fill(&mut pen, &mut dice, &pool, at)?;
        match what {
            Due::Decoy(number) => pen.write(&Line { is_kernel: false, text: decoys[number].1.to_owned() })?,
            Due::Report(number) => write_report(&mut pen, &mut dice, &pool, number, &mut truth)?,
        }
    }
    fill(&mut pen, &mut dice, &pool, size)?;
    pen.file.flush()?;
    truth.lines = pen.lines;
    Ok(truth)
}

fn fill(pen: &mut Pen, dice: &mut Dice, pool: &[Line], until: u64) -> Result {
    while pen.written < until {
        pen.write(dice.one_of(pool))?;
        pen.micros += pen.step_micros;
    }
    Ok(())
}

fn write_report(pen: &mut Pen, dice: &mut Dice, pool: &[Line], number: usize, truth: &mut Truth) -> Result {
    let report = report(dice, number);
    let day = pen.time()?.strftime("%F").to_string();
    for text in report.lines {
        while report.is_spliced && dice.percent(15) {
            pen.write(dice.one_of(pool))?;
        }
        pen.write(&Line { is_kernel: true, text })?;
        pen.micros += 13;
    }
    for mut kill in report.kills {
        kill.day.clone_from(&day);
        truth.kills.push(kill);
    }
    Ok(())
}

impl Truth {
    fn read(note: &Path) -> Result<Self> {
        Ok(serde_json::from_slice(&fs::read(note)?)?)
    }

    fn write(&self, note: &Path) -> Result {
        Ok(fs::write(note, serde_json::to_vec_pretty(self)?)?)
    }
}
