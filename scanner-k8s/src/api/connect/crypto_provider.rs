//! Whether rustls has a cryptography provider, checked before a client is made: rustls itself panics without one.

#[cfg(feature = "aws-lc-rs")]
use std::sync::Arc;

use rustls::{ConfigBuilder, ServerConfig, WantsVerifier, crypto::CryptoProvider};

/// The beginning of a server's configuration with the cryptography that clients have; `None` where nothing decides.
pub(crate) fn server() -> Option<ConfigBuilder<ServerConfig, WantsVerifier>> {
    #[cfg(feature = "aws-lc-rs")]
    let begun = {
        let provider = CryptoProvider::get_default().cloned();
        let kube_chooses = || Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let provider = provider.unwrap_or_else(kube_chooses);
        let begun = ServerConfig::builder_with_provider(provider);
        begun.with_safe_default_protocol_versions().ok()
    };
    #[cfg(not(feature = "aws-lc-rs"))]
    let begun = is_decided().then(ServerConfig::builder);
    begun
}

/// Whether a client can be made. Installs nothing.
pub(super) fn is_decided() -> bool {
    let installed = CryptoProvider::get_default().is_some();
    decides(
        installed,
        cfg!(feature = "aws-lc-rs"),
        compiled::providers(),
    )
}

/// As rustls and kube decide: a provider that the program installed; kube's own choice, which is aws-lc-rs
/// where its feature is on; or the one that rustls is compiled with, if it is one.
fn decides(installed: bool, kube_chooses: bool, (ring, aws_lc_rs): (bool, bool)) -> bool {
    installed || kube_chooses || (ring != aws_lc_rs)
}

/// Which providers rustls is compiled with, whoever turned its features on: cargo unites the features of
/// all that is linked into a program, and rustls gives out no list.
mod compiled {
    /// What the names stand for where rustls does not have them.
    #[allow(dead_code, reason = "a name that rustls has hides the one here")]
    mod absent {
        pub(super) mod ring {
            pub(in super::super) fn default_provider() {}
        }
        pub(super) mod aws_lc_rs {
            pub(in super::super) fn default_provider() {}
        }
    }

    trait Compiled {
        const HERE: bool;
    }

    impl Compiled for () {
        const HERE: bool = false;
    }

    impl Compiled for rustls::crypto::CryptoProvider {
        const HERE: bool = true;
    }

    fn here<P: Compiled>(_: fn() -> P) -> bool {
        P::HERE
    }

    /// Ring, and aws-lc-rs.
    #[allow(
        unused_imports,
        clippy::wildcard_imports,
        reason = "only a wildcard may name what may not be there"
    )]
    pub(super) fn providers() -> (bool, bool) {
        use absent::*;
        {
            // An inner import hides an outer one: what rustls has is found first.
            use rustls::crypto::*;
            (
                here(ring::default_provider),
                here(aws_lc_rs::default_provider),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_provider_decides_and_none_or_two_do_not() {
        assert!(!decides(false, false, (false, false)));
        assert!(!decides(false, false, (true, true)));
        assert!(decides(false, false, (true, false)));
        assert!(decides(false, false, (false, true)));
        assert!(decides(true, false, (false, false)));
        assert!(decides(false, true, (true, true)));
    }

    #[test]
    fn what_rustls_is_compiled_with_is_seen() {
        assert_eq!(compiled::providers().0, cfg!(feature = "ring"));
        assert_eq!(compiled::providers().1, cfg!(feature = "aws-lc-rs"));
    }
}
