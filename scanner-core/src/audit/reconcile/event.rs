//! One event of the API server's own audit log (`audit.k8s.io/v1`).

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
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
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
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
    pub(super) extra: BTreeMap<String, Vec<String>>,
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
    /// In one line, not yet safe to show.
    pub(super) fn show(&self) -> String {
        let status = self.response_status.as_ref().map_or(0, |s| s.code);
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
