//! Lists of gaps that count more than they name.

use scanner_core::inventory::{Attribute, LanguagePackage};

use super::*;

const UNNAMED: &str = "more was not read than its places say";

fn counted(gap: Gap, count: u64) -> Gaps {
    let mut gaps = Gaps::default();
    gaps.add_counted(gap, count);
    gaps
}

fn with_gaps(gaps: Gaps) -> Inventory {
    Inventory {
        files: Collected::Partial {
            data: shown(),
            gaps,
        },
        ..container(shown(), [])
    }
}

#[test]
fn a_list_that_counts_more_than_it_names_is_never_filled_as_a_whole() {
    for (count, stays) in [(0, ""), (1, ""), (2, UNNAMED)] {
        let one = with_gaps(counted(shut("/root"), count));
        let (given, completion) = completed(image(), &one);
        assert_eq!(left(&given), stays, "{count}");
        assert_eq!(completion.from_image.places(), 1);
        let coverage = &completion.coverage[&Section::Files];
        assert_eq!(*coverage == Coverage::Complete, stays.is_empty(), "{count}");
    }
    // Contents that are missing too say nothing of what is not listed.
    let mut gaps = counted(shut("/root"), 2);
    gaps.add(
        Gap::new(GapKind::Unsupported)
            .at("/etc")
            .of_attribute(Attribute::Capabilities),
    );
    let (given, _) = completed(image(), &with_gaps(gaps));
    assert!(
        left(&given).ends_with(UNNAMED) && !given.files_listed,
        "{}",
        left(&given)
    );
}

#[test]
fn a_place_that_is_asked_for_in_several_ways_may_be_counted_in_each() {
    let of = |path: &str| FileSelector {
        paths: vec![path.into()],
        follow: true,
        ..FileSelector::default()
    };
    let from = |path: &str| FileSelector {
        under: vec![path.into()],
        ..FileSelector::default()
    };
    for (files, most) in [
        (vec![of("/root/.ssh")], 2),
        (vec![from("/root/.ssh")], 2),
        (vec![of("/root/.ssh"), from("/root/.ssh")], 3),
        (vec![of("/root")], 1),
    ] {
        let asked = InventoryRequest {
            files,
            ..everything()
        };
        for (count, stays) in [(most, ""), (most + 1, UNNAMED)] {
            let one = with_gaps(counted(shut("/root/.ssh"), count));
            let (given, _) = completed_with(&asked, &whole(image()), &one);
            assert_eq!(left(&given), stays, "{asked:?} {count}");
        }
    }
}

/// A container of whose files nobody read the capabilities, and a directory of root.
fn without_capabilities(more: u64) -> Inventory {
    let mut files = shown();
    for file in &mut files {
        file.capabilities_known = false;
    }
    let count = files
        .iter()
        .filter(|file| file.kind == FileKind::File)
        .count();
    let gap = Gap::new(GapKind::Unsupported).at("/etc");
    let mut gaps = counted(gap.of_attribute(Attribute::Capabilities), count as u64);
    gaps.add_counted(shut("/root"), 1 + more);
    let mut one = with_gaps(gaps);
    one.files = match one.files {
        Collected::Partial { gaps, .. } => Collected::Partial { data: files, gaps },
        other => other,
    };
    one
}

#[test]
fn attributes_of_files_are_counted_file_by_file() {
    let files = vec![FileSelector {
        capabilities: true,
        ..FileSelector::default()
    }];
    let asked = InventoryRequest {
        files,
        ..everything()
    };
    for (more, stays) in [(0, ""), (1, UNNAMED)] {
        let one = without_capabilities(more);
        let (given, _) = completed_with(&asked, &whole(image()), &one);
        assert_eq!(left(&given), stays);
        // Another engine may ask for them.
        let place = Arc::new(OnceLock::new());
        place
            .set(read(&everything(), &whole(image())))
            .expect("empty");
        let keeper = Keeper {
            request: everything(),
            ..Keeper::default()
        };
        let given = Arc::clone(&keeper.given);
        let engine = Completed::new(Arc::new(keeper), place).beside(&asked);
        run(&engine, &one);
        let left = left(&given.lock().unwrap());
        assert!(left.starts_with("/etc: capabilities"), "{left}");
        assert_eq!(left.contains(UNNAMED), more > 0, "{left}");
    }
}

#[test]
fn so_are_packages() {
    let mut asked = everything();
    asked.sections.insert(Section::LanguagePackages);
    let read = Inventory {
        language_packages: Collected::Complete { data: Vec::new() },
        ..whole(image())
    };
    for (count, complete) in [(1, true), (2, false)] {
        let one = Inventory {
            language_packages: Collected::Partial {
                data: vec![LanguagePackage::default()],
                gaps: counted(shut("/root"), count),
            },
            ..container(shown(), [])
        };
        let (given, completion) = completed_with(&asked, &read, &one);
        let coverage = &completion.coverage[&Section::LanguagePackages];
        assert_eq!(*coverage == Coverage::Complete, complete);
        assert_eq!(given.language_packages.coverage(), *coverage);
    }
}
