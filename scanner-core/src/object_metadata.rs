//! Labels and annotations that a program gives to everything that a scan creates.

use std::collections::BTreeMap;

use scanner_inventory::escape::visible;
use serde::{Deserialize, Serialize};

/// Longest name in a key, and longest value of a label.
const NAME: usize = 63;
/// Longest prefix of a key.
const PREFIX: usize = 253;
/// Bytes of all annotations of an object. Kubernetes takes 256 KiB; some room is for those of the scan.
const ANNOTATIONS: usize = 200 << 10;
/// The keys of a scan.
const OURS: &str = "secure-scan.io";
/// Keys outside of [`OURS`] that a scan or a controller sets, or by which controllers select pods, and that no prefix below
/// covers.
const TAKEN: [&str; 5] = [
    // A scan sets it on everything, and `reap` finds the leftovers of expired scans by it.
    "app.kubernetes.io/managed-by",
    // The template of a pod of a StatefulSet or DaemonSet; the choice of a replica goes by it.
    "controller-revision-hash",
    // The server sets these two in every Job, and the lease is a Job. Older servers select the pods of a Job by the first.
    "controller-uid",
    "job-name",
    // A Deployment selects the pods of its ReplicaSets by it.
    "pod-template-hash",
];
/// Prefixes of keys by which network plugins and meshes give a pod more network access, and other controllers copy or
/// delete objects.
const ACTED_ON: [&str; 13] = [
    "antrea.io",
    "argoproj.io",
    "cilium.io",
    "cncf.io",
    "emberstack.com",
    "fluxcd.io",
    "helm.sh",
    "istio.io",
    "linkerd.io",
    "mittwald.de",
    "multus-cni.io",
    "ovn.org",
    "projectcalico.org",
];
/// Prefixes of keys of Kubernetes itself, which acts on objects that have them.
const KUBERNETES: [&str; 2] = ["kubernetes.io", "k8s.io"];
/// The prefix of Kubernetes that everybody may use.
const FOR_ALL: &str = "app.kubernetes.io";

/// Labels and annotations beside those that a scan sets. All of them are valid in Kubernetes, and none takes the place of one
/// that a scan, a controller or Kubernetes sets.
///
/// ```
/// use scanner_core::ObjectMetadata;
///
/// let mut more = ObjectMetadata::default();
/// more.label("team", "shop")?;
/// more.annotation("example.com/ticket", "SEC-1: a scan")?;
/// assert!(more.label("secure-scan.io/scan", "x").is_err());
/// # Ok::<(), scanner_core::InvalidMetadata>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Unchecked")]
pub struct ObjectMetadata {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// [`ObjectMetadata`] as it was read, before it is checked.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Unchecked {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl TryFrom<Unchecked> for ObjectMetadata {
    type Error = InvalidMetadata;

    fn try_from(read: Unchecked) -> Result<Self, InvalidMetadata> {
        let mut checked = Self::default();
        for (key, value) in &read.labels {
            checked.label(key, value)?;
        }
        for (key, value) in &read.annotations {
            checked.annotation(key, value)?;
        }
        Ok(checked)
    }
}

/// A label or an annotation that an object of a scan cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {key:?}: {reason}")]
pub struct InvalidMetadata {
    what: &'static str,
    key: String,
    reason: &'static str,
}

