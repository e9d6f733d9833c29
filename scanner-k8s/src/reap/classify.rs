//! Which scan an object belongs to, and whether that may still run. Pure: objects and a time in, states out.

use std::fmt;

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
    jiff::Timestamp,
};
use kube::{ResourceExt as _, api::DynamicObject};
use scanner_core::plan::ScanId;
use serde_json::Value;

use crate::{
    names::{MANAGER, SCAN_LABEL, identity_lease_name, object_name},
    plan::lease::MAX_LEASE,
};

/// What an object with a scan's label is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its scan may still run: never touched.
    Running(String),
    /// Its scan is over: removed.
    Expired(String),
    /// Somebody took its label, its owner or its deadline away, and its scan may still run: not touched yet.
    Disarmed(String),
    /// It carries the label or the name, but is not an object that a scan makes: never touched.
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

/// Whether the name or a label of an object says that a scan may have made it.
pub(super) fn may_be_ours(meta: &ObjectMeta) -> bool {
    let labelled = meta
        .labels
        .as_ref()
        .is_some_and(|all| all.contains_key(SCAN_LABEL));
    labelled || meta.name.as_deref().and_then(id_of_name).is_some()
}

/// Classifies all objects together: an object has the state of the Job that owns it.
pub(super) fn all(objects: &[DynamicObject], now: Timestamp, grace: u32) -> Vec<Leftover> {
    objects
        .iter()
        .filter(|object| may_be_ours(&object.metadata))
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

/// The scan that a name belongs to: `secure-scan-` and eight to ten hexadecimal digits, with a suffix or without.
fn id_of_name(name: &str) -> Option<ScanId> {
    let rest = name.strip_prefix("secure-scan-")?;
    let id = rest.split('-').next()?;
    let hex = id
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    ((8..=10).contains(&id.len()) && hex).then(|| id.parse().ok())?
}

fn state(object: &DynamicObject, all: &[DynamicObject], now: Timestamp, grace: u32) -> State {
    let made = match is_ours(object) {
        Ours::No(why) => return State::Foreign(why),
        Ours::Untouched => None,
        Ours::Disarmed(how) => Some(how),
    };
    // Every Job with that scan's name in this namespace counts, so that a changed owner reference does not make an object
    // of a running scan look orphaned. Its name decides, because its label can be removed and everything else in it can be
    // changed.
    let id = id_of_name(&object.name_any());
    let jobs = all.iter().filter(|job| {
        kind(job) == "Job"
            && job.namespace() == object.namespace()
            && is_lease_of(&job.name_any(), id.as_ref())
            && !is_younger(job, object)
    });
    // No lease runs longer, whatever its Job says now.
    let created = object.creation_timestamp().map(|t| t.0);
    if let Some(true) = created.and_then(|t| after(t, MAX_LEASE.into(), grace, now)) {
        return State::Expired("it is older than the longest lease".into());
    }
    let mut over = None;
    for job in jobs {
        let state = match is_ours(job) {
            Ours::No(_) => changed(job, now, grace),
            Ours::Untouched | Ours::Disarmed(_) => lease(job, now, grace),
        };
        match state {
            Ok(why) => over = Some(why),
            Err(state) => return state,
        }
    }
    if let Some(why) = over {
        return State::Expired(why);
    }
    match made {
        // Its Job is gone: the cluster's garbage collector is late.
        None => match created.and_then(|t| after(t, 0, grace, now)) {
            Some(true) => State::Expired("its lease is gone, and it should be too".into()),
            _ => State::Running(
                "its lease is gone, and it is too young for that to mean anything".into(),
            ),
        },
        // Only the longest possible lease says when its scan has ended.
        Some(how) => match created.and_then(|t| after(t, MAX_LEASE.into(), grace, now)) {
            Some(true) => State::Expired(format!("{how}, and it is older than the longest lease")),
            _ => State::Disarmed(format!(
                "{how}; it is younger than the longest lease, {MAX_LEASE} s"
            )),
        },
    }
}

/// Whether that is the name of a lease of the scan.
fn is_lease_of(name: &str, scan: Option<&ScanId>) -> bool {
    scan.is_some_and(|scan| name == object_name(scan) || name == identity_lease_name(scan))
}

/// Whether a Job was made after an object: then it is not the lease under which that was made.
fn is_younger(job: &DynamicObject, object: &DynamicObject) -> bool {
    match (job.creation_timestamp(), object.creation_timestamp()) {
        (Some(job), Some(object)) => job.0 > object.0,
        _ => false,
    }
}

/// The same for a Job that has the name of a lease but not the form of one: if it ever was a lease, nothing in it says for
/// how long.
fn changed(job: &DynamicObject, now: Timestamp, grace: u32) -> Result<String, State> {
    let created = job.creation_timestamp().map(|t| t.0);
    match created.and_then(|t| after(t, MAX_LEASE.into(), grace, now)) {
        Some(true) => Ok("what has the name of its lease is older than the longest one".into()),
        _ => Err(State::Disarmed(
            "what has the name of its lease is not what a scan makes, and is younger than the longest one".into(),
        )),
    }
}

/// Why the lease is over, or why it may not be.
fn lease(job: &DynamicObject, now: Timestamp, grace: u32) -> Result<String, State> {
    let text = job.data["status"]["startTime"].as_str();
    let started: Option<Timestamp> = text.and_then(|t| t.parse().ok());
    // A Job that was never started, as one that a queue holds, counts from its creation, and none started before.
    let since = started.max(job.creation_timestamp().map(|t| t.0));
    let longest = i64::from(MAX_LEASE);
    let deadline = job.data["spec"]["activeDeadlineSeconds"].as_i64();
    let Some(seconds) = deadline.filter(|seconds| (1..=longest).contains(seconds)) else {
        // No scan makes such a lease: somebody changed it.
        return match since.and_then(|since| after(since, longest, grace, now)) {
            Some(true) => Ok(
                "somebody changed the deadline of its lease, which is older than the longest one"
                    .into(),
            ),
            _ => Err(State::Disarmed(
                "somebody changed the deadline of its lease, which is younger than the longest one"
                    .into(),
            )),
        };
    };
    let conditions = job.data["status"]["conditions"].as_array();
    let ended = conditions.into_iter().flatten().any(|c| {
        c["status"] == "True" && matches!(c["type"].as_str(), Some("Failed" | "Complete"))
    });
    // Somebody can write that into the status of a lease that still runs.
    if ended && since.and_then(|since| after(since, seconds, 0, now)) == Some(true) {
        return Ok("the cluster has ended its lease".into());
    }
    let passed = since.and_then(|since| after(since, seconds, grace, now));
    match (passed, started) {
        (Some(true), Some(_)) => Ok("its lease is past its deadline".into()),
        (Some(true), None) => Ok("its lease was never started, and is past its deadline".into()),
        _ => Err(State::Running(format!(
            "its lease of {seconds} s may still run"
        ))),
    }
}

/// Whether `now` is `seconds` and the grace after `since`; `None` when the clocks make no sense.
fn after(since: Timestamp, seconds: i64, grace: u32, now: Timestamp) -> Option<bool> {
    let age = now.as_second().checked_sub(since.as_second())?;
    (age >= 0).then(|| age > seconds.saturating_add(grace.into()))
}

/// Whether a scan made an object.
enum Ours {
    /// A scan made it, and nobody took a mark off it.
    Untouched,
    /// A scan made it, and somebody took its label or its owner away.
    Disarmed(&'static str),
    /// It is not what a scan makes.
    No(&'static str),
}

/// A label alone is not proof: anyone who may label an object could then have it deleted. Name and form are proof, even if
/// label and owner were removed: nothing else has such a name and is empty, or grants so little.
fn is_ours(object: &DynamicObject) -> Ours {
    let labels = object.labels();
    let name = object.name_any();
    let label = labels.get(SCAN_LABEL);
    if label.is_some_and(|id| id.parse::<ScanId>().is_err()) {
        return Ours::No("its label is not the id of a scan");
    }
    let label = label.and_then(|id| id.parse::<ScanId>().ok());
    let Some(id) = label.clone().or_else(|| id_of_name(&name)) else {
        return Ours::No("its label is not the id of a scan");
    };
    let (expected, identity) = (object_name(&id), identity_lease_name(&id));
    if name != expected && !name.starts_with(&format!("{expected}-")) {
        return Ours::No("its name does not match its scan");
    }
    if !shape(object, &expected) {
        return Ours::No("it does not look like anything a scan creates");
    }
    let managed = labels.get("app.kubernetes.io/managed-by");
    if managed.is_some_and(|by| by != MANAGER) {
        return Ours::No("it is not managed by secure-scan");
    }
    let owners = object.owner_references();
    let by_lease = |owner: &OwnerReference| {
        owner.api_version == "batch/v1"
            && owner.kind == "Job"
            && (owner.name == expected || owner.name == identity)
    };
    if owners.iter().any(|owner| !by_lease(owner)) || owners.len() > 1 {
        return Ours::No("its owner is not the lease of its scan");
    }
    let is_job = kind(object) == "Job";
    if is_job && !owners.is_empty() {
        return Ours::No("it is a lease that something owns");
    }
    if label.is_some() && managed.is_some() && (is_job || !owners.is_empty()) {
        return Ours::Untouched;
    }
    // For a pod or a policy, only the name is left then.
    if label.is_none() && owners.is_empty() && matches!(kind(object), "Pod" | "NetworkPolicy") {
        return Ours::No(
            "it has the name of what a scan makes, and neither its label nor its owner",
        );
    }
    Ours::Disarmed(if owners.is_empty() && !is_job {
        "somebody took it from its lease"
    } else {
        "somebody took the scan's label off it"
    })
}

fn shape(object: &DynamicObject, name: &str) -> bool {
    let data = &object.data;
    let empty = |value: &Value| value.as_object().is_none_or(serde_json::Map::is_empty);
    match kind(object) {
        "Job" => {
            let spec = &data["spec"];
            spec["parallelism"] == 0
                && spec["completions"].is_null()
                && spec["ttlSecondsAfterFinished"] == 0
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
        // Other objects of a scan are recognized by their name and their owner.
        "Pod" | "NetworkPolicy" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
