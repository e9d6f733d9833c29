//! One event of the API server's own audit log (`audit.k8s.io/v1`).

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::Value;

/// The annotation with which the server says which token it issued.
const ISSUED: &str = "authentication.kubernetes.io/issued-credential-id";
/// The user's extra field with which the server says which token was used.
const USED: &str = "authentication.kubernetes.io/credential-id";
/// The stage of a request that is over.
pub(super) const COMPLETE: &str = "ResponseComplete";
/// The stage of a request that the server has not acted on yet.
pub(super) const RECEIVED: &str = "RequestReceived";
/// Subresources through which a client and a pod or a service talk.
const STREAMS: [&str; 4] = ["exec", "attach", "portforward", "proxy"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    kind: String,
    api_version: String,
    #[serde(rename = "auditID")]
    pub(super) audit_id: String,
    #[serde(default)]
    pub(super) stage: String,
    #[serde(default)]
    pub(super) verb: String,
    #[serde(default, rename = "requestURI")]
    pub(super) request_uri: String,
    #[serde(default)]
    pub(super) user: User,
    #[serde(default)]
    pub(super) impersonated_user: Option<User>,
    #[serde(default)]
    pub(super) object_ref: Option<ObjectRef>,
    #[serde(default)]
    pub(super) response_status: Option<Status>,
    /// Only where the server's audit policy asks for it.
    #[serde(default)]
    pub(super) request_object: Option<Value>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) request_received_timestamp: String,
    #[serde(default, rename = "sourceIPs")]
    pub(super) source_ips: Vec<String>,
    #[serde(default)]
    pub(super) user_agent: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct User {
    #[serde(default)]
    pub(super) username: String,
    #[serde(default)]
    extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// Ids of the token that was used; none for a token without an id, and for other kinds of credentials.
    pub(super) fn credentials(&self) -> &[String] {
        self.extra.get(USED).map_or(&[], Vec::as_slice)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectRef {
    #[serde(default)]
    pub(super) resource: String,
    #[serde(default)]
    pub(super) subresource: String,
    #[serde(default)]
    pub(super) api_group: String,
    #[serde(default)]
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Status {
    #[serde(default)]
    pub(super) code: u16,
}

impl ObjectRef {
    /// Resource with its subresource and group.
    pub(super) fn resource(&self) -> String {
        let mut text = self.resource.clone();
        if !self.subresource.is_empty() {
            text = format!("{text}/{}", self.subresource);
        }
        if !self.api_group.is_empty() {
            text = format!("{text}.{}", self.api_group);
        }
        text
    }
}

impl Event {
    /// One line of the log.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let event: Self = serde_json::from_slice(line).ok()?;
        let version = event.api_version.strip_prefix("audit.k8s.io/");
        (event.kind == "Event" && version.is_some()).then_some(event)
    }

    /// The status of the answer, where there is one already.
    pub(super) fn status(&self) -> Option<u16> {
        self.response_status.as_ref().map(|status| status.code)
    }

    /// Whether the server says that it issued a token.
    pub(super) fn is_issued(&self) -> bool {
        self.annotations.contains_key(ISSUED)
    }

    /// Whether a client and a pod or a service talk through it.
    pub(super) fn is_stream(&self) -> bool {
        let object = self.object_ref.as_ref();
        object.is_some_and(|object| STREAMS.contains(&object.subresource.as_str()))
    }

    /// Values of that name in the query of its URI.
    pub(super) fn query<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        let query = self
            .request_uri
            .split_once('?')
            .map_or("", |(_, query)| query);
        let pairs = form_urlencoded::parse(query.as_bytes());
        pairs
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// In one line, not yet safe to show.
    pub(super) fn show(&self) -> String {
        let status = self
            .status()
            .map_or_else(|| "none yet".to_owned(), |code| code.to_string());
        format!(
            "{} {} {} by {:?} from {} with {:?}, status {status}, Audit-ID {}",
            self.request_received_timestamp,
            self.verb,
            self.request_uri,
            self.user.username,
            self.source_ips.join(", "),
            self.user_agent,
            self.audit_id
        )
    }
}
