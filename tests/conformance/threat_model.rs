//! The threat model and the document of the lease name tests that exist, and no end-to-end test is missing.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

const APPENDIX: &str = "## Every end-to-end test";

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The tests of each file in `tests/e2e`, and what the file says of itself.
fn tests() -> BTreeMap<String, (String, Vec<String>)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(root().join("tests/e2e")).expect("folder") {
        let path = entry.expect("entry").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let file = path
            .file_stem()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        let source = fs::read_to_string(&path).expect("source");
        let head = source.lines().map_while(|line| line.strip_prefix("//! "));
        let head = head.collect::<Vec<_>>().join(" ");
        all.insert(file, (head, names(&source)));
    }
    all
}

/// The functions with an attribute of a test, other attributes between or not.
fn names(source: &str) -> Vec<String> {
    let (mut names, mut is_test) = (Vec::new(), false);
    for line in source.lines() {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test") || line.starts_with("#[tokio::test");
        } else if let Some((_, rest)) = line.split_once("fn ") {
            let name = rest.split('(').next().unwrap_or_default();
            names.extend(is_test.then(|| name.to_owned()));
            is_test = false;
        }
    }
    names
}

/// What is between backticks and names a test.
fn named(text: &str) -> Vec<(&str, &str)> {
    let words = text.split('`').skip(1).step_by(2);
    words.filter_map(|word| word.split_once("::")).collect()
}

#[test]
fn documents_name_tests_that_exist_and_every_file_of_them() {
    let tests = tests();
    let read = |name: &str| fs::read_to_string(root().join("docs").join(name)).unwrap();
    let (model, lease) = (read("threat-model.md"), read("lease.md"));
    let model = model.split(APPENDIX).next().unwrap();
    for (file, name) in named(model).into_iter().chain(named(&lease)) {
        let known = tests
            .get(file)
            .is_some_and(|(_, all)| all.iter().any(|n| n == name));
        assert!(known, "there is no test {file}::{name}");
    }
    for text in [model, &lease] {
        let rows = text.lines().skip_while(|line| !line.contains("shown by"));
        for row in rows.skip(2).take_while(|line| line.starts_with('|')) {
            let by = row.rsplit('|').nth(1).unwrap_or_default();
            let shown = !named(by).is_empty() || by.contains('/') || by.trim() == "the same";
            assert!(shown, "no test shows: {row}");
        }
    }
    for file in tests.keys() {
        let there = named(model).iter().any(|(named, _)| named == file);
        assert!(there, "no test of {file} is in the threat model");
    }
}

#[test]
fn the_appendix_of_the_threat_model_has_every_test() {
    let path = root().join("docs/threat-model.md");
    let text = fs::read_to_string(&path).unwrap();
    let body = text.split(APPENDIX).next().unwrap().trim_end();
    let mut wanted = format!(
        "{body}\n\n{APPENDIX}\n\nWritten by `UPDATE_THREATS=1 cargo test -p scanner-tests --test conformance`.\n\n\
         | file | about | tests |\n| --- | --- | --- |\n"
    );
    for (file, (about, names)) in tests() {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(
            wanted,
            "| `{file}` | {} | {} |",
            about.trim_end_matches('.'),
            names.join(", ")
        );
    }
    if std::env::var_os("UPDATE_THREATS").is_some() {
        fs::write(&path, &wanted).unwrap();
        return;
    }
    assert_eq!(text, wanted, "run with UPDATE_THREATS=1");
}

#[test]
fn tests_are_found_behind_other_attributes() {
    let source = "#[tokio::test]\n#[ignore = \"x\"]\nasync fn one() {\n}\nasync fn two() {\n}\n#[test]\nfn three() {\n\
                  #[tokio::test(flavor = \"multi_thread\", worker_threads = 2)]\nasync fn four() {\n";
    assert_eq!(names(source), ["one", "three", "four"]);
}
