//! Finds and reads a kubeconfig, as kubectl does.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};

use super::error::ConnectError;
use crate::api::{
    environment::Environment,
    redacted::{self, Redacted},
    way::Proxy,
};

/// Largest kubeconfig that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Keeps kube from reading a proxy from the environment, which it does in another way than kubectl.
const NO_PROXY: &str = "http://not-used.invalid";

/// Whether `KUBECONFIG` names any file.
pub(super) fn is_named(environment: &Environment) -> bool {
    !listed(environment).is_empty()
}

/// Whether it says nothing, so that kubectl would not look at it.
pub(super) fn is_empty(kubeconfig: &Kubeconfig) -> bool {
    kubeconfig.clusters.is_empty()
        && kubeconfig.contexts.is_empty()
        && kubeconfig.auth_infos.is_empty()
        && kubeconfig
            .current_context
            .as_deref()
            .unwrap_or_default()
            .is_empty()
}

/// The kubeconfig in `path`, else those that `KUBECONFIG` lists, else that of the user's home. If there is none, the inner
/// error lists where it was looked for.
///
/// # Errors
///
/// Fails on one that cannot be read, and where a path is given and is not there. What `KUBECONFIG` lists may be missing,
/// as for kubectl.
pub(super) fn find(
    environment: &Environment,
    path: Option<&Path>,
) -> Result<Result<Kubeconfig, String>, ConnectError> {
    if let Some(path) = path {
        let found = read(path)?;
        return Ok(found.ok_or_else(|| format!("{} does not exist", redacted::path(path))));
    }
    let (files, from) = match listed(environment) {
        none if none.is_empty() => {
            let home = environment.in_kube_folder("config");
            (Vec::from_iter(home), "")
        }
        listed => (listed, "KUBECONFIG names "),
    };
    let mut whole: Option<Kubeconfig> = None;
    for file in &files {
        let Some(next) = read(file)? else { continue };
        whole = Some(match whole {
            Some(whole) => whole.merge(next).map_err(|error| unusable(file, &error))?,
            None => next,
        });
    }
    let names = || {
        let names: Vec<String> = files.iter().map(|file| redacted::path(file)).collect();
        match names.as_slice() {
            [] => "KUBECONFIG and HOME are not set".to_owned(),
            [one] if from.is_empty() => format!("{one} does not exist"),
            [one] => format!("{from}{one}, which does not exist"),
            all => format!("{from}{}, and none of them exists", all.join(" and ")),
        }
    };
    Ok(whole.ok_or_else(names))
}

/// A context of a kubeconfig.
pub(super) struct Selected {
    pub(super) config: Config,
    /// The proxy that its cluster names.
    pub(super) proxy: Option<Proxy>,
    /// Name of its user, as the file has it.
    pub(super) user: Option<String>,
}

/// The configuration of a context, or of the current one.
///
/// # Errors
///
/// Fails where there is no such context, and where it cannot be used.
pub(super) async fn config(
    mut kubeconfig: Kubeconfig,
    context: Option<&str>,
) -> Result<Selected, ConnectError> {
    let known = kubeconfig.contexts.iter().map(|c| c.name.clone());
    let known: Vec<String> = known.collect();
    if known.is_empty() {
        return Err(ConnectError::NoContexts);
    }
    // An empty name is none, as for kubectl.
    let named = |name: &&str| !name.is_empty();
    let current = kubeconfig.current_context.as_deref().filter(named);
    let Some(name) = context.filter(named).or(current).map(str::to_owned) else {
        return Err(ConnectError::NoCurrentContext(known));
    };
    if !known.contains(&name) {
        return Err(ConnectError::NoContext(name, known));
    }
    let mut proxies = Vec::new();
    for named in &mut kubeconfig.clusters {
        if let Some(cluster) = &mut named.cluster {
            let theirs = cluster.proxy_url.replace(NO_PROXY.to_owned());
            proxies.push((named.name.clone(), theirs.filter(|url| !url.is_empty())));
        }
    }
    let chosen = kubeconfig.contexts.iter().find(|c| c.name == name);
    let chosen = chosen.and_then(|c| c.context.as_ref());
    let cluster = chosen.map(|context| context.cluster.clone());
    let user = chosen.and_then(|context| context.user.clone());
    let proxy = proxies
        .into_iter()
        .find(|(name, _)| cluster.as_ref() == Some(name));
    let proxy = proxy.and_then(|(_, address)| address);
    let selection = KubeConfigOptions {
        context: Some(name),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &selection).await;
    let mut config = config.map_err(|error| ConnectError::Kubeconfig {
        file: String::new(),
        source: Redacted::kubeconfig(&error),
    })?;
    config.proxy_url = None;
    if let Some(named) = config
        .auth_info
        .exec
        .as_mut()
        .and_then(|exec| exec.cluster.as_mut())
    {
        named.proxy_url.clone_from(&proxy);
    }
    let from = "proxy-url in the kubeconfig";
    let proxy = proxy
        .map(|address| Proxy::parse(&address, from))
        .transpose();
    let proxy = proxy.map_err(|error| ConnectError::Proxy {
        from: from.to_owned(),
        why: error.to_string(),
    })?;
    Ok(Selected {
        config,
        proxy,
        user,
    })
}

