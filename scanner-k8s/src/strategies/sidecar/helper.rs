//! A helper namespace for the pod that reads the image of a running container: what can be checked before anything is
//! created there, and what a failed pull there means.

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::ListParams;
use scanner_core::{Remedy, Target, escape::visible};

use crate::{
    api::{call::call, client::OperatorClient},
    plan::resolve::{ResolveError, namespace_exists},
    pod::security_context::PodSecurity,
    strategies::waiting::Diagnosis,
};

/// The account of a pod that names none.
const DEFAULT_ACCOUNT: &str = "default";

/// Words of registries and runtimes where credentials are missing or wrong.
const NO_CREDENTIALS: [&str; 6] = [
    "authenticat",
    "authoriz",
    "credential",
    "denied",
    "forbidden",
    "unauthorized",
];

/// Why the image of a running container is not read in a helper namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HelperRefusal {
    /// There is no such namespace.
    #[error("helper namespace {name} not found")]
    NotFound {
        /// Name.
        name: String,
        /// Namespaces whose names look like it, where the operator may list them.
        similar: Vec<String>,
    },
    /// It is the namespace of the scan's identity.
    #[error("namespace {0} of the scan's identity cannot be the helper namespace")]
    OfIdentity(String),
    /// Root is not allowed there either.
    #[error(
        "helper namespace {0} enforces Pod Security level restricted, which refuses a probe as root"
    )]
    Root(String),
    /// No pull secret there lets a node pull the image.
    #[error(
        "the target's image may be private: its pod has a pull secret ({}), and the default ServiceAccount of helper namespace \
         {namespace} names none",
        secrets.join(", ")
    )]
    NoPullSecret {
        /// Helper namespace.
        namespace: String,
        /// Pull secrets of the target's pod, by name.
        secrets: Vec<String>,
    },
    /// A clone or an image that runs nowhere is scanned.
    #[error("a helper namespace is for the image of a running container, of which nothing runs")]
    NotOfImage,
}

impl HelperRefusal {
    /// What to do next; nothing was created.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NotFound { similar, .. } => {
                Remedy::did_you_mean(similar, Remedy::NameHelperNamespace)
            }
            Self::OfIdentity(_) | Self::Root(_) => Remedy::NameHelperNamespace,
            Self::NoPullSecret { namespace, .. } => Remedy::AddPullSecret {
                namespace: namespace.clone(),
            },
            Self::NotOfImage => Remedy::advice("read the image alone, or name no helper namespace"),
        }
    }
}

/// Asks the server whether an image can be read in that namespace: `level` is its Pod Security level, if that was read;
/// `pod` is the pod that runs the image; `has_secret` says whether the user named a pull secret. At most two calls, which
/// only read.
///
/// # Errors
///
/// Fails if the image cannot be read there. If the operator may not read the answer, nothing is refused, and the node
/// decides later.
pub(super) async fn check(
    operator: &OperatorClient,
    namespace: &str,
    pod: &Pod,
    level: Option<PodSecurity>,
    has_secret: bool,
) -> Result<(), HelperRefusal> {
    // If the level is known, the namespace exists.
    if level.is_none_or(|level| level == PodSecurity::Unknown)
        && let Err(ResolveError::NoNamespace { name, similar }) =
            namespace_exists(operator, namespace).await
    {
        return Err(HelperRefusal::NotFound { name, similar });
    }
    let secrets = pull_secrets(pod);
    if !secrets.is_empty() && !has_secret && has_none(operator, namespace).await {
        return Err(HelperRefusal::NoPullSecret {
            namespace: namespace.to_owned(),
            secrets,
        });
    }
    Ok(())
}

/// The pull secrets of a pod, by name. Those of its account are among them: the server adds them to a pod that names none.
fn pull_secrets(pod: &Pod) -> Vec<String> {
    let spec = pod.spec.as_ref();
    let secrets = spec.and_then(|spec| spec.image_pull_secrets.as_ref());
    let secrets = secrets.into_iter().flatten();
    secrets.map(|secret| visible(&secret.name, 253)).collect()
}

/// Whether pods there get no pull secret; false if the operator may not read that.
async fn has_none(operator: &OperatorClient, namespace: &str) -> bool {
    // Listed, which the rights of a scan allow, and not read by its name.
    let default = format!("metadata.name={DEFAULT_ACCOUNT}");
    let params = ListParams::default().fields(&default);
    let accounts = operator.api::<ServiceAccount>(namespace);
    let what = format!("list service accounts in namespace {namespace}");
    let Ok(found) = call(what, accounts.list(&params)).await else {
        return false;
    };
    let mut found = found.items.into_iter();
    found.all(|account| account.image_pull_secrets.is_none_or(|all| all.is_empty()))
}

