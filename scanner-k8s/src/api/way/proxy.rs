//! A proxy: where it is, how it is spoken to, and the login that it wants.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};

/// Why a text names no proxy. Nothing of the text is in it: it may have a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::api) enum BadProxy {
    #[error("it is no address of a proxy, such as http://HOST:PORT")]
    NoAddress,
    #[error("its scheme is not http, https or socks5")]
    Scheme,
}

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// CONNECT over plain HTTP: what goes through is TLS.
    Http,
    /// CONNECT over TLS with the proxy.
    Https,
    /// SOCKS5; the proxy resolves names.
    Socks,
}

impl Kind {
    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks => "socks5",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks => 1080,
        }
    }
}

/// User and password for a proxy.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: SecretString,
    pub(super) password: SecretString,
}

impl Login {
    /// As a header has it.
    pub(super) fn basic(&self) -> Option<HeaderValue> {
        let pair = format!(
            "{}:{}",
            self.user.expose_secret(),
            self.password.expose_secret()
        );
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// One proxy. Shown without its login.
#[derive(Clone)]
pub(in crate::api) struct Proxy {
    pub(super) kind: Kind,
    host: String,
    port: u16,
    pub(super) login: Option<Login>,
    /// What named it, such as `HTTPS_PROXY`.
    from: String,
}

impl Proxy {
    /// The proxy that `text` names, which `from` has. Without a scheme it is http.
    ///
    /// # Errors
    ///
    /// Fails where it is no address, and for a scheme that nobody speaks here.
    pub(in crate::api) fn parse(text: &str, from: &str) -> Result<Self, BadProxy> {
        let text = text.trim();
        let address = if text.contains("://") {
            text.parse::<Uri>()
        } else {
            format!("http://{text}").parse()
        };
        let address = address.map_err(|_| BadProxy::NoAddress)?;
        let kind = match address.scheme_str() {
            Some("http") => Kind::Http,
            Some("https") => Kind::Https,
            Some("socks5" | "socks5h") => Kind::Socks,
            _ => return Err(BadProxy::Scheme),
        };
        let authority = address.authority().ok_or(BadProxy::NoAddress)?;
        let host = authority.host();
        let after_host = authority.as_str().rsplit_once(host);
        let port = after_host.and_then(|(_, rest)| rest.strip_prefix(':'));
        let port = match port {
            Some("") | None => kind.port(),
            Some(port) => port.parse().map_err(|_| BadProxy::NoAddress)?,
        };
        if host.is_empty() {
            return Err(BadProxy::NoAddress);
        }
        Ok(Self {
            kind,
            host: host.to_owned(),
            port,
            login: login(authority.as_str()),
            from: from.to_owned(),
        })
    }

    /// Where the proxy listens.
    pub(super) fn address(&self) -> Option<Uri> {
        let scheme = match self.kind {
            Kind::Https => "https",
            Kind::Http | Kind::Socks => "http",
        };
        let authority = format!("{}:{}", self.host, self.port);
        let address = Uri::builder().scheme(scheme).authority(authority);
        address.path_and_query("/").build().ok()
    }

    /// What named it, such as `HTTPS_PROXY`.
    pub(in crate::api) fn from(&self) -> &str {
        &self.from
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.kind.scheme(), self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// User and password before the host, whose characters may be written as `%40`.
fn login(authority: &str) -> Option<Login> {
    let (login, _) = authority.rsplit_once('@')?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let plain =
        |part| SecretString::from(percent_decode_str(part).decode_utf8_lossy().into_owned());
    Some(Login {
        user: plain(user),
        password: plain(password),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Result<String, BadProxy> {
        Proxy::parse(text, "HTTPS_PROXY").map(|proxy| proxy.to_string())
    }

    #[test]
    fn a_proxy_is_read_as_kubectl_does() {
        for (text, wanted) in [
            ("http://proxy:3128", "http://proxy:3128"),
            ("http://proxy", "http://proxy:80"),
            ("http://proxy:", "http://proxy:80"),
            ("https://proxy/", "https://proxy:443"),
            ("socks5://proxy", "socks5://proxy:1080"),
            ("socks5h://proxy:9", "socks5://proxy:9"),
            ("proxy:3128", "http://proxy:3128"),
            (" proxy ", "http://proxy:80"),
            ("10.0.0.1:8080", "http://10.0.0.1:8080"),
            ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
            ("socks5://[fd00::1]", "socks5://[fd00::1]:1080"),
            ("user:secret@proxy:3128", "http://proxy:3128"),
            ("http://user:s%40cret@proxy", "http://proxy:80"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(wanted), "{text}");
        }
        for text in [
            "",
            "http://",
            "http://a b",
            "http://proxy:port",
            "http://proxy:70000",
            "http:///x",
        ] {
            assert_eq!(shown(text), Err(BadProxy::NoAddress), "{text}");
        }
        for text in ["ftp://proxy", "socks4://proxy", "file://x"] {
            assert_eq!(shown(text), Err(BadProxy::Scheme), "{text}");
        }
    }

    #[test]
    fn a_login_is_decoded_and_sent_as_basic() {
        for (text, wanted) in [
            (
                "http://Aladdin:open%20sesame@p",
                Some("Aladdin:open sesame"),
            ),
            ("http://user@p", Some("user:")),
            ("http://u:p%40%3A%25@p", Some("u:p@:%")),
            ("http://p", None),
        ] {
            let proxy = Proxy::parse(text, "x").unwrap();
            let basic = proxy.login.as_ref().and_then(Login::basic);
            let sent = basic.as_ref().map(|value| value.to_str().unwrap());
            let wanted = wanted.map(|pair| format!("Basic {}", STANDARD.encode(pair)));
            assert_eq!(sent, wanted.as_deref(), "{text}");
            assert!(basic.is_none_or(|value| value.is_sensitive()));
        }
    }

    proptest! {
        #[test]
        fn no_password_is_shown(password in "[a-zA-Z0-9]{6,20}", host in "[a-z]{1,5}", scheme in "(http|https|socks5|ftp)") {
            let text = format!("{scheme}://user:{password}@{host}:1");
            let shown = match Proxy::parse(&text, "HTTPS_PROXY") {
                Ok(proxy) => format!("{proxy} {proxy:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains(&password));
        }

        #[test]
        fn nothing_panics(text in ".{0,60}") {
            let _ = shown(&text);
        }
    }
}
