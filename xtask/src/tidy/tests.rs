//! Each rule goes red on a small tree, and green on its mended twin.

mod circles;
mod layers;
mod paths;
mod words;

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    check, list,
    table::Layers,
    violation::{Rule, Violation},
    words::{TABLE, Words},
};

const WORDS: &str = r#"
[[rule]]
old = ["fetch", "do it"]
new = "load"
scope = ["code", "paths", "comments", "docs", "output"]

[[rule]]
old = ["Plain"]
new = "Simple"
scope = ["code", "output"]
exact = true

[[rule]]
old = ["is|was no * that"]
new = "is not a …"
scope = ["docs"]
unless_after = ["there"]
within = ["docs/"]
"#;

/// A workspace of two crates, `low` and `high`, and `high` has layers.
struct Tree(BTreeMap<String, String>);

impl Tree {
    fn new() -> Self {
        let package = |name: &str| format!("[package]\nname = \"{name}\"\n");
        Self(BTreeMap::new())
            .with("Cargo.toml", "[workspace]\nmembers = [\"low\", \"high\"]\n[workspace.dependencies]\nlow = { path = \"low\" }\nhigh = { path = \"high\" }\n")
            .with("low/Cargo.toml", &package("acme-low"))
            .with("low/src/lib.rs", "pub fn low() {}\n")
            .with("high/Cargo.toml", &package("acme-high"))
            .with("high/src/lib.rs", "mod top;\nmod left;\nmod right;\nmod bottom;\npub fn root() {}\n")
            .with("high/src/top.rs", "pub fn top() {}\n")
            .with("high/src/left.rs", "pub fn left() {}\n")
            .with("high/src/right.rs", "pub fn right() {}\n")
            .with("high/src/bottom.rs", "pub fn bottom() {}\n")
            .with(
                "ARCHITECTURE.md",
                "<!-- tidy: crates -->\n| crate | may depend on |\n| --- | --- |\n| `low` | none |\n| `high` | `low` |\n\n\
                 <!-- tidy: folders of high -->\n\n| folder |\n| --- |\n| `top` |\n| `left`, `right` |\n| `bottom` |\n",
            )
    }

    /// The tree with one file written, or written anew.
    fn with(mut self, path: &str, text: &str) -> Self {
        self.0.insert(path.to_owned(), text.to_owned());
        self
    }

    fn violations(&self) -> Vec<Violation> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in &self.0 {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let files = self.0.keys().cloned().collect();
        check(folder.path(), &files, &Words::parse(WORDS).unwrap()).unwrap()
    }

    /// All violations, each as place and text.
    fn found(&self) -> Vec<String> {
        let shown = |found: Violation| {
            assert!(!found.hint.is_empty());
            format!("{}:{}: {}", found.path, found.line, found.what)
        };
        self.violations().into_iter().map(shown).collect()
    }

    #[track_caller]
    fn is_clean(&self) {
        assert_eq!(self.found(), Vec::<String>::new());
    }

    #[track_caller]
    fn finds(&self, expected: &[&str]) {
        assert_eq!(self.found(), expected);
    }
}

#[test]
fn the_smallest_tree_is_clean() {
    Tree::new().is_clean();
}

#[test]
fn a_file_over_400_lines_is_reported_without_its_tests() {
    let lines = |count: usize| "// x\n".repeat(count);
    let path = "low/src/lib.rs";
    Tree::new().with(path, &lines(400)).is_clean();
    Tree::new()
        .with(path, &lines(401))
        .finds(&["low/src/lib.rs:400: the file has 401 lines outside tests, more than 400"]);
    let script = "low/src/agent.sh";
    Tree::new()
        .with(script, &"# x\n".repeat(401))
        .finds(&["low/src/agent.sh:400: the file has 401 lines outside tests, more than 400"]);
    let tests = format!(
        "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
        lines(400),
        lines(99)
    );
    Tree::new().with(path, &tests).is_clean();
    let other = tests.replace("cfg(test)", "cfg(unix)");
    assert_eq!(Tree::new().with(path, &other).found().len(), 1);
    for path in ["low/src/tests.rs", "low/tests/api.rs", "low/benches/all.rs"] {
        Tree::new().with(path, &lines(401)).is_clean();
    }
}

#[test]
fn a_file_that_is_not_rust_is_reported_with_its_line() {
    let found = Tree::new()
        .with("low/src/lib.rs", "fn a() {}\nfn b( {}\n")
        .found();
    assert!(
        found[0].starts_with("low/src/lib.rs:2: this is not valid Rust"),
        "{found:?}"
    );
}

#[test]
fn a_violation_prints_its_place_its_notes_and_what_to_do() {
    let found = Violation {
        path: "a.rs".to_owned(),
        line: 7,
        rule: Rule::Circles,
        what: "wrong".to_owned(),
        notes: vec!["b.rs:1: `a`".to_owned()],
        hint: "mend it".to_owned(),
    };
    assert_eq!(
        found.to_string(),
        "a.rs:7: wrong\n  b.rs:1: `a`\n  hint: mend it"
    );
}

#[test]
fn files_are_those_that_git_has_or_would_add() {
    let folder = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        assert!(
            git.args(args)
                .current_dir(folder.path())
                .status()
                .unwrap()
                .success()
        );
    };
    git(&["init", "--quiet"]);
    for (name, text) in [
        ("kept.rs", ""),
        ("gone.rs", ""),
        ("new.rs", ""),
        ("ignored.rs", ""),
        (".gitignore", "ignored.rs\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    git(&["add", "kept.rs", "gone.rs"]);
    fs::remove_file(folder.path().join("gone.rs")).unwrap();
    let files: Vec<String> = list(folder.path()).unwrap().into_iter().collect();
    assert_eq!(files, [".gitignore", "kept.rs", "new.rs"]);
}

#[test]
fn the_tables_of_the_workspace_can_be_read() {
    Words::parse(TABLE).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let document = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let layers = Layers::read(&document).unwrap();
    assert_eq!(
        layers.crates["scanner-cli"].on.as_deref().unwrap(),
        ["secure-scan"]
    );
    assert!(layers.crates["tests"].on.is_none());
    assert_eq!(
        layers.folders["scanner-k8s"].last().unwrap().folders,
        ["names"]
    );
}
