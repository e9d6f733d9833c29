//! Runs a credential plugin.

use std::{
    io::{self, IsTerminal as _, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use kube::config::{ExecConfig, ExecInteractiveMode};
use scanner_core::escape::visible;
use serde::Serialize;

use super::{
    answer::{self, Answer},
    error::PluginError,
};

/// Most that a plugin may answer, in bytes.
const MAX_ANSWER: u64 = 1 << 20;
/// Bytes of its standard error that are read.
const MAX_STDERR: u64 = 4 << 10;
/// Longest text of it that is shown, in characters.
const MAX_SHOWN: usize = 300;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecInfo<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<&'a str>,
    spec: Spec<'a>,
}

#[derive(Serialize)]
struct Spec<'a> {
    interactive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a kube::config::ExecAuthCluster>,
}

/// The file name of a plugin: where it is and what it is started with is nobody's business.
pub(super) fn name(exec: &ExecConfig) -> String {
    let command = exec.command.as_deref().unwrap_or_default();
    visible(command.rsplit('/').next().unwrap_or_default(), 100)
}

/// The file that a command means, as a shell finds it.
pub(super) fn look_up(command: &str, path: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |file: &Path| {
        let found = file.metadata();
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if command.contains('/') {
        return Some(PathBuf::from(command)).filter(|file| runs(file));
    }
    let folders = std::env::split_paths(path?);
    let files = folders.filter(|folder| folder.is_absolute());
    files
        .map(|folder| folder.join(command))
        .find(|file| runs(file))
}

/// Runs the plugin to its end.
///
/// # Errors
///
/// Fails when it is not there, fails, or answers with no credential.
pub(super) fn run(exec: &ExecConfig) -> Result<Answer, PluginError> {
    let name = name(exec);
    let command = exec
        .command
        .as_deref()
        .filter(|command| !command.is_empty());
    let command = command.ok_or(PluginError::NoCommand)?;
    let mode = exec.interactive_mode.as_ref();
    let terminal = io::stdin().is_terminal();
    if mode == Some(&ExecInteractiveMode::Always) && !terminal {
        return Err(PluginError::NoTerminal(name));
    }
    let quiet = mode == Some(&ExecInteractiveMode::Never);
    let interactive = terminal && !quiet;
    let mut program = Command::new(command);
    program.args(exec.args.iter().flatten());
    for variable in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            program.env(name, value);
        }
    }
    program.env("KUBERNETES_EXEC_INFO", info(exec, interactive, &name)?);
    for variable in exec.drop_env.iter().flatten() {
        program.env_remove(variable);
    }
    // Where it may talk to somebody, it talks past us: to say where to log in, for example.
    program
        .stdin(if interactive {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(if quiet {
            Stdio::piped()
        } else {
            Stdio::inherit()
        });
    let child = program.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => PluginError::Missing {
            name: name.clone(),
            hint: hint(exec),
        },
        _ => PluginError::Start(name.clone(), error),
    })?;
    let (answer, how) = finish(child).map_err(|error| PluginError::Start(name.clone(), error))?;
    if let Some(how) = how {
        return Err(PluginError::Failed { name, how });
    }
    let read = answer::read(&answer, exec.api_version.as_deref());
    read.map_err(|what| PluginError::Answer { name, what })
}

/// What the plugin gets in `KUBERNETES_EXEC_INFO`.
fn info(exec: &ExecConfig, interactive: bool, name: &str) -> Result<String, PluginError> {
    let cluster = exec.cluster.as_ref().filter(|_| exec.provide_cluster_info);
    if exec.provide_cluster_info && cluster.is_none() {
        return Err(PluginError::NoCluster(name.to_owned()));
    }
    let info = ExecInfo {
        kind: "ExecCredential",
        api_version: exec.api_version.as_deref(),
        spec: Spec {
            interactive,
            cluster,
        },
    };
    serde_json::to_string(&info).map_err(|_| PluginError::NoCluster(name.to_owned()))
}

/// How to install it, in the words of the kubeconfig.
fn hint(exec: &ExecConfig) -> Option<String> {
    let hint = exec.install_hint.as_deref()?;
    let words: Vec<&str> = hint.split_whitespace().collect();
    (!words.is_empty()).then(|| visible(&words.join(" "), 2 * MAX_SHOWN))
}

/// What the program wrote to its output, and how it failed, if it did.
fn finish(mut child: Child) -> io::Result<(Vec<u8>, Option<String>)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let said = thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            let _ = stderr.by_ref().take(MAX_STDERR).read_to_end(&mut said);
            // Otherwise it waits for somebody to read on.
            let _ = io::copy(&mut stderr, &mut io::sink());
        }
        said
    });
    let mut answer = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(MAX_ANSWER + 1).read_to_end(&mut answer)?;
    }
    if answer.len() as u64 > MAX_ANSWER {
        child.kill()?;
        child.wait()?;
        return Ok((Vec::new(), Some("its answer is too long".into())));
    }
    let status = child.wait()?;
    if status.success() {
        return Ok((answer, None));
    }
    let said = said.join().unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let words: Vec<&str> = said.split_whitespace().collect();
    let how = match words.join(" ") {
        none if none.is_empty() => status.to_string(),
        said => format!("{status}: {}", visible(&said, MAX_SHOWN)),
    };
    Ok((Vec::new(), Some(how)))
}
