//! Some hundred scans of one cluster at a time: what `cargo xtask bench --scans` does with twenty thousand.

#[path = "../examples/many_scans/load.rs"]
mod load;

use std::time::Duration;

use load::{Load, Taken};

/// Longer than anything that a scan leaves for a while, such as a connection: by the clock of the test it takes no time.
const LATER: Duration = Duration::from_mins(30);

/// Alone in its process, so that the memory is that of its scans.
#[tokio::test(start_paused = true)]
async fn hundreds_of_scans_of_one_cluster_take_no_more_memory_and_tasks_than_some() {
    let mut load = Load::new().expect("a cluster");
    load.scan(150).await.expect("clean scans");
    tokio::time::sleep(LATER).await;
    let first = Taken::now(150).expect("a resident size");
    load.scan(150).await.expect("clean scans");
    tokio::time::sleep(LATER).await;
    let last = Taken::now(300).expect("a resident size");
    assert_eq!((first.scans, last.scans), (150, 300));
    // An engine that was given up would make them incomplete.
    assert_eq!(
        load.verdicts.get("passed"),
        Some(&300),
        "{:?}",
        load.verdicts
    );
    load.check_left().await.expect("nothing is left");
    // An allocator goes on growing for some hundred scans; what a scan itself keeps is seen above.
    assert!(
        last.memory < first.memory + first.memory / 2,
        "{first:?} became {last:?}"
    );
    // A task that each scan left would be 150 more. How many connections are just ending differs by some dozens.
    assert!(last.tasks <= first.tasks + 100, "{first:?} became {last:?}");
}
