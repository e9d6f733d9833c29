//! What a clone drops, and what it keeps when asked.

use super::*;
use crate::plan::sidecar_options::Keep;

fn pod() -> Value {
    json!({
        "serviceAccountName": "shop", "hostNetwork": true, "nodeName": "n", "priority": 7,
        "securityContext": {"runAsUser": 7},
        "initContainers": [{"name": "prepare"}],
        "volumes": [
            {"name": "tmp", "emptyDir": {}}, {"name": "data", "persistentVolumeClaim": {"claimName": "d"}},
            {"name": "host", "hostPath": {"path": "/"}}, {"name": "tls", "secret": {"secretName": "tls"}},
            {"name": "conf", "configMap": {"name": "conf"}},
            {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        ],
        "containers": [{
            "name": "web", "image": "web:1", "command": ["/web"], "livenessProbe": {"exec": {}},
            "ports": [{"containerPort": 80, "hostPort": 80}],
            "resources": {"limits": {"cpu": "1", "nvidia.com/gpu": "1"}, "claims": [{"name": "card"}]},
            "volumeDevices": [{"name": "disk", "devicePath": "/dev/xvda"}],
            "env": [
                {"name": "PLAIN", "value": "x"},
                {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "db", "key": "pw"}}},
            ],
            "envFrom": [{"configMapRef": {"name": "env"}}],
            "volumeMounts": [
                {"name": "tmp", "mountPath": "/tmp"}, {"name": "data", "mountPath": "/data"},
                {"name": "host", "mountPath": "/host"}, {"name": "tls", "mountPath": "/tls"},
                {"name": "conf", "mountPath": "/conf"}, {"name": "token", "mountPath": "/t"},
            ],
        }, {"name": "other"}],
    })
}

fn mounts(copied: &Copied) -> Vec<&str> {
    list(&copied.container["volumeMounts"])
        .iter()
        .map(|m| text(&m["name"]))
        .collect()
}

#[test]
fn what_belongs_to_others_is_dropped_and_noted() {
    let copied = of(&pod(), "web", Keep::default());
    assert_eq!(mounts(&copied), ["tmp"]);
    assert_eq!(
        copied.container["env"],
        json!([{"name": "PLAIN", "value": "x"}])
    );
    assert_eq!(copied.container["envFrom"], json!([]));
    assert_eq!(
        copied.container["resources"],
        json!({"limits": {"cpu": "1"}})
    );
    assert_eq!(copied.container["command"], json!(["/web"]));
    assert_eq!(copied.spec.keys().collect::<Vec<_>>(), ["securityContext"]);
    let differences = copied.differences.join("\n");
    for word in [
        "Secret db (variable PW)",
        "ConfigMap env",
        "Secret tls (volume tls)",
        "volume data (persistentVolumeClaim)",
        "volume host (hostPath)",
        "service account token",
        "init containers were not run: prepare",
        "other containers: other",
        "livenessProbe",
        "hostNetwork",
        "host port 80",
        "nvidia.com/gpu",
        "resource claim card",
        "volume device disk",
    ] {
        assert!(differences.contains(word), "{word} in {differences}");
    }
}

#[test]
fn what_is_asked_for_is_kept_and_named() {
    let copied = of(
        &pod(),
        "web",
        Keep {
            secrets: true,
            config: true,
        },
    );
    assert_eq!(mounts(&copied), ["tmp", "tls", "conf"]);
    assert_eq!(copied.container["env"].as_array().map(Vec::len), Some(2));
    let differences = copied.differences.join("\n");
    assert!(
        differences.contains("keeps Secret db (variable PW), as asked"),
        "{differences}"
    );
    assert!(
        differences.contains("without the service account token"),
        "{differences}"
    );
}

#[test]
fn what_the_pod_says_of_resources_is_the_clone_s_where_its_container_says_nothing() {
    let mut pod = pod();
    pod["resources"] = json!({
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": {"cpu": "2", "memory": "1Gi", "hugepages-2Mi": "2Mi"},
    });
    let copied = of(&pod, "web", Keep::default());
    let expected = json!({"requests": {"memory": "64Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}});
    assert_eq!(copied.container["resources"], expected);
    assert!(
        copied
            .differences
            .contains(&"has the resources of the whole pod as its own".into())
    );
}
