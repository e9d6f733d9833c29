//! Tests of what an expression costs: counting changes no value, and no expression of a profile runs for long.

use std::time::{Duration, Instant};

use super::*;
use crate::evaluate::Samples;

fn compile(source: &str) -> Result<Expression, TypeError> {
    let types = Samples::new().types([].into());
    Expression::compile(source, types, &Type::Any, &Arc::default())
}

/// The source without the middle of it.
fn shown(source: &str) -> String {
    let (start, end) = (source.chars().take(60), source.chars().rev().take(60));
    let end: String = end.collect();
    format!(
        "{} ... {}",
        start.collect::<String>(),
        end.chars().rev().collect::<String>()
    )
}

fn users() -> Value {
    let user = |n: i64| {
        let user = [
            ("name", Value::String(format!("u{n}").into())),
            ("uid", Value::Int(n)),
        ];
        Value::Map(std::collections::HashMap::from(user).into())
    };
    Value::List((0..20).map(user).collect::<Vec<_>>().into())
}

/// The value, and how many steps it took.
fn evaluate(source: &str, budget: Budget) -> (Result<Value, String>, u64) {
    let expression = compile(source).unwrap_or_else(|e| panic!("{}: {}", shown(source), e.message));
    let meter = Arc::new(Meter::new(budget));
    let value = expression.evaluate(&[("users", users())], &meter);
    (value, meter.steps())
}

#[test]
fn counting_changes_no_value() {
    for source in [
        "users.filter(u, u.uid > 3 && u.name != \"u7\").map(u, u.name + \" \" + string(u.uid))",
        "users.map(u, u.uid % 2 == 0, [u.uid, u.uid + 1])",
        "users.all(u, u.uid >= 0) && users.exists(u, u.name == \"u3\")",
        "users.exists_one(u, u.uid == 3)",
        "users.exists_one(u, u.uid >= 3)",
        "users.exists(u, u.uid / (u.uid - 1) == 2)",
        "users.all(u, u.uid / (u.uid - 1) > 100)",
        "users.filter(u, u.uid / (u.uid - 1) == 2).size()",
        "duplicates(users.map(u, u.uid % 3))",
        "[1, 2] + users.map(u, u.uid) + [3]",
        "users.map(u, u.name).filter(n, n.matches(\"^u[0-3]$\")).size()",
        "users.filter(u, u.name in [\"u1\", \"u2\"]).size() == 2 ? \"two\" : \"more\"",
        "users.filter(u, u.uid in users.map(v, v.uid + 19)).map(u, u)",
        "users.map(u, {u.name: u.uid, \"k\": \"v\"})[2].k",
        "users.exists(u, has(u.name) && u.name.startsWith(\"u1\") && !u.name.contains(u.name + \"x\"))",
        "users.map(u, max(u.uid, 3) + min([u.uid, 5]))",
        "users.map(u, octal(u.uid)) == users.map(u, octal(u.uid))",
        "users.map(u, mode_has(u.uid, \"1\") || size(u.name) > 2)",
        "users.filter(u, u.name + 1 == 2 || true)",
        "users.map(u, int(string(u.uid)) - 1).filter(n, n < 0 || double(n) > 17.5)",
    ] {
        let Ok(expression) = compile(source) else {
            // What the types refuse is no expression of a check.
            assert!(source.contains("+ 1 == 2"), "{source}");
            continue;
        };
        let meter = Arc::new(Meter::new(Budget::CHECK));
        let counted = expression.evaluate(&[("users", users())], &meter);
        let context = functions::context(&meter, &Arc::default());
        let mut context = context.unwrap();
        context.add_variable_from_value("users", users());
        let plain = Program::compile(source).unwrap().execute(&context);
        let plain = plain.map_err(|e| visible(&e.to_string(), 300));
        assert_eq!(counted, plain, "{source}");
        assert!(meter.steps() > 20, "{source}: {} steps", meter.steps());
    }
}

/// `inner` in `depth` loops over ten items.
fn nested(depth: usize, how: &str, inner: &str) -> String {
    let mut source = inner.to_owned();
    for level in 0..depth {
        source = format!("[0,1,2,3,4,5,6,7,8,9].{how}(v{level}, {source})");
    }
    source
}

