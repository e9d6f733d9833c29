//! The post-scan audit: what can be shown once everything is released. Makes no calls of its own.

use std::{collections::BTreeMap, fs, path::PathBuf};

use k8s_openapi::api::core::v1::Pod;
use scanner_core::report::{AuditCheck, AuditOutcome};

use crate::{Session, session::Scope};

/// Largest file that is searched for a token, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// What a pod looked like at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodSnapshot {
    uid: String,
    generation: Option<i64>,
    phase: String,
    /// Container id and restarts of every container.
    containers: BTreeMap<String, (String, i32)>,
    ephemeral: Vec<String>,
}

impl PodSnapshot {
    /// Of a pod as the server gave it.
    pub fn of(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let all = status.container_statuses.unwrap_or_default().into_iter();
        let init = status.init_container_statuses.unwrap_or_default();
        let added = pod
            .spec
            .as_ref()
            .and_then(|s| s.ephemeral_containers.clone());
        Self {
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            generation: pod.metadata.generation,
            phase: status.phase.unwrap_or_default(),
            containers: all
                .chain(init)
                .map(|c| {
                    (
                        c.name,
                        (c.container_id.unwrap_or_default(), c.restart_count),
                    )
                })
                .collect(),
            ephemeral: added
                .unwrap_or_default()
                .into_iter()
                .map(|c| c.name)
                .collect(),
        }
    }

    /// How `after` differs; an ephemeral container named `own` is the scan's.
    fn differences(&self, after: &Self, own: &str) -> Vec<String> {
        let mut all = Vec::new();
        if self.uid != after.uid {
            all.push(format!(
                "the pod was replaced: uid {} is now {}",
                self.uid, after.uid
            ));
            return all;
        }
        if self.phase != after.phase {
            all.push(format!(
                "its phase was {} and is {}",
                self.phase, after.phase
            ));
        }
        for (name, (id, restarts)) in &self.containers {
            match after.containers.get(name) {
                None => all.push(format!("container {name} is gone")),
                Some((_, now)) if now != restarts => {
                    all.push(format!(
                        "container {name} had {restarts} restarts and has {now}"
                    ));
                }
                Some((now, _)) if now != id => {
                    all.push(format!("container {name} was {id} and is {now}"));
                }
                Some(_) => {}
            }
        }
        let added = after
            .ephemeral
            .iter()
            .filter(|n| !self.ephemeral.contains(n));
        let (ours, theirs): (Vec<&String>, Vec<&String>) = added.partition(|n| *n == own);
        for name in theirs {
            all.push(format!("somebody added ephemeral container {name}"));
        }
        if !ours.is_empty() {
            all.push(format!(
                "the scan added ephemeral container {own}, as planned"
            ));
        }
        if self.generation != after.generation {
            all.push(format!(
                "the generation of its specification was {} and is {}",
                self.generation.unwrap_or_default(),
                after.generation.unwrap_or_default()
            ));
        }
        all
    }
}

fn check(id: &str, outcome: AuditOutcome, evidence: Vec<String>) -> AuditCheck {
    AuditCheck {
        id: id.into(),
        outcome,
        evidence,
    }
}

fn shown(holds: bool) -> AuditOutcome {
    if holds {
        AuditOutcome::Shown
    } else {
        AuditOutcome::NotShown
    }
}

/// Every object of the ledger is gone, by UID; and no object carries the label of the scan.
pub(crate) fn objects(session: &Session) -> Vec<AuditCheck> {
    let ledger = session.shown();
    let (mut evidence, mut holds) = (Vec::new(), true);
    let (mut places, mut unseen) = (Vec::new(), Vec::new());
    for made in ledger.made() {
        let absent = ledger.absent(&made.kind);
        if ledger.removed(&made) {
            evidence.push(format!(
                "{} uid {}: the server confirmed its removal",
                made.kind, made.uid
            ));
        } else if absent.is_some() {
            evidence.push(format!(
                "{} uid {}: in no list of the server any more",
                made.kind, made.uid
            ));
        } else {
            holds = false;
            evidence.push(format!(
                "{} uid {}: not seen to be gone",
                made.kind, made.uid
            ));
        }
        match absent {
            Some(Scope::Everywhere) => places.push(format!("{}: none in any namespace", made.kind)),
            Some(Scope::Namespace) => places.push(format!(
                "{}: none in namespace {}; you may not list the others",
                made.kind,
                session.namespace()
            )),
            None => unseen.push(format!(
                "{}: could not be listed, or some carry it",
                made.kind
            )),
        }
    }
    if evidence.is_empty() {
        evidence.push("nothing was created".into());
    }
    let listed = unseen.is_empty();
    places.extend(unseen);
    vec![
        check("ledger-empty", shown(holds), evidence),
        check("no-labelled-object", shown(listed), places),
    ]
}

