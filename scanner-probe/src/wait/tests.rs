//! Waiting for processes of the test's own.

use std::{
    path::PathBuf,
    process::{Child, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Starts, Waiting};

const LONG: Duration = Duration::from_mins(1);

/// A program in a folder of its own.
fn program() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probe");
    std::fs::copy("/bin/true", &path).unwrap();
    (folder, path)
}

/// A waiter in a thread of its own, and what the test shows it.
struct Waits {
    /// What it sees when it looks.
    pids: Arc<Mutex<Vec<u32>>>,
    /// How often it looked.
    looks: Arc<AtomicUsize>,
    thread: JoinHandle<Duration>,
}

fn waits(starts: Option<Starts>, limit: Duration, grace: Duration) -> Waits {
    let (pids, looks) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
    let (seen, count) = (Arc::clone(&pids), Arc::clone(&looks));
    let thread = thread::spawn(move || {
        let begun = Instant::now();
        let others = || {
            count.fetch_add(1, Ordering::Relaxed);
            let seen: &Mutex<Vec<u32>> = &seen;
            seen.lock().unwrap().clone()
        };
        let waiting = Waiting {
            starts,
            others,
            limit,
            grace,
        };
        waiting.run();
        begun.elapsed()
    });
    Waits {
        pids,
        looks,
        thread,
    }
}

fn sleeper() -> Child {
    Command::new("sleep").arg("600").spawn().unwrap()
}

#[test]
fn a_collector_that_came_and_went_between_two_looks_is_not_waited_for() {
    let (_folder, program) = program();
    let waits = waits(Starts::of(&program), LONG, LONG);
    thread::sleep(Duration::from_millis(300));
    // Nothing of it is ever seen among the processes.
    assert!(Command::new(&program).status().unwrap().success());
    let waited = waits.thread.join().unwrap();
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

#[test]
fn the_start_of_another_program_of_the_folder_is_none() {
    let (folder, program) = program();
    let other = folder.path().join("other");
    std::fs::copy(&program, &other).unwrap();
    let waits = waits(Starts::of(&program), LONG, Duration::from_secs(4));
    thread::sleep(Duration::from_millis(300));
    assert!(Command::new(&other).status().unwrap().success());
    let waited = waits.thread.join().unwrap();
    assert!(waited >= Duration::from_secs(4), "{waited:?}");
}

#[test]
fn a_collector_is_followed_to_its_end_without_looking_again_and_again() {
    let (_folder, program) = program();
    let mut child = sleeper();
    let waits = waits(Starts::of(&program), LONG, LONG);
    waits.pids.lock().unwrap().push(child.id());
    assert!(Command::new(&program).status().unwrap().success());
    thread::sleep(Duration::from_secs(3));
    assert!(!waits.thread.is_finished());
    let looks = waits.looks.load(Ordering::Relaxed);
    assert!(looks <= 3, "{looks} looks in 3 s");
    child.kill().unwrap();
    // Nobody asks for its status yet, so that its entry among the processes stays.
    let killed = Instant::now();
    waits.thread.join().unwrap();
    let (waited, looks) = (killed.elapsed(), waits.looks.load(Ordering::Relaxed));
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    assert!(looks <= 5, "{looks} looks");
    child.wait().unwrap();
}

#[test]
fn without_events_it_looks_again_and_ends_the_same_way() {
    let mut child = sleeper();
    let waits = waits(None, LONG, LONG);
    thread::sleep(Duration::from_millis(300));
    waits.pids.lock().unwrap().push(child.id());
    thread::sleep(Duration::from_millis(500));
    assert!(!waits.thread.is_finished());
    child.kill().unwrap();
    child.wait().unwrap();
    waits.thread.join().unwrap();
}

#[test]
fn it_ends_when_none_comes_and_at_its_deadline() {
    let (_folder, program) = program();
    let second = Duration::from_secs(1);
    let waited = waits(Starts::of(&program), LONG, second).thread;
    let waited = waited.join().unwrap();
    assert!(waited >= second && waited < 10 * second, "{waited:?}");
    let mut child = sleeper();
    let waits = waits(Starts::of(&program), second, LONG);
    waits.pids.lock().unwrap().push(child.id());
    let waited = waits.thread.join().unwrap();
    assert!(waited >= second && waited < 10 * second, "{waited:?}");
    child.kill().unwrap();
    child.wait().unwrap();
}
