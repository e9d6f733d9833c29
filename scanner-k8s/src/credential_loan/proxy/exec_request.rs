//! Reads a request for an exec. What goes to the server is written anew from what is read here.

use form_urlencoded::parse;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    request::Parts,
};

use super::refusal::Refusal;
use crate::api::tunnel::{ExecAsked, STREAM_VERSION, Streams};

/// Versions of the protocol of an exec: `k8s.io/apimachinery/pkg/util/remotecommand`. Others could carry a token, or be the
/// protocol of something else.
const VERSIONS: [&str; 5] = [
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v3.channel.k8s.io",
    "v2.channel.k8s.io",
    "channel.k8s.io",
];
/// Most words of a command.
const MAX_WORDS: usize = 1024;

/// Reads `parts` as an exec into `container`.
///
/// # Errors
///
/// Refuses another container, another parameter, and a request that is no upgrade to a protocol of an exec.
pub(super) fn read(parts: &Parts, container: &str) -> Result<ExecAsked, Refusal> {
    let mut asked = ExecAsked {
        method: parts.method.clone(),
        argv: Vec::new(),
        streams: Streams::default(),
        terminal: false,
        upgrade: upgrade(parts)?,
    };
    let query = parts.uri.query().unwrap_or_default();
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in parse(query.as_bytes()) {
        if name == "command" {
            asked.argv.push(value.into_owned());
            continue;
        }
        if seen.iter().any(|known| *known == name) {
            return Err(Refusal::invalid(format!(
                "secure-scan: parameter {name:?} stands twice"
            )));
        }
        match &*name {
            "stdin" => asked.streams.stdin = flag(&value)?,
            "stdout" => asked.streams.stdout = flag(&value)?,
            "stderr" => asked.streams.stderr = flag(&value)?,
            "tty" => asked.terminal = flag(&value)?,
            "container" if value.is_empty() || value == container => {}
            "container" => {
                return Err(Refusal::forbidden(format!(
                    "secure-scan: this loan is for container {container} alone"
                )));
            }
            _ => {
                return Err(Refusal::invalid(
                    "secure-scan: an exec has the parameters command, container, stdin, stdout, stderr and tty",
                ));
            }
        }
        seen.push(name.into_owned());
    }
    if asked.argv.is_empty() || asked.argv.len() > MAX_WORDS {
        return Err(Refusal::invalid(format!(
            "secure-scan: a command has 1 to {MAX_WORDS} words"
        )));
    }
    Ok(asked)
}

/// A boolean as clients write it.
fn flag(value: &str) -> Result<bool, Refusal> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Refusal::invalid(
            "secure-scan: a parameter that is neither true nor false",
        )),
    }
}

/// The headers of the upgrade that go to the server.
fn upgrade(parts: &Parts) -> Result<HeaderMap, Refusal> {
    let no_upgrade =
        || Refusal::invalid("secure-scan: an exec is an upgrade to WebSocket, or to SPDY/3.1");
    let mut headers = HeaderMap::new();
    let wanted = words(&parts.headers, &CONNECTION);
    if !wanted
        .iter()
        .any(|word| word.eq_ignore_ascii_case("upgrade"))
    {
        return Err(no_upgrade());
    }
    let protocol = match words(&parts.headers, &UPGRADE).as_slice() {
        [one] => one.to_ascii_lowercase(),
        _ => return Err(no_upgrade()),
    };
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    match (protocol.as_str(), &parts.method) {
        ("websocket", &Method::GET) => {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            for name in [SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION] {
                let value = parts.headers.get(&name).ok_or_else(no_upgrade)?;
                headers.insert(name, value.clone());
            }
            versions(parts, &SEC_WEBSOCKET_PROTOCOL, &mut headers)?;
        }
        ("spdy/3.1", &(Method::GET | Method::POST)) => {
            headers.insert(UPGRADE, HeaderValue::from_static("SPDY/3.1"));
            versions(parts, &STREAM_VERSION, &mut headers)?;
        }
        _ => return Err(no_upgrade()),
    }
    Ok(headers)
}

/// The versions that the client offers, in its order, without what is none.
fn versions(parts: &Parts, name: &HeaderName, headers: &mut HeaderMap) -> Result<(), Refusal> {
    let offered = words(&parts.headers, name);
    let known = VERSIONS.iter().copied();
    let known: Vec<&str> = offered
        .iter()
        .filter_map(|word| known.clone().find(|version| version == word))
        .collect();
    if known.is_empty() {
        return Err(Refusal::invalid(format!(
            "secure-scan: {name} must offer one of {}",
            VERSIONS.join(", ")
        )));
    }
    // SPDY has a header for each, and WebSocket one list.
    let values = if *name == STREAM_VERSION {
        known.iter().map(|version| (*version).to_owned()).collect()
    } else {
        vec![known.join(", ")]
    };
    for value in values {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name.clone(), value);
        }
    }
    Ok(())
}

