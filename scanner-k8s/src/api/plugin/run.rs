//! Runs a credential plugin.

use std::{
    io::{self, IsTerminal as _},
    process::{Command, Stdio},
    sync::Weak,
    time::Duration,
};

use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Serialize;

use super::{
    answer::{self, Answer},
    child::{End, Running},
    error::PluginError,
    program::{hint, name},
    runs::Runs,
};

/// Longest time that a plugin may run.
const TIME: Duration = Duration::from_mins(1);
/// The same of one that may ask somebody at a terminal.
const TIME_TO_ASK: Duration = Duration::from_mins(10);

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

/// Runs the plugin, whose command is an absolute path, to its end, or until nobody holds `wanted` any more.
///
/// # Errors
///
/// Fails when it is not there, fails, takes too long, or answers with no credential.
pub(super) fn run(
    exec: &ExecConfig,
    wanted: &Weak<()>,
    runs: &Runs,
) -> Result<Answer, PluginError> {
    let name = name(exec);
    let command = exec.command.as_deref().ok_or(PluginError::NoCommand)?;
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
    // At a terminal it stays in the foreground, and gets the signals that are typed there.
    let started = runs.start(|| Running::start(&mut program, !interactive));
    let (running, _listed) = started.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => PluginError::Missing {
            name: name.clone(),
            hint: hint(exec),
        },
        _ => PluginError::Start(name.clone(), error.to_string()),
    })?;
    let time = if interactive { TIME_TO_ASK } else { TIME };
    let answer = match running.finish(time, wanted) {
        Ok(End::Answer(answer)) => answer,
        Ok(End::Failed(how)) => return Err(PluginError::Failed { name, how }),
        Ok(End::Late) => {
            let seconds = time.as_secs();
            return Err(PluginError::Late { name, seconds });
        }
        Ok(End::Unwanted) => return Err(PluginError::Stopped(name)),
        Err(error) => return Err(PluginError::Start(name, error.to_string())),
    };
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
