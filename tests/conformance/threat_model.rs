//! The threat model names tests that exist, and no file of end-to-end tests is missing in it.

use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn the_threat_model_names_tests_that_exist_and_every_file_of_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let mut named = BTreeSet::new();
    for word in text.split('`').filter(|word| word.contains("::")) {
        let (file, name) = word.split_once("::").unwrap();
        let source = fs::read_to_string(root.join(format!("tests/e2e/{file}.rs")));
        let source = source.unwrap_or_else(|_| unreachable!("no file of {word}"));
        let defined = format!("#[tokio::test]\nasync fn {name}()");
        let threaded = format!("worker_threads = 2)]\nasync fn {name}()");
        assert!(
            source.contains(&defined) || source.contains(&threaded),
            "there is no test {word}"
        );
        named.insert(file.to_owned());
    }
    for entry in fs::read_dir(root.join("tests/e2e")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            named.contains(&file),
            "no test of {file} is in the threat model"
        );
    }
}
