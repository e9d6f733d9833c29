//! The status of a pod, as its node reports it.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{facts::NODE, image::image_id};

/// One of the lists of containers that a pod has, and where their status is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    spec: &'static str,
    status: &'static str,
}

pub(super) const INIT: Kept = Kept {
    spec: "initContainers",
    status: "initContainerStatuses",
};
pub(super) const CONTAINERS: Kept = Kept {
    spec: "containers",
    status: "containerStatuses",
};
pub(super) const EPHEMERAL: Kept = Kept {
    spec: "ephemeralContainers",
    status: "ephemeralContainerStatuses",
};

impl Kept {
    pub(super) fn names(self, pod: &Value) -> Vec<String> {
        let all = pod["spec"][self.spec].as_array().into_iter().flatten();
        all.filter_map(|c| c["name"].as_str().map(str::to_owned))
            .collect()
    }

    pub(super) fn container<'a>(self, pod: &'a Value, name: &str) -> Option<&'a Value> {
        let mut all = pod["spec"][self.spec].as_array().into_iter().flatten();
        all.find(|c| c["name"] == name)
    }

    pub(super) fn status<'a>(self, pod: &'a Value, name: &str) -> Option<&'a Value> {
        let mut all = pod["status"][self.status].as_array().into_iter().flatten();
        all.find(|c| c["name"] == name)
    }

    pub(super) fn container_id(self, pod: &Value, name: &str) -> Option<String> {
        let status = self.status(pod, name)?;
        status["containerID"].as_str().map(str::to_owned)
    }
}

/// Where the pod is.
pub(super) fn place(pod: &mut Value, now: &str) {
    if pod["spec"]["nodeName"].is_null() {
        pod["spec"]["nodeName"] = json!(NODE.0);
    }
    let address = Sha256::digest(pod["metadata"]["uid"].as_str().unwrap_or_default());
    let address = format!("198.51.100.{}", address[0]);
    let status = &mut pod["status"];
    for (field, value) in [
        ("phase", json!("Pending")),
        ("hostIP", json!(NODE.1)),
        ("hostIPs", json!([{"ip": NODE.1}])),
        ("podIP", json!(address)),
        ("podIPs", json!([{"ip": address}])),
        ("startTime", json!(now)),
        ("qosClass", json!("BestEffort")),
    ] {
        if status[field].is_null() {
            status[field] = value;
        }
    }
    conditions(pod, now);
}

/// Conditions that follow from the phase.
pub(super) fn conditions(pod: &mut Value, now: &str) {
    let ready = if pod["status"]["phase"] == "Running" {
        "True"
    } else {
        "False"
    };
    let all = [
        ("PodScheduled", "True"),
        ("Initialized", ready),
        ("ContainersReady", ready),
        ("Ready", ready),
    ];
    let all = all
        .map(|(kind, status)| json!({"type": kind, "status": status, "lastTransitionTime": now}));
    pod["status"]["conditions"] = json!(all);
}

/// Images that a container of the pod mounts: the node pulls them for all, and holds back only the containers that mount them.
pub(super) fn images(pod: &Value, container: &Value) -> Vec<String> {
    let mounts = container["volumeMounts"].as_array().into_iter().flatten();
    let mounted: Vec<&Value> = mounts.map(|mount| &mount["name"]).collect();
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let volumes = volumes.filter(|volume| mounted.contains(&&volume["name"]));
    let images = volumes.filter_map(|v| v["image"]["reference"].as_str());
    images.map(str::to_owned).collect()
}

/// State of a container that has ended.
pub(super) fn ended(code: i32, reason: &str, started: &str, now: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now}})
}

/// Sets the state of one container.
pub(super) fn set(pod: &mut Value, kept: Kept, name: &str, is: &Value, uid: &str) {
    let Some(container) = kept.container(pod, name).cloned() else {
        return;
    };
    let waits = is["waiting"].is_object();
    let runs = is["running"].is_object();
    let id = hex::encode(Sha256::digest(format!("{uid}/{name}")));
    let image = container["image"].as_str().unwrap_or_default();
    let mut status = kept
        .status(pod, name)
        .cloned()
        .unwrap_or_else(|| json!({"name": name}));
    let user = user(pod, &container);
    for (field, value) in [
        ("image", json!(image)),
        (
            "imageID",
            json!(if waits {
                String::new()
            } else {
                image_id(image)
            }),
        ),
        ("restartCount", json!(0)),
        ("lastState", json!({})),
    ] {
        if status[field].is_null() || (field == "imageID" && status[field] == "") {
            status[field] = value;
        }
    }
    if !waits && status["containerID"].is_null() {
        status["containerID"] = json!(format!("containerd://{id}"));
    }
    if runs && status["user"].is_null() {
        status["user"] = user;
    }
    status["state"] = is.clone();
    status["ready"] = json!(runs);
    status["started"] = json!(runs);
    let all = &mut pod["status"][kept.status];
    if !all.is_array() {
        *all = json!([]);
    }
    if let Some(all) = all.as_array_mut() {
        match all.iter_mut().find(|s| s["name"] == name) {
            Some(old) => *old = status,
            None => all.push(status),
        }
    }
}

/// Who a container runs as, as the runtime reports it.
fn user(pod: &Value, container: &Value) -> Value {
    let of = |field: &str| {
        let own = container["securityContext"][field].as_i64();
        own.or_else(|| pod["spec"]["securityContext"][field].as_i64())
            .unwrap_or_default()
    };
    let (uid, gid) = (of("runAsUser"), of("runAsGroup"));
    json!({"linux": {"uid": uid, "gid": gid, "supplementalGroups": [gid]}})
}

/// Ends every container that has not ended.
pub(super) fn end_all(pod: &mut Value, now: &str) {
    for list in [
        "initContainerStatuses",
        "containerStatuses",
        "ephemeralContainerStatuses",
    ] {
        for status in pod["status"][list].as_array_mut().into_iter().flatten() {
            if status["state"]["terminated"].is_null() {
                let started = status["state"]["running"]["startedAt"]
                    .as_str()
                    .unwrap_or(now)
                    .to_owned();
                status["state"] = ended(137, "Error", &started, now);
                status["ready"] = json!(false);
            }
        }
    }
}
