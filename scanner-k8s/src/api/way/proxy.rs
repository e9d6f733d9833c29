//! A proxy: where it is, how it is spoken to, and the login that it wants.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};

/// Most bytes of a user, a password and the name of a server that are sent to a SOCKS5 proxy: the library has no room for more.
pub(super) const MAX_SOCKS: usize = 249;
/// Bytes of a server that are counted at least: an IPv6 address takes as many, however it is written.
pub(super) const SOCKS_SERVER: usize = 15;
/// Most bytes of a user and a password.
const MAX_SOCKS_LOGIN: usize = MAX_SOCKS - SOCKS_SERVER;

/// Why a text names no proxy. Nothing of the text is in it: it may have a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::api) enum BadProxy {
    #[error("it is not the address of a proxy, such as http://HOST:PORT")]
    NoAddress,
    #[error("its scheme is not http, https or socks5")]
    Scheme,
    #[error("it has more than a host and a port")]
    More,
    #[error(
        "its user and password are longer together than the {MAX_SOCKS_LOGIN} bytes that are sent to a SOCKS5 proxy"
    )]
    LongLogin,
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
    /// Bytes of both.
    pub(super) fn len(&self) -> usize {
        self.user.expose_secret().len() + self.password.expose_secret().len()
    }

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
    /// Fails where it is no address, for a scheme that nobody speaks here, and where something follows host and port: what
    /// stands before it may be a part of a password.
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
        // What follows a `#` is not in the address.
        let is_bare = matches!(address.path(), "" | "/") && address.query().is_none();
        if !is_bare || text.contains('#') {
            return Err(BadProxy::More);
        }
        let authority = address.authority().ok_or(BadProxy::NoAddress)?;
        let host = authority.host();
        let login = login(authority.as_str());
        let after_login = authority.as_str().rsplit('@').next();
        let after_host = after_login.and_then(|text| text.strip_prefix(host));
        let port = match after_host.ok_or(BadProxy::NoAddress)? {
            "" | ":" => kind.port(),
            port => port_of(port).ok_or(BadProxy::NoAddress)?,
        };
        if host.is_empty() {
            return Err(BadProxy::NoAddress);
        }
        if kind == Kind::Socks
            && login
                .as_ref()
                .is_some_and(|login| login.len() > MAX_SOCKS_LOGIN)
        {
            return Err(BadProxy::LongLogin);
        }
        Ok(Self {
            kind,
            host: host.to_owned(),
            port,
            login,
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

/// The port of `:PORT`.
fn port_of(text: &str) -> Option<u16> {
    let digits = text.strip_prefix(':')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
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
            ("http://0:8080", "http://0:8080"),
            ("http://80:8080", "http://80:8080"),
            ("8:8", "http://8:8"),
            ("http://1:1@1:11", "http://1:11"),
            ("http://p:80@80", "http://80:80"),
            ("socks5://10:10@10:1010", "socks5://10:1010"),
            ("http://a@a:1@a", "http://a:80"),
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
            "http://proxy:+80",
            "http:///x",
        ] {
            assert_eq!(shown(text), Err(BadProxy::NoAddress), "{text}");
        }
        for text in [
            "http://svc:4711/Secret@proxy:3128",
            "http://svc:4711?Secret@proxy:3128",
            "http://svc:4711#Secret@proxy:3128",
            "svc:4711/Secret@proxy:3128",
            "http://4711/Secret@proxy",
            "http://Secret#x@proxy",
            "http://proxy?",
            "http://proxy/#",
            "http://proxy/x",
            "http://proxy//",
            "socks5://proxy/?x",
        ] {
            assert_eq!(shown(text), Err(BadProxy::More), "{text}");
        }
        for text in ["ftp://proxy", "socks4://proxy", "file://x"] {
            assert_eq!(shown(text), Err(BadProxy::Scheme), "{text}");
        }
    }

    #[test]
    fn a_login_that_no_socks_proxy_can_be_sent_is_refused() {
        for (scheme, user, password, refused) in [
            ("socks5", 100, 134, false),
            ("socks5", 100, 135, true),
            ("socks5h", 234, 0, false),
            ("socks5", 235, 0, true),
            ("socks5", 0, 256, true),
            ("http", 300, 300, false),
        ] {
            let (user, password) = ("u".repeat(user), "p".repeat(password));
            let text = format!("{scheme}://{user}:{password}@proxy");
            let failed = shown(&text).err();
            assert_eq!(failed, refused.then_some(BadProxy::LongLogin), "{text}");
        }
        // What counts is what is sent.
        let spelled = format!("socks5://{}:p@proxy", "%40".repeat(200));
        assert!(shown(&spelled).is_ok());
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
        fn no_password_is_shown(
            // Its parts are not like anything else that is shown.
            parts in prop::collection::vec("[0-9]{0,4}[JQXZ]{4}", 1..4),
            between in prop::collection::vec("[/?#@:%]{1,2}", 3),
            user in "(user:|4711:|:|)",
            first in "[0-9]{0,5}[/?#@:%]{0,1}",
            host in "[a-z0-9]{1,5}",
            scheme in "(http://|https://|socks5://|ftp://|)",
        ) {
            let spelled = parts.iter().zip(&between).flat_map(|(part, sign)| [part.as_str(), sign]);
            let spelled: String = spelled.collect();
            let text = format!("{scheme}{user}{first}{spelled}x@{host}:1");
            let shown = match Proxy::parse(&text, "HTTPS_PROXY") {
                Ok(proxy) => format!("{proxy} {proxy:?} {:?}", proxy.address()),
                Err(error) => format!("{error} {error:?}"),
            };
            let leaks = parts.iter().any(|part| shown.contains(&part[part.len() - 4..]));
            prop_assert!(!leaks, "{text}: {shown}");
        }

        #[test]
        fn nothing_panics(text in ".{0,60}") {
            let _ = shown(&text);
        }
    }
}
