//! Crates and folders against the table of layers.

use super::Tree;

const ARCHITECTURE: &str = "ARCHITECTURE.md";

#[test]
fn a_crate_imports_only_from_those_that_its_row_names() {
    Tree::new()
        .with(
            "high/src/lib.rs",
            "mod bottom; mod left; mod right; mod top; use acme_low::low;",
        )
        .is_clean();
    Tree::new()
        .with("low/src/lib.rs", "\nuse acme_high::root;")
        .finds(&["low/src/lib.rs:2: low imports from high: `acme_high::root`"]);
}

#[test]
fn a_library_is_known_by_the_name_that_its_manifest_gives_it() {
    Tree::new()
        .with(
            "high/Cargo.toml",
            "[package]\nname = \"acme-high\"\n[lib]\nname = \"tall\"\n",
        )
        .with(
            "low/src/lib.rs",
            "use tall::root; use acme_high::root as other;",
        )
        .finds(&["low/src/lib.rs:1: low imports from high: `tall::root`"]);
}

#[test]
fn what_a_crate_passes_on_may_be_imported_from_it() {
    let table = Tree::new().0[ARCHITECTURE].replace("| `high` |", "| `app` | `high` |\n| `high` |");
    let app = |text: &str| {
        Tree::new()
            .with(
                "Cargo.toml",
                "[workspace]\nmembers = [\"low\", \"high\", \"app\"]\n",
            )
            .with(ARCHITECTURE, &table)
            .with("high/src/top.rs", "pub use acme_low::low as passed;")
            .with(
                "high/src/lib.rs",
                "mod bottom; mod left; mod right; pub mod top; pub use top::passed;",
            )
            .with("app/Cargo.toml", "[package]\nname = \"app\"\n")
            .with("app/src/main.rs", text)
    };
    app("use acme_high::passed; use acme_high::top::passed as same; fn main() { passed() }")
        .is_clean();
    for text in [
        "use acme_low::low;",
        "use ::acme_low::low;",
        "use acme_low as other;",
        "use acme_low::{self}; fn main() { acme_low::low() }",
        "fn main() { run!(acme_low::low()) }",
    ] {
        let found = app(text).found();
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(
            found[0].starts_with("app/src/main.rs:1: app imports from low: `"),
            "{found:?}"
        );
    }
    app("mod acme_low { pub fn low() {} } fn main() { acme_low::low() }").is_clean();
}

#[test]
fn a_manifest_names_only_the_crates_that_its_row_names() {
    let low = |rest: &str| {
        Tree::new().with(
            "low/Cargo.toml",
            &format!("[package]\nname = \"acme-low\"\n{rest}"),
        )
    };
    for rest in [
        "[dependencies]\nhigh.workspace = true\n",
        "[dependencies]\nhigh = { workspace = true, optional = true }\n",
        "[dependencies]\nother = { path = \"../high\", package = \"acme-high\" }\n",
        "[build-dependencies]\nhigh = { path = \"../high\" }\n",
        "[target.'cfg(unix)'.dependencies]\nhigh.workspace = true\n",
        "[dependencies.high]\nworkspace = true\n",
    ] {
        let line = if rest.contains("dependencies.high") {
            3
        } else {
            4
        };
        low(rest).finds(&[&format!("low/Cargo.toml:{line}: low depends on high")]);
    }
    for rest in [
        "[dev-dependencies]\nhigh.workspace = true\n",
        "[dependencies]\nhigh = \"1\"\n",
    ] {
        low(rest).is_clean();
    }
    let both = "[dev-dependencies]\nhigh.workspace = true\n[dependencies]\nhigh.workspace = true\n";
    low(both).finds(&["low/Cargo.toml:6: low depends on high"]);
}

#[test]
fn a_crate_that_may_depend_on_any_may() {
    let table = Tree::new().0[ARCHITECTURE].replace("| none |", "| any |");
    Tree::new()
        .with(ARCHITECTURE, &table)
        .with("low/src/lib.rs", "use acme_high::root;")
        .is_clean();
}

#[test]
fn a_folder_imports_only_what_stands_below_it() {
    for (from, to, relation) in [
        ("bottom", "top", "which stands above it"),
        ("left", "top", "which stands above it"),
        ("bottom", "right", "which stands above it"),
        ("left", "right", "which stands beside it"),
        ("right", "left", "which stands beside it"),
    ] {
        let path = format!("high/src/{from}.rs");
        let tree = Tree::new().with(&path, &format!("\nfn f() {{ crate::{to}::{to}() }}"));
        tree.finds(&[&format!(
            "{path}:2: {from} imports from {to}, {relation}: `crate::{to}::{to}` is defined in high/src/{to}.rs"
        )]);
        let other_way = Tree::new().with(
            &format!("high/src/{to}.rs"),
            &format!("use crate::{from}::{from}; pub fn {to}() {{}}"),
        );
        let is_downward = relation == "which stands above it";
        assert_eq!(other_way.found().is_empty(), is_downward, "{to} {from}");
    }
}

