//! Files of options that are accepted, and those that are refused with the right words.

use std::path::Path;

use super::*;

fn parse(text: &str) -> Result<File, Problem> {
    File::parse(Path::new("f"), text, &crate::cli::command(None))
}

fn refused(text: &str) -> String {
    parse(text).map_or_else(
        |problem| problem.message,
        |file| panic!("{text:?} was taken: {file:?}"),
    )
}

#[test]
fn options_are_for_all_commands_or_for_one_whose_own_come_first() {
    let text = "namespace = \"shop\"\nlease = 120\nlabel = [\"team=shop\", \"cost=7\"]\nverbose = true\n\n\
                [container]\nlease = \"5m\"\noutput = [\"terminal\", \"sarif=scan.sarif\"]\n\n[guard.test]\nnamespace = \"tools\"\n";
    let file = parse(text).unwrap_or_else(|problem| panic!("{}", problem.message));
    let program = {
        let mut program = crate::cli::command(None);
        program.build();
        program
    };
    let of = |path: &[&str]| {
        let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
        let mut command = &program;
        for name in &path {
            command = command.find_subcommand(name).unwrap();
        }
        let mut all: Vec<String> = file
            .of(&path, command)
            .iter()
            .map(|e| format!("{}={}@{}", e.option, e.values.join(","), e.line))
            .collect();
        all.sort();
        all
    };
    assert_eq!(
        of(&["container"]),
        [
            "label=team=shop,cost=7@3",
            "lease=5m@7",
            "namespace=shop@1",
            "output=terminal,sarif=scan.sarif@8",
            "verbose=true@4"
        ]
    );
    assert_eq!(
        of(&["guard", "test"]),
        ["label=team=shop,cost=7@3", "namespace=tools@11"]
    );
    assert_eq!(of(&["reap"]), ["namespace=shop@1"]);
    assert_eq!(of(&["policy", "list"]), [""; 0]);
}

#[test]
fn the_file_in_the_document_is_accepted_with_options_that_have_the_name_of_a_command() {
    let document = include_str!("../../../../docs/config.md");
    let text = document.split("```toml\n").nth(1).unwrap();
    let text = text.split("```").next().unwrap();
    for text in [text, "policy = \"strict\"\nprofile = \"secrets\"\n"] {
        let file = parse(text).unwrap_or_else(|problem| panic!("{}", problem.message));
        let mut options = file.entries.iter().map(|entry| entry.option.as_str());
        assert!(options.any(|option| option == "policy"), "{text}");
    }
}

#[test]
fn what_no_command_takes_is_refused_with_its_place_and_what_was_meant() {
    for (text, place, words) in [
        ("fail-onn = \"low\"\n", "f:1:1", "did you mean fail-on?"),
        ("\n  fail_on = \"low\"\n", "f:2:3", "did you mean fail-on?"),
        (
            "[contaner]\nlease = 60\n",
            "f:1:2",
            "did you mean container?",
        ),
        ("[container]\nleese = 60\n", "f:2:1", "did you mean lease?"),
        (
            "[container]\ngrace = 60\n",
            "f:2:1",
            "container has no option \"grace\"",
        ),
        (
            "[drift]\nprofile = \"secrets\"\n",
            "f:2:1",
            "drift has no option",
        ),
        (
            "[guard.tset]\nnamespace = \"a\"\n",
            "f:1:8",
            "did you mean test?",
        ),
        (
            "container = \"web\"\n",
            "f:1:1",
            "expected a table, [container]",
        ),
        (
            "output = \"json\"\n",
            "f:1:1",
            "put it into the table of one: [",
        ),
        (
            "lease = true\n",
            "f:1:9",
            "lease: expected text or a number, not a value of type boolean",
        ),
        ("lease = [60]\n", "f:1:9", "expected text or a number"),
        (
            "verbose = \"yes\"\n",
            "f:1:11",
            "verbose: expected true or false",
        ),
        ("tag = [\"a\", 1.5]\n", "f:1:13", "of type float"),
        ("lease = 0x20\n", "f:1:9", "text or a number"),
        ("lease = 5\n", "f:1:9", "30 to 3600"),
        (
            "fail-on = \"lowest\"\n",
            "f:1:11",
            "expected info, low, medium",
        ),
        ("namespace = \"a b\"\n", "f:1:13", "--namespace"),
        (
            "color = \"red\"\n",
            "f:1:9",
            "[possible values: auto, always, never]",
        ),
        (
            "label = [\"x=y\", \"secure-scan.io/a=b\"]\n",
            "f:1:9",
            "secure-scan.io",
        ),
        ("lease = 60\nlease = 70\n", "f:2:1", "duplicate"),
        ("lease = \n", "f:1:", ""),
        ("é = 1 = 2\n", "f:1:", ""),
        (
            "[[container]]\nlease = 60\n",
            "f:1:",
            "container is a command",
        ),
        (
            "[completions]\nshell = \"bash\"\n",
            "f:1:2",
            "no command \"completions\"",
        ),
        (
            "[container.deeper]\nlease = 60\n",
            "f:1:12",
            "no command \"deeper\"",
        ),
    ] {
        let message = refused(text);
        assert!(message.starts_with(place), "{text:?}: {message}");
        assert!(message.contains(words), "{text:?}: {message}");
    }
}

#[test]
fn what_is_secret_or_of_one_run_is_in_no_file() {
    for option in [
        "audit-key = \"k\"",
        "kubeconfig = \"k\"",
        "pull-secret = \"s\"",
        "with-secrets = true",
    ] {
        let message = refused(option);
        assert!(message.contains("names something secret"), "{message}");
    }
    for option in [
        "expect-digest = \"sha256:0\"",
        "dry-run = true",
        "selector = \"a=b\"",
        "all-namespaces = true",
        "config = \"other.toml\"",
        "allow-any-command = 3",
    ] {
        let message = refused(option);
        assert!(
            message.contains("belongs to one target or one run"),
            "{message}"
        );
    }
    let message = refused("[sidecar]\nwith-secrets = true\n");
    assert!(message.starts_with("f:2:1"), "{message}");
}

#[test]
fn no_text_makes_the_reader_panic() {
    let whole =
        "lease = 60\n[container]\nlabel = [\"a=b\", 'c=d']\n# é\n[guard.test]\nnamespace = \"x\"\n";
    for end in 0..whole.len() {
        if let Some(part) = whole.get(..end) {
            let _ = parse(part);
        }
    }
    let deep = format!("tag = {}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(parse(&deep).is_err());
    let long = format!("[{}]\n", vec!["a"; 5000].join("."));
    assert!(parse(&long).is_err());
}
