//! Scans one fake cluster very often, and fails unless the memory stays flat and nothing is left.
//!
//! `cargo run --release -p secure-scan-testing --example many_scans -- 20000`, or `cargo xtask bench --scans`.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

mod load;

use std::{error::Error, time::Instant};

use load::{AT_ONCE, Load, Taken};

/// Scans where no number is given.
const SCANS: u64 = 20_000;
/// How much more memory the last scan may find than the one at a twentieth of them.
const MOST: f64 = 1.2;

// One thread, whose clock is paused: a scan waits ten seconds for the server to forget its token, and nobody here does.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args()
        .nth(1)
        .map_or(Ok(SCANS), |count| count.parse())?;
    if count < 20 {
        return Err("at least 20 scans".into());
    }
    let started = Instant::now();
    let mut load = Load::new()?;
    let mut taken: Vec<Taken> = Vec::new();
    let mut done = 0;
    for until in [count / 20, count / 2, count] {
        load.scan(until - done).await?;
        done = until;
        let now = Taken::now(done)?;
        let first = taken.first().map_or(now.memory, |first| first.memory);
        println!(
            "after {:>6} scans: {:>7} KiB resident ({:.2}x the first), {} tasks",
            now.scans,
            now.memory,
            ratio(now.memory, first),
            now.tasks
        );
        taken.push(now);
    }
    load.check_left().await?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{count} scans, {AT_ONCE} at a time, in {seconds:.0} s: {:?}; nothing is left",
        load.verdicts
    );
    let (first, last) = (taken[0], taken[taken.len() - 1]);
    let grown = ratio(last.memory, first.memory);
    if grown > MOST {
        return Err(format!("the memory grew {grown:.2}x (goal: at most {MOST}x)").into());
    }
    // A task that each scan left would be thousands more; how many connections are just ending differs by some dozens.
    if last.tasks > first.tasks + 4 * AT_ONCE {
        let (from, to) = (first.tasks, last.tasks);
        return Err(format!("{from} tasks became {to}").into());
    }
    println!("memory {grown:.2}x (goal: at most {MOST}x)");
    Ok(())
}

fn ratio(of: u64, to: u64) -> f64 {
    let float = |number| u32::try_from(number).map_or(f64::INFINITY, f64::from);
    float(of) / float(to)
}
