//! A configuration that has no credential.

use kube::Config;

/// The same server by the same way and the same CA, without credentials.
pub(super) fn without_credential(config: &Config) -> Config {
    let mut shared = Config::new(config.cluster_url.clone());
    shared
        .default_namespace
        .clone_from(&config.default_namespace);
    shared.root_cert.clone_from(&config.root_cert);
    shared.root_cert_file.clone_from(&config.root_cert_file);
    shared.tls_server_name.clone_from(&config.tls_server_name);
    shared.default_retry = config.default_retry;
    shared.connect_timeout = config.connect_timeout;
    shared.read_timeout = config.read_timeout;
    shared
}