/// The token is refused, and is nowhere that this program can look.
pub(crate) fn credential(session: &Session) -> Vec<AuditCheck> {
    if session.scan_client.get().is_none() {
        let none = vec!["no token was ever received".to_owned()];
        return vec![check("token-refused", AuditOutcome::Shown, none)];
    }
    let refused = session.token_refused.get().is_some();
    let text = if refused {
        "the server answered 401 to it"
    } else {
        "the server was not seen to refuse it"
    };
    let tokens = session.connection.tokens();
    let (sent, received, seen) = tokens.streams();
    let mut evidence = vec![format!(
        "{sent} bytes sent to targets and {received} bytes received from them: {}",
        found(seen > 0)
    )];
    let arguments = std::env::args_os().any(|arg| tokens.finds(arg.as_encoded_bytes()));
    let environment = std::env::vars_os().any(|(_, value)| tokens.finds(value.as_encoded_bytes()));
    evidence.push(format!(
        "arguments and environment of this program: {}",
        found(arguments || environment)
    ));
    let log = session.connection.audit().text();
    let logged = tokens.finds(log.as_bytes());
    evidence.push(format!(
        "{} lines of the audit log: {}",
        log.lines().count(),
        found(logged)
    ));
    let mut on_disk = false;
    match open_files() {
        Ok(files) => {
            for file in &files {
                let held = fs::read(file).is_ok_and(|bytes| tokens.finds(&bytes));
                on_disk |= held;
                evidence.push(format!("open file {}: {}", file.display(), found(held)));
            }
            if files.is_empty() {
                evidence.push("this program has no file open".into());
            }
        }
        Err(error) => evidence.push(format!("open files cannot be listed: {error}")),
    }
    let clean = seen == 0 && !arguments && !environment && !logged && !on_disk;
    vec![
        check("token-refused", shown(refused), vec![text.into()]),
        check("no-credential-left", shown(clean), evidence),
    ]
}

fn found(found: bool) -> &'static str {
    if found {
        "THE TOKEN IS IN THEM"
    } else {
        "the token is not in them"
    }
}

/// Regular files that this program has open and that can be searched.
fn open_files() -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let Ok(path) = fs::read_link(entry?.path()) else {
            continue;
        };
        let regular = fs::metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= MAX_FILE);
        if regular && !path.starts_with("/proc") && !files.contains(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

/// What changed in the pod since it was resolved.
pub(crate) fn side_effects(session: &Session) -> Vec<AuditCheck> {
    let Some(before) = session.before.get() else {
        return Vec::new();
    };
    let (outcome, mut evidence) = match session.after.get() {
        None => (
            AuditOutcome::Told,
            vec!["the pod was not seen again after the scan; nothing is compared".to_owned()],
        ),
        Some(after) => {
            let differences = before.differences(after, &session.name());
            if differences.is_empty() {
                let same = format!(
                    "same uid, generation, phase, container ids and restarts of {} containers before and after",
                    before.containers.len()
                );
                (AuditOutcome::Shown, vec![same])
            } else {
                (AuditOutcome::Told, differences)
            }
        }
    };
    evidence.push(
        "not compared: files, processes and sockets inside the target; the agent has no command that \
         writes, and its own processes end with its stream"
            .into(),
    );
    vec![check("side-effects", outcome, evidence)]
}

/// The audit log has every call, and its chain holds.
pub(crate) fn log(session: &Session) -> Vec<AuditCheck> {
    let log = session.connection.audit();
    let holds = log.holds();
    let at = log.checkpoint();
    let text = if holds {
        "follow each other, none was lost"
    } else {
        "were lost or do not follow each other"
    };
    let evidence = vec![format!("{} entries {text}", at.entries)];
    vec![check("audit-log", shown(holds), evidence)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(generation: i64, restarts: i32, ephemeral: &[&str]) -> PodSnapshot {
        let added: Vec<_> = ephemeral
            .iter()
            .map(|n| json!({"name": n, "image": "i"}))
            .collect();
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"uid": "u", "generation": generation},
            "spec": {"containers": [], "ephemeralContainers": added},
            "status": {"phase": "Running", "containerStatuses": [{
                "name": "web", "containerID": "c", "restartCount": restarts,
                "image": "i", "imageID": "i", "ready": true,
            }]},
        }))
        .unwrap();
        PodSnapshot::of(&pod)
    }

    #[test]
    fn every_difference_is_told() {
        let before = pod(1, 0, &[]);
        assert!(before.differences(&pod(1, 0, &[]), "own").is_empty());
        assert_eq!(before.differences(&pod(1, 1, &[]), "own").len(), 1);
        let ours = before.differences(&pod(2, 0, &["own"]), "own").join(";");
        assert!(
            ours.contains("as planned") && ours.contains("generation"),
            "{ours}"
        );
        let theirs = before.differences(&pod(1, 0, &["x"]), "own").join(";");
        assert!(theirs.contains("somebody added"), "{theirs}");
        let gone = before.differences(&PodSnapshot::default(), "own").join(";");
        assert!(gone.contains("replaced"), "{gone}");
    }
}
