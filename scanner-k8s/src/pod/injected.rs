//! The container that is added to a workload to look at its pod: as it is written, and whether a pod has exactly that.

use std::{collections::BTreeSet, fmt::Write as _};

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use scanner_core::Target;
use serde_json::{Value, json};

use super::{
    access_planner::{self, ProbeContext},
    facts::TOKEN_MOUNT,
    security_context::{self, PodSecurity},
};
use crate::names::{PROBE_PROGRAM, SIDECAR_CONTAINER};

/// Name of the empty volume that keeps the service account's token from the sidecar.
pub(crate) const NO_TOKEN: &str = "secure-scan-no-token";
/// Levels of a namespace that a sidecar may have been planned for.
const LEVELS: [PodSecurity; 3] = [
    PodSecurity::Privileged,
    PodSecurity::Baseline,
    PodSecurity::Restricted,
];

/// The container of one pod template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Injected<'a> {
    /// Image of the probe.
    pub image: &'a str,
    /// How it runs.
    pub context: &'a ProbeContext,
    /// Whether the pod ends when its containers have ended: the sidecar must not keep it running.
    pub ends: bool,
    /// Whether the server would mount a token in it, so that an empty volume takes the token's place.
    pub token: bool,
}

/// A text as JSON, which is YAML too.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

impl Injected<'_> {
    /// The container, as an item of a list in YAML.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "- name: {SIDECAR_CONTAINER}\n  image: {}\n  imagePullPolicy: IfNotPresent\n  command: [{}, serve]\n",
            quoted(self.image),
            PROBE_PROGRAM
        );
        if self.ends {
            text.push_str("  restartPolicy: Always\n");
        }
        // Requests are limits, so that a pod of class Guaranteed stays one.
        text.push_str(
            "  resources:\n    requests: {cpu: 100m, memory: 64Mi}\n    limits: {cpu: 100m, memory: 64Mi}\n",
        );
        let ProbeContext { uid, gid, .. } = self.context;
        let lists = [
            ("drop", self.context.dropped()),
            ("add", self.context.add.clone()),
        ];
        let lists: Vec<String> = lists
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(field, names)| format!("{field}: [{}]", names.join(", ")))
            .collect();
        let capabilities = match lists.as_slice() {
            [] => String::new(),
            lists => format!("    capabilities: {{{}}}\n", lists.join(", ")),
        };
        let _ = write!(
            text,
            "  securityContext:\n    runAsUser: {uid}\n    runAsGroup: {gid}\n    runAsNonRoot: {}\n\
             {capabilities}    allowPrivilegeEscalation: false\n    readOnlyRootFilesystem: true\n    \
             seccompProfile: {{type: RuntimeDefault}}\n",
            *uid != 0
        );
        if self.token {
            let _ = write!(
                text,
                "  volumeMounts:\n  - name: {NO_TOKEN}\n    mountPath: {TOKEN_MOUNT}\n    readOnly: true\n"
            );
        }
        text
    }

    /// The same as a server keeps it.
    fn kept(&self) -> Option<Value> {
        let items: Vec<Container> = serde_saphyr::from_str(&self.text()).ok()?;
        let mut kept = serde_json::to_value(items.first()?).ok()?;
        kept["terminationMessagePath"] = json!("/dev/termination-log");
        kept["terminationMessagePolicy"] = json!("File");
        Some(kept)
    }
}

