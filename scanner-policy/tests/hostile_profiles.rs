//! Profiles that would take hours, the memory or the stack of who reads them are refused at once, with the reason.

use std::fmt::Write as _;

use scanner_policy::{
    Profile,
    profile::{Options, Source},
};

const HEAD: &str = "name: h\nversion: '1'\ntitle: h\n";

fn check(id: usize, expression: &str) -> String {
    let expression = expression.replace('\'', "''");
    format!(
        "  - id: c{id}\n    title: t\n    severity: low\n    rationale: r\n    fix: f\n    pass: '{expression}'\n"
    )
}

fn checks(count: usize, expression: &str) -> String {
    let all: String = (0..count).map(|id| check(id, expression)).collect();
    format!("{HEAD}checks:\n{all}")
}

/// What is said of a profile: how many things, and the first.
fn refused(text: &str) -> (usize, String) {
    let source = Source::new("h.yaml", text);
    let none = |name: &str, _: &str| Ok(Source::shipped(name)?);
    match Profile::check(source, &none, &Options::default()) {
        Ok(profile) => (0, format!("{} checks", profile.ids().count())),
        Err(errors) => {
            let first = errors.first().map(ToString::to_string);
            (errors.len(), first.unwrap_or_default())
        }
    }
}

#[test]
fn an_expression_without_bounds_is_refused() {
    let ten = "[0,1,2,3,4,5,6,7,8,9]";
    let nest = |how: &str, inner: &str, levels: usize| {
        (0..levels).fold(inner.to_owned(), |inner, n| {
            format!("{ten}.{how}(v{n}, {inner})")
        })
    };
    let copies = ".map(a, [a, a, a, a, a, a, a, a, a, a])".repeat(10);
    for (expression, says) in [
        (
            format!("users.size() < 0 || {}", nest("all", "true", 7)),
            "was stopped after 200000 steps",
        ),
        (
            format!("users.size() < 0 || {ten}{copies}.size() > 0"),
            "was stopped",
        ),
        (
            format!("users.size() > {}0{}", "(".repeat(5_000), ")".repeat(5_000)),
            "at most 8192",
        ),
        (
            format!("users.size() > {}0{}", "(".repeat(50), ")".repeat(50)),
            "brackets",
        ),
        (format!("users.size() > 0{}", " + 1".repeat(50)), "levels"),
        (
            format!("users.size() > 0 || \"{}\" == \"\"", "x".repeat(900_000)),
            "at most 8192",
        ),
        (
            "users.all(u, u.name.matches(\"(a{1,1000}){1,1000}\"))".into(),
            "not a regular expression",
        ),
    ] {
        let (errors, first) = refused(&checks(1, &expression));
        assert_eq!(errors, 1, "{first}");
        assert!(
            first.contains(says) && first.starts_with("h.yaml:"),
            "{says}: {first}"
        );
    }
}

#[test]
fn too_many_of_anything_is_refused() {
    let inputs = (0..1_001).fold(format!("{HEAD}inputs:\n"), |mut text, n| {
        let _ = writeln!(
            text,
            "  i{n}: {{type: integer, description: d, default: 1}}"
        );
        text
    });
    let large = format!("users.size() > 0{}", " || users.size() > 0".repeat(24));
    let alias = (0..9).fold(
        format!("{HEAD}tags: &a0 [x,x,x,x,x,x,x,x,x]\n"),
        |mut text, n| {
            let _ = writeln!(
                text,
                "t{n}: &a{} [{}]",
                n + 1,
                vec![format!("*a{n}"); 9].join(",")
            );
            text
        },
    );
    for (text, says) in [
        (checks(2_001, "users.size() > 0"), "at most 2000 checks"),
        (
            format!("{inputs}checks:\n{}", check(0, "users.size() > 0")),
            "at most 1000 inputs",
        ),
        (checks(1_000, &large), "at most 100000 parts"),
        (
            format!("{HEAD}checks:\n{}", "  - {}\n".repeat(100_000)),
            "missing field",
        ),
        (
            format!("{HEAD}#{}\n", "x".repeat(1 << 20)),
            "at most 1048576 bytes",
        ),
        (alias, "unknown field"),
        (
            format!(
                "{HEAD}extends: [&a \"{}\"{}]\n",
                "x".repeat(9_000),
                ", *a".repeat(9_000)
            ),
            "budget",
        ),
    ] {
        let (errors, first) = refused(&text);
        assert!(
            errors > 0 && first.contains(says),
            "{says}: {errors} errors: {first:.300}"
        );
    }
}

#[test]
fn of_many_wrong_checks_the_first_hundred_are_reported() {
    let (errors, first) = refused(&checks(1_999, "users.size()"));
    assert_eq!(errors, 101, "{first}");
    assert!(first.contains("expected true or false"), "{first}");
}
