use k8s_openapi::api::core::v1::Pod;
use proptest::prelude::*;
use scanner_core::{
    Target,
    inventory::{EnvVar, Gap, GapKind, Identity, Mount},
};
use serde_json::{Value, json};

use super::*;

fn target() -> Target {
    crate::pod::testing::target("n", "p", "web")
}

/// A pod that the node runs as `uid`, with more of its specification and of its container.
fn stated(uid: Option<i64>, more: &Value, own: &Value) -> Stated {
    let mut spec = json!({"containers": [{"name": "web"}]});
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    for (key, value) in own.as_object().into_iter().flatten() {
        spec["containers"][0][key] = value.clone();
    }
    let user = uid.map(|uid| json!({"linux": {"uid": uid, "gid": uid}}));
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "p"},
        "spec": spec,
        "status": {"containerStatuses": [{
            "name": "web", "image": "", "imageID": "", "ready": true, "restartCount": 0, "user": user,
            "containerID": "containerd://1",
        }]},
    }))
    .unwrap();
    Stated::of(&pod, &target())
}

fn whole<T>(data: T) -> Collected<T> {
    Collected::Complete { data }
}

/// What an honest exec into a container of that user says.
fn honest(uid: i64) -> Inventory {
    let process = |pid: i64| Process {
        pid,
        user_namespace: Some(1),
        mount_namespace: Some(2),
        other_namespaces: Some(false),
        ..Process::default()
    };
    Inventory {
        identity: whole(Identity {
            uid,
            gid: uid,
            ..Identity::default()
        }),
        processes: whole(vec![process(1), process(7)]),
        mounts: whole(vec![Mount {
            target: "/".into(),
            fstype: "overlay".into(),
            ..Mount::default()
        }]),
        env: whole(vec![]),
        ..Inventory::default()
    }
}

fn processes(inventory: &mut Inventory) -> &mut Vec<Process> {
    let Collected::Complete { data } = &mut inventory.processes else {
        unreachable!("complete");
    };
    data
}

fn alerts(witness: Witness, stated: Stated, inventory: &Inventory) -> Vec<String> {
    let agreement = Agreement::new(witness, stated);
    agreement.compare(inventory);
    let found = agreement.found().unwrap();
    found.alerts.into_iter().map(|alert| alert.id).collect()
}

fn of_exec(stated: Stated, inventory: &Inventory) -> Vec<String> {
    alerts(Witness::Exec, stated, inventory)
}

#[test]
fn an_honest_answer_contradicts_nothing() {
    let none = json!({});
    for (uid, more, own) in [
        (Some(0), none.clone(), none.clone()),
        (Some(7), json!({"hostUsers": false}), none.clone()),
        (None, none.clone(), none.clone()),
        (
            None,
            json!({"securityContext": {"runAsUser": 7, "runAsGroup": 7}}),
            none.clone(),
        ),
        (
            Some(7),
            none.clone(),
            json!({"securityContext": {"capabilities": {"drop": ["ALL"]}}}),
        ),
        (
            Some(0),
            none.clone(),
            json!({"securityContext": {"privileged": true}}),
        ),
        (
            Some(7),
            none.clone(),
            json!({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}}}]}),
        ),
    ] {
        let mut inventory = honest(uid.unwrap_or(7));
        if let Collected::Complete { data } = &mut inventory.identity
            && own["securityContext"]["privileged"] == true
        {
            data.bounding = vec!["CAP_SYS_ADMIN".into()];
        }
        let found = of_exec(stated(uid, &more, &own), &inventory);
        assert_eq!(found, Vec::<String>::new(), "{uid:?} {more} {own}");
    }
}

#[test]
fn a_pod_with_users_of_its_own_is_no_contradiction() {
    // Every container of such a pod, a probe and an exec are in the user namespace of the pod, which is not the node's.
    let mut inventory = honest(0);
    for process in processes(&mut inventory) {
        process.user_namespace = Some(4_026_532_999);
    }
    let pod = stated(Some(0), &json!({"hostUsers": false}), &json!({}));
    assert_eq!(of_exec(pod.clone(), &inventory), Vec::<String>::new());
    assert_eq!(
        alerts(Witness::Probe, pod, &inventory),
        Vec::<String>::new()
    );
}

