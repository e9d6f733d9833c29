//! Reads a request for an exec. What goes to the server is written anew from what is read here.

use form_urlencoded::{byte_serialize, parse};
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
/// Longest command, in bytes of the URL that goes to the server. A client can write it shorter than that.
const MAX_COMMAND: usize = 32 << 10;

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
    if in_url(&asked.argv) > MAX_COMMAND {
        return Err(Refusal::invalid(format!(
            "secure-scan: a command has at most {MAX_COMMAND} bytes in a URL"
        )));
    }
    Ok(asked)
}

/// Bytes of a command in a URL.
fn in_url(argv: &[String]) -> usize {
    let words = argv.iter().map(|word| {
        let parts = byte_serialize(word.as_bytes());
        "&command=".len() + parts.map(str::len).sum::<usize>()
    });
    words.sum()
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

/// Copies the known versions that the client offers into `headers`, in the client's order.
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
    use proptest::{prelude::*, sample};

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
        // What a client writes in few bytes, and a URL in many.
        for (word, times, taken) in [
            ("x", 32_000, true),
            ("x", 33_000, false),
            ("(", 9000, true),
            ("(", 11_000, false),
            ("é", 6000, false),
        ] {
            let long = format!("command=sh&command={}", word.repeat(times));
            assert_eq!(websocket(&long).is_ok(), taken, "{times} times {word}");
        }
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

    /// Parameters of an exec.
    const NAMES: [&str; 6] = ["command", "container", "stdin", "stdout", "stderr", "tty"];

    fn name() -> impl Strategy<Value = &'static str> {
        let others = vec!["Container", "container ", "timeout", "", "command[]"];
        prop_oneof![
            3 => Just("command"),
            2 => Just("container"),
            4 => sample::select(NAMES[2..].to_vec()),
            1 => sample::select(others),
        ]
    }

    fn value() -> impl Strategy<Value = &'static str> {
        prop_oneof![
            4 => sample::select(vec!["app", "true", "false", ""]),
            1 => sample::select(vec!["db", "App", "app ", "app&container=db", "a=b"]),
        ]
    }

    /// The same text with some of its bytes as `%XX`: those that must be, and others as `how` says.
    fn spelled(text: &str, how: u64) -> String {
        let bytes = text.bytes().enumerate().map(|(at, byte)| {
            let bits = how >> (at * 2 % 32);
            let raw = byte.is_ascii_alphanumeric() && bits & 1 == 0;
            match (raw, bits & 2) {
                (true, _) => char::from(byte).to_string(),
                (false, 0) => format!("%{byte:02x}"),
                (false, _) => format!("%{byte:02X}"),
            }
        });
        bytes.collect()
    }

    proptest! {
        /// No query makes a panic.
        #[test]
        fn any_query_is_read_or_refused(query in "[a-z%0-9=&+;]{0,80}") {
            if let Ok(asked) = websocket(&query) {
                prop_assert!(!asked.argv.is_empty());
            }
        }

        /// However a query is written, what is read from it is what it says, and a query is refused that names another
        /// container, another parameter, a parameter twice or no command.
        #[test]
        fn no_query_leads_elsewhere(
            pairs in proptest::collection::vec((name(), value(), any::<u64>()), 0..6),
        ) {
            let query: Vec<String> = pairs
                .iter()
                .map(|(name, value, how)| format!("{}={}", spelled(name, *how), spelled(value, how >> 32)))
                .collect();
            let all = |wanted: &str| -> Vec<&str> {
                let found = pairs.iter().filter(|(name, ..)| *name == wanted);
                found.map(|(_, value, _)| *value).collect()
            };
            let flag = |name: &str| match all(name).as_slice() {
                [] | ["false"] => Some(false),
                ["true"] => Some(true),
                _ => None,
            };
            let known = pairs.iter().all(|(name, ..)| NAMES.contains(name));
            let here = matches!(all("container").as_slice(), [] | ["" | "app"]);
            let flags = ["stdin", "stdout", "stderr", "tty"].map(flag);
            let wanted = (known && here && !all("command").is_empty()).then_some(flags);
            let wanted = wanted.and_then(|[stdin, stdout, stderr, tty]| {
                Some((Streams { stdin: stdin?, stdout: stdout?, stderr: stderr? }, tty?))
            });
            let read = websocket(&query.join("&"));
            prop_assert_eq!(read.is_ok(), wanted.is_some(), "{:?}: {:?}", query, read);
            if let (Ok(read), Some(wanted)) = (read, wanted) {
                prop_assert_eq!(read.argv, all("command"));
                prop_assert_eq!((read.streams, read.terminal), wanted);
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
