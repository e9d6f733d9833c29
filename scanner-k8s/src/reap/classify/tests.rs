//! Objects in every state that a scan, a tenant or a controller can leave them in.

use super::*;
use crate::plan::manifest;
use serde_json::json;

const CREATED: &str = "2026-01-01T00:00:00Z";

fn object(mut manifest: Value) -> DynamicObject {
    manifest["metadata"]["uid"] = json!("u");
    manifest["metadata"]["creationTimestamp"] = json!(CREATED);
    serde_json::from_value(manifest).unwrap()
}

fn id() -> ScanId {
    "abcd1234".parse().unwrap()
}

fn job(change: impl Fn(&mut Value)) -> DynamicObject {
    let mut job = manifest::lease(&id(), "n", 60);
    job["status"] = json!({"startTime": CREATED});
    change(&mut job);
    object(job)
}

fn secret(change: impl Fn(&mut Value)) -> DynamicObject {
    let mut secret = manifest::anchor(&id(), "n", "u", false);
    change(&mut secret);
    object(secret)
}

fn at(seconds: i64) -> Timestamp {
    let created: Timestamp = CREATED.parse().unwrap();
    Timestamp::from_second(created.as_second() + seconds).unwrap()
}

fn states(objects: &[DynamicObject], seconds: i64) -> Vec<State> {
    all(objects, at(seconds), 30)
        .into_iter()
        .map(|l| l.state)
        .collect()
}

#[test]
fn a_scan_that_may_run_is_never_touched() {
    let both = [secret(|_| ()), job(|_| ())];
    for seconds in [-600, 0, 59, 89, 90] {
        let found = states(&both, seconds);
        assert!(
            found.iter().all(|s| matches!(s, State::Running(_))),
            "{seconds}: {found:?}"
        );
    }
    assert!(states(&both, 91).iter().all(State::is_expired));
}