#[test]
fn another_user_than_is_stated_is_an_alert_in_either_direction() {
    for (uid, more, seen) in [
        (Some(0), json!({}), 1000),
        (Some(1000), json!({}), 0),
        (None, json!({"securityContext": {"runAsUser": 1000}}), 0),
    ] {
        let found = of_exec(stated(uid, &more, &json!({})), &honest(seen));
        assert_eq!(found, ["contradicts-user"], "{uid:?} {more} {seen}");
    }
    // The same group is part of it.
    let mut inventory = honest(7);
    if let Collected::Complete { data } = &mut inventory.identity {
        data.gid = 0;
    }
    let found = of_exec(stated(Some(7), &json!({}), &json!({})), &inventory);
    assert_eq!(found, ["contradicts-user"]);
    // A process that a probe reads may have changed its user.
    let found = alerts(
        Witness::Probe,
        stated(Some(0), &json!({}), &json!({})),
        &honest(1000),
    );
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn capabilities_that_were_dropped_are_an_alert() {
    for (lists, seen, expected) in [
        (json!({"drop": ["ALL"]}), "CAP_CHOWN", true),
        (
            json!({"drop": ["all"], "add": ["CHOWN"]}),
            "CAP_CHOWN",
            false,
        ),
        (json!({"drop": ["KILL"]}), "CAP_KILL", true),
        // A node may give more than others do by default.
        (json!({"drop": ["KILL"]}), "CAP_SYS_PTRACE", false),
        (json!({"add": ["ALL"]}), "CAP_SYS_ADMIN", false),
    ] {
        let own = json!({"securityContext": {"capabilities": lists}});
        let mut inventory = honest(0);
        if let Collected::Complete { data } = &mut inventory.identity {
            data.bounding = vec![seen.into()];
        }
        let found = of_exec(stated(Some(0), &json!({}), &own), &inventory);
        assert_eq!(!found.is_empty(), expected, "{lists} {seen}: {found:?}");
    }
}

#[test]
fn less_power_than_the_specification_gives_is_an_alert_where_a_fresh_exec_says_it() {
    let privileged = || json!({"privileged": true});
    let admin = || json!({"capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]}});
    let bound = || {
        json!({
            "capabilities": {"add": ["SYS_ADMIN"]}, "allowPrivilegeEscalation": false,
        })
    };
    let all = ["CAP_SYS_ADMIN"].as_slice();
    for (context, bounding, no_new_privs, seccomp, expected) in [
        (privileged(), all, false, 0, 0),
        (privileged(), &[], false, 0, 1),
        (privileged(), &[], true, 2, 3),
        (privileged(), all, true, 0, 1),
        (privileged(), all, false, 2, 1),
        (admin(), all, false, 2, 0),
        (admin(), &[], false, 2, 1),
        (admin(), all, true, 2, 1),
        // The server takes this, and the runtime sets it.
        (bound(), all, true, 2, 0),
        (json!({"capabilities": {"add": ["ALL"]}}), &[], false, 2, 1),
        // What not every node has, or knows.
        (
            json!({"capabilities": {"add": ["SYS_RESOURCE", "NEW"]}}),
            &[],
            false,
            2,
            0,
        ),
        (
            json!({"capabilities": {"add": ["CHOWN"], "drop": ["CHOWN"]}}),
            &[],
            false,
            2,
            0,
        ),
        (json!({"allowPrivilegeEscalation": true}), &[], true, 2, 0),
    ] {
        let mut inventory = honest(0);
        if let Collected::Complete { data } = &mut inventory.identity {
            data.bounding = bounding.iter().map(ToString::to_string).collect();
            data.no_new_privs = no_new_privs;
            data.seccomp = seccomp;
        }
        let own = json!({"securityContext": context});
        let pod = |more: &Value| stated(Some(0), more, &own);
        let found = of_exec(pod(&json!({"hostUsers": false})), &inventory);
        assert_eq!(
            found,
            vec!["contradicts-privileges"; expected],
            "{own} {bounding:?}"
        );
        // A process that a probe reads may have given up what it had; another runtime need not do as others do.
        let found = alerts(Witness::Probe, pod(&json!({})), &inventory);
        assert_eq!(found, Vec::<String>::new());
        let found = of_exec(pod(&json!({"runtimeClassName": "gvisor"})), &inventory);
        assert_eq!(found, Vec::<String>::new());
    }
}

#[test]
fn a_variable_of_the_specification_that_an_exec_lacks_is_an_alert() {
    let own = json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]});
    let variable = |name: &str| EnvVar {
        name: name.into(),
        ..EnvVar::default()
    };
    let mut inventory = honest(7);
    inventory.env = whole(vec![variable("A")]);
    let pod = || stated(Some(7), &json!({}), &own);
    assert_eq!(of_exec(pod(), &inventory), ["contradicts-environment"]);
    // The process that a probe reads may have cleared it, which is a gap.
    assert_eq!(
        alerts(Witness::Probe, pod(), &inventory),
        Vec::<String>::new()
    );
    inventory.env = whole(vec![variable("B"), variable("A")]);
    assert_eq!(of_exec(pod(), &inventory), Vec::<String>::new());
    inventory.env = Collected::Partial {
        data: vec![],
        gaps: Gap::new(GapKind::Malformed).into(),
    };
    assert_eq!(of_exec(pod(), &inventory), Vec::<String>::new());
}

