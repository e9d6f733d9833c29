//! The tutorial, executed: every command of `docs/tutorial.md` as it is written there, and its output compared.

use std::{fmt::Write as _, fs, os::unix::fs::symlink, path::Path, process::Stdio, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::DeleteParams};
use scanner_core::stage::Stage;
use scanner_tests::{
    TestNamespace,
    console::{self, Step},
    eventually, lab_only,
    program::{ProgramOutput, probe_image},
};
use tokio::process::Command;

/// The namespace that the tutorial creates.
const NAMESPACE: &str = "tutorial";
/// What separates the outputs of two commands.
const MARK: &str = "-- tutorial step";
/// What the tutorial promises to somebody who also reads.
const LIMIT: Duration = Duration::from_mins(10);

/// What a reader gives images of a cluster of their own: the only lines that are executed with another value.
fn images() -> [(&'static str, String); 3] {
    [
        ("IMAGE", "lab.local/busybox:1".to_owned()),
        ("DISTROLESS", "lab.local/distroless:1".to_owned()),
        ("PROBE", probe_image()),
    ]
}

/// The command with the lab's image in it, if it is one that names an image.
fn on_the_lab(command: &str) -> Option<String> {
    let name = command.strip_prefix("export ")?.split('=').next()?;
    let (_, image) = images().into_iter().find(|(known, _)| *known == name)?;
    Some(format!("export {name}={image}"))
}

/// One script of all commands. After each it prints a mark with the exit code, which the next command still sees.
fn script(steps: &[Step]) -> String {
    let mut script = "exec 2>&1\n".to_owned();
    for (number, step) in steps.iter().enumerate() {
        let command = on_the_lab(&step.command).unwrap_or_else(|| step.command.clone());
        let _ = writeln!(
            script,
            "{command}\nlast=$?; printf '\\n{MARK} {number} %s\\n' \"$last\"; (exit \"$last\")"
        );
    }
    script
}

/// Exit code and output of each command.
fn outputs(all: &str, steps: &[Step]) -> Vec<(i32, String)> {
    let mut rest = all;
    let mut outputs = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let mark = format!("\n{MARK} {number} ");
        let (output, after) = rest.split_once(&mark).unwrap_or_else(|| {
            unreachable!(
                "line {}: the command did not end: {}\n{rest}",
                step.line, step.command
            )
        });
        let (code, after) = after.split_once('\n').expect("a code on a line");
        outputs.push((code.parse().expect("a code"), on_a_terminal(output)));
        rest = after;
    }
    assert_eq!(rest, "", "after the last command");
    outputs
}

/// Without the lines of progress, which a terminal shows for a moment.
fn on_a_terminal(output: &str) -> String {
    let stages = [
        Stage::Resolve,
        Stage::Gate,
        Stage::Enforce,
        Stage::Prepare,
        Stage::Grant,
        Stage::Verify,
        Stage::Open,
        Stage::Revoke,
        Stage::Collect,
        Stage::Evaluate,
        Stage::Release,
        Stage::VerifyRelease,
        Stage::PostScanAudit,
    ]
    .map(Stage::doing);
    let passing = |line: &str| {
        let stage = line.split(": took ").next().unwrap_or_default();
        stages.contains(&stage) || line.starts_with("waiting for ")
    };
    let lines = output.lines().filter(|line| !passing(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// A folder with the programs of the tutorial, as `cargo install` makes one.
fn programs(folder: &Path) -> String {
    let program = std::env::var("SCANNER_E2E_PROGRAM").expect("SCANNER_E2E_PROGRAM");
    symlink(program, folder.join("secure-scan")).expect("a link");
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}

async fn run(steps: &[Step]) -> ProgramOutput {
    let (home, bin) = (
        tempfile::tempdir().expect("home"),
        tempfile::tempdir().expect("bin"),
    );
    let path = programs(bin.path());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script(steps)])
        .current_dir(home.path())
        .env("HOME", home.path())
        .env("PATH", path)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_CACHE_HOME")
        .env_remove("SECURE_SCAN_CONFIG")
        .env_remove("SECURE_SCAN_PROBE_IMAGE")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, shell.output()).await;
    output.expect("in time").expect("a shell").into()
}

/// Deletes the namespace of a tutorial that did not come to its end.
async fn remove_namespace(site: &TestNamespace) {
    let namespaces = Api::<Namespace>::all(site.client.clone());
    let _ = namespaces.delete(NAMESPACE, &DeleteParams::default()).await;
    eventually("no namespace of a tutorial", async || {
        let left = namespaces.get_opt(NAMESPACE).await.expect("namespaces");
        left.is_none().then_some(())
    })
    .await;
}

/// The fault in the output of the command at `number`, if there is one.
fn wrong(steps: &[Step], outputs: &[(i32, String)], number: usize) -> Option<String> {
    let (step, (code, output)) = (&steps[number], &outputs[number]);
    let asked = steps
        .get(number + 1)
        .is_some_and(|next| next.command == "echo $?");
    let problem = match console::compare(&step.shown, output) {
        Err(problem) => problem,
        Ok(()) if *code == 0 || asked => return None,
        Ok(()) => format!("exit code {code}, which the tutorial does not show"),
    };
    let (line, command) = (step.line, &step.command);
    Some(format!(
        "docs/tutorial.md:{line}: {command}\n{problem}\nexit code {code}, and it wrote:\n{output}\n"
    ))
}

#[tokio::test]
async fn every_command_of_the_tutorial_does_what_is_shown() {
    if lab_only() {
        return;
    }
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tutorial.md");
    let document = fs::read_to_string(document).expect("the tutorial");
    let steps = console::steps(&document).expect("commands");
    assert!(steps.len() >= 20, "{} commands", steps.len());
    for (name, _) in images() {
        let named = steps.iter().filter(|step| {
            on_the_lab(&step.command).is_some_and(|c| c.starts_with(&format!("export {name}=")))
        });
        assert_eq!(named.count(), 1, "{name} is exported once");
    }
    let site = TestNamespace::new("tutorial").await;
    remove_namespace(&site).await;
    let output = run(&steps).await;
    let outputs = outputs(&output.out, &steps);
    remove_namespace(&site).await;
    let wrong: Vec<String> = (0..steps.len())
        .filter_map(|number| wrong(&steps, &outputs, number))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    site.remove().await;
}
