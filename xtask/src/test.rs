//! `cargo xtask test`: formatting, lints, tests, documentation, and the end-to-end tests on the lab.

use std::process::{Command, ExitCode};

use anyhow::{Result, anyhow, ensure};

use crate::{
    archives, chart,
    cluster::Cluster,
    consumers::{self, Outcome},
    end_to_end::EndToEnd,
    lab, third_party,
    ui::say,
};

/// Features that lints and tests see beside the defaults. Not all of them: `aws-lc-rs` is for programs that want it, and
/// compiles a library of C.
const FEATURES: &str =
    "scanner-tests/e2e,scanner-tests/consumers,secure-scan-core/schema,secure-scan-probe/oracle";

const END_TO_END: &str = "end-to-end tests";
const STEPS: [(&str, &[&str]); 7] = [
    ("formatting", &["fmt", "--all", "--check"]),
    (
        "lints",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            FEATURES,
            "--",
            "-D",
            "warnings",
        ],
    ),
    ("layers, circles, lengths and words", &["xtask", "tidy"]),
    ("tests", &["test", "--workspace", "--no-fail-fast"]),
    (
        "packages, as a registry would take them",
        &[
            "package",
            "--workspace",
            "--exclude",
            "scanner-tests",
            "--exclude",
            "fake-sigstore",
            "--exclude",
            "xtask",
            "--allow-dirty",
            "--no-verify",
            "--quiet",
        ],
    ),
    (
        "the probe's image, built twice",
        &["xtask", "probe-image", "--twice"],
    ),
    ("documentation", &["doc", "--workspace", "--no-deps"]),
];

/// Checks of dependencies by other programs: subcommand of cargo, version, arguments.
const TOOLS: [(&str, &str, &[&str]); 2] = [
    ("deny", "0.20.2", &["check", "bans", "licenses", "sources"]),
    ("machete", "0.9.2", &[]),
];

/// Runs every step, also after one failed, and ends with a line that counts them.
pub(crate) fn run(cluster: &Cluster) -> Result<ExitCode> {
    if cluster.is_lab() {
        lab::packages()?;
    }
    let mut failed = Vec::new();
    for (name, args) in STEPS {
        say(&format!("== {name}: cargo {}", args.join(" ")));
        let mut command = Command::new("cargo");
        command.args(args).env("RUSTDOCFLAGS", "-D warnings");
        if !command.status()?.success() {
            say(&format!("== {name}: FAILED"));
            failed.push(name);
        }
    }
    for (name, version, args) in TOOLS {
        if let Err(error) = tool(name, version, args) {
            say(&format!("== cargo {name}: FAILED: {error:#}"));
            failed.push(name);
        }
    }
    let mut absent = 0;
    for (name, outcome) in [
        (archives::NAME, archives::run(cluster.is_lab())),
        ("reports, read by their consumers", consumers::run()),
        ("the guard's chart, rendered by Helm", chart::run()),
    ] {
        match outcome {
            Ok(Outcome::Passed) => {}
            Ok(Outcome::NotRun) => absent += 1,
            failure => {
                if let Err(error) = failure {
                    say(&format!("error: {error:#}"));
                }
                say(&format!("== {name}: FAILED"));
                failed.push(name);
            }
        }
    }
    let mut again = Vec::new();
    for (name, outcome) in on_the_cluster(cluster) {
        match outcome {
            Ok(tests) => again.extend(tests),
            Err(error) => {
                say(&format!("== {name}: FAILED: {error:#}"));
                failed.push(name);
            }
        }
    }
    let passed = STEPS.len() + TOOLS.len() + 5 - failed.len() - absent;
    say(&format!(
        "steps: {passed} passed, {} failed, {absent} not run",
        failed.len()
    ));
    for test in &again {
        say(&format!("passed only when it ran again by itself: {test}"));
    }
    for name in &failed {
        say(&format!("failed: {name}"));
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs a check of dependencies, and builds its program first where no checkout has yet.
fn tool(name: &str, version: &str, args: &[&str]) -> Result<()> {
    let root = lab::cache()?
        .join("tools")
        .join(format!("{name}-{version}"));
    let program = root.join("bin").join(format!("cargo-{name}"));
    if !program.exists() {
        say(&format!("== building cargo-{name} {version}, once"));
        let status = Command::new("cargo")
            .args(["install", "--quiet", "--locked", "--no-default-features"])
            .arg(format!("cargo-{name}@{version}"))
            .arg("--root")
            .arg(&root)
            .status()?;
        ensure!(status.success(), "cannot build cargo-{name}");
    }
    say(&format!("== cargo {name} {}", args.join(" ")));
    // As cargo calls it: its own name is the first argument. With the variable set, as under
    // `cargo xtask`, cargo-machete takes itself for a program that is being developed.
    let status = Command::new(program)
        .arg(name)
        .args(args)
        .env_remove("CARGO_PKG_NAME")
        .status()?;
    ensure!(status.success(), "see above");
    Ok(())
}

/// Builds everything first, starts the cluster, runs the steps that need it, and stops it. Each step returns the tests that
/// passed only when they ran again.
fn on_the_cluster(cluster: &Cluster) -> [(&'static str, Result<Vec<String>>); 2] {
    say(&format!("== {END_TO_END} on {}", cluster.context()));
    let tests = EndToEnd::build();
    let example = third_party::build();
    let (tests, example) = match cluster.start() {
        Ok(()) => {
            let tests = tests.and_then(|tests| tests.run(cluster));
            let example = example.and_then(|program| third_party::run(cluster, &program));
            let stopped = cluster.stop();
            let tests = tests.and_then(|again| stopped.map(|()| again));
            (tests, example.map(|()| Vec::new()))
        }
        Err(error) => (Err(error), Err(anyhow!("the cluster did not start"))),
    };
    [(END_TO_END, tests), (third_party::NAME, example)]
}