#[test]
fn a_first_process_elsewhere_is_an_alert_and_others_are_named() {
    let mut inventory = honest(7);
    let leave = |inventory: &mut Inventory, pid: i64| {
        for process in processes(inventory) {
            if process.pid == pid {
                process.other_namespaces = Some(true);
            }
        }
    };
    let pod = || stated(Some(7), &json!({}), &json!({}));
    leave(&mut inventory, 7);
    for witness in [Witness::Exec, Witness::Probe] {
        let agreement = Agreement::new(witness, pod());
        agreement.compare(&inventory);
        let found = agreement.found().unwrap();
        assert_eq!(found.alerts, []);
        assert!(
            found.notes.iter().any(|note| note.contains("7 ()")),
            "{found:?}"
        );
    }
    leave(&mut inventory, 1);
    assert_eq!(of_exec(pod(), &inventory), ["target-left-its-container"]);
    // There the first process is of no container.
    let shared = stated(Some(7), &json!({"shareProcessNamespace": true}), &json!({}));
    assert_eq!(of_exec(shared, &inventory), Vec::<String>::new());
}

#[test]
fn a_root_in_memory_is_an_alert() {
    let mut inventory = honest(7);
    let mount = |fstype: &str| Mount {
        target: "/".into(),
        fstype: fstype.into(),
        ..Mount::default()
    };
    for (mounts, expected) in [
        (vec![mount("overlay"), mount("tmpfs")], true),
        (vec![mount("ramfs")], true),
        (vec![mount("tmpfs"), mount("overlay")], false),
        (vec![], false),
    ] {
        inventory.mounts = whole(mounts.clone());
        let found = of_exec(stated(Some(7), &json!({}), &json!({})), &inventory);
        assert_eq!(!found.is_empty(), expected, "{mounts:?}");
    }
}

#[test]
fn what_was_not_answered_is_said() {
    let reason = || "no".to_owned();
    let inventory = Inventory {
        identity: Collected::Unavailable { reason: reason() },
        env: Collected::Unavailable { reason: reason() },
        ..Inventory::default()
    };
    let agreement = Agreement::new(Witness::Exec, Stated::default());
    agreement.compare(&inventory);
    let notes = agreement.found().unwrap().notes;
    assert_eq!(
        notes
            .iter()
            .filter(|n| n.starts_with("not compared"))
            .count(),
        4,
        "{notes:?}"
    );
}

proptest! {
    /// Only the stated user is no contradiction, whatever else the answer says.
    #[test]
    fn exactly_the_stated_user_agrees(node in 0..3_i64, seen in 0..3_i64) {
        let found = of_exec(stated(Some(node), &json!({}), &json!({})), &honest(seen));
        prop_assert_eq!(found.is_empty(), node == seen);
    }
}
