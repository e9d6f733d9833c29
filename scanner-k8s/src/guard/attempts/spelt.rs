//! Execs whose parameters and path are spelt differently: the guard must decide on exactly what the server would run.

use http::Method;
use k8s_openapi::api::core::v1::Pod;
use kube::Resource as _;

use super::{
    planned::Planned,
    request::{Attempt, attempt, spelt},
};

/// A command that no scan plans, and that no target has, in case the guard fails.
const OTHER: &str = "command=%2Fsecure-scan-guard-test-other";
const STREAMS: &str = "stdin=true&stdout=true&stderr=true";

impl Planned {
    /// Every spelling, as WebSocket clients send it (GET) and as SPDY clients do (POST).
    pub(in crate::guard) fn spelt(&self) -> Vec<Attempt> {
        let mut all = self.words();
        all.extend(self.terminals());
        all.extend(self.paths());
        all
    }

    fn uri(&self, rest: &str) -> String {
        let pods = Pod::url_path(&(), Some(self.target.namespace.as_str()));
        format!("{pods}/{rest}")
    }

    /// The exec with that query; nothing is added to it but streams.
    fn query(&self, method: Method, query: &str) -> kube::Result<http::Request<Vec<u8>>> {
        let uri = self.uri(&format!("{}/exec?{STREAMS}&{query}", self.target.pod));
        spelt(method, &uri, vec![])
    }

    /// The planned container and command.
    fn planned(&self) -> (String, String) {
        let words = self.argv();
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("command={}", encoded(word)))
            .collect();
        (
            format!("container={}", self.command.container),
            words.join("&"),
        )
    }

    fn words(&self) -> Vec<Attempt> {
        let (container, command) = self.planned();
        let capital = |text: &str| {
            text.replace("command=", "Command=")
                .replace("container=", "Container=")
        };
        let get = |query: String| self.query(Method::GET, &query);
        let post = |query: String| self.query(Method::POST, &query);
        let twice = command.replace("%2F", "%252F");
        vec![
            attempt(
                "exec by POST: another command",
                post(format!("{container}&{OTHER}")),
            ),
            attempt(
                "exec by POST: another container",
                post(format!("container=secure-scan-other&{command}")),
            ),
            attempt(
                "exec by POST: one argument more",
                post(format!("{container}&{command}&command=-c")),
            ),
            attempt(
                "exec: another container before the planned one",
                get(format!("container=secure-scan-other&{container}&{command}")),
            ),
            attempt(
                "exec by POST: another container before the planned one",
                post(format!("container=secure-scan-other&{container}&{command}")),
            ),
            attempt(
                "exec: another command before the planned one",
                get(format!("{container}&{OTHER}&{command}")),
            ),
            attempt(
                "exec: another command after the planned one",
                get(format!("{container}&{command}&{OTHER}")),
            ),
            attempt(
                "exec: a command under a capitalised name alone",
                get(format!("{container}&{}", capital(&command))),
            ),
            attempt(
                "exec: a container under a capitalised name alone",
                get(format!("{}&{command}", capital(&container))),
            ),
            attempt(
                "exec: another command beside a capitalised planned one",
                get(format!("{container}&{OTHER}&{}", capital(&command))),
            ),
            attempt(
                "exec: an argument more under an encoded name",
                get(format!("{container}&{command}&%63ommand=-c")),
            ),
            attempt(
                "exec: another container under an encoded name",
                get(format!(
                    "%63ontainer=secure-scan-other&{container}&{command}"
                )),
            ),
            attempt(
                "exec: words that are encoded twice",
                get(format!("{container}&{twice}")),
            ),
            attempt(
                "exec: a word with a NUL at its end",
                get(format!("{container}&{command}%00")),
            ),
            attempt(
                "exec: a word with a blank at its end",
                get(format!("{container}&{command}+")),
            ),
            attempt(
                "exec: semicolons between the parameters",
                get(format!("{container};{}", command.replace('&', ";"))),
            ),
        ]
    }

    fn terminals(&self) -> Vec<Attempt> {
        let (container, command) = self.planned();
        let tty = |method, tty: &str| self.query(method, &format!("{container}&{command}&{tty}"));
        vec![
            attempt("exec: a terminal as 1", tty(Method::GET, "tty=1")),
            attempt("exec: a terminal as TRUE", tty(Method::GET, "tty=TRUE")),
            attempt("exec: a terminal as any word", tty(Method::GET, "tty=yes")),
            attempt(
                "exec: a terminal, then none",
                tty(Method::GET, "tty=true&tty=false"),
            ),
            attempt(
                "exec by POST: with a terminal",
                tty(Method::POST, "tty=true"),
            ),
        ]
    }

    /// The same place by another spelling, with a command that was not planned.
    fn paths(&self) -> Vec<Attempt> {
        let (container, _) = self.planned();
        let pod = self.target.pod.as_str();
        let first = pod.bytes().next().unwrap_or_default();
        let rest = pod.get(1..).unwrap_or_default();
        let at = |path: String| {
            let uri = self.uri(&format!("{path}?{STREAMS}&{container}&{OTHER}"));
            spelt(Method::GET, &uri, vec![])
        };
        vec![
            attempt(
                "exec: the word exec encoded in the path",
                at(format!("{pod}/%65xec")),
            ),
            attempt(
                "exec: the pod's name encoded in the path",
                at(format!("%{first:02x}{rest}/exec")),
            ),
        ]
    }
}

/// A word as a value of a query.
fn encoded(word: &str) -> String {
    word.replace('%', "%25").replace('/', "%2F")
}
