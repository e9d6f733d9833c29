//! Names the cluster and its operator by the kubeconfig and the credential, without a call.

use http::Uri;
use kube::Config;
use scanner_core::report::{KnownBy, OperatorName, Origin};
use secrecy::ExposeSecret as _;

use crate::api::token_claims;

/// The cluster of `config`, whose credential is that of the account of a pod, or of user `user` in a kubeconfig.
pub(super) fn of(config: &Config, pod_account: Option<&str>, user: Option<&str>) -> Origin {
    let authorities = config.root_cert.as_deref().unwrap_or_default();
    let operator = operator(config, pod_account, user);
    Origin::new(&host(&config.cluster_url), authorities).with_operator(operator)
}

/// Host and port, without a user, a password or a path.
fn host(address: &Uri) -> String {
    let host = address.host().unwrap_or_default();
    match address.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The operator, by the best source that needs no call.
fn operator(
    config: &Config,
    pod_account: Option<&str>,
    user: Option<&str>,
) -> Option<OperatorName> {
    let login = &config.auth_info;
    if let Some(name) = login.impersonate.as_deref() {
        return Some(OperatorName::new(name, KnownBy::Impersonation));
    }
    let token = login.token.as_ref();
    // The file of a kubeconfig's token is not read for this: it may be a pipe.
    let claims = token.and_then(|token| token_claims::claims(token.expose_secret().trim()));
    let claimed = claims.map(|claims| claims.account);
    let named = pod_account.filter(|name| name.starts_with("system:serviceaccount:"));
    if let Some(account) = claimed.as_deref().or(named) {
        return Some(OperatorName::new(account, KnownBy::Token));
    }
    user.map(|name| OperatorName::new(name, KnownBy::Kubeconfig))
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    fn config(address: &'static str) -> Config {
        let mut config = Config::new(Uri::from_static(address));
        config.root_cert = Some(vec![b"abc".to_vec()]);
        config
    }

    #[test]
    fn the_host_has_neither_user_nor_path() {
        for (address, host) in [
            ("https://api.example:6443", "api.example:6443"),
            ("https://me:secret@api.example/k8s/c-1", "api.example"),
            ("https://[::1]:6443/", "[::1]:6443"),
        ] {
            let origin = of(&config(address), None, None);
            assert_eq!(origin.server.raw(), host, "{address}");
            assert_eq!(origin.ca_sha256.len(), 1);
            assert!(origin.operator.is_none() && origin.version.is_none());
        }
    }

    #[test]
    fn the_operator_is_who_is_impersonated_then_the_account_then_the_entry() {
        let mut config = config("https://api.example");
        let known = |config: &Config| of(config, None, Some("admin@shop")).operator.unwrap();
        let is = |config: &Config, name: &str, by| {
            let found = known(config);
            assert_eq!((found.name.raw(), found.known_by), (name, by));
        };
        is(&config, "admin@shop", KnownBy::Kubeconfig);
        let claims = r#"{"sub":"system:serviceaccount:ci:scanner","jti":"1f"}"#;
        let token = format!("e30.{}.s", URL_SAFE_NO_PAD.encode(claims));
        config.auth_info.token = Some(token.into());
        let account = "system:serviceaccount:ci:scanner";
        is(&config, account, KnownBy::Token);
        // The claims of a token that is not one of a service account can be anybody's, and are kept out of every report.
        config.auth_info.token = Some("opaque".to_owned().into());
        is(&config, "admin@shop", KnownBy::Kubeconfig);
        let in_pod = of(&config, Some(account), None).operator.unwrap();
        assert_eq!(
            (in_pod.name.raw(), in_pod.known_by),
            (account, KnownBy::Token)
        );
        config.auth_info.impersonate = Some("alice".into());
        is(&config, "alice", KnownBy::Impersonation);
    }
}
