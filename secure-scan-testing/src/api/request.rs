//! What a request means, as the API server's `RequestInfo` reads it.

use http::{Method, Uri};
use percent_encoding::percent_decode_str;

/// A request that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) path: String,
    query: Vec<(String, String)>,
}

impl Info {
    pub(crate) fn read(method: &Method, uri: &Uri) -> Self {
        let path = uri.path().to_owned();
        let parts: Vec<String> = path
            .split('/')
            .filter(|p| !p.is_empty())
            .map(decoded)
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let query = uri.query().unwrap_or_default();
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decoded(key), decoded(&value.replace('+', " ")))
            });
        let mut info = Self {
            query: query.collect(),
            path: path.clone(),
            ..Self::default()
        };
        let rest = match parts.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => {
                info.version = (*version).into();
                rest
            }
            ["apis", group, version, rest @ ..] if !rest.is_empty() => {
                info.group = (*group).into();
                info.version = (*version).into();
                rest
            }
            _ => {
                info.verb = method.as_str().to_lowercase();
                return info;
            }
        };
        let rest = match rest {
            // `namespaces/NAME` alone, or with its own subresource, is the namespace itself.
            ["namespaces", name, ..] => {
                info.namespace = (*name).into();
                match rest {
                    [_, _, more @ ..]
                        if !more.is_empty() && !matches!(more, ["status" | "finalize"]) =>
                    {
                        more
                    }
                    _ => rest,
                }
            }
            _ => rest,
        };
        let at = |index: usize| {
            rest.get(index)
                .map(|part| (*part).to_owned())
                .unwrap_or_default()
        };
        (info.plural, info.name, info.subresource) = (at(0), at(1), at(2));
        let watches = matches!(info.query("watch"), Some("" | "true" | "1"));
        info.verb = match *method {
            Method::GET | Method::HEAD if watches => "watch",
            Method::GET | Method::HEAD if info.name.is_empty() => "list",
            Method::GET | Method::HEAD => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if info.name.is_empty() => "deletecollection",
            Method::DELETE => "delete",
            _ => "other",
        }
        .into();
        info
    }

    /// Whether it is for a resource, and not for discovery or the like.
    pub(crate) fn is_resource(&self) -> bool {
        !self.plural.is_empty()
    }

    /// `pods/exec`.
    pub(crate) fn resource(&self) -> String {
        if self.subresource.is_empty() {
            self.plural.clone()
        } else {
            format!("{}/{}", self.plural, self.subresource)
        }
    }

    /// First value of a query parameter.
    pub(crate) fn query(&self, name: &'static str) -> Option<&str> {
        self.queries(name).next()
    }

    /// Every value of it.
    pub(crate) fn queries(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let all = self.query.iter().filter(move |(key, _)| key == name);
        all.map(|(_, value)| value.as_str())
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_the_server_reads_them() {
        for (method, uri, expected) in [
            (
                Method::GET,
                "/api/v1/namespaces/n/pods/p/exec?command=sh&command=-s",
                "get  pods/exec n p",
            ),
            (
                Method::GET,
                "/apis/batch/v1/namespaces/n/jobs?&watch=true",
                "watch batch jobs n ",
            ),
            (
                Method::GET,
                "/apis/batch/v1/jobs?labelSelector=a%3Db",
                "list batch jobs  ",
            ),
            (Method::GET, "/api/v1/namespaces/n", "get  namespaces n n"),
            (
                Method::DELETE,
                "/api/v1/namespaces/n/secrets/s?",
                "delete  secrets n s",
            ),
            (
                Method::POST,
                "/api/v1/namespaces/n/serviceaccounts/s/token?",
                "create  serviceaccounts/token n s",
            ),
            (Method::GET, "/version", "get    "),
        ] {
            let info = Info::read(&method, &uri.parse().expect("a URI"));
            let read = [
                &info.verb,
                &info.group,
                &info.resource(),
                &info.namespace,
                &info.name,
            ];
            assert_eq!(read.map(String::as_str).join(" "), expected, "{uri}");
        }
        let uri = "/api/v1/pods?command=a%20b&command=-s"
            .parse()
            .expect("a URI");
        let info = Info::read(&Method::GET, &uri);
        assert_eq!(info.queries("command").collect::<Vec<_>>(), ["a b", "-s"]);
    }
}
