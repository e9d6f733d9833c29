//! Which scan an object belongs to, and whether that may still run. Pure: objects and a time in, states out.

use std::fmt;

use k8s_openapi::jiff::Timestamp;
use kube::{ResourceExt as _, api::DynamicObject};
use scanner_core::plan::ScanId;
use serde_json::Value;

use crate::{
    names::{MANAGER, SCAN_LABEL, object_name},
    plan::lease::MAX_LEASE,
};

/// What an object with a scan's label is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its scan may still run: never touched.
    Running(String),
    /// Its scan is over: removed.
    Expired(String),
    /// It carries the label and is not what a scan makes: never touched.
    Foreign(&'static str),
}

impl State {
    /// Whether it is removed.
    pub fn is_expired(&self) -> bool {
        matches!(self, Self::Expired(_))
    }
}

/// An object with a scan's label.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID, which a removal is limited to.
    pub uid: String,
    /// What it is.
    pub state: State,
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// Classifies all objects together: what a Job owns is as its Job is.
pub(super) fn all(objects: &[DynamicObject], now: Timestamp, grace: u32) -> Vec<Leftover> {
    objects
        .iter()
        .map(|object| Leftover {
            kind: kind(object).to_owned(),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
            state: state(object, objects, now, grace),
        })
        .collect()
}

fn kind(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| &types.kind)
}

fn state(object: &DynamicObject, all: &[DynamicObject], now: Timestamp, grace: u32) -> State {
    if let Some(why) = foreign(object) {
        return State::Foreign(why);
    }
    let scan = object.labels().get(SCAN_LABEL);
    // Every Job of that scan in this namespace counts, so that no other owner reference makes a running
    // scan's object look orphaned.
    let jobs = all.iter().filter(|job| {
        kind(job) == "Job"
            && job.namespace() == object.namespace()
            && job.labels().get(SCAN_LABEL) == scan
    });
    let mut over = None;
    for job in jobs {
        match lease(job, now, grace) {
            Ok(why) => over = Some(why),
            Err(why) => return State::Running(why),
        }
    }
    if let Some(why) = over {
        return State::Expired(why);
    }
    // Its Job is gone: the cluster's garbage collector is late.
    let created = object.creation_timestamp().map(|t| t.0);
    match created.and_then(|t| after(t, 0, grace, now)) {
        Some(true) => State::Expired("its lease is gone, and it should be too".into()),
        _ => State::Running(
            "its lease is gone, and it is too young for that to mean anything".into(),
        ),
    }
}

/// Why the lease is over, or why it may not be.
fn lease(job: &DynamicObject, now: Timestamp, grace: u32) -> Result<String, String> {
    let conditions = job.data["status"]["conditions"].as_array();
    let over = conditions.into_iter().flatten().any(|c| {
        c["status"] == "True" && matches!(c["type"].as_str(), Some("Failed" | "Complete"))
    });
    if over {
        return Ok("the cluster has ended its lease".into());
    }
    let Some(seconds) = job.data["spec"]["activeDeadlineSeconds"].as_i64() else {
        return Err("its lease has no deadline".into());
    };
    let text = job.data["status"]["startTime"].as_str();
    let started: Option<Timestamp> = text.and_then(|t| t.parse().ok());
    // A Job that was never started, as one that a queue holds, counts from its creation.
    let since = started.or_else(|| job.creation_timestamp().map(|t| t.0));
    let passed = since.and_then(|since| after(since, seconds, grace, now));
    match (passed, started) {
        (Some(true), Some(_)) => Ok("its lease is past its deadline".into()),
        (Some(true), None) => Ok("its lease was never started, and is past its deadline".into()),
        _ => Err(format!("its lease of {seconds} s may still run")),
    }
}

/// Whether `now` is `seconds` and the grace after `since`; `None` when the clocks make no sense.
fn after(since: Timestamp, seconds: i64, grace: u32, now: Timestamp) -> Option<bool> {
    let age = now.as_second().checked_sub(since.as_second())?;
    (age >= 0).then(|| age > seconds.saturating_add(grace.into()))
}

/// Why an object is not what a scan makes. A label alone is not proof: anyone who may label an object
/// could have it deleted by us.
fn foreign(object: &DynamicObject) -> Option<&'static str> {
    let labels = object.labels();
    let Some(id) = labels
        .get(SCAN_LABEL)
        .and_then(|id| id.parse::<ScanId>().ok())
    else {
        return Some("its label is not the id of a scan");
    };
    if labels
        .get("app.kubernetes.io/managed-by")
        .map(String::as_str)
        != Some(MANAGER)
    {
        return Some("it is not managed by secure-scan");
    }
    let (expected, name) = (object_name(&id), object.name_any());
    if name != expected && !name.starts_with(&format!("{expected}-")) {
        return Some("it has not the name of its scan");
    }
    let owners = object.owner_references();
    let is_job = kind(object) == "Job";
    let owned = owners.len() == 1
        && owners
            .iter()
            .all(|o| o.api_version == "batch/v1" && o.kind == "Job" && o.name == expected);
    if is_job && !owners.is_empty() || !is_job && !owned {
        return Some("its owner is not the lease of its scan");
    }
    (!shape(object, &expected)).then_some("it has not the shape of what a scan makes")
}

fn shape(object: &DynamicObject, name: &str) -> bool {
    let data = &object.data;
    let empty = |value: &Value| value.as_object().is_none_or(serde_json::Map::is_empty);
    match kind(object) {
        "Job" => {
            let spec = &data["spec"];
            let deadline = spec["activeDeadlineSeconds"].as_i64().unwrap_or_default();
            spec["parallelism"] == 0
                && spec["completions"].is_null()
                && spec["ttlSecondsAfterFinished"] == 0
                && (1..=i64::from(MAX_LEASE)).contains(&deadline)
                && spec["template"]["spec"]["containers"][0]["name"] == "never-started"
        }
        "Secret" => empty(&data["data"]) && data["type"] == "Opaque",
        "ServiceAccount" => data["automountServiceAccountToken"] == false,
        "Role" => data["rules"].as_array().is_some_and(|rules| {
            rules.iter().all(|rule| {
                rule["resourceNames"]
                    .as_array()
                    .is_some_and(|names| !names.is_empty())
                    || rule["apiGroups"].as_array().is_some_and(|groups| {
                        groups
                            .iter()
                            .all(|g| g.as_str().is_some_and(|g| g.contains("secure-scan")))
                    })
            })
        }),
        "RoleBinding" => {
            let subjects = data["subjects"].as_array();
            data["roleRef"]["kind"] == "Role"
                && data["roleRef"]["name"] == name
                && subjects.is_some_and(|all| all.iter().all(|s| s["name"] == name))
        }
        // What else a scan may make has its name and its owner to be known by.
        "Pod" | "NetworkPolicy" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
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
        assert!(states(&[ended], 1)[0].is_expired());
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
        assert!(!states(&[endless], 9999)[0].is_expired());
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
            secret(|s| metadata(s, "ownerReferences", json!([]))),
            secret(|s| s["metadata"]["ownerReferences"][0]["kind"] = json!("Deployment")),
            secret(|s| s["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("helm")),
            secret(|s| s["metadata"]["labels"][SCAN_LABEL] = json!("NOT AN ID")),
            job(|j| j["spec"]["parallelism"] = json!(1)),
            job(|j| j["spec"]["template"]["spec"]["containers"][0]["name"] = json!("backup")),
            job(|j| j["spec"]["activeDeadlineSeconds"] = json!(999_999)),
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
}
