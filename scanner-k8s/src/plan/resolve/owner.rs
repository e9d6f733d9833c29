//! What a pod belongs to: its controller, and the workload above that.

use std::{collections::BTreeMap, fmt};

use futures_util::future::join_all;
use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Pod};
use kube::ResourceExt;
use scanner_core::{escape::visible, target::WorkloadName, workload::WorkloadKind};

use super::error::ResolveError;
use crate::api::{
    call::{CallError, CallErrorKind, call},
    client::OperatorClient,
};

/// Label whose value is the hash of the template of a Deployment's pod.
pub(super) const TEMPLATE_HASH: &str = "pod-template-hash";
/// `ReplicaSets` that are asked for their owner at most.
const ASKED: usize = 10;

/// The controller of an object, or what stands above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Controller {
    group: String,
    kind: String,
    name: WorkloadName,
    /// Unknown where its name was taken from that of a `ReplicaSet`.
    uid: Option<String>,
}

impl Controller {
    /// The kind, where it is one whose pods can be scanned by its name: an object of another API group is not one.
    fn workload_kind(&self) -> Option<WorkloadKind> {
        let mut kinds = WorkloadKind::ALL.into_iter();
        kinds.find(|kind| kind.kind() == self.kind && kind.group() == self.group)
    }

    /// How a scan names it, where it can.
    pub(super) fn target(&self) -> Option<String> {
        self.workload_kind().map(|kind| kind.target(&self.name))
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Whether it is that workload: by its UID, or by kind and name where the UID is unknown.
    pub(super) fn is(&self, kind: WorkloadKind, name: &WorkloadName, uid: &str) -> bool {
        match &self.uid {
            Some(own) => own == uid,
            None => self.workload_kind() == Some(kind) && self.name == *name,
        }
    }
}

impl fmt::Display for Controller {
    /// As kubectl takes it, such as `deploy/web`; with its group where it is of another kind.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(target) = self.target() {
            return f.write_str(&target);
        }
        f.write_str(&visible(&self.kind, 60))?;
        if !self.group.is_empty() {
            write!(f, ".{}", visible(&self.group, 60))?;
        }
        write!(f, "/{}", self.name)
    }
}

/// The controller that an object names. A name that no workload can have counts as none, because it would become part of a
/// URL path.
pub(super) fn controller(object: &impl ResourceExt) -> Option<Controller> {
    let mut owners = object.owner_references().iter();
    let owner = owners.find(|owner| owner.controller == Some(true))?;
    let group = owner
        .api_version
        .split_once('/')
        .map_or("", |(group, _)| group);
    Some(Controller {
        group: group.to_owned(),
        kind: owner.kind.clone(),
        name: owner.name.parse().ok()?,
        uid: Some(owner.uid.clone()),
    })
}

/// The workload that a pod belongs to, as far as the pod itself says: a `ReplicaSet` that has the name of a Deployment and
/// the hash of the pod's template is taken for that Deployment's.
pub(super) fn workload(pod: &Pod) -> Option<Controller> {
    let owner = controller(pod)?;
    Some(deployment_by_name(&owner, pod).unwrap_or(owner))
}

/// The Deployment that would have named a `ReplicaSet` so.
fn deployment_by_name(owner: &Controller, pod: &Pod) -> Option<Controller> {
    if owner.workload_kind() != Some(WorkloadKind::ReplicaSet) {
        return None;
    }
    let hash = pod
        .labels()
        .get(TEMPLATE_HASH)
        .filter(|hash| !hash.is_empty())?;
    let name = owner.name.as_str().strip_suffix(hash.as_str())?;
    Some(Controller {
        group: WorkloadKind::Deployment.group().into(),
        kind: WorkloadKind::Deployment.kind().into(),
        name: name.strip_suffix('-')?.parse().ok()?,
        uid: None,
    })
}

/// What the `ReplicaSets` of some pods belong to.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// By UID; a set that has no owner is its own, and one that may not be read is not here.
    owners: BTreeMap<String, Controller>,
    /// Whether one may not be read.
    pub(super) forbidden: bool,
    /// Whether there are more than are asked.
    pub(super) cut: bool,
}

impl Sets {
    /// Asks each `ReplicaSet` of these pods for its owner, as far as the operator may.
    ///
    /// # Errors
    ///
    /// Fails when the server does not answer. A set that is gone is its own.
    pub(super) async fn ask(
        operator: &OperatorClient,
        namespace: &str,
        pods: &[Pod],
    ) -> Result<Self, ResolveError> {
        let found = replica_sets(pods);
        let mut sets = Self {
            cut: found.len() > ASKED,
            ..Self::default()
        };
        let asked = found.into_iter().take(ASKED).map(|(uid, set)| async move {
            let owner = owner_of(operator, namespace, &uid, set).await;
            owner.map(|owner| (uid, owner))
        });
        for answer in join_all(asked).await {
            match answer? {
                (uid, Some(owner)) => {
                    sets.owners.insert(uid, owner);
                }
                (_, None) => sets.forbidden = true,
            }
        }
        Ok(sets)
    }