/// All words of a header that is a list.
fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect()
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn parts(method: &str, query: &str, headers: &[(&str, &str)]) -> Parts {
        let uri = format!("/api/v1/namespaces/shop/pods/web/exec?{query}");
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    const WEBSOCKET: [(&str, &str); 5] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("sec-websocket-version", "13"),
        (
            "sec-websocket-protocol",
            "base64url.bearer.authorization.k8s.io.dG9rZW4, v5.channel.k8s.io,portforward.k8s.io, v4.channel.k8s.io",
        ),
    ];
    const SPDY: [(&str, &str); 4] = [
        ("connection", "Upgrade"),
        ("upgrade", "SPDY/3.1"),
        ("x-stream-protocol-version", "v4.channel.k8s.io"),
        ("x-stream-protocol-version", "channel.k8s.io"),
    ];

    fn websocket(query: &str) -> Result<ExecAsked, Refusal> {
        read(&parts("GET", query, &WEBSOCKET), "app")
    }

    #[test]
    fn what_kubectl_asks_is_read() {
        let asked = websocket(
            "command=sh&command=-c&command=id+-u&container=app&stderr=true&stdin=True&tty=0",
        );
        let asked = asked.unwrap();
        assert_eq!(asked.argv, ["sh", "-c", "id -u"]);
        let wanted = Streams {
            stdin: true,
            stdout: false,
            stderr: true,
        };
        assert_eq!((asked.streams, asked.terminal), (wanted, false));
        let offered = &asked.upgrade[SEC_WEBSOCKET_PROTOCOL];
        assert_eq!(offered, "v5.channel.k8s.io, v4.channel.k8s.io", "no token");
        let spdy = read(&parts("POST", "command=id", &SPDY), "app").unwrap();
        let versions = spdy.upgrade.get_all(STREAM_VERSION).iter();
        let versions: Vec<_> = versions.collect();
        assert_eq!(versions, ["v4.channel.k8s.io", "channel.k8s.io"]);
        assert_eq!(spdy.upgrade[UPGRADE], "SPDY/3.1");
    }

    #[test]
    fn what_is_no_exec_of_the_container_is_refused() {
        for (query, code) in [
            ("command=id&container=db", 403),
            ("command=id&container=app&container=db", 400),
            ("command=id&tty=false&tty=true", 400),
            ("command=id&tty=maybe", 400),
            ("command=id&%74ty=true&tty=", 400),
            ("command=id&timeout=3", 400),
            ("stdin=true", 400),
            ("", 400),
        ] {
            let refused = websocket(query).unwrap_err();
            assert_eq!(refused.status.as_u16(), code, "{query}: {refused:?}");
        }
        // A name in another spelling is the same name.
        assert!(websocket("command=id&%74ty=true").unwrap().terminal);
        let many = "command=x&".repeat(MAX_WORDS + 1);
        assert!(websocket(&many).is_err());
    }

    #[test]
    fn only_upgrades_of_an_exec_are_taken() {
        for (method, headers) in [
            ("GET", &[][..]),
            ("POST", &WEBSOCKET[..]),
            ("PUT", &SPDY[..]),
            ("GET", &WEBSOCKET[1..]),
            ("GET", &WEBSOCKET[..4]),
            ("GET", &[WEBSOCKET[0], WEBSOCKET[1], WEBSOCKET[4]]),
            ("GET", &[("connection", "upgrade"), ("upgrade", "h2c")]),
            (
                "GET",
                &[("connection", "upgrade"), ("upgrade", "websocket, h2c")],
            ),
            ("POST", &SPDY[..2]),
        ] {
            let refused = read(&parts(method, "command=id", headers), "app");
            let refused = refused.unwrap_err();
            assert_eq!(refused.status.as_u16(), 400, "{method} {headers:?}");
        }
    }

    proptest! {
        /// No query, however it is written, leads to another container, and none makes a panic.
        #[test]
        fn no_query_leads_elsewhere(query in "[a-z%0-9=&+;]{0,80}") {
            if let Ok(asked) = websocket(&query) {
                prop_assert!(!asked.argv.is_empty());
            }
        }

        /// Words come through as they are.
        #[test]
        fn words_are_read_as_they_were_written(argv in proptest::collection::vec(".{0,12}", 1..6)) {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for word in &argv {
                query.append_pair("command", word);
            }
            prop_assert_eq!(websocket(&query.finish()).unwrap().argv, argv);
        }
    }
}