/// What a failed pull means in a helper namespace: the node has the image, but may not use it for a pod without the secret
/// with which it was pulled.
pub(super) fn of_pull(mut diagnosis: Diagnosis, image: &Target) -> Diagnosis {
    let named = [&image.image, &image.image_id];
    let named = named.into_iter().filter(|name| !name.is_empty());
    let said = named.fold(diagnosis.words.clone(), |said, name| {
        said.replace(name.as_str(), "")
    });
    // Addresses hold the image's name, too.
    let mut said = said.split_whitespace().filter(|word| !word.contains('/'));
    let refused = said.any(|said| {
        let said = said.to_lowercase();
        NO_CREDENTIALS.iter().any(|word| said.contains(word))
    });
    if diagnosis.remedy == Remedy::PullImage && refused {
        let namespace = &image.namespace;
        diagnosis.message = format!(
            "the target's image is private, and helper namespace {namespace} has no pull secret for it: {}",
            diagnosis.message
        );
        diagnosis.remedy = Remedy::AddPullSecret {
            namespace: namespace.to_string(),
        };
    }
    diagnosis
}

#[cfg(test)]
mod tests {
    use scanner_core::escape::visible_ends;

    use super::*;
    use crate::pod::testing::target;

    #[test]
    fn a_pull_that_credentials_would_mend_names_the_helper_namespace() {
        let mut image = target("helpers", "own", "own");
        image.image = "denied.example/credentials/web:1".into();
        image.image_id = format!("denied.example/credentials/web@sha256:{}", "4".repeat(64));
        let of = |message: String, remedy| {
            let diagnosis = Diagnosis::not_started(visible_ends(&message, 600), remedy);
            let diagnosis = of_pull(diagnosis.with_words(&message), &image);
            (diagnosis.message, diagnosis.remedy)
        };
        let failed = |why: &str| format!("Failed to pull image \"{}\": {why}", image.image_id);
        let add = Remedy::AddPullSecret {
            namespace: "helpers".into(),
        };
        for why in [
            "unexpected status from HEAD request to https://x: 401 Unauthorized",
            "pull access denied, repository does not exist or may require authorization",
            "failed to fetch anonymous token: unexpected status: 403 Forbidden",
            "no basic auth credentials",
            // What a message does not show counts, too.
            &format!(
                "x: {}: access denied: {}",
                "x: ".repeat(400),
                "x: ".repeat(400)
            ),
        ] {
            let (message, remedy) = of(failed(why), Remedy::PullImage);
            assert_eq!(remedy, add, "{why}");
            assert!(message.contains("is private"), "{message}");
            assert!(message.contains("helper namespace helpers"), "{message}");
            assert!(message.contains(why) || why.len() > 600, "{message}");
        }
        // Neither a name of an image nor a missing probe speaks of credentials.
        for (why, remedy) in [
            ("dial tcp: no such host", Remedy::PullImage),
            (
                "status from HEAD request to https://denied.example/v2/credentials/web: 404 Not Found",
                Remedy::PullImage,
            ),
            ("401 Unauthorized", Remedy::PullProbeImage),
        ] {
            let said = failed(why);
            assert_eq!(of(said.clone(), remedy.clone()), (said, remedy));
        }
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let name = || "helpers".to_owned();
        for refusal in [
            HelperRefusal::OfIdentity(name()),
            HelperRefusal::Root(name()),
            HelperRefusal::NoPullSecret {
                namespace: name(),
                secrets: vec!["registry".into()],
            },
        ] {
            assert!(refusal.to_string().contains("helpers"), "{refusal}");
            // That the pod has a secret does not show that the image needs one.
            assert!(!refusal.to_string().contains("is private"), "{refusal}");
            assert!(!refusal.remedy().to_string().is_empty());
        }
        let missing = |similar: &[&str]| HelperRefusal::NotFound {
            name: name(),
            similar: similar.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(missing(&[]).remedy(), Remedy::NameHelperNamespace);
        let asked = missing(&["helper"]).remedy();
        assert!(matches!(asked, Remedy::DidYouMean { .. }), "{asked:?}");
    }
}
