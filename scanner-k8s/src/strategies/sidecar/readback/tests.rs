//! Each field of the scan's own pod that a cluster may change, and what it may fill in.

use serde_json::json;

use super::*;

fn planned() -> Value {
    json!({
        "restartPolicy": "Never", "automountServiceAccountToken": false, "activeDeadlineSeconds": 50,
        "hostAliases": [], "shareProcessNamespace": true, "enableServiceLinks": false,
        "securityContext": {"runAsUser": 7}, "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "dnsPolicy": "None", "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "volumes": [{"name": "target", "image": {"reference": "r/a:1", "pullPolicy": "IfNotPresent"}}],
        "initContainers": [{
            "name": "barrier", "image": "probe:1", "imagePullPolicy": "IfNotPresent",
            "command": ["/probe", "barrier"],
            "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}],
            "securityContext": {"capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}},
        }],
        "containers": [{
            "name": "web", "image": "r/a:1", "args": ["x"], "imagePullPolicy": "IfNotPresent",
            "env": [{"name": "A", "value": "1"}], "envFrom": [], "resources": {},
            "volumeMounts": [{"name": "target", "mountPath": "/target", "readOnly": true}],
        }],
    })
}

/// What is seen when the value at a place is another than planned, or when a list has one element more.
fn seen(at: &str, value: &Value) -> Vec<String> {
    let mut made = planned();
    match made.pointer_mut(at) {
        Some(Value::Array(list)) if !value.is_array() => list.push(value.clone()),
        Some(place) => *place = value.clone(),
        None => {
            let (parent, name) = at.rsplit_once('/').unwrap();
            made.pointer_mut(parent).unwrap()[name] = value.clone();
        }
    }
    differences(&planned(), &serde_json::from_value(made).unwrap())
}

/// Places, what the cluster put there, and what is reported.
const CHANGES: &str = r#"
/volumes | {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}} | volumes[token] was added
/volumes/0/image/reference | "r/b:1" | volumes[target].image.reference
/volumes | [] | volumes[target] was removed
/containers/0/volumeMounts | {"name": "t", "mountPath": "/t"} | containers[web].volumeMounts[/t] was added
/containers/0/volumeMounts/0/readOnly | null | containers[web].volumeMounts[/target].readOnly
/containers/0/volumeMounts/0/subPath | "x" | containers[web].volumeMounts[/target].subPath
/containers/0/env | {"name": "AWS_ROLE_ARN", "value": "x"} | containers[web].env[AWS_ROLE_ARN] was added
/containers/0/env/0/value | "2" | containers[web].env[A].value
/containers/0/env | {"name": "A", "value": "2"} | containers[web].env[0001] was added
/containers/0/envFrom | {"secretRef": {"name": "s"}} | containers[web].envFrom[0000] was added
/containers/0/image | "mirror/a:1" | containers[web].image
/containers/0/command | ["sh"] | containers[web].command[0000] was added
/containers/0/args | ["y"] | containers[web].args[0000]
/containers/0/lifecycle | {"postStart": {"sleep": {"seconds": 1}}} | containers[web].lifecycle.postStart.sleep.seconds
/containers/0/restartPolicy | "Always" | containers[web].restartPolicy
/containers/0/stdin | true | containers[web].stdin
/containers/0/resources | {"limits": {"nvidia.com/gpu": "1"}} | containers[web].resources.limits.nvidia.com/gpu
/containers/0/resources | {"claims": [{"name": "gpu"}]} | containers[web].resources.claims[gpu] was added
/containers/0/securityContext | {"privileged": true} | containers[web].securityContext.privileged
/containers/0/securityContext | {"seccompProfile": {"type": "Unconfined"}} | containers[web].securityContext.seccompProfile.type
/containers | {"name": "mesh", "image": "m:1"} | containers[mesh] was added
/initContainers | {"name": "mesh", "image": "m:1"} | initContainers[mesh] was added
/initContainers/0/command | ["/probe", "wait"] | initContainers[barrier].command[0001]
/initContainers/0/securityContext/capabilities/drop | [] | initContainers[barrier].securityContext.capabilities.drop
/initContainers/0/securityContext/capabilities/add | ["SYS_ADMIN"] | initContainers[barrier].securityContext.capabilities.add[0000] was added
/initContainers/0/securityContext/seccompProfile/type | "Unconfined" | initContainers[barrier].securityContext.seccompProfile.type
/initContainers/0/securityContext/runAsUser | 0 | initContainers[barrier].securityContext.runAsUser
/securityContext/runAsUser | 0 | securityContext.runAsUser
/securityContext/appArmorProfile | {"type": "Unconfined"} | securityContext.appArmorProfile.type
/securityContext/sysctls | [{"name": "a", "value": "1"}] | securityContext.sysctls[a] was added
/hostNetwork | true | hostNetwork
/hostPID | true | hostPID
/hostIPC | true | hostIPC
/hostAliases | {"ip": "1.1.1.1"} | hostAliases[0000] was added
/restartPolicy | "Always" | restartPolicy
/activeDeadlineSeconds | null | activeDeadlineSeconds
/automountServiceAccountToken | true | automountServiceAccountToken
/serviceAccountName | "admin" | serviceAccountName
/shareProcessNamespace | false | shareProcessNamespace
/dnsConfig/nameservers | "8.8.8.8" | dnsConfig.nameservers[0001] was added
/tolerations | [] | tolerations
/nodeSelector | {"disk": "hdd"} | nodeSelector.disk
/resourceClaims | [{"name": "gpu", "resourceClaimName": "g"}] | resourceClaims[gpu] was added
"#;

