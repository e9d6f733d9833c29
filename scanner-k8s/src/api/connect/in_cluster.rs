//! The account of the pod that this process runs in.

use std::{io, net::IpAddr, path::Path};

use kube::Config;

use super::{authorities::authorities, error::ConnectError};
use crate::api::{environment::Environment, redacted, token_claims};

/// Where a pod has its account.
pub(super) const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

const HOST: &str = "KUBERNETES_SERVICE_HOST";
const PORT: &str = "KUBERNETES_SERVICE_PORT";

/// Whether this process runs in a pod that has an account, as kubectl sees it.
pub(super) fn is_here(environment: &Environment, folder: &Path) -> bool {
    let named = environment.get(HOST).is_some() && environment.get(PORT).is_some();
    named && folder.join("token").is_file()
}

/// Its configuration, and the name of the account.
///
/// # Errors
///
/// Fails outside of a pod, and where the pod has no account.
pub(super) fn config(
    environment: &Environment,
    folder: &Path,
) -> Result<(Config, String), ConnectError> {
    let failed = ConnectError::InCluster;
    let variable = |name: &str| {
        let value = environment.text(name);
        value.ok_or_else(|| {
            failed(format!(
                "{name} is not set, so this is not a pod of a cluster"
            ))
        })
    };
    let (host, port) = (variable(HOST)?, variable(PORT)?);
    let is_six = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6());
    let host = if is_six { format!("[{host}]") } else { host };
    let server = port.parse::<u16>().ok().and_then(|port| {
        let address = format!("https://{host}:{port}");
        address.parse().ok()
    });
    let server = server.ok_or_else(|| failed(format!("{HOST} and {PORT} are not an address")))?;
    let file = |name: &str| folder.join(name);
    let read = |name: &str| {
        let text = std::fs::read_to_string(file(name));
        text.map_err(|error: io::Error| failed(format!("{}: {error}", redacted::path(&file(name)))))
    };
    let token = read("token")?;
    let namespace = read("namespace")?;
    let mut config = Config::new(server);
    namespace.trim().clone_into(&mut config.default_namespace);
    // Read again as long as the process runs: the cluster renews both.
    config.root_cert = Some(authorities(&file("ca.crt"))?);
    config.root_cert_file = Some(file("ca.crt"));
    config.auth_info.token_file = Some(file("token").to_string_lossy().into_owned());
    let account = token_claims::claims(token.trim()).map(|claims| claims.account);
    let account = account.unwrap_or_else(|| format!("in namespace {}", config.default_namespace));
    Ok((config, account))
}
