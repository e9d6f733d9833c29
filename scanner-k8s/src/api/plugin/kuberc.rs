//! The part of kubectl's preferences that decides which credential plugins may run: `credentialPluginPolicy` of the kuberc.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use kube::config::{AuthInfo, ExecConfig};
use serde::Deserialize;

use super::{
    choice::of,
    error::PluginError,
    program::{look_up, name, resolve},
};
use crate::api::{environment::Environment, redacted};

/// Largest kuberc that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Preference {
    api_version: Option<String>,
    kind: Option<String>,
    credential_plugin_policy: Option<String>,
    credential_plugin_allowlist: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    command: Option<String>,
    /// What older versions of kubectl call it.
    name: Option<String>,
}

/// The versions of it that kubectl knows.
const VERSIONS: [&str; 2] = [
    "kubectl.config.k8s.io/v1alpha1",
    "kubectl.config.k8s.io/v1beta1",
];

/// Replaces the program of the user's `exec` by the absolute path of the one that may run.
///
/// # Errors
///
/// Fails, with the reason, where kubectl's preferences forbid it, and where they cannot be read: kubectl only warns of a
/// file that it cannot read and nobody named. Fails where the program is not there.
pub(in crate::api) fn permit(
    environment: &Environment,
    login: &mut AuthInfo,
) -> Result<(), PluginError> {
    if let Some(provider) = &login.auth_provider
        && provider.config.contains_key("cmd-path")
    {
        let name = scanner_core::escape::visible(&provider.name, 100);
        return Err(PluginError::Provider(name));
    }
    if of(login).is_none() {
        return Ok(());
    }
    let Some(exec) = &mut login.exec else {
        return Ok(());
    };
    let allowed = match file(environment) {
        Some((file, named)) => allowed(&file, named).map_err(|why| forbidden(exec, &file, &why))?,
        None => None,
    };
    let path = environment.get("PATH");
    let program = resolve(exec, path.as_deref())?;
    let Some((file, list)) = allowed else {
        return Ok(());
    };
    let mut listed = list.iter().map(|entry| look_up(entry, path.as_deref()));
    if listed.any(|listed| listed.as_ref() == Some(&program)) {
        return Ok(());
    }
    let why = "does not have it in credentialPluginAllowlist";
    Err(forbidden(exec, &file, why))
}

fn forbidden(exec: &ExecConfig, file: &Path, why: &str) -> PluginError {
    PluginError::Forbidden {
        name: name(exec),
        why: format!("kubectl's kuberc {} {why}", redacted::path(file)),
    }
}

/// The file and the commands that alone may run; `None` where any may.
///
/// # Errors
///
/// Fails, with the reason, where none may.
fn allowed(file: &Path, named: bool) -> Result<Option<(PathBuf, Vec<String>)>, String> {
    let text = match read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => return Ok(None),
        text => text.map_err(|error| format!("cannot be read: {error}"))?,
    };
    let policy = preference(&text).map_err(|why| format!("cannot be read: {why}"))?;
    let list = policy.credential_plugin_allowlist;
    let why = match (policy.credential_plugin_policy.as_deref(), list) {
        (None | Some("" | "AllowAll"), None) => return Ok(None),
        (Some("DenyAll"), None) => {
            "lets no credential plugin run (credentialPluginPolicy: DenyAll)"
        }
        (Some("Allowlist"), Some(list)) if !list.is_empty() => {
            let commands = list.into_iter().map(|entry| entry.command.or(entry.name));
            let commands: Option<Vec<String>> = commands
                .map(|command| command.filter(|command| !command.is_empty()))
                .collect();
            match commands {
                Some(commands) => return Ok(Some((file.to_owned(), commands))),
                None => "has an empty entry in credentialPluginAllowlist",
            }
        }
        (Some("Allowlist"), _) => "has no credentialPluginAllowlist",
        (None | Some("" | "AllowAll" | "DenyAll"), Some(_)) => {
            "has a credentialPluginAllowlist, and its credentialPluginPolicy is not Allowlist"
        }
        (Some(_), _) => "has a credentialPluginPolicy that is not known",
    };
    Err(why.into())
}

/// The file of the preferences, and whether somebody named it; `None` where they are turned off.
fn file(environment: &Environment) -> Option<(PathBuf, bool)> {
    let off = environment.text("KUBECTL_KUBERC");
    if off.is_some_and(|value| value.eq_ignore_ascii_case("false")) {
        return None;
    }
    match environment.get("KUBERC") {
        Some(off) if off == "off" => None,
        Some(named) => Some((named.into(), true)),
        None => Some((environment.in_kube_folder("kuberc")?, false)),
    }
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let mut rest = File::open(file)?.take(MAX_FILE + 1);
    rest.read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

/// The first document that has preferences of a version that kubectl knows; it skips others.
fn preference(text: &str) -> Result<Preference, String> {
    let all: Vec<Option<Preference>> =
        serde_saphyr::from_multiple(text).map_err(|error| match error.location() {
            Some(at) => format!("line {}, column {}", at.line(), at.column()),
            None => "it is not a YAML file of preferences".into(),
        })?;
    let is_meant = |preference: &Preference| {
        let version = preference.api_version.as_deref().unwrap_or_default();
        preference.kind.as_deref() == Some("Preference") && VERSIONS.contains(&version)
    };
    let found = all.into_iter().flatten().find(is_meant);
    found.ok_or_else(|| "it has no Preference of a version that kubectl knows".into())
}
