//! Which proxy the environment names for a server: `HTTPS_PROXY`, unless `NO_PROXY` excludes the server.

use http::Uri;

use super::{
    no_proxy::excludes,
    proxy::{BadProxy, Proxy},
};
use crate::api::environment::Environment;

/// The variables that name a proxy for https, the first one first.
const PROXY: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The proxy of the environment for `server`.
///
/// # Errors
///
/// Fails, with the name of the variable, if its value is not a proxy: the server is then not reached without one. Go
/// ignores such a value.
pub(in crate::api) fn proxy_for(
    environment: &Environment,
    server: &Uri,
) -> Result<Option<Proxy>, (&'static str, BadProxy)> {
    let Some((name, address)) = environment.first(&PROXY) else {
        return Ok(None);
    };
    let excluded = environment.first(&NO_PROXY);
    let excluded = excluded.map(|(_, list)| list).unwrap_or_default();
    let (host, port) = (server.host().unwrap_or_default(), server.port_u16());
    if excludes(&excluded, host, port.unwrap_or(443)) {
        return Ok(None);
    }
    let proxy = Proxy::parse(&address, name).map_err(|error| (name, error))?;
    Ok(Some(proxy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(variables: &[(&str, &str)], server: &str) -> Option<String> {
        let found = proxy_for(&Environment::of(variables), &server.parse().unwrap());
        let proxy = found.unwrap()?;
        Some(format!("{proxy} of {}", proxy.from()))
    }

    #[test]
    fn variables_are_read_in_both_spellings_and_upper_case_first() {
        let server = "https://api.example.com:6443";
        let upper = ("HTTPS_PROXY", "http://upper:1");
        let lower = ("https_proxy", "lower:2");
        let of = |variables: &[_]| named(variables, server);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[upper]).unwrap(), "http://upper:1 of HTTPS_PROXY");
        assert_eq!(of(&[lower]).unwrap(), "http://lower:2 of https_proxy");
        assert_eq!(
            of(&[upper, lower]).unwrap(),
            "http://upper:1 of HTTPS_PROXY"
        );
        let empty = ("HTTPS_PROXY", "");
        assert_eq!(
            of(&[empty, lower]).unwrap(),
            "http://lower:2 of https_proxy"
        );
        for other in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            assert_eq!(of(&[(other, "http://p:1")]), None, "{other}");
        }
        for no in ["NO_PROXY", "no_proxy"] {
            assert_eq!(of(&[upper, (no, "x,.example.com")]), None);
            assert!(of(&[upper, (no, "x,.example.org")]).is_some());
        }
        // The first that is set decides alone.
        let both = [upper, ("NO_PROXY", "x"), ("no_proxy", "*")];
        assert!(of(&both).is_some());
    }

    #[test]
    fn this_machine_is_never_reached_by_the_proxy_of_the_environment() {
        for server in [
            "https://localhost",
            "https://127.0.0.1:6443",
            "https://[::1]:6443",
        ] {
            assert_eq!(named(&[("HTTPS_PROXY", "p:1")], server), None, "{server}");
        }
    }

    #[test]
    fn a_variable_that_names_no_proxy_is_not_passed_by_unless_the_server_is_excluded() {
        let server: Uri = "https://api.example.com".parse().unwrap();
        for bad in ["ftp://p", "http://a b", "http://p:x"] {
            let variables = [("HTTPS_PROXY", bad), ("NO_PROXY", "example.org")];
            let failed = proxy_for(&Environment::of(&variables), &server);
            assert_eq!(failed.unwrap_err().0, "HTTPS_PROXY", "{bad}");
            let variables = [("HTTPS_PROXY", bad), ("NO_PROXY", "example.com")];
            let passed = proxy_for(&Environment::of(&variables), &server);
            assert!(passed.unwrap().is_none(), "{bad}");
        }
    }
}
