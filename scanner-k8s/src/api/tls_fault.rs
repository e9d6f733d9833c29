//! What is wrong with TLS, in the words of whoever wrote the kubeconfig: rustls names its own types.

use std::{error::Error, io};

use jiff::Timestamp;
use kube::client::RustlsTlsError;
use rustls::{AlertDescription, CertificateError, pki_types::UnixTime};
use scanner_core::escape::visible;

/// Most names of a certificate that are shown.
const MAX_NAMES: usize = 10;
/// Longest such name, in characters.
const MAX_NAME: usize = 100;

/// With whom a connection speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Server,
    Proxy,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "the server",
            Self::Proxy => "the proxy",
        }
    }
}

/// What is wrong with a certificate, a key or the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TlsFault {
    /// No authority that is trusted signed the certificate.
    UnknownIssuer,
    /// The certificate is for these names, escaped.
    OtherNames(Vec<String>),
    Expired(Option<Timestamp>),
    NotValidYet(Option<Timestamp>),
    /// Something else is wrong with the certificate.
    Unusable(String),
    /// The peer refuses the client's certificate.
    ClientRefused(String),
    /// The peer ends the handshake.
    Alert(String),
    /// No version and no cipher in common.
    Incompatible,
    /// The client's certificate and its key do not belong together.
    OtherKey,
    NoKey,
    NoCertificate,
    /// Certificate or key of the client cannot be read.
    NotReadable,
    /// The certificate authority cannot be read.
    Authority,
}

impl TlsFault {
    /// The one among an error and its causes.
    pub(super) fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<rustls::Error>() {
                return Self::of_rustls(found);
            }
            if let Some(found) = error.downcast_ref::<RustlsTlsError>() {
                return Self::of_configuration(found);
            }
            // An error of input or output skips what it was made of when it names its source.
            let inner = error.downcast_ref::<io::Error>();
            next = match inner.and_then(io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }

    fn of_rustls(error: &rustls::Error) -> Option<Self> {
        Some(match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::InconsistentKeys(_) => Self::OtherKey,
            rustls::Error::AlertReceived(alert) => Self::of_alert(*alert),
            rustls::Error::PeerIncompatible(_) => Self::Incompatible,
            _ => return None,
        })
    }

    fn of_certificate(error: &CertificateError) -> Self {
        let time = |time: &UnixTime| {
            let seconds = i64::try_from(time.as_secs()).ok()?;
            Timestamp::from_second(seconds).ok()
        };
        match error {
            // The authorities of most clusters have one name, so that of another cluster is found and its key does not fit.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            CertificateError::NotValidForName => Self::OtherNames(Vec::new()),
            CertificateError::NotValidForNameContext { presented, .. } => {
                let shown = presented.iter().take(MAX_NAMES);
                let mut names: Vec<String> = shown.map(|name| plain(name)).collect();
                if presented.len() > MAX_NAMES {
                    names.push(format!("and {} more", presented.len() - MAX_NAMES));
                }
                Self::OtherNames(names)
            }
            CertificateError::Expired => Self::Expired(None),
            CertificateError::ExpiredContext { not_after, .. } => Self::Expired(time(not_after)),
            CertificateError::NotValidYet => Self::NotValidYet(None),
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::NotValidYet(time(not_before))
            }
            CertificateError::Other(error) => Self::Unusable(words(&error.to_string())),
            other => Self::Unusable(words(&format!("{other:?}"))),
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        let name = words(&format!("{alert:?}"));
        match alert {
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied => Self::ClientRefused(name),
            _ => Self::Alert(name),
        }
    }

    fn of_configuration(error: &RustlsTlsError) -> Option<Self> {
        Some(match error {
            RustlsTlsError::MissingPrivateKey => Self::NoKey,
            RustlsTlsError::MissingCertificate => Self::NoCertificate,
            RustlsTlsError::InvalidPrivateKey(rustls::Error::InconsistentKeys(_)) => Self::OtherKey,
            RustlsTlsError::InvalidPrivateKey(_)
            | RustlsTlsError::InvalidIdentityPem(_)
            | RustlsTlsError::UnknownPrivateKeyFormat => Self::NotReadable,
            RustlsTlsError::AddRootCertificate(_) => Self::Authority,
            _ => return None,
        })
    }

    /// What is wrong, where TLS is with `peer`.
    pub(super) fn text(&self, peer: Peer) -> String {
        let peer = peer.name();
        let certificate = format!("{peer}'s certificate");
        let since = |time: &Option<Timestamp>| match time {
            Some(time) => format!(" ({time})"),
            None => String::new(),
        };
        match self {
            Self::UnknownIssuer => format!(
                "{certificate} is not signed by the certificate authority that the kubeconfig or this system trusts"
            ),
            Self::OtherNames(names) if names.is_empty() => {
                format!("{certificate} is for other names than that of {peer}")
            }
            Self::OtherNames(names) => {
                format!("{certificate} is for other names: {}", names.join(", "))
            }
            Self::Expired(time) => format!("{certificate} has expired{}", since(time)),
            Self::NotValidYet(time) => format!("{certificate} is not valid yet{}", since(time)),
            Self::Unusable(why) => format!("{certificate} cannot be verified: {why}"),
            Self::ClientRefused(why) => format!("{peer} refuses the client certificate: {why}"),
            Self::Alert(why) => format!("{peer} ends TLS with a fatal alert: {why}"),
            Self::Incompatible => {
                format!("{peer} offers no version or cipher of TLS that is safe enough")
            }
            Self::OtherKey => "client certificate and client key do not belong together".to_owned(),
            Self::NoKey => "the client key has no private key that can be used".to_owned(),
            Self::NoCertificate => "the client certificate has no certificate".to_owned(),
            Self::NotReadable => {
                "the client certificate or the client key cannot be used".to_owned()
            }
            Self::Authority => "the certificate authority cannot be used".to_owned(),
        }
    }

    /// What to do next.
    pub(super) fn advice(&self, peer: Peer) -> &'static str {
        match (self, peer) {
            (Self::OtherKey | Self::NoKey | Self::NoCertificate | Self::NotReadable, _) => {
                "check client-certificate-data and client-key-data of the kubeconfig's user: the key must be the \
                 certificate's own, as PEM without a password"
            }
            (Self::ClientRefused(_), _) => {
                "log in again, or renew client-certificate-data and client-key-data of the kubeconfig's user"
            }
            (Self::Authority, _) => "check certificate-authority-data of the kubeconfig",
            (Self::Expired(_) | Self::NotValidYet(_), _) => {
                "let an administrator renew the certificate, or correct the clock of this machine"
            }
            (_, Peer::Proxy) => {
                "check the proxy (proxy-url in the kubeconfig, or HTTPS_PROXY), and that certificate-authority-data trusts it"
            }
            (Self::UnknownIssuer | Self::Unusable(_), Peer::Server) => {
                "check certificate-authority-data in the kubeconfig; or something between you and the server, such as a \
                 proxy, answers in its place"
            }
            (Self::OtherNames(_), Peer::Server) => {
                "check server and tls-server-name in the kubeconfig: one of them must be a name of the certificate"
            }
            (Self::Alert(_) | Self::Incompatible, Peer::Server) => {
                "check server and tls-server-name in the kubeconfig, and what answers there"
            }
        }
    }
}