#[test]
fn a_file_within_a_folder_counts_as_the_folder() {
    let tree = |text: &str| {
        Tree::new()
            .with("high/src/left.rs", "mod inner; pub fn left() {}")
            .with("high/src/left/inner.rs", text)
    };
    tree("use crate::bottom::bottom;").is_clean();
    tree("use crate::top::top;").finds(&[
        "high/src/left/inner.rs:1: left imports from top, which stands above it: `crate::top::top` is defined in high/src/top.rs",
    ]);
}

#[test]
fn the_root_stands_above_every_folder() {
    let tree = Tree::new().with(
        "high/src/lib.rs",
        "mod bottom; mod left; mod right; mod top; pub use top::top; pub fn root() {}",
    );
    tree.is_clean();
    Tree::new().with("high/src/top.rs", "use crate::root;").finds(&[
        "high/src/top.rs:1: top imports from lib, which stands above it: `crate::root` is defined in high/src/lib.rs",
    ]);
}

#[test]
fn a_file_without_a_layer_is_reported_once() {
    let lib = "mod bottom; mod left; mod right; mod top; mod stray;";
    Tree::new()
        .with("high/src/lib.rs", lib)
        .with("high/src/stray.rs", "mod inner;")
        .with("high/src/stray/inner.rs", "")
        .finds(&["high/src/stray.rs:1: stray stands in no layer of high"]);
    Tree::new().with("high/src/tests.rs", "").is_clean();
}

#[test]
fn a_crate_within_the_folder_of_another_is_a_crate_of_its_own() {
    let table = Tree::new().0[ARCHITECTURE].replace(
        "| `low` | none |",
        "| `low` | none |\n| `low/inner` | `high` |",
    );
    Tree::new()
        .with(
            "Cargo.toml",
            "[workspace]\nmembers = [\"low\", \"high\", \"low/inner\"]\n",
        )
        .with(ARCHITECTURE, &table)
        .with("low/inner/Cargo.toml", "[package]\nname = \"inner\"\n")
        .with("low/inner/src/lib.rs", "use acme_high::root;")
        .is_clean();
}

#[test]
fn tests_may_import_anything() {
    Tree::new()
        .with(
            "high/src/bottom.rs",
            "pub fn bottom() {} #[cfg(test)] mod tests;",
        )
        .with("high/src/bottom/tests.rs", "use crate::top::top;")
        .with("low/tests/api.rs", "use acme_high::root;")
        .is_clean();
}

#[test]
fn the_table_names_nothing_that_does_not_exist() {
    let table = Tree::new().0[ARCHITECTURE].clone();
    for (old, new, expected) in [
        (
            "| `low` | none |",
            "| `low` | none |\n| `gone` | `low` |",
            "ARCHITECTURE.md:5: the table of layers names the crate gone, which the workspace does not have",
        ),
        (
            "| `high` | `low` |",
            "| `high` | `low`, `gone` |",
            "ARCHITECTURE.md:5: the table of layers names the crate gone, which the workspace does not have",
        ),
        (
            "| `bottom` |",
            "| `bottom` |\n| `gone` |",
            "ARCHITECTURE.md:14: the table of layers names high/src/gone, which does not exist",
        ),
        (
            "folders of high",
            "folders of gone",
            "ARCHITECTURE.md:11: the table of layers names the crate gone, which the workspace does not have",
        ),
        (
            "| `low` | none |\n",
            "",
            "low/Cargo.toml:1: the table of layers does not name the crate low",
        ),
    ] {
        Tree::new()
            .with(ARCHITECTURE, &table.replace(old, new))
            .finds(&[expected]);
    }
}

#[test]
fn a_table_that_cannot_be_read_is_reported_and_not_taken_for_an_empty_one() {
    let table = Tree::new().0[ARCHITECTURE].clone();
    for (old, new, expected) in [
        (
            "<!-- tidy: crates -->",
            "",
            "ARCHITECTURE.md:1: the table of layers cannot be read: no table of crates follows a line `<!-- tidy: crates -->`",
        ),
        (
            "| none |",
            "| nothing |",
            "ARCHITECTURE.md:4: the table of layers cannot be read: the second cell names no crate, nor is it `none` or `any`",
        ),
        (
            "| `top` |",
            "| top |",
            "ARCHITECTURE.md:11: the table of layers cannot be read: the first cell names no folder in backticks",
        ),
        (
            "| crate |",
            "crate |",
            "ARCHITECTURE.md:1: the table of layers cannot be read: no table follows this marker",
        ),
    ] {
        Tree::new()
            .with(ARCHITECTURE, &table.replace(old, new))
            .finds(&[expected]);
    }
}