impl ObjectMetadata {
    /// Adds a label, or changes its value.
    ///
    /// # Errors
    ///
    /// Fails on a key or a value that Kubernetes does not accept, and on a reserved key.
    pub fn label(&mut self, key: &str, value: &str) -> Result<(), InvalidMetadata> {
        check_label(key, value)?;
        self.labels.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Adds an annotation, or changes its value.
    ///
    /// # Errors
    ///
    /// Fails on a key that Kubernetes does not accept or that is reserved, and if all annotations together have
    /// more than 200 KiB.
    pub fn annotation(&mut self, key: &str, value: &str) -> Result<(), InvalidMetadata> {
        check_key("annotation", key)?;
        let others = self.annotations.iter().filter(|(other, _)| *other != key);
        let size = others
            .map(|(key, value)| key.len() + value.len())
            .sum::<usize>();
        if size + key.len() + value.len() > ANNOTATIONS {
            let reason = "all annotations together have more than 200 KiB";
            return Err(invalid("annotation", key, reason));
        }
        self.annotations.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Adds what `over` has; it replaces entries with the same key.
    ///
    /// # Errors
    ///
    /// Fails where all annotations have more than 200 KiB.
    pub fn extend(&mut self, over: &Self) -> Result<(), InvalidMetadata> {
        for (key, value) in &over.labels {
            self.label(key, value)?;
        }
        for (key, value) in &over.annotations {
            self.annotation(key, value)?;
        }
        Ok(())
    }

    /// The labels.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// The annotations.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// Whether there is none of either.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }
}

/// Checks that an object of a scan can have that label.
fn check_label(key: &str, value: &str) -> Result<(), InvalidMetadata> {
    check_key("label", key)?;
    if value.is_empty() || is_name(value) {
        return Ok(());
    }
    let reason = "its value is not at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit";
    Err(invalid("label", key, reason))
}

/// Checks that Kubernetes accepts the key, and that nobody else uses it.
fn check_key(what: &'static str, key: &str) -> Result<(), InvalidMetadata> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix.is_some_and(|prefix| !is_domain(prefix)) || !is_name(name) {
        return Err(invalid(
            what,
            key,
            "the key is not NAME or DOMAIN/NAME, whose NAME is at most 63 letters, digits, '-', '_' and '.', starting and \
             ending with a letter or digit",
        ));
    }
    let below = |domain: &str| {
        prefix.is_some_and(|prefix| {
            let rest = prefix.strip_suffix(domain);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    };
    if below(OURS) || TAKEN.contains(&key) {
        return Err(invalid(what, key, "the scan or a controller sets this key"));
    }
    if ACTED_ON.into_iter().any(below) {
        let reason = "a network plugin, a mesh or another controller acts on objects with this key";
        return Err(invalid(what, key, reason));
    }
    if prefix != Some(FOR_ALL) && KUBERNETES.into_iter().any(below) {
        let reason =
            "the key is reserved for Kubernetes; of these, only app.kubernetes.io can be set";
        return Err(invalid(what, key, reason));
    }
    Ok(())
}

fn invalid(what: &'static str, key: &str, reason: &'static str) -> InvalidMetadata {
    InvalidMetadata {
        what,
        key: visible(key, 80),
        reason,
    }
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]` of at most 63 characters.
fn is_name(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.len() <= NAME
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(|c| edge(c) || "-_.".contains(c))
}

/// An RFC 1123 subdomain.
fn is_domain(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.starts_with(edge) && part.ends_with(edge) && part.chars().all(|c| edge(c) || c == '-')
    };
    text.len() <= PREFIX && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label(key: &str, value: &str) -> Result<(), InvalidMetadata> {
        ObjectMetadata::default().label(key, value)
    }

    #[test]
    fn what_kubernetes_takes_is_taken() {
        let long = "a".repeat(63);
        for (key, value) in [
            ("team", "shop"),
            ("team", ""),
            ("Team_1", "A.b-c_9"),
            ("example.com/cost-center", "4711"),
            ("app.kubernetes.io/part-of", "shop"),
            ("x-k8s.io/queue", "q"),
            ("notsecure-scan.io/x", "y"),
            (&long, &long),
        ] {
            assert_eq!(label(key, value), Ok(()), "{key}={value}");
        }
        let mut more = ObjectMetadata::default();
        let text = "any text: \u{e9}, \"quotes\"\n=";
        assert_eq!(more.annotation("example.com/why", text), Ok(()));
        assert_eq!(more.annotations()["example.com/why"], text);
    }

    #[test]
    fn what_kubernetes_refuses_is_refused() {
        let long = "a".repeat(64);
        for key in [
            "", "/", "a/", "/a", "a/b/c", "-a", "a-", "a b", "a\u{e9}", "a\n", "A.com/x", "a..b/x",
            ".a/x", "a./x", "-a/x", "a_b/x", &long,
        ] {
            let error = label(key, "x").unwrap_err().to_string();
            assert!(error.contains("the key is not"), "{key:?}: {error}");
            assert!(ObjectMetadata::default().annotation(key, "x").is_err());
        }
        for value in ["-a", "a-", "a b", "a/b", "\u{1b}[2J", "a\n", &long] {
            let error = label("team", value).unwrap_err().to_string();
            assert!(error.contains("its value is not"), "{value:?}: {error}");
            assert!(!error.contains('\u{1b}'), "{error}");
        }
        assert!(label(&format!("{}/x", "a".repeat(254)), "x").is_err());
    }

    #[test]
    fn keys_that_the_scan_a_controller_or_kubernetes_sets_are_not_free() {
        for key in [
            "secure-scan.io/scan",
            "secure-scan.io/anything",
            "guard.secure-scan.io/x",
            "app.kubernetes.io/managed-by",
            "sidecar.istio.io/inject",
            "linkerd.io/inject",
            "job-name",
            "controller-uid",
            "pod-template-hash",
            "batch.kubernetes.io/job-name",
            "kubernetes.io/service-account.name",
            "container.apparmor.security.beta.kubernetes.io/web",
            "node-restriction.kubernetes.io/x",
            "autoscaling.k8s.io/x",
            "k8s.io/x",
            "x.app.kubernetes.io/y",
            "k8s.v1.cni.cncf.io/networks",
            "v1.multus-cni.io/default-network",
            "cni.projectcalico.org/ipAddrs",
            "replicator.v1.mittwald.de/replicate-to",
        ] {
            assert!(label(key, "x").is_err(), "{key}");
            let mut more = ObjectMetadata::default();
            assert!(more.annotation(key, "x").is_err(), "{key}");
            assert!(more.is_empty());
            for place in ["labels", "annotations"] {
                let read = serde_json::json!({ place: { key: "x" } });
                assert!(serde_json::from_value::<ObjectMetadata>(read).is_err());
            }
        }
    }

    #[test]
    fn no_key_is_taken_that_another_rule_has() {
        for key in TAKEN {
            let prefix = key.split_once('/').map(|(prefix, _)| prefix);
            assert!(prefix.is_none_or(|prefix| prefix == FOR_ALL), "{key}");
        }
    }

    #[test]
    fn annotations_have_a_bound_together() {
        let mut more = ObjectMetadata::default();
        let half = "x".repeat(ANNOTATIONS / 2);
        assert_eq!(more.annotation("a", &half), Ok(()));
        assert_eq!(
            more.annotation("a", &half),
            Ok(()),
            "it takes its own place"
        );
        let error = more.annotation("b", &half).unwrap_err().to_string();
        assert!(error.contains("200 KiB"), "{error}");
        let mut over = ObjectMetadata::default();
        over.annotation("b", &half).unwrap();
        assert!(more.extend(&over).is_err());
    }

    proptest! {
        #[test]
        fn a_label_is_taken_as_the_pattern_of_kubernetes_says(key in "[a-zA-Z0-9._/ -]{0,12}", value in "[a-zA-Z0-9._/ -]{0,8}") {
            let name = |text: &str| {
                let bytes = text.as_bytes();
                !bytes.is_empty() && bytes.iter().enumerate().all(|(at, byte)| {
                    byte.is_ascii_alphanumeric() || at > 0 && at + 1 < bytes.len() && b"-_.".contains(byte)
                })
            };
            let domain = |text: &str| text.split('.').all(|part| {
                name(part) && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            });
            let parts: Vec<&str> = key.split('/').collect();
            let fits = match parts.as_slice() {
                [only] => name(only),
                [prefix, only] => domain(prefix) && name(only),
                _ => false,
            };
            prop_assert_eq!(label(&key, &value).is_ok(), fits && (value.is_empty() || name(&value)));
        }
    }
}
