//! The big log: made once for each size and seed.

use crate::Result;
use crate::dice::Dice;
use crate::lines::{Line, decoys, line};
use crate::server::Server;
use crate::truth::Truth;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each kind some nine times.
const DEATHS: usize = 60;

/// Each kind three times.
const DECOYS: usize = 12;

/// Different lines; from these the log is drawn.
const POOL: usize = 16_384;

/// A log and what happened in it.
pub struct Log {
    pub path: PathBuf,
    pub packed: PathBuf,
    pub truth: Truth,
}

impl Log {
    /// The log of this size and seed; what an earlier run has made is taken as it is.
    pub fn at(directory: &Path, size: u64, seed: u64) -> Result<Self> {
        let path = directory.join(format!("error-{size}-{seed}.log"));
        let packed = path.with_extension("log.gz");
        let note = path.with_extension("truth.json");
        if let Ok(truth) = Truth::read(&note) {
            return Ok(Self { path, packed, truth });
        }
        eprintln!("making {} …", path.display());
        let truth = write(&path, size, seed)?;
        if !Command::new("gzip").arg("--stdout").arg(&path).stdout(File::create(&packed)?).status()?.success() {
            return Err("cannot pack the log with gzip".into());
        }
        fs::write(&note, serde_json::to_vec_pretty(&truth)?)?;
        Ok(Self { path, packed, truth })
    }
}

/// Something that is to stand at a place in the log.
enum Due {
    Death(usize),
    Decoy(usize),
    Recycling,
    Failure,
}

fn write(path: &Path, size: u64, seed: u64) -> Result<Truth> {
    let mut dice = Dice::new(seed);
    let pool: Vec<Line> = (0..POOL).map(|_| line(&mut dice)).collect();
    let mebibytes = usize::try_from(size >> 20)?;
    let mut due: Vec<(u64, Due)> = (0..DEATHS)
        .map(Due::Death)
        .chain((0..DECOYS).map(Due::Decoy))
        .chain((0..mebibytes).map(|_| Due::Recycling))
        .chain((0..4 * mebibytes).map(|_| Due::Failure))
        .map(|what| (dice.between(size / 100, size - size / 50), what))
        .collect();
    due.sort_by_key(|(at, _)| *at);
    let mut server = Server::start(path, size)?;
    for (at, what) in due {
        fill(&mut server, &mut dice, &pool, at)?;
        match what {
            Due::Death(number) => server.die(&mut dice, number)?,
            Due::Recycling => server.recycle(&mut dice)?,
            Due::Failure => server.fail(&mut dice)?,
            Due::Decoy(number) => {
                let lines = decoys(*dice.one_of(&server.workers));
                server.traffic(&mut dice, &lines[number % lines.len()])?;
                server.truth.decoys += 1;
            }
        }
    }
    fill(&mut server, &mut dice, &pool, size)?;
    server.end()
}

/// Ordinary traffic up to a place.
fn fill(server: &mut Server, dice: &mut Dice, pool: &[Line], at: u64) -> Result {
    while server.written() < at {
        let line = dice.one_of(pool);
        server.traffic(dice, line)?;
    }
    Ok(())
}