/// A name of a certificate without the type that webpki puts around it, such as `DnsName("localhost")`.
fn plain(name: &str) -> String {
    let inner = name
        .split_once('(')
        .and_then(|(_, inner)| inner.strip_suffix(')'));
    visible(inner.unwrap_or(name).trim_matches('"'), MAX_NAME)
}

/// A name of Rust such as `HandshakeFailure` as words.
fn words(name: &str) -> String {
    let name: String = name
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    let mut text = String::new();
    let mut after_small = false;
    for letter in name.trim_end_matches("Context").chars() {
        if letter.is_ascii_uppercase() && after_small {
            text.push(' ');
        }
        after_small = letter.is_ascii_lowercase();
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rust_become_words() {
        for (name, text) in [
            ("HandshakeFailure", "handshake failure"),
            ("UnknownCA", "unknown ca"),
            (
                "InvalidPurposeContext { required: ServerAuth }",
                "invalid purpose",
            ),
            ("", ""),
        ] {
            assert_eq!(words(name), text);
        }
        for (name, text) in [
            ("DnsName(\"localhost\")", "localhost"),
            ("IpAddress(127.0.0.1)", "127.0.0.1"),
            ("plain", "plain"),
            ("DnsName(\"a\u{1b}[1m\")", &visible("a\u{1b}[1m", MAX_NAME)),
        ] {
            assert_eq!(plain(name), text);
        }
    }

    #[test]
    fn many_names_are_not_all_shown() {
        let presented: Vec<String> = (0..30).map(|n| format!("DnsName(\"h{n}\")")).collect();
        let error = CertificateError::NotValidForNameContext {
            expected: "x".try_into().unwrap(),
            presented,
        };
        let text = TlsFault::of_certificate(&error).text(Peer::Server);
        assert!(text.ends_with("h9, and 20 more"), "{text}");
    }

    #[test]
    fn a_fault_is_found_below_errors_of_input_and_output() {
        let error = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
        assert_eq!(TlsFault::find(&error), Some(TlsFault::Expired(None)));
        assert_eq!(TlsFault::find(&io::Error::other("other")), None);
    }
}
