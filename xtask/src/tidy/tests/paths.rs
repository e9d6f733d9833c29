//! Every way to name what another file defines.

use super::Tree;

/// What the layers say of a file `bottom.rs` with this text: it may not name what `top.rs` defines.
fn names_top(text: &str) -> bool {
    let tree = Tree::new()
        .with("high/src/top.rs", "pub mod inner;\npub fn top() {}\npub struct Top;\nmacro_rules! mac { () => {} }\npub(crate) use mac;\npub mod twin;\npub use twin::twin;")
        .with("high/src/top/inner.rs", "pub enum Inner { A }\npub fn f() {}")
        .with("high/src/top/twin.rs", "pub fn twin() {}")
        .with("high/src/bottom.rs", text);
    let found = tree.found();
    let expected = |line: &String| {
        line.starts_with("high/src/bottom.rs:")
            && line.contains("bottom imports from top, which stands above it")
    };
    assert!(found.iter().all(expected), "{text}: {found:?}");
    !found.is_empty()
}

#[test]
fn every_form_of_a_path_is_resolved() {
    for text in [
        "use crate::top::Top;",
        "use super::top::Top;",
        "use crate::{left as _, top::{Top}};",
        "use crate::top::inner::Inner::A;",
        "use crate::top::*;",
        "use crate::top::inner::*;",
        "use crate::top as other; fn f() { other::top() }",
        "use crate::top::{self, inner}; fn f() { inner::f() }",
        "use crate::top::twin; ",
        "pub use crate::top;",
        "fn f() { crate::top::top() }",
        "fn f() { use super::top::inner; inner::f() }",
        "fn f() -> crate::top::Top { loop {} }",
        "fn f(x: Option<Vec<crate::top::Top>>) {}",
        "fn f(x: u8) { match x { crate::top::inner::Inner::A => {} } }",
        "impl crate::top::Top { }",
        "struct S; impl From<crate::top::Top> for S { }",
        "fn f<T: crate::top::Trait>() { }",
        "fn f() { <u8 as crate::top::Trait>::g() }",
        "fn f() { println!(\"{}\", crate::top::top()) }",
        "fn f() { select! { x = g() => { h(a, [super::top::top()]) } } }",
        "fn f() { crate::top::mac!() }",
        "macro_rules! m { () => { $crate::top::top() } }",
        "struct S { #[serde(default = \"crate::top::top\")] x: u8 }",
        "#[derive(crate::top::Derive)] struct S;",
        "mod inline { fn f() { super::super::top::top() } }",
        "mod inline { pub use crate::top::Top; } fn f(x: inline::Top) {}",
        "fn f() { ::high::top::top() }",
        "fn f() { high::top::top() }",
        "fn f() { crate::top::made_by_a_macro() }",
    ] {
        let text = text.replace("high::", "acme_high::");
        assert!(names_top(&text), "{text}");
    }
}

#[test]
fn what_only_looks_like_a_path_to_another_file_is_not_one() {
    for text in [
        "use std::top::Top;",
        "mod top { pub fn top() {} } fn f() { top::top() }",
        "fn f() { top::top() }",
        "// crate::top::top()\nfn f() { \"crate::top::top\"; }",
        "pub(in crate::top) fn f() {}",
        "use crate::top;",
        "struct S { #[doc = \"crate::top::top\"] x: u8 }",
        "fn f() { a!(b: crate, c :: d) }",
        // Imports in a ring name nothing, and end.
        "mod a { pub use super::b::*; pub use super::b::X; } mod b { pub use super::a::*; pub use super::a::X; } use a::X; use b::Y;",
    ] {
        assert!(!names_top(text), "{text}");
    }
}

#[test]
fn a_module_is_found_in_every_place_that_rust_looks_for_it() {
    for (declared, path) in [
        ("mod inner;", "high/src/bottom/inner.rs"),
        ("mod inner;", "high/src/bottom/inner/mod.rs"),
        ("mod deep { mod inner; }", "high/src/bottom/deep/inner.rs"),
        ("#[path = \"other.rs\"] mod inner;", "high/src/other.rs"),
    ] {
        let tree = Tree::new()
            .with("high/src/bottom.rs", declared)
            .with(path, "fn f() { crate::top::top() }");
        let found = tree.found();
        assert!(
            found.iter().any(|line| line.starts_with(path)),
            "{path}: {found:?}"
        );
    }
}

#[test]
fn programs_are_read_as_well_as_the_library() {
    let manifest = "[package]\nname = \"acme-low\"\n[[bin]]\nname = \"x\"\npath = \"x/start.rs\"\n";
    for path in [
        "low/src/main.rs",
        "low/src/bin/a.rs",
        "low/src/bin/b/main.rs",
        "low/build.rs",
        "low/x/start.rs",
    ] {
        let tree = Tree::new()
            .with("low/Cargo.toml", manifest)
            .with(path, "fn main() { acme_low::low(); acme_high::root(); }");
        tree.finds(&[&format!(
            "{path}:1: low imports from high: `acme_high::root`"
        )]);
    }
}
