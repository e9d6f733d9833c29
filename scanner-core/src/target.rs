//! What is scanned: one container of one pod, pinned by the pod's UID.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::workload::{WorkloadKind, is_resource};

/// A name that is not a valid Kubernetes name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {name:?} is not a valid name: {rule}")]
pub struct InvalidName {
    kind: &'static str,
    name: String,
    rule: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $max:literal, $dots:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;
            fn from_str(name: &str) -> Result<Self, InvalidName> {
                let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || ($dots && c == '.');
                let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
                let valid = !name.is_empty()
                    && name.len() <= $max
                    && name.chars().all(inner)
                    && name.starts_with(edge)
                    && name.ends_with(edge);
                if valid {
                    Ok(Self(name.to_owned()))
                } else {
                    Err(InvalidName { kind: $kind, name: scanner_inventory::escape::visible(name, 80), rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(name: String) -> Result<Self, InvalidName> {
                name.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// Name of a namespace (RFC 1123 label).
    Namespace, "namespace", 63, false,
    "expected at most 63 lower-case letters, digits and '-', starting and ending with a letter or digit"
);
name_type!(
    /// Name of a pod (RFC 1123 subdomain).
    PodName, "pod", 253, true,
    "expected at most 253 lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
);
name_type!(
    /// Name of a container (RFC 1123 label).
    ContainerName, "container", 63, false,
    "expected at most 63 lower-case letters, digits and '-', starting and ending with a letter or digit"
);
name_type!(
    /// Name of a workload (RFC 1123 subdomain).
    WorkloadName, "workload", 253, true,
    "expected at most 253 lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
);

/// How a user names the pod to scan. From text: what kubectl takes, a pod's name, or a kind and a name, such as `web-0`,
/// `pod/web-0`, `deploy/web` or `deployments.apps/web`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodSelection {
    /// By name.
    Name(PodName),
    /// By its name and UID: a pod of the same name that took its place is another one.
    Pinned {
        /// Name.
        name: PodName,
        /// UID.
        uid: String,
    },
    /// By a label selector: of the pods that it matches, one that runs.
    Labels(String),
    /// By its workload: of the pods that belong to it, one that runs.
    Workload {
        /// Kind.
        kind: WorkloadKind,
        /// Name.
        name: WorkloadName,
    },
    /// No pod: an image that runs nowhere, by its reference.
    Image(String),
}

impl fmt::Display for PodSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "pod {name}"),
            Self::Pinned { name, uid } => {
                let uid = scanner_inventory::escape::visible(uid, 80);
                write!(f, "pod {name} with UID {uid}")
            }
            Self::Labels(selector) => write!(f, "label selector {selector:?}"),
            Self::Workload { kind, name } => write!(f, "{kind} {name}"),
            Self::Image(image) => write!(f, "image {image:?}"),
        }
    }
}

impl FromStr for PodSelection {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let Some((kind, name)) = text.split_once('/') else {
            return text.parse().map(Self::Name);
        };
        if is_resource(kind, &["po", "pod", "pods"], "") {
            return name.parse().map(Self::Name);
        }
        let Some(kind) = WorkloadKind::named(kind) else {
            return Err(InvalidName {
                kind: "target",
                name: scanner_inventory::escape::visible(text, 80),
                rule: "expected a pod, or a workload as KIND/NAME, whose kind is deployment, statefulset, daemonset, \
                       replicaset, job or replicationcontroller, such as web-0, pod/web-0, deploy/web or sts/db",
            });
        };
        let name = name.parse()?;
        Ok(Self::Workload { kind, name })
    }
}

/// What a user asked to scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRequest {
    /// Namespace of the pod.
    pub namespace: Namespace,
    /// Which pod.
    pub pod: PodSelection,
    /// Which container; when absent, the pod's only or default container.
    pub container: Option<ContainerName>,
}

