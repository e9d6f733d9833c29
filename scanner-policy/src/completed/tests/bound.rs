//! However many files an image has, a list has a bound, and packages are compared in no time.

use std::time::Instant;

use scanner_core::{engines::MAX_LISTED, inventory::LanguagePackage};

use super::*;

#[test]
fn a_list_with_the_files_of_the_image_is_cut_and_says_so() {
    let mut files = image();
    files.extend((0..MAX_LISTED).map(|number| file(&format!("/root/{number}"), 0o644, "")));
    let one = container(shown(), [shut("/root")]);
    let place = Arc::new(OnceLock::new());
    place
        .set(read(&everything(), &whole(files.clone())))
        .expect("empty");
    let keeper = Keeper {
        request: everything(),
        ..Keeper::default()
    };
    let given = Arc::clone(&keeper.given);
    let engine = Completed::new(Arc::new(keeper), place);
    engine.evaluate(&one, &today());
    let given = given.lock().unwrap();
    assert_eq!(given.files.data().map(Vec::len), Some(MAX_LISTED));
    // All but the one of another place.
    let over = files.len() - 1 - MAX_LISTED;
    assert!(
        left(&given).starts_with(&format!("{over} files beyond the first ones")),
        "{}",
        left(&given)
    );
    assert!(!given.files_listed);
}

#[test]
fn very_many_packages_are_merged_in_no_time() {
    let package = |number: u32| LanguagePackage {
        name: number.to_string(),
        path: "/root/package.json".into(),
        ..LanguagePackage::default()
    };
    let mut asked = everything();
    asked.sections.insert(Section::LanguagePackages);
    let read = Inventory {
        language_packages: Collected::Complete {
            data: (10_000..30_000).map(package).collect(),
        },
        ..whole(image())
    };
    let one = Inventory {
        language_packages: Collected::Partial {
            data: (0..20_000).map(package).collect(),
            gaps: shut("/root").into(),
        },
        ..container(shown(), [])
    };
    let begun = Instant::now();
    let (given, _) = completed_with(&asked, &read, &one);
    let took = begun.elapsed();
    assert_eq!(given.language_packages.data().map(Vec::len), Some(30_000));
    assert!(took.as_secs() < 30, "{took:?}");
}
