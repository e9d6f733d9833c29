//! Tests of the list for engines that do not evaluate entry by entry.

use super::*;

#[test]
fn files_are_kept_for_engines_that_want_a_list_alone() {
    let engines: [Arc<dyn ScanEngine>; 1] = [Arc::new(Streaming(Fault::None))];
    let (day, pod) = (day(), Collected::Unavailable { reason: "x".into() });
    let run = async {
        let mut sink = Engines::start(&engines, &Inline, &day, &pod).await;
        deliver(inventory(), &mut sink).await;
        assert!(sink.list.is_none() && sink.batch.len() < BATCH);
        sink.finish().await
    };
    let (findings, inventory) = run.now_or_never().expect("an end");
    assert_eq!(findings[0].results[0].status, CheckStatus::Pass);
    assert_eq!(inventory.files, Collected::Complete { data: Vec::new() });
}

#[test]
fn a_list_is_bounded_and_says_what_it_does_not_have() {
    let engines: [Arc<dyn ScanEngine>; 2] = [Arc::new(Streaming(Fault::None)), Arc::new(Listing)];
    let (day, pod) = (day(), Collected::Unavailable { reason: "x".into() });
    let run = async {
        let mut sink = Engines::start(&engines, &Inline, &day, &pod).await;
        sink.sections(Inventory::default()).await;
        for number in 0..=MAX_LISTED {
            let file = FileEntry {
                path: format!("/{number}").as_str().into(),
                ..FileEntry::default()
            };
            sink.file(file).await;
        }
        sink.end(FilesEnd::new(Coverage::Complete, true)).await;
        sink.finish().await
    };
    let (_, inventory) = run.now_or_never().expect("an end");
    let Collected::Partial { data, gaps } = &inventory.files else {
        unreachable!("must be partial");
    };
    assert_eq!((data.len(), gaps.total()), (MAX_LISTED, 1));
    assert!(!inventory.files_listed);
}

#[test]
fn a_list_of_very_long_paths_is_bounded_too() {
    let engines: [Arc<dyn ScanEngine>; 1] = [Arc::new(Listing)];
    let (day, pod) = (day(), Collected::Unavailable { reason: "x".into() });
    let long = format!("/{}", "x".repeat(60_000));
    let run = async {
        let mut sink = Engines::start(&engines, &Inline, &day, &pod).await;
        sink.sections(Inventory::default()).await;
        for _ in 0..8 * BATCH {
            let file = FileEntry {
                path: long.as_str().into(),
                ..FileEntry::default()
            };
            sink.file(file).await;
        }
        sink.end(FilesEnd::new(Coverage::Complete, true)).await;
        sink.finish().await
    };
    let (_, inventory) = run.now_or_never().expect("an end");
    let Collected::Partial { data, gaps } = &inventory.files else {
        unreachable!("must be partial");
    };
    assert_eq!(data.len() as u64 + gaps.total(), 8 * BATCH as u64);
    assert!(data.len() <= MAX_LISTED_BYTES / long.len() + BATCH);
}