#[test]
fn what_the_cluster_ended_is_over_and_what_it_never_started_is_over_late() {
    let failed = json!([{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]);
    let ended = job(|j| j["status"]["conditions"] = failed.clone());
    assert!(states(std::slice::from_ref(&ended), 61)[0].is_expired());
    // Who may write the status of a Job could have a running scan's objects removed.
    for seconds in [1, 60] {
        let found = &states(std::slice::from_ref(&ended), seconds)[0];
        assert!(matches!(found, State::Running(_)), "{seconds}: {found:?}");
    }
    let set_back = job(|j| j["status"]["startTime"] = json!("2020-01-01T00:00:00Z"));
    assert!(!states(&[set_back], 90)[0].is_expired());
    let held = job(|j| {
        j["status"] = json!({});
        j["spec"]["suspend"] = json!(true);
    });
    assert!(!states(std::slice::from_ref(&held), 80)[0].is_expired());
    assert!(states(&[held], 91)[0].is_expired());
    let endless = job(|j| {
        j["spec"]
            .as_object_mut()
            .unwrap()
            .remove("activeDeadlineSeconds");
    });
    assert!(!states(std::slice::from_ref(&endless), 3630)[0].is_expired());
    assert!(states(&[endless], 3631)[0].is_expired());
    // A deadline that no scan sets: somebody changed it, and what the Job owns waits for the longest lease too.
    let patched = job(|j| j["spec"]["activeDeadlineSeconds"] = json!(999_999));
    let both = [secret(|_| ()), patched];
    assert!(
        states(&both, 3630)
            .iter()
            .all(|s| matches!(s, State::Disarmed(_)))
    );
    assert!(states(&both, 3631).iter().all(State::is_expired));
}

#[test]
fn an_orphan_is_removed_once_it_is_old_enough() {
    assert!(!states(&[secret(|_| ())], 30)[0].is_expired());
    assert!(states(&[secret(|_| ())], 31)[0].is_expired());
    // Another owner reference does not make a running scan's object an orphan.
    let other = secret(|s| s["metadata"]["ownerReferences"][0]["uid"] = json!("other"));
    assert!(!states(&[other, job(|_| ())], 60)[0].is_expired());
}

#[test]
fn a_label_on_somebody_elses_object_does_not_have_it_removed() {
    let metadata = |s: &mut Value, key: &str, value: Value| s["metadata"][key] = value;
    for foreign in [
        secret(|s| s["data"] = json!({"password": "eA=="})),
        secret(|s| metadata(s, "name", json!("victim"))),
        secret(|s| s["metadata"]["ownerReferences"][0]["kind"] = json!("Deployment")),
        secret(|s| s["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("helm")),
        secret(|s| s["metadata"]["labels"][SCAN_LABEL] = json!("NOT AN ID")),
        job(|j| j["spec"]["parallelism"] = json!(1)),
        job(|j| j["spec"]["template"]["spec"]["containers"][0]["name"] = json!("backup")),
        object(manifest::role(
            &id(),
            "n",
            "u",
            &[scanner_core::plan::PlannedRule::of(
                vec![String::new()],
                vec!["secrets".into()],
                vec![],
                vec!["get".into()],
            )],
        )),
    ] {
        let found = states(std::slice::from_ref(&foreign), 9999);
        assert!(matches!(found[0], State::Foreign(_)), "{foreign:?}");
    }
    for ours in [
        object(manifest::service_account(&id(), "n", "u", false)),
        object(manifest::role(
            &id(),
            "n",
            "u",
            &[manifest::exec_rule("web")],
        )),
        object(manifest::role_binding(&id(), "n", "u", "n")),
    ] {
        assert!(states(&[ours], 9999)[0].is_expired());
    }
}

#[test]
fn what_a_tenant_disarmed_is_removed_once_no_lease_can_run() {
    let bare = |s: &mut Value| {
        s["metadata"]["labels"] = json!({});
        s["metadata"]["ownerReferences"] = json!([]);
    };
    let disarmed: [(&str, DynamicObject); 5] = [
        (
            "unowned",
            secret(|s| s["metadata"]["ownerReferences"] = json!([])),
        ),
        (
            "unlabelled",
            secret(|s| s["metadata"]["labels"] = json!({})),
        ),
        ("bare", secret(bare)),
        (
            "unlabelled lease",
            job(|j| {
                j["metadata"]["labels"] = json!({});
                j["spec"]["activeDeadlineSeconds"] = json!(999_999);
            }),
        ),
        ("bare binding", {
            let mut binding = manifest::role_binding(&id(), "n", "u", "n");
            bare(&mut binding);
            object(binding)
        }),
    ];
    for (name, object) in disarmed {
        let object = [object];
        assert!(
            matches!(states(&object, 3630)[0], State::Disarmed(_)),
            "{name}"
        );
        assert!(states(&object, 3631)[0].is_expired(), "{name}");
    }
    // Beside a lease that may run, nothing is touched.
    let young = [secret(bare), job(|_| ())];
    assert!(
        states(&young, 60)
            .iter()
            .all(|s| matches!(s, State::Running(_)))
    );
    assert!(states(&young, 91).iter().all(State::is_expired));
}

#[test]
fn a_lease_that_was_changed_beyond_recognition_does_not_end_its_scan() {
    let changes: [fn(&mut Value); 5] = [
        |j| j["spec"]["ttlSecondsAfterFinished"] = json!(1),
        |j| j["spec"]["parallelism"] = json!(1),
        |j| j["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("helm"),
        |j| j["metadata"]["labels"][SCAN_LABEL] = json!("ffffffff"),
        |j| {
            j["metadata"]["ownerReferences"] =
                json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "d"}]);
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let both = [secret(|_| ()), job(change)];
        for seconds in [91, 3630] {
            let found = states(&both, seconds);
            assert!(matches!(found[0], State::Disarmed(_)), "{at} {found:?}");
            assert!(matches!(found[1], State::Foreign(_)), "{at} {found:?}");
        }
        let found = states(&both, 3631);
        assert!(
            found[0].is_expired() && !found[1].is_expired(),
            "{at} {found:?}"
        );
    }
}

#[test]
fn a_name_alone_has_neither_a_pod_nor_a_stranger_removed() {
    let named = |kind: &str, name: &str, data: Value| {
        let mut manifest =
            json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "n"}});
        for (key, value) in data.as_object().unwrap() {
            manifest[key] = value.clone();
        }
        object(manifest)
    };
    let pod = named(
        "Pod",
        "secure-scan-abcd1234",
        json!({"spec": {"containers": []}}),
    );
    let full = named(
        "Secret",
        "secure-scan-abcd1234",
        json!({"type": "Opaque", "data": {"password": "eA=="}}),
    );
    for kept in [pod, full] {
        assert!(
            matches!(
                states(std::slice::from_ref(&kept), 99_999)[0],
                State::Foreign(_)
            ),
            "{kept:?}"
        );
    }
    for other in [
        "secure-scan-guard",
        "secure-scan",
        "my-secure-scan-abcd1234",
        "secure-scan-ABCD1234",
    ] {
        let object = named("Secret", other, json!({"type": "Opaque"}));
        assert!(states(&[object], 99_999).is_empty(), "{other}");
    }
}

#[test]
fn what_the_identitys_own_lease_owns_is_as_that_lease_is() {
    let lease = object(manifest::identity_lease(&id(), "i", 60));
    let account = object(manifest::service_account(&id(), "i", "u", true));
    let both = [account, lease];
    assert!(
        states(&both, 90)
            .iter()
            .all(|s| matches!(s, State::Running(_)))
    );
    assert!(states(&both, 91).iter().all(State::is_expired));
}

#[test]
fn a_decoy_lease_keeps_nothing_from_being_removed() {
    let named = |name: &str, created: &str| {
        let mut decoy = job(|j| j["metadata"]["name"] = json!(name));
        decoy.metadata.creation_timestamp = Some(
            k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(created.parse().unwrap()),
        );
        decoy.data["status"]["startTime"] = json!(created);
        decoy
    };
    let late = "2026-01-01T00:55:00Z";
    // Another name, a Job that is younger than what it would own, and a start that was set back.
    for decoy in [
        named("secure-scan-abcd1234-x", CREATED),
        named("secure-scan-abcd1234", late),
    ] {
        let both = [secret(|_| ()), decoy];
        assert!(states(&both, 3400)[0].is_expired());
    }
    let toggled = job(|j| j["status"]["startTime"] = json!(late));
    let both = [secret(|_| ()), toggled];
    assert!(states(&both, 3631).iter().all(State::is_expired));
}
