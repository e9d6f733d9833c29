//! Which security settings of a target its clone keeps, and which forbid a clone.

use serde_json::{Map, Value};

use super::values::{container, list, text};
use crate::pod::capabilities;

/// Capabilities that reach the node, or that get around an isolation by the pod's address.
const POWERFUL: [&str; 12] = [
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "NET_ADMIN",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_TIME",
];
/// Profiles of a pod that each of its containers would inherit, the scan's own too.
const PROFILES: [&str; 2] = ["seccompProfile", "appArmorProfile"];

fn added(context: &Value) -> impl Iterator<Item = String> {
    let all = list(&context["capabilities"]["add"]).iter();
    all.map(|name| capabilities::added(text(name)))
}

/// Settings of container `name` with which it must not be started a second time.
pub(in crate::strategies::sidecar) fn dangerous_settings(spec: &Value, name: &str) -> Vec<String> {
    let Some(container) = container(spec, name) else {
        return Vec::new();
    };
    let context = &container["securityContext"];
    let mut found = Vec::new();
    if context["privileged"] == true {
        found.push("privileged".to_owned());
    }
    if context["procMount"] == "Unmasked" {
        found.push("procMount Unmasked".to_owned());
    }
    let powerful = added(context).filter(|name| POWERFUL.contains(&name.as_str()));
    found.extend(powerful.map(|name| format!("capability {name}")));
    found
}

/// Leaves the profiles of the pod with the target's container alone, and notes what it keeps.
pub(super) fn confine(
    pod: &mut Map<String, Value>,
    container: &mut Map<String, Value>,
    differences: &mut Vec<String>,
) {
    let mut own = container.remove("securityContext").unwrap_or_default();
    if let Some(shared) = pod
        .get_mut("securityContext")
        .and_then(Value::as_object_mut)
    {
        for field in PROFILES {
            give(shared.remove(field), field, &mut own);
        }
        // The level separates pods, and the probe needs that of the target to see it; a type could grant more.
        if let Some(options) = shared.remove("seLinuxOptions") {
            if let Some(level) = options.get("level") {
                shared.insert("seLinuxOptions".into(), serde_json::json!({"level": level}));
            }
            give(Some(options), "seLinuxOptions", &mut own);
        }
    }
    let capabilities: Vec<String> = added(&own).collect();
    if !capabilities.is_empty() {
        differences.push(format!(
            "keeps the target's added capabilities: {}",
            capabilities.join(", ")
        ));
    }
    for field in PROFILES {
        if own[field]["type"] == "Unconfined" {
            differences.push(format!("keeps the target's {field} Unconfined"));
        }
    }
    if let Some(kind) = own["seLinuxOptions"]["type"].as_str() {
        differences.push(format!("keeps the target's SELinux type {kind}"));
    }
    if !own.is_null() {
        container.insert("securityContext".into(), own);
    }
}

/// Moves a value of the pod into the container, whose own value takes precedence.
fn give(value: Option<Value>, field: &str, own: &mut Value) {
    if let Some(value) = value.filter(|_| own[field].is_null()) {
        own[field] = value;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_its_node_is_not_started_a_second_time() {
        let of = |context: &Value| {
            let spec = json!({"containers": [
                {"name": "other", "securityContext": {"privileged": true}},
                {"name": "web", "securityContext": context},
            ]});
            dangerous_settings(&spec, "web").join(", ")
        };
        let caps = |names: &Value| json!({"capabilities": {"add": names}});
        for (context, dangerous_settings) in [
            (json!(null), ""),
            (json!({"privileged": false, "procMount": "Default"}), ""),
            (caps(&json!(["CHOWN", "NET_BIND_SERVICE"])), ""),
            (json!({"privileged": true}), "privileged"),
            (json!({"procMount": "Unmasked"}), "procMount Unmasked"),
            (
                // A runtime takes them in either case.
                caps(&json!([
                    "CAP_SYS_ADMIN",
                    "CHOWN",
                    "BPF",
                    "net_admin",
                    "cap_sys_time"
                ])),
                "capability SYS_ADMIN, capability BPF, capability NET_ADMIN, capability SYS_TIME",
            ),
            (caps(&json!(["ALL"])), "capability ALL"),
        ] {
            assert_eq!(of(&context), dangerous_settings, "{context}");
        }
    }

    #[test]
    fn profiles_of_the_pod_are_the_target_s_alone_and_noted() {
        let mut pod = json!({"securityContext": {
            "runAsUser": 7, "seccompProfile": {"type": "Unconfined"}, "appArmorProfile": {"type": "Unconfined"},
            "seLinuxOptions": {"type": "spc_t", "level": "s0:c1,c2"},
        }});
        let mut container = json!({"securityContext": {
            "appArmorProfile": {"type": "RuntimeDefault"}, "capabilities": {"add": ["NET_RAW"]},
        }});
        let mut differences = Vec::new();
        confine(
            pod.as_object_mut().unwrap(),
            container.as_object_mut().unwrap(),
            &mut differences,
        );
        assert_eq!(
            pod["securityContext"],
            json!({"runAsUser": 7, "seLinuxOptions": {"level": "s0:c1,c2"}})
        );
        assert_eq!(
            container["securityContext"],
            json!({
                "appArmorProfile": {"type": "RuntimeDefault"}, "capabilities": {"add": ["NET_RAW"]},
                "seccompProfile": {"type": "Unconfined"},
                "seLinuxOptions": {"type": "spc_t", "level": "s0:c1,c2"},
            })
        );
        assert_eq!(
            differences,
            [
                "keeps the target's added capabilities: NET_RAW",
                "keeps the target's seccompProfile Unconfined",
                "keeps the target's SELinux type spc_t"
            ]
        );
    }
}