#[test]
fn what_would_take_hours_ends_with_its_steps() {
    let nothing = "users.size() < 0";
    for source in [
        format!("{nothing} || {}", nested(6, "all", "true")),
        format!("{nothing} || {}", nested(6, "exists", "false")),
        format!("{nothing} || {}", nested(6, "exists_one", "v0 == 11")),
        format!("{nothing} || {}.size() > 0", nested(6, "map", "1")),
        // An error is absorbed at every level, and by what stands beside.
        format!("{nothing} || {} || true", nested(6, "exists", "1 / 0 == 1")),
        format!("{} || users.size() > 0", nested(6, "exists", "1 / 0 == 1")),
    ] {
        let (value, steps) = evaluate(&source, Budget::TRIAL);
        assert!(steps < 2 * Budget::TRIAL.steps, "{source}: {steps} steps");
        let error = value.map(|value| format!("{value:?}"));
        assert!(
            error.as_ref().is_err_and(|e| e.contains("was stopped")),
            "{source}: {error:?}"
        );
    }
}

/// `start`, made four times as long that often.
fn longer(times: usize, start: &str) -> String {
    let mut source = start.to_owned();
    for level in 0..times {
        source = format!("[{source}].map(v{level}, v{level} + v{level} + v{level} + v{level})[0]");
    }
    source
}

#[test]
fn what_would_fill_the_memory_ends_with_its_bytes() {
    let text = |bytes| format!("\"{}\"", "x".repeat(bytes));
    let everything = |of: &str| format!("users.size() < 0 || {of}.size() > 0");
    let maps = ".map(a, {\"k\": [a, a, a, a, a, a, a, a]})".repeat(10);
    for source in [
        everything(&longer(5, &text(7_000))),
        everything(&longer(5, "users.map(u, u.name)")),
        everything(&longer(5, &format!("[1, {}, 2]", text(7_000)))),
        // The types take this for a number.
        format!(
            "users.size() < 0 || string({}) == \"\"",
            longer(4, &format!("(users.size() > 0 ? dyn({}) : 1)", text(7_000)))
        ),
        everything(&format!(
            "[[1, 2], [3]]{}",
            ".map(a, [a, a, a, a, a, a, a, a, a, a])".repeat(10)
        )),
        everything(&format!("[{}]{maps}", text(100))),
        everything(&format!("string({})", longer(5, &text(7_000)))),
        everything(&format!("duplicates([{0}, {0}])", longer(4, &text(3_800)))),
    ] {
        let start = Instant::now();
        let (value, steps) = evaluate(&source, Budget::TRIAL);
        let says = format!("{value:?}");
        assert!(says.contains("was stopped"), "{}: {says}", shown(&source));
        assert!(
            steps < 2 * Budget::TRIAL.steps,
            "{}: {steps} steps",
            shown(&source)
        );
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{}",
            shown(&source)
        );
    }
}

#[test]
fn patterns_are_compiled_once_and_stay_small() {
    let (value, steps) = evaluate("users.all(u, u.name.matches(\"^u\"))", Budget::TRIAL);
    assert_eq!(value, Ok(Value::Bool(true)));
    assert!(steps < 22_000, "{steps}");
    for large in ["((a{1,100}){1,100}){1,100}", "(foo"] {
        let error = compile(&format!("users.all(u, u.name.matches(\"{large}\"))"));
        assert!(
            error
                .unwrap_err()
                .message
                .contains("not a regular expression")
        );
        let (value, _) = evaluate(
            &format!("users.all(u, u.name.matches(\"{large}\" + \"\"))"),
            Budget::CHECK,
        );
        assert!(value.unwrap_err().contains("not a regular expression"));
    }
    // A pattern of each item is compiled for each, and counted.
    let each = "users.all(u, u.name.matches(\"^\" + u.name))";
    assert!(
        evaluate(each, Budget::TRIAL)
            .0
            .unwrap_err()
            .contains("was stopped")
    );
    assert_eq!(evaluate(each, Budget::CHECK).0, Ok(Value::Bool(true)));
}

