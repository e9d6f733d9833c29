//! Words in code, paths, comments, documents and output.

use super::Tree;
use crate::tidy::words::Words;

const LIB: &str = "low/src/lib.rs";

#[test]
fn an_old_word_in_code_is_found_as_a_name_and_as_a_part_of_one() {
    for name in [
        "fetch",
        "Fetch",
        "fetch_all",
        "WillFetch",
        "URLFetch",
        "FETCH_2",
        "do_it",
        "DoIt",
    ] {
        let found = Tree::new()
            .with(LIB, &format!("\nstruct S {{ {name}: u8 }}"))
            .found();
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(
            found[0].starts_with(&format!("{LIB}:2: the code has the name `{name}`")),
            "{found:?}"
        );
    }
    for name in ["fetched", "prefetch", "FETCHER", "do_bit", "it_do"] {
        Tree::new()
            .with(LIB, &format!("struct S {{ {name}: u8 }}"))
            .is_clean();
    }
    Tree::new().with("low/tests/fetch_all.rs", "").finds(&[
        "low/tests/fetch_all.rs:1: the path has the name `fetch_all` with \"fetch\" in it",
    ]);
}

#[test]
fn an_alias_that_a_reader_accepts_may_be_an_old_word() {
    let with = |field: &str| Tree::new().with(LIB, &format!("struct S {{ {field} a: u8 }}"));
    with("#[serde(alias = \"do it\")]").is_clean();
    with("#[serde(default, alias = \"do it\")]").is_clean();
    for old in [
        "#[serde(rename = \"do it\")]",
        "#[doc(other(alias, \"do it\"))]",
    ] {
        assert_eq!(with(old).found().len(), 1, "{old}");
    }
    let code = "fn f() { let alias = \"do it\"; }";
    assert_eq!(Tree::new().with(LIB, code).found().len(), 1);
}

#[test]
fn a_name_is_reported_once_in_a_file_and_within_macros_too() {
    Tree::new()
        .with(LIB, "fn f() { a!(fetch); fetch(fetch) }")
        .finds(&["low/src/lib.rs:1: the code has the name `fetch`"]);
}

#[test]
fn an_exact_word_is_found_as_it_stands_alone() {
    Tree::new()
        .with(LIB, "struct Plain;")
        .finds(&["low/src/lib.rs:1: the code has the name `Plain`"]);
    Tree::new()
        .with(LIB, "struct PlainText; fn plain() {} const PLAIN: u8 = 0;")
        .is_clean();
    assert_eq!(
        Tree::new()
            .with(LIB, "const X: &str = \"so Plain.\";")
            .found()
            .len(),
        1
    );
    Tree::new()
        .with(LIB, "const X: &str = \"so plain.\";")
        .is_clean();
}

#[test]
fn an_old_phrase_in_a_comment_is_found_over_the_ends_of_lines() {
    for (comment, line) in [
        ("//! Fetch.", 1),
        ("fn f() {} // will fetch", 1),
        ("\n/* will\n fetch */", 3),
        ("\n/// Will do\n/// it.\nfn f() {}", 2),
        ("// ä\n//! x\nfn f() {\n    // do\n    // it\n}", 4),
    ] {
        let comment = comment.replace("// ä\n//!", "//! ä\n//!");
        let found = Tree::new().with(LIB, &comment).found();
        assert_eq!(found.len(), 1, "{comment}: {found:?}");
        assert!(
            found[0].starts_with(&format!("{LIB}:{line}: a comment says")),
            "{found:?}"
        );
    }
    for comment in [
        "// fetched",
        "// do.\n// it",
        "// do\n\n// it",
        "// do\nfn f() {}\n// it",
    ] {
        Tree::new().with(LIB, comment).is_clean();
    }
}

#[test]
fn an_old_phrase_in_a_string_is_found_outside_tests() {
    let say = "fn f() { say!(\"a { do \\\n it }\") }";
    Tree::new()
        .with(LIB, say)
        .finds(&["low/src/lib.rs:1: the output says \"do it\""]);
    Tree::new()
        .with(LIB, "#[error(r#\"do it\"#)] struct E;")
        .finds(&["low/src/lib.rs:1: the output says \"do it\""]);
    Tree::new()
        .with(LIB, &format!("#[cfg(test)] mod tests {{ {say} }}"))
        .is_clean();
    Tree::new().with("low/tests/api.rs", say).is_clean();
}

#[test]
fn documents_profiles_and_scripts_are_read_and_history_is_not() {
    let text = "# A\n\nnow do\nit\n";
    Tree::new()
        .with("docs/a.md", text)
        .finds(&["docs/a.md:3: the document says \"do it\""]);
    Tree::new()
        .with("scanner-policy/profiles/a.yaml", text)
        .finds(&["scanner-policy/profiles/a.yaml:3: the output says \"do it\""]);
    Tree::new()
        .with("scanner-policy/policies/a.yaml", text)
        .finds(&["scanner-policy/policies/a.yaml:3: the output says \"do it\""]);
    Tree::new()
        .with("low/run.sh", "do it\n# do it\n")
        .finds(&["low/run.sh:2: a comment says \"do it\""]);
    for path in [
        "CHANGELOG.md",
        "other/a.yaml",
        "scanner-policy/profiles/tests/a.yaml",
        "words.toml",
    ] {
        Tree::new().with(path, text).is_clean();
    }
}

#[test]
fn a_phrase_has_alternatives_a_place_for_any_word_and_words_before_it_that_excuse_it() {
    let docs = |text: &str| Tree::new().with("docs/a.md", text);
    docs("It was no file that I know.")
        .finds(&["docs/a.md:1: the document says \"was no file that\""]);
    docs("There is no file that I know.").is_clean();
    docs("It is no, that I know.").is_clean();
    Tree::new()
        .with("README.md", "It is no file that I know.")
        .is_clean();
}

#[test]
fn a_rule_that_can_match_nothing_is_an_error() {
    let rule = |old: &str, new: &str, rest: &str| {
        Words::parse(&format!(
            "[[rule]]\nold = {old}\nnew = {new}\nscope = {rest}"
        ))
    };
    rule("[\"a\"]", "\"b\"", "[\"code\"]").unwrap();
    for (old, new, rest) in [
        ("[]", "\"b\"", "[\"code\"]"),
        ("[\" \"]", "\"b\"", "[\"code\"]"),
        ("[\"* a\"]", "\"b\"", "[\"code\"]"),
        ("[\"a\"]", "\"\"", "[\"code\"]"),
        ("[\"a\"]", "\"b\"", "[]"),
        ("[\"a\"]", "\"b\"", "[\"everywhere\"]"),
        ("[\"a\"]", "\"b\"", "[\"code\"]\nwhere = \"x\""),
    ] {
        rule(old, new, rest).unwrap_err();
    }
}
