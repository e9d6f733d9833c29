//! The node: starts the containers of pods, ends them, and reports it in the pods' status.

mod status;

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    FakeCluster,
    agent::Program,
    facts::NODE,
    state::{State, removal::delete_now},
    store::Key,
};
use status::{CONTAINERS, EPHEMERAL, INIT, Kept};

/// Why an image does not come: there is none of that name.
const NOT_FOUND: &str = "code = NotFound desc = not found";
/// The pod has no credentials for it.
const UNAUTHORIZED: &str =
    "code = Unknown desc = failed to resolve reference: unexpected status: 401 Unauthorized";

/// Turns a given pod into a running one, as its node would have reported it.
pub(crate) fn running(state: &mut State, mut pod: Value) -> Value {
    let now = state.clock.stamp();
    let phase_given = pod["status"]["phase"].is_string();
    let conditions_given = pod["status"]["conditions"].is_array();
    let given = pod["status"]["conditions"].clone();
    status::place(&mut pod, &now);
    let uid = pod["metadata"]["uid"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let key = key_of(&pod);
    for kept in [INIT, CONTAINERS, EPHEMERAL] {
        for name in kept.names(&pod) {
            if kept
                .status(&pod, &name)
                .is_none_or(|s| s["state"].is_null())
            {
                let sidecar = kept
                    .container(&pod, &name)
                    .is_some_and(|c| c["restartPolicy"] == "Always");
                let done = kept == INIT && !sidecar;
                let is = if done {
                    json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}})
                } else {
                    json!({"running": {"startedAt": now}})
                };
                status::set(&mut pod, kept, &name, &is, &uid);
            }
            if let Some(id) = kept.container_id(&pod, &name) {
                state.runs.add(&id, &key, &name);
            }
        }
    }
    if !phase_given {
        pod["status"]["phase"] = json!("Running");
    }
    if conditions_given {
        pod["status"]["conditions"] = given;
    } else {
        status::conditions(&mut pod, &now);
    }
    pod
}

fn key_of(pod: &Value) -> Key {
    let text = |field: &str| {
        pod["metadata"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    Key::pod(&text("namespace"), &text("name"))
}

/// One pod that was created, from its scheduling to its end.
#[derive(Clone)]
struct Pod {
    cluster: FakeCluster,
    key: Key,
    uid: String,
}

/// Starts what was created.
pub(crate) fn start(cluster: &FakeCluster, key: &Key, uid: &str) {
    let pod = Pod {
        cluster: cluster.clone(),
        key: key.clone(),
        uid: uid.to_owned(),
    };
    tokio::spawn(async move { pod.live().await });
}

/// Starts an ephemeral container that was added to a pod.
pub(crate) fn add(cluster: &FakeCluster, key: &Key, uid: &str, container: &str) {
    let pod = Pod {
        cluster: cluster.clone(),
        key: key.clone(),
        uid: uid.to_owned(),
    };
    let container = container.to_owned();
    tokio::spawn(async move { pod.container(EPHEMERAL, &container).await });
}

/// Ends a pod that is being deleted, and removes it.
pub(crate) fn stop(cluster: &FakeCluster, key: &Key, uid: &str) {
    let (cluster, key, uid) = (cluster.clone(), key.clone(), uid.to_owned());
    let pause = cluster.state().pace.stop;
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        let held = {
            let mut state = cluster.state();
            state.runs.end_pod(&key);
            let pod = state
                .store
                .get(&key)
                .filter(|pod| pod["metadata"]["uid"] == uid.as_str());
            pod.is_none_or(|pod| {
                pod["metadata"]["finalizers"]
                    .as_array()
                    .is_some_and(|f| !f.is_empty())
            })
        };
        // So that what watches its containers sees their end first.
        tokio::time::sleep(Duration::from_millis(1)).await;
        if !held {
            delete_now(&cluster, &key, &uid);
        }
    });
}

impl Pod {
    /// Changes the pod if it still exists, and returns its new version.
    fn change(&self, change: impl FnOnce(&mut State, &mut Value)) -> Option<Value> {
        let mut state = self.cluster.state();
        let found = state.store.get(&self.key);
        let found = found.filter(|pod| pod["metadata"]["uid"] == self.uid.as_str())?;
        let mut pod = (**found).clone();
        change(&mut state, &mut pod);
        state.store.put(self.key.clone(), pod.clone());
        Some(pod)
    }

    async fn live(self) {
        let pace = self.cluster.state().pace;
        tokio::time::sleep(pace.schedule).await;
        let Some(pod) = self.change(|state, pod| {
            let now = state.clock.stamp();
            pod["spec"]["nodeName"] = json!(NODE.0);
            status::place(pod, &now);
        }) else {
            return;
        };
        let lived = self.containers(&pod);
        let phase = match pod["spec"]["activeDeadlineSeconds"].as_u64() {
            None => lived.await,
            Some(seconds) => {
                let limit = Duration::from_secs(seconds);
                let phase = tokio::time::timeout(limit, lived).await;
                phase.unwrap_or_else(|_| self.overdue())
            }
        };
        self.change(|state, pod| {
            pod["status"]["phase"] = json!(phase);
            let now = state.clock.stamp();
            status::conditions(pod, &now);
        });
    }

