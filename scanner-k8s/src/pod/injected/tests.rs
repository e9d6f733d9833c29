use proptest::prelude::*;

use super::*;

fn target() -> Target {
    crate::pod::testing::target("n", "p", "web")
}

/// A pod as a server has it after an injection for that level.
fn injected(uid: i64, level: PodSecurity, ends: bool, token: bool) -> Value {
    let own = json!({"runAsUser": uid, "runAsGroup": uid});
    let web = json!({"name": "web", "image": "web:1", "securityContext": own});
    let spec: PodSpec = serde_json::from_value(json!({"containers": [web.clone()]})).unwrap();
    let context = access_planner::plan(&security_context::of_spec(&spec, "web"), level).unwrap();
    let image = "r.example/probe:1";
    let context = &context;
    let container = Injected {
        image,
        context,
        ends,
        token,
    }
    .kept()
    .unwrap();
    let (plain, native) = if ends {
        (json!([web]), json!([container]))
    } else {
        (json!([web, container]), json!([]))
    };
    json!({
        "metadata": {"name": "p"},
        "spec": {
            "shareProcessNamespace": true, "containers": plain, "initContainers": native,
            "volumes": [{"name": NO_TOKEN, "emptyDir": {"sizeLimit": "1Mi"}}, {"name": "other", "emptyDir": {}}],
        },
    })
}

fn checked(pod: &Value) -> Result<ProbeContext, String> {
    let pod = serde_json::from_value(pod.clone()).map_err(|error| error.to_string())?;
    as_written(&pod, &target())
}

/// The sidecar of a pod.
fn sidecar(pod: &mut Value) -> &mut Value {
    let native = pod["spec"]["initContainers"].get(0).is_some();
    if native {
        &mut pod["spec"]["initContainers"][0]
    } else {
        &mut pod["spec"]["containers"][1]
    }
}

#[test]
fn what_was_injected_is_known_again_at_every_level_and_in_both_forms() {
    for (uid, level) in [
        (7, PodSecurity::Privileged),
        (7, PodSecurity::Restricted),
        (0, PodSecurity::Privileged),
        (0, PodSecurity::Baseline),
    ] {
        for (ends, token) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut pod = injected(uid, level, ends, token);
            assert_eq!(checked(&pod).map(|c| c.uid), Ok(uid), "{pod}");
            let own = sidecar(&mut pod);
            own["resizePolicy"] = json!([{"resourceName": "cpu", "restartPolicy": "NotRequired"}]);
            own["imagePullPolicy"] = json!("Always");
            own["securityContext"]["procMount"] = json!("Default");
            assert_eq!(checked(&pod).map(|c| c.uid), Ok(uid), "{pod}");
        }
    }
}

#[test]
fn every_field_that_could_make_another_program_answer_is_refused() {
    let mount = |path: &str| json!([{"name": "other", "mountPath": path}]);
    for (field, value) in [
        ("volumeMounts", mount("/secure-scan-probe")),
        ("volumeMounts", mount("/")),
        (
            "volumeDevices",
            json!([{"name": "x", "devicePath": "/secure-scan-probe"}]),
        ),
        ("command", json!(["/secure-scan-probe"])),
        ("command", json!(["/bin/sh", "serve"])),
        ("args", json!(["x"])),
        ("workingDir", json!("/x")),
        ("env", json!([{"name": "LD_PRELOAD", "value": "/x"}])),
        ("envFrom", json!([{"configMapRef": {"name": "x"}}])),
        (
            "lifecycle",
            json!({"postStart": {"exec": {"command": ["/x"]}}}),
        ),
        ("livenessProbe", json!({"exec": {"command": ["/x"]}})),
        ("startupProbe", json!({"exec": {"command": ["/x"]}})),
        ("ports", json!([{"containerPort": 1}])),
        ("stdin", json!(true)),
        ("tty", json!(true)),
        ("terminationMessagePath", json!("/secure-scan-probe")),
        ("restartPolicy", json!("Never")),
        ("resources", json!({})),
        ("imagePullPolicy", json!("Never")),
    ] {
        for ends in [false, true] {
            let mut pod = injected(7, PodSecurity::Privileged, ends, true);
            sidecar(&mut pod)[field] = value.clone();
            let why = checked(&pod).unwrap_err();
            assert!(why.contains(field), "{field}: {why}");
        }
    }
    for (field, value) in [
        ("privileged", json!(true)),
        ("readOnlyRootFilesystem", json!(false)),
        ("allowPrivilegeEscalation", json!(true)),
        ("runAsUser", json!(0)),
        ("runAsGroup", json!(8)),
        ("runAsNonRoot", json!(false)),
        (
            "capabilities",
            json!({"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        ),
        ("seccompProfile", json!({"type": "Unconfined"})),
        ("appArmorProfile", json!({"type": "Unconfined"})),
        ("seLinuxOptions", json!({"type": "spc_t"})),
        ("procMount", json!("Unmasked")),
    ] {
        let mut pod = injected(7, PodSecurity::Privileged, false, true);
        sidecar(&mut pod)["securityContext"][field] = value;
        assert!(
            checked(&pod).unwrap_err().contains("securityContext"),
            "{field}"
        );
    }
}

#[test]
fn what_stands_in_the_place_of_the_token_must_be_empty_and_the_container_be_one() {
    for volumes in [
        json!([]),
        json!([{"name": NO_TOKEN, "configMap": {"name": "x"}}]),
        json!([{"name": NO_TOKEN, "hostPath": {"path": "/"}}]),
        json!([{"name": NO_TOKEN, "emptyDir": {}}, {"name": NO_TOKEN, "emptyDir": {}}]),
    ] {
        let mut pod = injected(7, PodSecurity::Privileged, false, true);
        pod["spec"]["volumes"] = volumes;
        assert!(checked(&pod).unwrap_err().contains(NO_TOKEN));
    }
    let mut pod = injected(7, PodSecurity::Privileged, false, true);
    let again = sidecar(&mut pod).clone();
    pod["spec"]["initContainers"] = json!([again]);
    assert!(checked(&pod).unwrap_err().contains("exactly one"));
    pod["spec"]["containers"] = json!([{"name": "web"}]);
    pod["spec"]["initContainers"] = json!([]);
    assert!(checked(&pod).is_err());
}

proptest! {
    /// Whatever is set in a field that the sidecar does not have, it is refused.
    #[test]
    fn a_mount_anywhere_is_refused(path in "(/[a-z.-]{1,12}){1,3}", sub in proptest::option::of("[a-z]{1,5}")) {
        let mut pod = injected(7, PodSecurity::Privileged, false, true);
        let mut mount = json!({"name": "other", "mountPath": path});
        if let Some(sub) = sub {
            mount["subPath"] = json!(sub);
        }
        let list = sidecar(&mut pod)["volumeMounts"].as_array_mut().unwrap();
        list.push(mount);
        prop_assert!(checked(&pod).unwrap_err().contains("volumeMounts"));
    }
}
