//! The sidecar that was deployed with a pod: its container, and the image that it runs.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use scanner_core::{
    escape::visible,
    target::{ContainerName, image_digest},
};

use super::containers;
use crate::names::SIDECAR_CONTAINER;

/// The sidecar of a pod, as the specification and the node name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beside {
    /// Name of the container.
    pub name: ContainerName,
    /// The image as the pod's specification names it. Whoever may patch the pod can change this, while the old image goes
    /// on running.
    pub image: String,
    /// As the node reports the image by name.
    pub node_image: String,
    /// As the node reports it by digest.
    pub image_id: String,
    /// The runtime's id of this run of the container.
    pub container_id: String,
    /// How often it was started again.
    pub restarts: i32,
    /// Version of the pod's specification, where the server counts them.
    generation: Option<i64>,
}

/// Who states which image a sidecar runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaidBy {
    /// The node, about what runs.
    Node,
    /// The specification alone: the node names nothing that could be compared.
    Specification,
}

impl Beside {
    /// The sidecar that runs in a pod.
    ///
    /// # Errors
    ///
    /// Says what is missing.
    pub(crate) fn of(pod: &Pod) -> Result<Self, String> {
        let spec = pod.spec.clone().unwrap_or_default();
        if spec.share_process_namespace != Some(true) {
            return Err("its containers share no process namespace".into());
        }
        let runs = |s: &&ContainerStatus| s.state.as_ref().is_some_and(|s| s.running.is_some());
        let status = containers::status(pod, SIDECAR_CONTAINER).filter(runs);
        let status =
            status.ok_or_else(|| format!("no container {SIDECAR_CONTAINER} runs in it"))?;
        let named = containers::of_name(&spec, SIDECAR_CONTAINER);
        Ok(Self {
            name: SIDECAR_CONTAINER
                .parse()
                .map_err(|_| "its name is not valid")?,
            image: named.and_then(|c| c.image).unwrap_or_default(),
            node_image: status.image.clone(),
            image_id: status.image_id.clone(),
            container_id: status.container_id.clone().unwrap_or_default(),
            restarts: status.restart_count,
            generation: pod.metadata.generation,
        })
    }

    /// Who states that it runs the image `wanted`; `None` if it runs another one. A digest is compared with the digest that
    /// the node reports, if it reports one; a tag is compared with the name that the node reports.
    pub(crate) fn is_of(&self, wanted: &str) -> Option<SaidBy> {
        let by_specification = |same: bool| same.then_some(SaidBy::Specification);
        let Some(digest) = image_digest(wanted) else {
            let node = self.node_image.as_str();
            if node.is_empty() || is_id(node) {
                return by_specification(self.image == wanted);
            }
            let same = self.image == wanted && whole_name(node) == whole_name(wanted);
            return same.then_some(SaidBy::Node);
        };
        let named = [&self.image_id, &self.node_image];
        let named: Vec<&str> = named.into_iter().filter_map(|n| content(n)).collect();
        if named.is_empty() {
            return by_specification(content(&self.image) == Some(digest));
        }
        named.contains(&digest).then_some(SaidBy::Node)
    }

    /// For a reader.
    pub(crate) fn words(&self) -> String {
        format!(
            "{}, as the node has it {} ({})",
            visible(&self.image, 300),
            visible(&self.node_image, 300),
            visible(&self.image_id, 300)
        )
    }

    /// How the sidecar of the same pod differs later; nothing where it is the same run of the same image.
    pub(crate) fn differences(&self, now: &Self) -> Vec<String> {
        let mut all = Vec::new();
        let mut note = |what: &str, before: &str, after: &str| {
            if before != after {
                let (before, after) = (visible(before, 300), visible(after, 300));
                all.push(format!("{what} was {before} and is {after}"));
            }
        };
        note("its image in the specification", &self.image, &now.image);
        note("its image on the node", &self.node_image, &now.node_image);
        note(
            "its image's digest on the node",
            &self.image_id,
            &now.image_id,
        );
        note("its container", &self.container_id, &now.container_id);
        let restarts = [self, now].map(|one| one.restarts.to_string());
        note("its number of restarts", &restarts[0], &restarts[1]);
        all
    }

    /// Whether somebody wrote the pod's specification since then, perhaps to change it back.
    pub(crate) fn written(&self, now: &Self) -> bool {
        self.generation != now.generation
    }
}

/// The digest of the manifest in a reference of an image. A digest without a name is the id of the image on the node, which
/// no reference could name.
fn content(reference: &str) -> Option<&str> {
    reference.contains('@').then(|| image_digest(reference))?
}