    /// Ends the pod at its deadline.
    fn overdue(&self) -> &'static str {
        self.cluster.state().runs.end_pod(&self.key);
        self.change(|state, pod| {
            let now = state.clock.stamp();
            status::end_all(pod, &now);
            let status = &mut pod["status"];
            status["reason"] = json!("DeadlineExceeded");
            let text = "Pod was active on the node longer than the specified deadline";
            status["message"] = json!(text);
        });
        "Failed"
    }

    /// Runs init containers one after the other, then the others together; gives the pod's last phase.
    async fn containers(&self, pod: &Value) -> &'static str {
        for name in INIT.names(pod) {
            let sidecar = INIT
                .container(pod, &name)
                .is_some_and(|c| c["restartPolicy"] == "Always");
            if sidecar {
                let (own, name) = (self.clone(), name.clone());
                tokio::spawn(async move { own.container(INIT, &name).await });
                continue;
            }
            if self.container(INIT, &name).await != Some(0) {
                return "Failed";
            }
        }
        self.change(|state, pod| {
            pod["status"]["phase"] = json!("Running");
            let now = state.clock.stamp();
            status::conditions(pod, &now);
        });
        let all = CONTAINERS.names(pod);
        let all = all.iter().map(|name| self.container(CONTAINERS, name));
        let codes = futures_util::future::join_all(all).await;
        if codes.iter().all(|code| *code == Some(0)) {
            "Succeeded"
        } else {
            "Failed"
        }
    }

    fn state(&self, kept: Kept, name: &str, is: &Value) -> Option<Value> {
        self.change(|_, pod| status::set(pod, kept, name, is, &self.uid))
    }

    /// Runs one container to its end, and gives its exit code.
    async fn container(&self, kept: Kept, name: &str) -> Option<i32> {
        let waiting = json!({"waiting": {"reason": if kept == INIT { "PodInitializing" } else { "ContainerCreating" }}});
        let pod = self.state(kept, name, &waiting)?;
        let (pace, pulls) = {
            let state = self.cluster.state();
            let container = kept.container(&pod, name);
            let image = container.and_then(|c| c["image"].as_str());
            let images = container
                .map(|c| status::images(&pod, c))
                .unwrap_or_default();
            let secrets = pod["spec"]["imagePullSecrets"].as_array();
            let has_secret = secrets.is_some_and(|all| !all.is_empty());
            let why_not = |image: &str| {
                if state.unpullable.contains(image) {
                    Some((image.to_owned(), NOT_FOUND))
                } else if state.private.contains(image) && !has_secret {
                    Some((image.to_owned(), UNAUTHORIZED))
                } else {
                    None
                }
            };
            let mut all = image.into_iter().chain(images.iter().map(String::as_str));
            (state.pace, all.find_map(why_not))
        };
        tokio::time::sleep(pace.start).await;
        if let Some((image, why)) = pulls {
            return self.cannot_pull(kept, name, &image, why).await;
        }
        let program = Program::of(kept.container(&pod, name).unwrap_or(&Value::Null));
        if program == Program::Missing {
            let now = self.cluster.state().clock.stamp();
            self.state(kept, name, &status::ended(128, "StartError", &now, &now));
            return Some(128);
        }
        let started = self.cluster.state().clock.stamp();
        let pod = self.state(kept, name, &json!({"running": {"startedAt": started}}))?;
        let id = kept.container_id(&pod, name)?;
        let (run, exits) = {
            let mut state = self.cluster.state();
            let run = state.runs.add(&id, &self.key, name);
            (run, state.target(&pod, name).ends())
        };
        let code = program.run(run, exits).await;
        self.cluster.state().runs.remove(&id);
        let now = self.cluster.state().clock.stamp();
        let reason = if code == 0 { "Completed" } else { "Error" };
        self.state(kept, name, &status::ended(code, reason, &started, &now))?;
        Some(code)
    }

    /// Reports that the image of a container cannot be pulled, as long as the pod exists.
    async fn cannot_pull(&self, kept: Kept, name: &str, image: &str, why: &str) -> Option<i32> {
        let said = format!("Failed to pull image {image:?}: rpc error: {why}");
        self.event(name, "Failed", &said);
        let mut reason = "ErrImagePull";
        loop {
            self.state(
                kept,
                name,
                &json!({"waiting": {"reason": reason, "message": said}}),
            )?;
            tokio::time::sleep(Duration::from_secs(10)).await;
            reason = if reason == "ErrImagePull" {
                "ImagePullBackOff"
            } else {
                "ErrImagePull"
            };
        }
    }

    fn event(&self, container: &str, reason: &str, message: &str) {
        let mut state = self.cluster.state();
        let now = state.clock.stamp();
        let number = state.store.version();
        let _ = state.give(json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": format!("{}.{number:x}", self.key.name), "namespace": self.key.namespace},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "name": self.key.name, "namespace": self.key.namespace,
                "uid": self.uid, "fieldPath": format!("spec.containers{{{container}}}"),
            },
            "reason": reason, "message": message, "type": "Warning", "count": 1,
            "firstTimestamp": now, "lastTimestamp": now, "source": {"component": "kubelet", "host": NODE.0},
        }));
    }
}