#[test]
fn what_no_stack_holds_is_refused_before_it_is_parsed() {
    let deep = |open: &str, close: &str, n: usize| {
        format!(
            "users.size() > 0 || {}users{} == users",
            open.repeat(n),
            close.repeat(n)
        )
    };
    // The stack of a thread is smaller than that of the program.
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let all = move || {
        for (source, says) in [
            (deep("(", ")", 100_000), "at most 8192"),
            (deep("(", ")", 3_000), "brackets"),
            (deep("[", "]", 3_000), "brackets"),
            (
                format!("users.size() > {}1", "-".repeat(3_000)),
                "operators",
            ),
            (
                format!("users.size() > 0 && {}true", "!".repeat(3_000)),
                "operators",
            ),
            (format!("users{}", ".a".repeat(3_000)), "operators"),
            (format!("users.size() > 0{}", " + 1".repeat(390)), "levels"),
            (format!("[{}users].size() > 0", "1,".repeat(4_000)), "parts"),
            (
                format!("users.size() > 0{}", " ? true : true".repeat(350)),
                "",
            ),
            (format!("users.size() > 0{}", "||true".repeat(1_300)), ""),
            (format!("users.size() > 0{}", "&&true".repeat(1_300)), ""),
            (
                format!("users.size() > 0{}", "[0]".repeat(2_500)),
                "operators",
            ),
            (
                format!("users.size() > 0{}", "(".repeat(31)),
                "not a CEL expression",
            ),
            (nested(6, "map", "[users.size()]"), "fine"),
            (longer(5, "users.map(u, u.name)"), "fine"),
            (format!("users.size() > 0{}", " + 1".repeat(20)), "fine"),
            (
                format!("users.size() > size(\"{}\")", "(((".repeat(100)),
                "fine",
            ),
        ] {
            let shown: String = source.chars().take(60).collect();
            match compile(&source) {
                Ok(expression) => {
                    assert!(says == "fine" || says.is_empty(), "{shown}");
                    let meter = Arc::new(Meter::new(Budget::TRIAL));
                    let _ = expression.evaluate(&[("users", users())], &meter);
                }
                Err(error) => assert!(error.message.contains(says), "{shown}: {}", error.message),
            }
        }
    };
    thread.spawn(all).unwrap().join().unwrap();
}

#[test]
fn one_pass_over_files_is_known() {
    let (all, exists) = (
        Fold::Decides {
            by: false,
            absorbs: true,
        },
        Fold::Decides {
            by: true,
            absorbs: true,
        },
    );
    let (empty, some) = (
        Fold::Decides {
            by: false,
            absorbs: false,
        },
        Fold::Decides {
            by: true,
            absorbs: false,
        },
    );
    for (source, fold) in [
        ("files.map(f, f.path)", Some((Fold::Lists, 0))),
        ("files.map(f, f.exists, f.path)", Some((Fold::Lists, 0))),
        ("files.filter(f, f.exists)", Some((Fold::Lists, 0))),
        (
            "files.filter(f, f.exists).map(f, f.path)",
            Some((Fold::Lists, 1)),
        ),
        (
            "files.filter(f, f.exists).filter(g, g.uid == 0).map(f, f.path)",
            Some((Fold::Lists, 2)),
        ),
        ("files.all(f, f.exists)", Some((all, 0))),
        ("files.exists(f, f.exists)", Some((exists, 0))),
        (
            "!files.exists(f, f.exists)",
            Some((
                Fold::Decides {
                    by: false,
                    absorbs: true,
                },
                0,
            )),
        ),
        (
            "!!files.filter(f, f.exists).all(f, f.uid == 0)",
            Some((all, 1)),
        ),
        ("files.filter(f, f.exists).size() == 0", Some((empty, 1))),
        ("0 != size(files.map(f, f.exists, f.path))", Some((some, 1))),
        ("files.size() > 0", Some((some, 0))),
        ("0 < files.size()", Some((some, 0))),
        ("files.size() > 1", None),
        ("0 > files.size()", None),
        ("files.exists_one(f, f.exists)", None),
        ("files[0].exists", None),
        ("duplicates(files.map(f, f.path))", None),
        (
            "files.all(f, f.exists) && files.exists(f, f.uid == 0)",
            None,
        ),
        ("files.all(f, f.uid in [files.size()])", None),
        ("users.all(files, files.uid == 0)", None),
        ("files.map(f, f.path) + [\"x\"]", None),
        ("users.all(u, u.uid == 0)", None),
    ] {
        let expression =
            compile(source).unwrap_or_else(|e| panic!("{}: {}", shown(source), e.message));
        let found = expression.pass().map(|pass| (pass.fold, pass.stages()));
        assert_eq!(found, fold, "{source}");
    }
}