/// Whether a node gives an image's id in the place of its name.
fn is_id(name: &str) -> bool {
    image_digest(name).is_some() && !name.contains('@')
}

/// A name with the registry and the tag that it stands for.
fn whole_name(name: &str) -> String {
    let (first, rest) = name.split_once('/').unwrap_or(("", name));
    let host = first.contains(['.', ':']) || first == "localhost";
    let mut whole = match (host, first) {
        (true, "index.docker.io") => format!("docker.io/{rest}"),
        (true, _) => name.to_owned(),
        (false, "") => format!("docker.io/library/{name}"),
        (false, _) => format!("docker.io/{name}"),
    };
    let last = whole.rsplit('/').next().unwrap_or_default();
    if !last.contains(':') {
        whole.push_str(":latest");
    }
    whole
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn digest(digit: &str) -> String {
        format!("sha256:{}", digit.repeat(64))
    }

    /// A sidecar whose specification, whose node and whose digest name these.
    fn sidecar(spec: &str, node: &str, id: &str) -> Beside {
        of(spec, node, id, &json!({}))
    }

    fn of(spec: &str, node: &str, id: &str, more: &Value) -> Beside {
        let mut status = json!({
            "name": SIDECAR_CONTAINER, "image": node, "ready": true, "restartCount": 0, "imageID": id,
            "containerID": "containerd://1", "state": {"running": {}},
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            status[key] = value.clone();
        }
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web", "generation": 1},
            "spec": {
                "shareProcessNamespace": true,
                "containers": [{"name": SIDECAR_CONTAINER, "image": spec}],
            },
            "status": {"containerStatuses": [status]},
        }))
        .unwrap();
        Beside::of(&pod).unwrap()
    }

    #[test]
    fn what_runs_counts_and_not_what_the_specification_says_now() {
        let (good, evil, id) = (digest("a"), digest("e"), digest("1"));
        let wanted = format!("r.example/probe@{good}");
        let bad = format!("r.example/evil@{evil}");
        for (spec, node, image_id, said) in [
            (&*wanted, &*wanted, &*wanted, Some(SaidBy::Node)),
            (
                "r.example/probe:1",
                "r.example/probe:1",
                &wanted,
                Some(SaidBy::Node),
            ),
            // The image was patched after the pod was deployed, and what ran goes on.
            (&wanted, &bad, &bad, None),
            (&wanted, "r.example/evil:1", &bad, None),
            (&wanted, &bad, &id, None),
            // The node has an image that no registry gave it.
            (&wanted, &wanted, &id, Some(SaidBy::Node)),
            (
                &wanted,
                "r.example/probe:1",
                &id,
                Some(SaidBy::Specification),
            ),
            (&bad, "r.example/probe:1", &id, None),
            (&wanted, "", "", Some(SaidBy::Specification)),
        ] {
            let found = sidecar(spec, node, image_id).is_of(&wanted);
            assert_eq!(found, said, "{spec} {node} {image_id}");
        }
    }

    #[test]
    fn a_tag_is_compared_with_the_name_that_the_node_has() {
        let id = digest("1");
        for (wanted, spec, node, said) in [
            (
                "probe:1",
                "probe:1",
                "docker.io/library/probe:1",
                Some(SaidBy::Node),
            ),
            (
                "me/probe",
                "me/probe",
                "docker.io/me/probe:latest",
                Some(SaidBy::Node),
            ),
            ("h:5/p:1", "h:5/p:1", "h:5/p:1", Some(SaidBy::Node)),
            ("h:5/p:1", "h:5/p:1", "h:5/evil:1", None),
            ("probe:1", "probe:2", "probe:1", None),
            ("probe:1", "probe:1", "probe:2", None),
            ("probe:1", "probe:1", &id, Some(SaidBy::Specification)),
            ("probe:1", "probe:2", &id, None),
        ] {
            assert_eq!(
                sidecar(spec, node, &id).is_of(wanted),
                said,
                "{wanted} {spec} {node}"
            );
        }
    }

    #[test]
    fn another_run_or_another_image_is_a_difference() {
        let before = sidecar("p:1", "p:1", "i");
        assert!(before.differences(&before).is_empty());
        for later in [
            sidecar("p:2", "p:1", "i"),
            sidecar("p:1", "p:2", "i"),
            sidecar("p:1", "p:1", "j"),
            of("p:1", "p:1", "i", &json!({"containerID": "containerd://2"})),
            of("p:1", "p:1", "i", &json!({"restartCount": 1})),
        ] {
            assert_eq!(before.differences(&later).len(), 1, "{later:?}");
        }
    }
}
