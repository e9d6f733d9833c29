//! Circles of imports.

use super::Tree;
use crate::tidy::violation::Rule;

/// A crate `low` of these modules, each a file of its own.
fn low(modules: &[(&str, &str)]) -> Tree {
    let mut root = String::new();
    let mut tree = Tree::new();
    for (name, text) in modules {
        if !name.contains('/') {
            root.push_str("pub mod ");
            root.push_str(name);
            root.push_str(";\n");
        }
        tree = tree.with(&format!("low/src/{name}.rs"), text);
    }
    tree.with("low/src/lib.rs", &root)
}

#[track_caller]
fn circle(tree: &Tree, files: &str) {
    let found = tree.violations();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].rule, Rule::Circles);
    assert!(
        found[0].what.ends_with(files),
        "{} does not end with {files}",
        found[0].what
    );
}

const A_AND_B: &str = "2 files import each other in a circle: low/src/a.rs, low/src/b.rs";

#[test]
fn two_files_that_import_each_other_are_reported_with_both_lines() {
    let b = "\nuse crate::a::A;\npub struct B(A);\n";
    let tree = low(&[("a", "use crate::b::B;\npub struct A(B);\n"), ("b", b)]);
    circle(&tree, A_AND_B);
    let found = &tree.violations()[0];
    assert_eq!((found.path.as_str(), found.line), ("low/src/a.rs", 1));
    assert_eq!(
        found.notes,
        [
            "the shortest way round is 2 imports:",
            "low/src/a.rs:1: `crate::b::B` is defined in low/src/b.rs",
            "low/src/b.rs:2: `crate::a::A` is defined in low/src/a.rs",
        ]
    );
    assert!(found.hint.contains("`crate::a::A`"), "{}", found.hint);
    low(&[("a", "pub struct A;\n"), ("b", b)]).is_clean();
}

#[test]
fn a_longer_circle_names_all_files_and_its_shortest_way() {
    let tree = low(&[
        ("a", "use crate::b::B; pub struct A;"),
        ("b", "use crate::c::C; pub struct B;"),
        ("c", "use crate::a::A; use crate::b::B; pub struct C;"),
    ]);
    circle(
        &tree,
        "3 files import each other in a circle: low/src/a.rs, low/src/b.rs, low/src/c.rs",
    );
    let notes = &tree.violations()[0].notes;
    assert_eq!(notes[0], "the shortest way round is 2 imports:");
    assert_eq!(notes[3], "further imports within the circle:");
    assert_eq!(notes.len(), 6);
}

#[test]
fn a_child_that_imports_what_its_parent_defines_is_in_a_circle_with_it() {
    let child = ("a/x", "use super::Shared; pub struct X(Shared);");
    let tree = low(&[("a", "mod x;\npub use x::X;\npub struct Shared;"), child]);
    circle(&tree, "low/src/a.rs, low/src/a/x.rs");
    let hint = tree.violations()[0].hint.clone();
    assert!(
        hint.starts_with("move what `super::Shared` names out of low/src/a.rs"),
        "{hint}"
    );
    low(&[
        (
            "a",
            "mod shared;\nmod x;\npub use x::X;\npub use shared::Shared;",
        ),
        ("a/shared", "pub struct Shared;"),
        child,
    ])
    .is_clean();
}

#[test]
fn a_name_is_followed_through_every_reexport_to_the_file_that_defines_it() {
    for parent in [
        "mod x;\nmod y;\npub use x::X;\npub use y::Y;",
        "mod x;\nmod y;\npub use x::*;\npub use y::*;",
        "mod x;\nmod y;\npub use self::{x::X, y::{self as why, Y}};",
        "mod x;\nmod y;\npub use x::X;\nuse y::Y;",
        "mod x;\nmod y;\npub use x::X;\npub use y::Y;\nfn f() { struct Y; }",
    ] {
        let tree = |y: &str| {
            low(&[
                ("a", parent),
                ("a/x", "use super::Y; pub struct X(Y);"),
                ("a/y", y),
            ])
        };
        tree("pub struct Y;").is_clean();
        circle(
            &tree("use super::X; pub struct Y(X);"),
            "low/src/a/x.rs, low/src/a/y.rs",
        );
    }
}

#[test]
fn imports_of_tests_close_no_circle() {
    let a = "pub struct A;\n";
    for (tests, closes) in [
        ("#[cfg(test)] mod tests { use crate::b::B; }", false),
        ("#[test] fn works() { crate::b::f(); }", false),
        ("#[tokio::test] async fn works() { crate::b::f(); }", false),
        ("#[cfg(all(test, unix))] use crate::b::B;", false),
        ("impl A { #[cfg(test)] fn f() { crate::b::f(); } }", false),
        ("struct S { #[cfg(test)] b: crate::b::B }", false),
        ("struct S { b: crate::b::B }", true),
        ("#[cfg(not(test))] use crate::b::B;", true),
        (
            "#[cfg(any(test, feature = \"testing\"))] use crate::b::B;",
            true,
        ),
        ("impl A { fn f() { crate::b::f(); } }", true),
    ] {
        let tree = low(&[
            ("a", &format!("{a}{tests}")),
            ("b", "use crate::a::A; pub struct B(A); pub fn f() {}"),
        ]);
        if closes {
            circle(&tree, A_AND_B);
        } else {
            tree.is_clean();
        }
    }
    for tests in ["#[cfg(test)] mod tests;", "mod tests;"] {
        low(&[
            ("a", &format!("{a}{tests} pub use more::*; mod more;")),
            ("a/tests", "use crate::b::B; pub struct T;"),
            (
                "b",
                "use crate::a::tests::T; use crate::c::C; pub struct B;",
            ),
            ("c", "use crate::a::A; pub struct C;"),
            ("a/more", "pub struct More;"),
        ])
        .is_clean();
    }
}

#[test]
fn a_function_with_the_name_of_a_module_is_not_taken_for_it() {
    let tree = |b: &str| {
        low(&[
            ("a", "pub mod twin; pub use crate::c::twin;"),
            ("a/twin", "pub struct T;"),
            ("b", b),
            ("c", "use crate::b::B; pub fn twin() {}"),
        ])
    };
    tree("use crate::a::twin::T; pub struct B(T);").is_clean();
    circle(
        &tree("use crate::a::twin; pub struct B;"),
        "low/src/b.rs, low/src/c.rs",
    );
}
