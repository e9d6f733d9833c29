//! Names that exist in a cluster, for completion on a command line. Reads only.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Resource,
    api::{ListParams, ObjectMeta},
};

use crate::{
    api::{
        call::{CallError, call},
        segment::Segment,
    },
    pod::containers,
};

/// Names that are offered at most.
const MOST: u32 = 500;

/// Names of namespaces.
///
/// # Errors
///
/// Fails when the operator may not list them, or the server does not answer.
pub async fn namespaces(segment: &Segment) -> Result<Vec<String>, CallError> {
    let api = segment.operator().everywhere::<Namespace>();
    let params = ListParams::default().limit(MOST);
    let listed = call("list namespaces", api.list_metadata(&params)).await?;
    Ok(names(listed.items.iter().map(Resource::meta)))
}

/// Names of the pods in `namespace`.
///
/// # Errors
///
/// As [`namespaces`].
pub async fn pods(segment: &Segment, namespace: &str) -> Result<Vec<String>, CallError> {
    let api = segment.operator().api::<Pod>(namespace);
    let params = ListParams::default().limit(MOST);
    let listed = call("list pods", api.list_metadata(&params)).await?;
    Ok(names(listed.items.iter().map(Resource::meta)))
}

/// Names of the containers of a pod, of whatever kind.
///
/// # Errors
///
/// As [`namespaces`], and when there is no such pod.
pub async fn containers(
    segment: &Segment,
    namespace: &str,
    pod: &str,
) -> Result<Vec<String>, CallError> {
    let api = segment.operator().api::<Pod>(namespace);
    let pod = call("get the pod", api.get(pod)).await?;
    let spec = pod.spec.unwrap_or_default();
    let all = containers::names(&spec).into_iter().map(str::to_owned);
    Ok(all.filter(|name| is_name(name)).collect())
}

fn names<'a>(objects: impl Iterator<Item = &'a ObjectMeta>) -> Vec<String> {
    let names = objects.filter_map(|meta| meta.name.clone());
    names.filter(|name| is_name(name)).collect()
}

/// Whether Kubernetes takes it for a name: what a server says otherwise does not reach a shell.
fn is_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    (1..=253).contains(&text.len()) && text.chars().all(letter) && !text.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_reaches_no_shell() {
        for name in ["web-0", "a", "kube-root-ca.crt", &"x".repeat(253)] {
            assert!(is_name(name), "{name}");
        }
        for text in [
            "",
            "-rf",
            "$(id)",
            "`id`",
            "a b",
            "a\nb",
            "a;b",
            "A",
            "é",
            &"x".repeat(254),
        ] {
            assert!(!is_name(text), "{text}");
        }
    }
}