/// How the sidecar of a pod runs, where all of its specification is what would be written for `target`.
///
/// # Errors
///
/// Says what differs: whatever the container mounts, runs or is given could make another program answer.
pub(crate) fn as_written(pod: &Pod, target: &Target) -> Result<ProbeContext, String> {
    let spec = pod.spec.clone().unwrap_or_default();
    let (found, ends) = only(&spec)?;
    let kept = comparable(serde_json::to_value(&found).unwrap_or_default());
    let mut seen = security_context::of(pod, target);
    let own = found.security_context.clone().unwrap_or_default();
    // A user that nobody states is given by whoever injects.
    seen.uid = seen.uid.or(own.run_as_user);
    seen.gid = seen.gid.or(own.run_as_group);
    let image = found.image.clone().unwrap_or_default();
    let mut nearest: Option<BTreeSet<String>> = None;
    let mut refused = None;
    for level in LEVELS {
        let context = match access_planner::plan(&seen, level) {
            Ok(context) => context,
            Err(refusal) => {
                refused.get_or_insert(refusal);
                continue;
            }
        };
        for token in [true, false] {
            let image = image.as_str();
            let context = &context;
            let injected = Injected {
                image,
                context,
                ends,
                token,
            };
            let Some(expected) = injected.kept() else {
                continue;
            };
            let differing = differing(&expected, &kept);
            if differing.is_empty() {
                if token && !is_empty_volume(&spec) {
                    return Err(format!(
                        "its volume {NO_TOKEN} is not the empty one that secure-scan inject adds"
                    ));
                }
                return Ok(context.clone());
            }
            if nearest
                .as_ref()
                .is_none_or(|known| differing.len() < known.len())
            {
                nearest = Some(differing);
            }
        }
    }
    match (nearest, refused) {
        (Some(fields), _) => {
            let fields: Vec<String> = fields.into_iter().collect();
            Err(format!(
                "its container {SIDECAR_CONTAINER} is not the one that secure-scan inject adds beside container {}: \
                 {} differ, so that another program than the probe could answer",
                target.container,
                fields.join(", ")
            ))
        }
        (None, Some(refusal)) => Err(refusal.to_string()),
        (None, None) => Err("it cannot be compared with what secure-scan inject adds".into()),
    }
}

/// The one container of that name, and whether it is a native sidecar.
fn only(spec: &PodSpec) -> Result<(Container, bool), String> {
    let named = |list: &[Container]| -> Vec<Container> {
        let all = list.iter().filter(|c| c.name == SIDECAR_CONTAINER);
        all.cloned().collect()
    };
    let (plain, native) = (
        named(&spec.containers),
        named(spec.init_containers.as_deref().unwrap_or_default()),
    );
    match (plain.as_slice(), native.as_slice()) {
        ([one], []) => Ok((one.clone(), false)),
        ([], [one]) => Ok((one.clone(), true)),
        _ => Err(format!(
            "it has not exactly one container {SIDECAR_CONTAINER}"
        )),
    }
}

/// A container without what a server adds or changes and what makes no difference to the program that runs.
fn comparable(mut container: Value) -> Value {
    if let Some(fields) = container.as_object_mut() {
        let resizes = fields.get("resizePolicy").and_then(Value::as_array);
        let default =
            resizes.is_some_and(|all| all.iter().all(|one| one["restartPolicy"] == "NotRequired"));
        if default {
            fields.remove("resizePolicy");
        }
        // An admission plugin may have the node always ask the registry for the image.
        if fields
            .get("imagePullPolicy")
            .is_some_and(|policy| policy == "Always")
        {
            fields.insert("imagePullPolicy".into(), json!("IfNotPresent"));
        }
    }
    let context = container
        .get_mut("securityContext")
        .and_then(Value::as_object_mut);
    if let Some(context) = context
        && context
            .get("procMount")
            .is_some_and(|kind| kind == "Default")
    {
        context.remove("procMount");
    }
    container
}

/// Names of the fields that differ.
fn differing(expected: &Value, found: &Value) -> BTreeSet<String> {
    let (Some(expected), Some(found)) = (expected.as_object(), found.as_object()) else {
        return BTreeSet::from(["all".to_owned()]);
    };
    let keys = expected.keys().chain(found.keys());
    keys.filter(|key| expected.get(*key) != found.get(*key))
        .cloned()
        .collect()
}

/// Whether the volume that stands in the place of the token holds nothing.
fn is_empty_volume(spec: &PodSpec) -> bool {
    let mut all = spec.volumes.iter().flatten().filter(|v| v.name == NO_TOKEN);
    let (first, second) = (all.next(), all.next());
    let empty = first.is_some_and(|volume| {
        let kind = serde_json::to_value(volume).unwrap_or_default();
        let fields = kind.as_object().map_or(0, serde_json::Map::len);
        volume.empty_dir.is_some() && fields == 2
    });
    empty && second.is_none()
}

#[cfg(test)]
mod tests;
