//! Rules of roles, and what they allow.

use std::fmt;

use serde_json::{Value, json};

/// A policy rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) verbs: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) names: Vec<String>,
    pub(crate) urls: Vec<String>,
}

impl Rule {
    pub(crate) fn read(rule: &Value) -> Self {
        let list = |name: &str| {
            let all = rule[name].as_array().into_iter().flatten();
            all.filter_map(|v| v.as_str().map(str::to_owned)).collect()
        };
        Self {
            verbs: list("verbs"),
            groups: list("apiGroups"),
            resources: list("resources"),
            names: list("resourceNames"),
            urls: list("nonResourceURLs"),
        }
    }

    /// Everything.
    pub(crate) fn all() -> Vec<Self> {
        vec![
            Self::read(&json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})),
            Self::read(&json!({"nonResourceURLs": ["*"], "verbs": ["*"]})),
        ]
    }

    /// What `system:basic-user`, `system:cluster-trust-bundle-discovery` and `system:discovery` give to all who
    /// are known to the server.
    pub(super) fn of_everyone() -> Vec<Self> {
        [
            json!({"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], "verbs": ["create"]}),
            json!({"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]}),
            json!({"apiGroups": ["certificates.k8s.io"], "resources": ["clustertrustbundles"], "verbs": ["get", "list", "watch"]}),
            json!({"nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"], "verbs": ["get"]}),
        ]
        .iter()
        .map(Self::read)
        .collect()
    }

    /// As `SelfSubjectRulesReview` lists it.
    pub(crate) fn listed(&self) -> Value {
        if !self.urls.is_empty() {
            return json!({"verbs": self.verbs, "nonResourceURLs": self.urls});
        }
        let mut rule =
            json!({"verbs": self.verbs, "apiGroups": self.groups, "resources": self.resources});
        if !self.names.is_empty() {
            rule["resourceNames"] = json!(self.names);
        }
        rule
    }

    pub(super) fn allows(&self, wanted: &Attributes<'_>) -> bool {
        let has = |list: &[String], one: &str| list.iter().any(|item| item == "*" || item == one);
        if !wanted.url.is_empty() {
            let fits = |url: &String| match url.strip_suffix('*') {
                Some(start) => wanted.url.starts_with(start),
                None => url == wanted.url,
            };
            return has(&self.verbs, wanted.verb) && self.urls.iter().any(fits);
        }
        let sub = wanted
            .resource
            .split_once('/')
            .map(|(_, sub)| format!("*/{sub}"));
        has(&self.verbs, wanted.verb)
            && has(&self.groups, wanted.group)
            && (has(&self.resources, wanted.resource)
                || sub.is_some_and(|sub| self.resources.contains(&sub)))
            && (self.names.is_empty() || self.names.iter().any(|name| name == wanted.name))
    }
}

impl fmt::Display for Rule {
    /// As the server's message on escalation writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{APIGroups:{:?}, Resources:{:?}",
            self.groups, self.resources
        )?;
        if !self.names.is_empty() {
            write!(f, ", ResourceNames:{:?}", self.names)?;
        }
        write!(f, ", Verbs:{:?}}}", self.verbs)
    }
}

/// The attributes of a request that authorization decides on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attributes<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    /// With its subresource, such as `pods/exec`.
    pub(crate) resource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    /// Path of a request that is for no resource.
    pub(crate) url: &'a str,
}
