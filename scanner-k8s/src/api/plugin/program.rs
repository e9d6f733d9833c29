//! Which file a credential plugin is.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use kube::config::ExecConfig;
use scanner_core::escape::visible;

use super::error::PluginError;

/// Longest hint how to install it that is shown, in characters.
const MAX_HINT: usize = 600;

/// The file name of a plugin: its folder and its arguments are not shown.
pub(super) fn name(exec: &ExecConfig) -> String {
    let command = exec.command.as_deref().unwrap_or_default();
    visible(command.rsplit('/').next().unwrap_or_default(), 100)
}

/// The program that a command means. A command without a folder is looked up in the absolute folders of `path`. As with
/// kubectl, a program in the current folder is not found by its bare name.
pub(super) fn look_up(command: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |file: &PathBuf| {
        let found = file.metadata();
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if command.is_empty() {
        return None;
    }
    if command.contains('/') {
        return Some(PathBuf::from(command)).filter(|file| file.is_absolute() && runs(file));
    }
    let folders = std::env::split_paths(path?);
    let mut files = folders.filter(|folder| folder.is_absolute());
    files.find_map(|folder| Some(folder.join(command)).filter(runs))
}

/// Replaces the program of `exec` by its absolute path, and returns that. It is looked up in `path`, the one of this
/// process: a `PATH` that the kubeconfig sets for the plugin does not decide which program runs.
///
/// # Errors
///
/// Fails where no program is named, and where it is not there.
pub(super) fn resolve(exec: &mut ExecConfig, path: Option<&OsStr>) -> Result<PathBuf, PluginError> {
    let command = exec.command.as_deref().unwrap_or_default();
    if command.is_empty() {
        return Err(PluginError::NoCommand);
    }
    let missing = || PluginError::Missing {
        name: name(exec),
        hint: hint(exec),
    };
    let file = if command.contains('/') {
        // One that is there and does not run is an error of its start.
        let file = std::path::absolute(Path::new(command)).ok();
        file.filter(|file| file.exists())
    } else {
        look_up(command, path)
    };
    let file = file.ok_or_else(missing)?;
    let text = file.to_str().ok_or_else(missing)?.to_owned();
    exec.command = Some(text);
    Ok(file)
}

/// How to install it, in the words of the kubeconfig.
pub(super) fn hint(exec: &ExecConfig) -> Option<String> {
    let hint = exec.install_hint.as_deref()?;
    let words: Vec<&str> = hint.split_whitespace().collect();
    (!words.is_empty()).then(|| visible(&words.join(" "), MAX_HINT))
}
