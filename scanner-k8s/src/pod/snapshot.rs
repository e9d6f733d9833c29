//! What a pod looked like at one moment.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

/// What a pod looked like at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodSnapshot {
    uid: String,
    generation: Option<i64>,
    phase: String,
    /// Container id and restarts of every container.
    pub(crate) containers: BTreeMap<String, (String, i32)>,
    ephemeral: Vec<String>,
}

impl PodSnapshot {
    /// The snapshot of a pod as the server returned it.
    pub fn of(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let all = status.container_statuses.unwrap_or_default().into_iter();
        let init = status.init_container_statuses.unwrap_or_default();
        let added = pod
            .spec
            .as_ref()
            .and_then(|s| s.ephemeral_containers.clone());
        Self {
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            generation: pod.metadata.generation,
            phase: status.phase.unwrap_or_default(),
            containers: all
                .chain(init)
                .map(|c| {
                    (
                        c.name,
                        (c.container_id.unwrap_or_default(), c.restart_count),
                    )
                })
                .collect(),
            ephemeral: added
                .unwrap_or_default()
                .into_iter()
                .map(|c| c.name)
                .collect(),
        }
    }

    /// Ephemeral containers that only `after` has; none if the pod was replaced.
    pub(crate) fn added<'a>(&'a self, after: &'a Self) -> impl Iterator<Item = &'a String> {
        let added = after.ephemeral.iter();
        added.filter(|name| self.uid == after.uid && !self.ephemeral.contains(name))
    }

    /// How `after` differs; an ephemeral container named `own` is the scan's.
    pub(crate) fn differences(&self, after: &Self, own: &str) -> Vec<String> {
        let mut all = Vec::new();
        if self.uid != after.uid {
            all.push(format!(
                "the pod was replaced: uid {} is now {}",
                self.uid, after.uid
            ));
            return all;
        }
        if self.phase != after.phase {
            all.push(format!(
                "its phase was {} and is {}",
                self.phase, after.phase
            ));
        }
        for (name, (id, restarts)) in &self.containers {
            match after.containers.get(name) {
                None => all.push(format!("container {name} is gone")),
                Some((_, now)) if now != restarts => {
                    all.push(format!(
                        "container {name} had {restarts} restarts and has {now}"
                    ));
                }
                Some((now, _)) if now != id => {
                    all.push(format!("container {name} was {id} and is {now}"));
                }
                Some(_) => {}
            }
        }
        let added = self.added(after);
        let (ours, theirs): (Vec<&String>, Vec<&String>) = added.partition(|n| *n == own);
        for name in theirs {
            all.push(format!("somebody added ephemeral container {name}"));
        }
        if !ours.is_empty() {
            all.push(format!(
                "the scan added ephemeral container {own}, as planned"
            ));
        }
        if self.generation != after.generation {
            all.push(format!(
                "the generation of its specification was {} and is {}",
                self.generation.unwrap_or_default(),
                after.generation.unwrap_or_default()
            ));
        }
        all
    }
}
