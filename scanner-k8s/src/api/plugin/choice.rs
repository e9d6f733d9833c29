//! Whether a user of a kubeconfig logs in by a program.

use kube::config::{AuthInfo, ExecConfig};

/// The program whose credential counts: kube takes every other one first.
pub(super) fn of(login: &AuthInfo) -> Option<&ExecConfig> {
    let other = login.auth_provider.is_some()
        || login.token.is_some()
        || login.token_file.is_some()
        || (login.username.is_some() && login.password.is_some());
    login.exec.as_ref().filter(|_| !other)
}
