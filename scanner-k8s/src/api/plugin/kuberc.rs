//! kubectl's preferences, as far as they say which credential plugins may run: `credentialPluginPolicy` of the kuberc.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use kube::config::AuthInfo;
use serde::Deserialize;

use super::{
    choice::of,
    error::PluginError,
    run::{look_up, name},
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

/// Whether the program that would log `login` in may run.
///
/// # Errors
///
/// Fails, with the reason, where kubectl's preferences forbid it, and where they cannot be read: kubectl only warns of a
/// file that it cannot read and nobody named.
pub(in crate::api) fn permit(
    environment: &Environment,
    login: &AuthInfo,
) -> Result<(), PluginError> {
    if let Some(provider) = &login.auth_provider
        && provider.config.contains_key("cmd-path")
    {
        let name = scanner_core::escape::visible(&provider.name, 100);
        return Err(PluginError::Provider(name));
    }
    let Some(exec) = of(login) else {
        return Ok(());
    };
    let Some((file, named)) = file(environment) else {
        return Ok(());
    };
    let forbidden = |why: String| PluginError::Forbidden {
        name: name(exec),
        why: format!("kubectl's kuberc {} {why}", redacted::path(&file)),
    };
    let text = match read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => return Ok(()),
        text => text.map_err(|error| forbidden(format!("cannot be read: {error}")))?,
    };
    let policy = preference(&text).map_err(|why| forbidden(format!("cannot be read: {why}")))?;
    let list = policy.credential_plugin_allowlist;
    let command = exec.command.as_deref().unwrap_or_default();
    match (policy.credential_plugin_policy.as_deref(), list) {
        (None | Some("" | "AllowAll"), None) => Ok(()),
        (Some("DenyAll"), None) => Err(forbidden(
            "lets no credential plugin run (credentialPluginPolicy: DenyAll)".into(),
        )),
        (Some("Allowlist"), Some(list)) if !list.is_empty() => {
            let path = environment.get("PATH");
            let listed = list
                .iter()
                .filter_map(|entry| entry.command.as_deref().or(entry.name.as_deref()));
            let listed: Vec<&str> = listed.filter(|command| !command.is_empty()).collect();
            if listed.len() < list.len() {
                return Err(forbidden(
                    "has an empty entry in credentialPluginAllowlist".into(),
                ));
            }
            let is_meant = |entry: &str| is_same(command, entry, path.as_deref());
            if listed.into_iter().any(is_meant) {
                return Ok(());
            }
            Err(forbidden(
                "does not have it in credentialPluginAllowlist".into(),
            ))
        }
        (Some("Allowlist"), _) => Err(forbidden("has no credentialPluginAllowlist".into())),
        (None | Some("" | "AllowAll" | "DenyAll"), Some(_)) => Err(forbidden(
            "has a credentialPluginAllowlist, and its credentialPluginPolicy is not Allowlist"
                .into(),
        )),
        (Some(_), _) => Err(forbidden(
            "has a credentialPluginPolicy that is not known".into(),
        )),
    }
}

/// Whether two commands mean one file.
fn is_same(command: &str, entry: &str, path: Option<&std::ffi::OsStr>) -> bool {
    if command == entry {
        return true;
    }
    let file = look_up(command, path);
    file.is_some() && file == look_up(entry, path)
}

/// The file of the preferences, and whether somebody named it; `None` where they are turned off.
fn file(environment: &Environment) -> Option<(PathBuf, bool)> {
    let off = environment.text("KUBECTL_KUBERC");
    if off.is_some_and(|value| ["false", "0", "f"].contains(&value.to_lowercase().as_str())) {
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
    File::open(file)?.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// The first document that has preferences of kubectl.
fn preference(text: &str) -> Result<Preference, String> {
    let all: Vec<Option<Preference>> =
        serde_saphyr::from_multiple(text).map_err(|error| match error.location() {
            Some(at) => format!("line {}, column {}", at.line(), at.column()),
            None => "it is no YAML of preferences".into(),
        })?;
    let is_meant = |preference: &Preference| {
        let version = preference.api_version.as_deref().unwrap_or_default();
        preference.kind.as_deref() == Some("Preference")
            && version.starts_with("kubectl.config.k8s.io/")
    };
    let found = all.into_iter().flatten().find(is_meant);
    found.ok_or_else(|| "it has no Preference of kubectl.config.k8s.io".into())
}
