//! What is read of layers is what containerd unpacks of them: random stacks, and what each writer makes.
//!
//! `cargo xtask archives` builds the oracle and runs this, with the same stacks each time. `SCANNER_ORACLE_SEED` is the
//! number that other stacks start from, or `random`.

#![expect(
    clippy::print_stdout,
    reason = "a run prints what repeats it, and what it compared"
)]

mod apply;
mod changed;
mod dialects;
mod images;
mod random;
mod selection;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant, SystemTime},
};

use apply::{Files, Known, Oracle, image, listed, read};
use random::Random;
use scanner_inventory::Gaps;
use scanner_probe::Tree as _;

/// Stacks that containerd unpacks, at least: on two cores that have nothing else to do it takes 25 seconds.
const LEGAL: u64 = 5000;
/// Stacks that are mounted as an overlay.
const OVERLAYS: u64 = 1000;
/// Seed of an ordinary run. It is fixed, so that only a change of the code changes the result.
const SEED: u64 = 1;
/// Longest for the stacks of one test.
const TIME: Duration = Duration::from_mins(5);

fn seed() -> u64 {
    match std::env::var("SCANNER_ORACLE_SEED").as_deref() {
        Err(_) => SEED,
        Ok("random") => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            u64::try_from(now.expect("it is after 1970").as_millis())
                .expect("and before the year 500000000")
        }
        Ok(number) => number
            .parse()
            .expect("SCANNER_ORACLE_SEED is a number or `random`"),
    }
}

/// What one of two readings has and the other has not, in a few lines.
fn difference(theirs: &Files, ours: &Files) -> String {
    let mut lines = Vec::new();
    for name in theirs.keys().chain(ours.keys()) {
        let (their, our) = (theirs.get(name), ours.get(name));
        if their != our {
            let name = name.escape_ascii();
            lines.push(format!("{name}: containerd {their:?}, we {our:?}"));
        }
    }
    lines.truncate(8);
    lines.join("\n")
}

#[test]
fn random_stacks_are_read_as_containerd_unpacks_them_or_refused() {
    compare("random", LEGAL, random::stack);
}

#[test]
fn changed_stacks_are_read_as_containerd_unpacks_them_or_refused() {
    compare("changed", LEGAL / 2, |random| {
        let mut layers = random::stack(random);
        changed::change(random, &mut layers);
        layers
    });
}

/// Reads so many stacks that containerd unpacks, and any others on the way, by both.
fn compare(kind: &str, wanted: u64, make: impl Fn(&mut Random) -> Vec<Vec<u8>>) {
    let (seed, mut oracle, started) = (seed(), Oracle::start(), Instant::now());
    println!("{kind} stacks, seed {seed}");
    let (mut legal, mut both) = (0u64, 0u64);
    let mut refused: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut stacks = 0;
    while legal < wanted && started.elapsed() < TIME {
        let one = seed.wrapping_add(stacks);
        stacks += 1;
        let layers = make(&mut Random(one));
        match (oracle.unpack(&layers), read(&layers)) {
            (Ok(theirs), Ok(ours)) if theirs == ours => legal += 1,
            (Ok(theirs), Ok(ours)) => {
                wrong.push(format!("seed {one}: {}", difference(&theirs, &ours)));
            }
            (Ok(_), Err(error)) => {
                legal += 1;
                let reason = error.rsplit(": ").next().unwrap_or_default().to_owned();
                let entry = refused.entry(reason).or_insert((0, one));
                entry.0 += 1;
            }
            (Err(_), Err(_)) => both += 1,
            (Err(error), Ok(_)) => wrong.push(format!(
                "seed {one}: containerd refuses, we do not: {error}"
            )),
        }
    }
    let took = started.elapsed();
    let refusals: u64 = refused.values().map(|(count, _)| count).sum();
    println!(
        "{stacks} {kind} stacks in {took:.1?}: {legal} legal, {both} refused by both, {refusals} by us alone"
    );
    for (reason, (count, first)) in &refused {
        println!("  {count} refused: {reason} (first: seed {first})");
    }
    assert!(
        wrong.is_empty(),
        "{} of {stacks} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
    assert!(
        refusals * 100 <= legal,
        "more than 1 % of {legal} legal stacks are refused: {refused:?}"
    );
    assert!(
        legal >= wanted,
        "only {legal} of {stacks} stacks are legal in {TIME:?}"
    );
}

/// Whether a file is a directory.
fn is_directory(known: &Known) -> bool {
    known.0 & 0o170_000 == 0o040_000
}

#[test]
fn what_an_overlay_shows_is_read_or_named_as_a_gap() {
    let (seed, mut oracle, started) = (seed(), Oracle::start(), Instant::now());
    println!("overlays, seed {seed}");
    let (mut same, mut gaps, mut stacks) = (0, 0, 0);
    let mut wrong = Vec::new();
    while same + gaps < OVERLAYS && started.elapsed() < TIME {
        let one = seed.wrapping_add(stacks);
        stacks += 1;
        let layers = random::stack(&mut Random(one));
        // One layer alone is no overlay.
        if layers.len() < 2 {
            continue;
        }
        let (Ok(theirs), Ok(image)) = (oracle.overlay(&layers), image(&layers)) else {
            continue;
        };
        if !image.elsewhere().is_empty() {
            gaps += 1;
            continue;
        }
        same += 1;
        let ours = listed(&image).expect("its files are listed");
        // Links that were followed have another name in the scan, of which the last part is the same.
        let last = |name: &[u8]| name.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec);
        let known: BTreeSet<(Option<Vec<u8>>, &Known)> = ours
            .iter()
            .map(|(name, known)| (last(name), known))
            .collect();
        let missing = theirs.iter().filter(|(name, file)| {
            let our = ours.get(*name);
            let known = || our == Some(*file) || known.contains(&(last(name), *file));
            // A directory takes the place of a link that was followed.
            if is_directory(file) {
                our.is_some_and(|our| is_directory(our) && our != *file)
            } else {
                !known()
            }
        });
        wrong.extend(
            missing.map(|(name, known)| format!("seed {one}: {}: {known:?}", name.escape_ascii())),
        );
    }
    println!(
        "{stacks} stacks in {:.1?}: {same} as in an overlay, {gaps} with a gap",
        started.elapsed()
    );
    assert!(
        wrong.is_empty(),
        "{} files differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(8)].join("\n")
    );
    assert!(
        same + gaps >= OVERLAYS && gaps > 0,
        "only {same} as in an overlay and {gaps} with a gap in {TIME:?}"
    );
}

#[test]
fn what_each_program_writes_is_read_and_never_refused() {
    let (seed, mut oracle) = (seed(), Oracle::start());
    println!("seed {seed}");
    for (program, write) in dialects::ALL {
        for number in 0..100 {
            let one = seed.wrapping_add(number);
            let layers = write(&mut Random(one));
            let theirs = oracle.unpack(&layers);
            let theirs = theirs.unwrap_or_else(|error| {
                panic!("{program}, seed {one}: containerd refuses it: {error}")
            });
            let gaps = image(&layers).map(|image| image.elsewhere());
            assert_eq!(gaps, Ok(Gaps::default()), "{program}, seed {one}");
            let ours = read(&layers);
            let ours =
                ours.unwrap_or_else(|error| panic!("{program}, seed {one}: refused: {error}"));
            assert!(
                theirs == ours,
                "{program}, seed {one}: {}",
                difference(&theirs, &ours)
            );
        }
    }
}