/// The files that `KUBECONFIG` lists.
fn listed(environment: &Environment) -> Vec<PathBuf> {
    let all = environment.get("KUBECONFIG").unwrap_or_default();
    let all = std::env::split_paths(&all);
    all.filter(|path| !path.as_os_str().is_empty()).collect()
}

/// One file; `None` where it does not exist.
fn read(file: &Path) -> Result<Option<Kubeconfig>, ConnectError> {
    let failed = |error| unusable(file, &KubeconfigError::ReadConfig(error, file.into()));
    let text = match text_of(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(failed)?,
    };
    let mut kubeconfig = Kubeconfig::from_yaml(&text).map_err(|error| unusable(file, &error))?;
    if let Some(kind) = kubeconfig.kind.as_deref().filter(|kind| *kind != "Config") {
        return Err(ConnectError::Kubeconfig {
            file: redacted::path(file),
            source: Redacted::other_kind(kind),
        });
    }
    if let Some(folder) = file.parent() {
        beside(folder, &mut kubeconfig);
    }
    Ok(Some(kubeconfig))
}

/// A file's text, in the encodings that users of kubectl have: kube panics at some other bytes.
fn text_of(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut rest = File::open(file)?.take(MAX_FILE + 1);
    rest.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let wide = |read: fn([u8; 2]) -> u16| {
        let (pairs, odd) = bytes[2..].as_chunks::<2>();
        let text = String::from_utf16(&pairs.iter().map(|pair| read(*pair)).collect::<Vec<_>>());
        text.ok().filter(|_| odd.is_empty())
    };
    let text = match bytes.as_slice() {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        all => {
            let all = all.strip_prefix(b"\xef\xbb\xbf").unwrap_or(all);
            String::from_utf8(all.to_vec()).ok()
        }
    };
    text.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))
}

/// Names files from where the kubeconfig is; a plugin only where it is named by a path.
fn beside(folder: &Path, kubeconfig: &mut Kubeconfig) {
    let resolve = |path: &mut Option<String>| {
        if let Some(path) = path.as_mut().filter(|path| !path.is_empty()) {
            *path = folder.join(&*path).to_string_lossy().into_owned();
        }
    };
    for cluster in kubeconfig
        .clusters
        .iter_mut()
        .filter_map(|named| named.cluster.as_mut())
    {
        resolve(&mut cluster.certificate_authority);
    }
    for user in kubeconfig
        .auth_infos
        .iter_mut()
        .filter_map(|named| named.auth_info.as_mut())
    {
        resolve(&mut user.client_certificate);
        resolve(&mut user.client_key);
        resolve(&mut user.token_file);
        if let Some(exec) = &mut user.exec
            && exec
                .command
                .as_deref()
                .is_some_and(|command| command.contains('/'))
        {
            resolve(&mut exec.command);
        }
    }
}

fn unusable(file: &Path, error: &KubeconfigError) -> ConnectError {
    ConnectError::Kubeconfig {
        file: redacted::path(file),
        source: Redacted::kubeconfig(error),
    }
}