/// One container of one pod, pinned: a pod or container of the same name that takes its place
/// is another target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Target {
    /// Namespace of the pod.
    pub namespace: Namespace,
    /// Name of the pod.
    pub pod: PodName,
    /// UID of the pod.
    pub pod_uid: String,
    /// Name of the container.
    pub container: ContainerName,
    /// Runtime id of the running container.
    pub container_id: String,
    /// Image as written in the pod.
    pub image: String,
    /// Image as the node reports it, with its digest where there is one.
    pub image_id: String,
    /// Node that runs it.
    pub node: String,
    /// Restarts of the container when it was resolved.
    pub restarts: i32,
    /// Whether it is a running container.
    #[serde(default, skip_serializing_if = "TargetForm::is_container")]
    pub form: TargetForm,
}

/// What a target is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TargetForm {
    /// A running container.
    #[default]
    Container,
    /// An image that runs nowhere: the pod is the scan's own, which mounts the image and runs
    /// nothing of it.
    Image,
    /// A form of a later version.
    #[serde(other)]
    Unknown,
}

impl TargetForm {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    fn is_container(form: &Self) -> bool {
        *form == Self::Container
    }
}

impl Target {
    /// The digest of the image that runs, `sha256:...`, where the node reports one.
    pub fn digest(&self) -> Option<&str> {
        image_digest(&self.image_id)
    }
}

/// The digest at the end of the name of an image, if it is one.
pub fn image_digest(image_id: &str) -> Option<&str> {
    let digest = image_id.rsplit('@').next()?;
    let hex = digest.strip_prefix("sha256:")?;
    let lower_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    (hex.len() == 64 && hex.chars().all(lower_hex)).then_some(digest)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.form {
            TargetForm::Container | TargetForm::Unknown => {
                write!(f, "{}/{}/{}", self.namespace, self.pod, self.container)
            }
            TargetForm::Image => write!(
                f,
                "image {}",
                scanner_inventory::escape::visible(&self.image, 400)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_at_the_edge() {
        for good in ["a", "web-0", "a1"] {
            assert!(good.parse::<Namespace>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a/b",
            "a.b",
            "../x",
            "a\u{1b}",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<Namespace>().is_err(), "{bad:?}");
        }
        assert!("a.b".parse::<PodName>().is_ok());
        assert!(serde_json::from_str::<PodName>("\"A b\"").is_err());
    }

    #[test]
    fn an_invalid_name_is_shown_escaped() {
        let error = "a\u{1b}[2J".parse::<PodName>().unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "{error}");
    }

    #[test]
    fn a_target_is_named_as_kubectl_names_it() {
        let name = |text: &str| PodSelection::Name(text.parse().unwrap());
        let of = |kind, text: &str| PodSelection::Workload {
            kind,
            name: text.parse().unwrap(),
        };
        for (text, meant) in [
            ("web-0", name("web-0")),
            ("pod/web-0", name("web-0")),
            ("pods/web-0", name("web-0")),
            ("po/web.0", name("web.0")),
            ("deploy/web", of(WorkloadKind::Deployment, "web")),
            ("deployment/web", of(WorkloadKind::Deployment, "web")),
            ("deployments.apps/web", of(WorkloadKind::Deployment, "web")),
            ("sts/db", of(WorkloadKind::StatefulSet, "db")),
            ("ds/agent", of(WorkloadKind::DaemonSet, "agent")),
            ("rs/x", of(WorkloadKind::ReplicaSet, "x")),
            ("job/x", of(WorkloadKind::Job, "x")),
            ("jobs.batch/x", of(WorkloadKind::Job, "x")),
            ("rc/x", of(WorkloadKind::ReplicationController, "x")),
        ] {
            assert_eq!(text.parse(), Ok(meant), "{text}");
        }
        for bad in [
            "",
            "/",
            "web/",
            "/web",
            "pod/",
            "deploy/",
            "deploy/Web",
            "deploy/web/x",
            "pod/a/b",
            "svc/web",
            "deploy.batch/web",
            "deploy/\u{1b}[2J",
            "\u{1b}[2J/web",
        ] {
            let error = bad.parse::<PodSelection>().unwrap_err().to_string();
            assert!(!error.contains('\u{1b}'), "{error}");
        }
        let other = "svc/web".parse::<PodSelection>().unwrap_err().to_string();
        assert!(
            other.starts_with("target \"svc/web\"") && other.contains("deploy/web"),
            "{other}"
        );
    }
}
