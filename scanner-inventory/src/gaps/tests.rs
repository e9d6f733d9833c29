//! Tests of the bounded list of gaps.

use proptest::prelude::*;

use super::*;
use crate::{Attribute, Coverage};

fn at(path: &str) -> Gap {
    Gap::new(GapKind::NotReadable).at(path)
}

#[test]
fn a_million_gaps_are_few_directories_and_the_count_is_kept() {
    let mut gaps = Gaps::default();
    for n in 0..100_000 {
        gaps.add(at(&format!("/srv/data/{}/{n}", n % 300)));
    }
    gaps.add(Gap::new(GapKind::NotSearchable).at("/root"));
    assert_eq!(gaps.total(), 100_001);
    let text: Vec<String> = gaps.iter().map(ToString::to_string).collect();
    assert_eq!(text, ["/srv/data: not readable", "/root: not searchable"]);
}

#[test]
fn items_without_a_path_are_bounded_too() {
    let item = |n: u32| Gap::new(GapKind::Hidden).of_item(&format!("process {n}"));
    let gaps: Gaps = (0..1000).map(item).collect();
    assert!(gaps.iter().count() <= MAX_GAPS && gaps.total() == 1000);
    let text = gaps.to_string();
    assert!(text.len() < 300 && text.contains("hidden"), "{text}");
}

#[test]
fn a_gap_is_kept_once_and_other_kinds_beside_it() {
    let gaps: Gaps = [
        at("/a"),
        at("/a"),
        at("/a").of_attribute(Attribute::Digest),
        at("/b").with_note("x\u{1b}"),
    ]
    .into_iter()
    .collect();
    assert_eq!(
        gaps.to_string(),
        "/a: not readable; /a: contents not readable; /b: x\\u{1b}"
    );
    assert_eq!(gaps.total(), 4);
}

#[test]
fn coverage_of_the_first_and_the_second_version_is_read() {
    let one = r#"{"state":"partial","reasons":["3 not readable"],"unreadable":3}"#;
    let Ok(Coverage::Partial { gaps }) = serde_json::from_str(one) else {
        unreachable!("version 1");
    };
    assert_eq!(
        (gaps.total(), gaps.to_string()),
        (3, "3 not readable".into())
    );
    assert_eq!(
        gaps.iter().next().map(|gap| gap.kind),
        Some(GapKind::Unknown)
    );
    let two = Coverage::Partial {
        gaps: Gaps::from(at("/a\u{1b}").of_attribute(Attribute::Capabilities)),
    };
    let json = serde_json::to_string(&two).unwrap();
    let expected = r#"{"state":"partial","gaps":[{"path":"/a\\x1b","attribute":"capabilities","kind":"not_readable"}],"total":1}"#;
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_str::<Coverage>(&json).unwrap(), two);
    let later =
        r#"{"state":"partial","gaps":[{"kind":"a_later_one","attribute":"x","more":1}],"total":1}"#;
    let Ok(Coverage::Partial { gaps }) = serde_json::from_str(later) else {
        unreachable!("a later version");
    };
    assert_eq!(gaps.iter().next().unwrap().kind, GapKind::Unknown);
}

proptest! {
    #[test]
    fn whatever_is_missing_stays_at_or_below_a_gap(
        paths in proptest::collection::vec("(/[abcdefgh]{1,2}){1,5}", 0..300)
    ) {
        let gaps: Gaps = paths.iter().map(|path| at(path)).collect();
        prop_assert!(gaps.iter().count() <= MAX_GAPS);
        prop_assert_eq!(gaps.total(), paths.len() as u64);
        for path in &paths {
            let path = FilePath::from(path);
            let near = |gap: &Gap| gap.path.as_ref().is_some_and(|above| path.is_below(above));
            prop_assert!(gaps.iter().any(near), "{path}");
        }
    }
}
