//! The shipped profiles compile, share no id, and have a passing and a failing fixture for each check.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use scanner_core::{
    ScanEngine as _, engine::Evaluation, finding::CheckStatus, inventory::Inventory,
};
use scanner_policy::{
    Profile,
    profile::{Options, Source},
    testing::TestFile,
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn shipped(name: &str, options: &Options) -> Profile {
    let source = Source::shipped(name).unwrap();
    Profile::compile(source, &|name, _| Ok(Source::shipped(name)?), options)
        .unwrap_or_else(|e| unreachable!("{e}\n{}", e.excerpt(false)))
}

#[test]
fn every_shipped_profile_compiles_without_warnings_and_no_id_is_used_twice() {
    let mut ids = BTreeSet::new();
    for name in Profile::SHIPPED {
        let profile = shipped(name, &Options::default());
        assert_eq!(profile.reference().name, *name);
        assert!(profile.warnings().is_empty(), "{:?}", profile.warnings());
        for id in profile.ids() {
            assert!(ids.insert(id.to_owned()), "{id} is in two profiles");
        }
    }
    assert!(ids.len() > 150, "{}", ids.len());
    assert!(
        shipped("container-baseline", &Options::default())
            .ids()
            .count()
            >= 60
    );
}

#[test]
fn every_shipped_check_has_a_headline_for_its_pass_and_one_for_its_failure() {
    let today = Evaluation::on(jiff::civil::date(2026, 1, 31));
    for name in Profile::SHIPPED {
        let findings = shipped(name, &Options::default()).evaluate(&Inventory::default(), &today);
        for check in findings.results {
            assert_ne!(check.fails, check.title, "{name}: {}", check.id);
            for headline in [&check.title, &check.fails] {
                let starts = headline.starts_with(|c: char| c.is_ascii_uppercase() || c == '.');
                let fits = (8..=72).contains(&headline.len());
                let sentence = starts && fits && !headline.ends_with('.');
                assert!(sentence, "{name}: {}: {headline:?}", check.id);
            }
        }
    }
}

#[test]
fn every_shipped_check_has_a_fixture_that_passes_and_one_that_fails_it_and_no_other() {
    for name in Profile::SHIPPED {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("profiles/tests/{name}.yaml"));
        let tests = TestFile::parse(&fs::read_to_string(&path).unwrap(), name).unwrap();
        assert_eq!(tests.profile, *name);
        assert_eq!(
            tests.others,
            Some(CheckStatus::Pass),
            "{name}: and no other"
        );
        let profile = shipped(name, &tests.options());
        let mut seen: BTreeMap<String, BTreeSet<CheckStatus>> = BTreeMap::new();
        for outcome in tests.run(&profile, None).unwrap() {
            assert!(outcome.wrong.is_empty(), "{name}: {outcome:#?}");
            for (id, status) in outcome.statuses {
                seen.entry(id).or_default().insert(status);
            }
        }
        let wanted = [CheckStatus::Pass, CheckStatus::Fail];
        for id in profile.ids() {
            let missing: Vec<_> = wanted.iter().filter(|w| !seen[id].contains(w)).collect();
            assert!(
                missing.is_empty(),
                "{name}: no fixture makes {id} {missing:?}"
            );
        }
    }
}

#[test]
fn the_published_schema_and_table_are_those_of_the_code() {
    let mut table = String::from(
        "# Shipped checks\n\nGenerated from `scanner-policy/profiles/`. More of each: `secure-scan profile explain PROFILE CHECK`.\n",
    );
    for name in Profile::SHIPPED {
        table.push('\n');
        table.push_str(&shipped(name, &Options::default()).markdown());
    }
    assert!(
        !table.contains("Each file that it selects counts"),
        "a check that walks says itself why it has its scope"
    );
    for (file, text) in [
        ("docs/profile.schema.json", Profile::json_schema()),
        ("docs/checks.md", table),
    ] {
        let path = repository().join(file);
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let published = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            published == text,
            "{file} is not current; run: UPDATE_SCHEMA=1 cargo test -p secure-scan-policy"
        );
    }
}