#[test]
fn whatever_gives_the_pod_more_is_reported() {
    for line in CHANGES.trim().lines() {
        let parts: Vec<&str> = line.split(" | ").collect();
        let value: Value = serde_json::from_str(parts[1]).unwrap();
        assert_eq!(seen(parts[0], &value), [parts[2]], "{line}");
    }
}

#[test]
fn what_an_api_server_and_its_plugins_fill_in_is_none() {
    for (at, value) in [
        ("/serviceAccountName", json!("default")),
        ("/serviceAccount", json!("default")),
        ("/schedulerName", json!("default-scheduler")),
        ("/priority", json!(0)),
        ("/preemptionPolicy", json!("PreemptLowerPriority")),
        ("/nodeName", json!("n")),
        ("/affinity", json!({"nodeAffinity": {}})),
        (
            "/tolerations",
            json!({"key": "node.kubernetes.io/not-ready", "operator": "Exists"}),
        ),
        ("/nodeSelector", json!({"disk": "ssd", "zone": "a"})),
        ("/imagePullSecrets", json!([{"name": "registry"}])),
        (
            "/dnsConfig/options",
            json!([{"name": "ndots", "value": "2"}]),
        ),
        ("/securityContext/fsGroup", json!(1000)),
        (
            "/securityContext/seLinuxOptions",
            json!({"level": "s0:c1,c2"}),
        ),
        (
            "/securityContext/seccompProfile",
            json!({"type": "RuntimeDefault"}),
        ),
        ("/volumes/0/image/pullPolicy", json!("IfNotPresent")),
        (
            "/containers/0/terminationMessagePath",
            json!("/dev/termination-log"),
        ),
        ("/containers/0/terminationMessagePolicy", json!("File")),
        ("/containers/0/imagePullPolicy", json!("Always")),
        (
            "/containers/0/resources",
            json!({"limits": {"cpu": "1"}, "requests": {"memory": "1Gi"}}),
        ),
        (
            "/containers/0/securityContext",
            json!({"procMount": "Default", "allowPrivilegeEscalation": false}),
        ),
        ("/initContainers/0/terminationMessagePolicy", json!("File")),
        (
            "/initContainers/0/env/0/valueFrom/fieldRef/apiVersion",
            json!("v1"),
        ),
        (
            "/initContainers/0/securityContext/capabilities/drop",
            json!("NET_RAW"),
        ),
    ] {
        assert_eq!(seen(at, &value), Vec::<String>::new(), "{at} {value}");
    }
}