    /// The workload of a pod: what its `ReplicaSet` said, else what the pod itself says. For a set that was not asked,
    /// because there are too many, it is the set itself.
    pub(super) fn workload(&self, pod: &Pod) -> Option<Controller> {
        let owner = controller(pod)?;
        let asked = owner.uid.as_ref().and_then(|uid| self.owners.get(uid));
        match asked {
            Some(owner) => Some(owner.clone()),
            None if self.cut && !self.forbidden => Some(owner),
            None => workload(pod),
        }
    }
}

/// The `ReplicaSets` of these pods by their UIDs.
pub(super) fn replica_sets(pods: &[Pod]) -> BTreeMap<String, Controller> {
    let owners = pods.iter().filter_map(controller);
    let sets = owners.filter(|owner| owner.workload_kind() == Some(WorkloadKind::ReplicaSet));
    sets.filter_map(|set| Some((set.uid.clone()?, set)))
        .collect()
}

/// The owner of that `ReplicaSet`, or itself; `None` where the operator may not read it.
async fn owner_of(
    operator: &OperatorClient,
    namespace: &str,
    uid: &str,
    set: Controller,
) -> Result<Option<Controller>, CallError> {
    let api = operator.api::<ReplicaSet>(namespace);
    let what = format!("get replicaset {} in namespace {namespace}", set.name);
    match call(what, api.get_metadata(set.name.as_str())).await {
        // Another one that took its name says nothing of this one.
        Ok(found) if found.uid().as_deref() != Some(uid) => Ok(Some(set)),
        Ok(found) => Ok(Some(controller(&found).unwrap_or(set))),
        Err(error) if error.kind() == CallErrorKind::NotFound => Ok(Some(set)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(api: &str, kind: &str, name: &str, labels: &Value) -> Pod {
        let owner =
            json!({"apiVersion": api, "kind": kind, "name": name, "uid": "u", "controller": true});
        let pod = json!({"metadata": {"name": "p", "labels": labels, "ownerReferences": [owner]}});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn a_controller_is_known_by_its_group_and_its_kind() {
        let none = json!({});
        for (api, kind, shown) in [
            ("apps/v1", "StatefulSet", "sts/x"),
            ("apps/v1beta1", "StatefulSet", "sts/x"),
            ("v1", "ReplicationController", "rc/x"),
            ("batch/v1", "Job", "job/x"),
            (
                "apps.kruise.io/v1",
                "StatefulSet",
                "StatefulSet.apps.kruise.io/x",
            ),
            ("batch.volcano.sh/v1alpha1", "Job", "Job.batch.volcano.sh/x"),
            ("v1", "Job", "Job/x"),
            ("example.com/v1", "A\u{1b}[2J", "A\\u{1b}[2J.example.com/x"),
        ] {
            let owner = workload(&pod(api, kind, "x", &none)).unwrap().to_string();
            assert_eq!(owner, shown, "{api} {kind}");
        }
    }

    #[test]
    fn a_name_that_no_workload_can_have_is_no_controller() {
        for name in [
            "",
            "..",
            "../../../../api/v1/secrets",
            "a/b",
            "a?b",
            "A",
            "a\u{1b}[2J",
            "a b",
            &"a".repeat(254),
        ] {
            let pod = pod("apps/v1", "ReplicaSet", name, &json!({}));
            assert_eq!(workload(&pod), None, "{name:?}");
        }
    }

    #[test]
    fn only_a_replica_set_with_the_hash_of_its_template_has_the_name_of_a_deployment() {
        let hash = json!({TEMPLATE_HASH: "5d9c"});
        for (api, kind, name, labels, shown) in [
            ("apps/v1", "ReplicaSet", "web-5d9c", &hash, "deploy/web"),
            ("apps/v1", "ReplicaSet", "web-5d9d", &hash, "rs/web-5d9d"),
            ("apps/v1", "ReplicaSet", "5d9c", &hash, "rs/5d9c"),
            ("apps/v1", "ReplicaSet", "web5d9c", &hash, "rs/web5d9c"),
            (
                "apps/v1",
                "ReplicaSet",
                "web-5d9c",
                &json!({}),
                "rs/web-5d9c",
            ),
            ("apps/v1", "StatefulSet", "web-5d9c", &hash, "sts/web-5d9c"),
            (
                "apps.kruise.io/v1",
                "ReplicaSet",
                "web-5d9c",
                &hash,
                "ReplicaSet.apps.kruise.io/web-5d9c",
            ),
        ] {
            let owner = workload(&pod(api, kind, name, labels)).unwrap();
            assert_eq!(owner.to_string(), shown, "{name}");
        }
    }
}
