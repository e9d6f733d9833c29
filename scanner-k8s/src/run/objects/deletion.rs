//! Deletes objects of a scan by UID. A change by somebody else is always noticed first.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, Preconditions};
use scanner_core::{ControlError, alert::SecurityAlert};

use super::{changed, rewritten};
use crate::{
    api::call::{CALL_TIMEOUT, CallError, CallErrorKind, call_with_retry},
    run::{made::Made, owned::Owned, scope::ScanScope},
};

impl ScanScope {
    /// Deletes the scan's object of that kind; it may never have existed.
    pub(crate) async fn delete<K: Owned>(&self) -> Result<String, ControlError> {
        self.delete_named::<K>(&self.name()).await
    }

    /// The same for an object with a name of its own.
    pub(crate) async fn delete_named<K: Owned>(&self, name: &str) -> Result<String, ControlError> {
        let kind = K::kind(&()).into_owned();
        self.ledger().settle(CALL_TIMEOUT).await;
        let this = (kind.clone(), name.to_owned());
        if !self.ledger().attempted().contains(&this) {
            return Ok(format!("{kind} was never created"));
        }
        if self.ledger().deleted(&kind, name) {
            return Ok(format!("{kind} was deleted before"));
        }
        let Some(made) = self.ledger().made_of(&kind, name) else {
            return self.delete_unknown::<K>(name).await;
        };
        // Deleted only in the version that the scan knows: if somebody changed it since, it is looked at first.
        let compared = changed::is_compared(&kind);
        let version = made.compared_version().filter(|_| compared);
        match self.delete_exactly::<K>(name, &made.uid, version).await {
            Err(error) if error.kind() == CallErrorKind::Conflict && !made.came_otherwise => {
                self.delete_changed::<K>(&made).await
            }
            deleted => self.note_deletion(&kind, name, deleted),
        }
    }

    /// Deletes an object whose end ends access: one that a finalizer holds is a failure.
    pub(crate) async fn revoke<K: Owned>(&self) -> Result<String, ControlError> {
        let deleted = self.delete::<K>().await?;
        let kind = K::kind(&());
        match self.ledger().made_of(&kind, &self.name()) {
            Some(made) if self.ledger().removed(&made).is_none() => {
                Err(ControlError::new(format!(
                    "{kind} {} still gives access: somebody put a finalizer on it",
                    made.name
                )))
            }
            _ => Ok(deleted),
        }
    }

    /// Deletes an object that is not as the scan made it, or notices that another one has taken its place.
    async fn delete_changed<K: Owned>(&self, made: &Made) -> Result<String, ControlError> {
        let (kind, name) = (&made.kind, made.name.as_str());
        let found = self.named::<K>(name).await?;
        let (found, other) = match found {
            Some(found) if found.meta().uid.as_ref() == Some(&made.uid) => (Some(found), false),
            other => (None, other.is_some()),
        };
        let Some(found) = found else {
            self.ledger().note_deleted(kind, name, Some(String::new()));
            if !other {
                return Ok(format!(
                    "{kind} was already gone; who deleted it is not known"
                ));
            }
            let message = format!(
                "somebody deleted {kind} {name} of this scan and made another of that name"
            );
            self.alerts()
                .raise(SecurityAlert::new(changed::OBJECT_CHANGED, message));
            return Ok(format!(
                "{kind} was already gone; who deleted it is not known, and what has the name {name} now was left alone"
            ));
        };
        let lease = self.owner_of(kind, name);
        let scan = self.plan().scan_id.as_str();
        let is_over = self.lease_is_over();
        let mut found_out = changed::alerts(scan, lease.as_deref(), made, &found, is_over);
        if found_out.is_empty() {
            found_out.extend(rewritten::alert(made, &found));
        }
        for alert in found_out {
            self.alerts().raise(alert);
        }
        let deleted = self.delete_exactly::<K>(name, &made.uid, None).await;
        self.note_deletion(kind, name, deleted)
    }

    /// Deletes what a creation without an answer may have made: looked at first, and only if it is of this scan.
    async fn delete_unknown<K: Owned>(&self, name: &str) -> Result<String, ControlError> {
        let kind = K::kind(&()).into_owned();
        let Some(found) = self.named::<K>(name).await? else {
            self.ledger().note_deleted(&kind, name, Some(String::new()));
            return Ok(format!("{kind} was not created"));
        };
        let lease = self.owner_of(&kind, name);
        if !changed::is_ours(self.plan().scan_id.as_str(), lease.as_deref(), &found) {
            return Err(ControlError::new(format!(
                "{kind} {name} exists and is not as this scan would have made it; it was left alone"
            )));
        }
        let uid = found.meta().uid.clone().unwrap_or_default();
        let deleted = self.delete_exactly::<K>(name, &uid, None).await;
        self.note_deletion(&kind, name, deleted)
    }

    /// The object with that name, if there is one. A list, for which the operator needs no right that a scan does not
    /// need anyway.
    async fn named<K: Owned>(&self, name: &str) -> Result<Option<K>, ControlError> {
        let api = self.operator_api_for::<K>(name);
        let params = ListParams::default().fields(&format!("metadata.name={name}"));
        let what = format!("look for {} {name}", K::kind(&()));
        let found = call_with_retry(what, || api.list(&params)).await;
        let mut found = found.map_err(CallError::of_control)?.items.into_iter();
        Ok(found.find(|object| object.meta().name.as_deref() == Some(name)))
    }

    /// Deletes exactly this object; gives the UID that the server named, or `None` while a finalizer holds it.
    async fn delete_exactly<K: Owned>(
        &self,
        name: &str,
        uid: &str,
        version: Option<String>,
    ) -> Result<Option<String>, CallError> {
        let params = DeleteParams {
            // Never another object that took the name.
            preconditions: Some(Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: version,
            }),
            ..DeleteParams::background()
        };
        let what = format!("delete {} {name}", K::kind(&()));
        let api = self.operator_api_for::<K>(name);
        let answer = call_with_retry(what, || api.delete(name, &params)).await?;
        Ok(answer.either(
            |object| removed(object.meta()),
            |status| Some(status.details.map(|d| d.uid).unwrap_or_default()),
        ))
    }

    fn note_deletion(
        &self,
        kind: &str,
        name: &str,
        deleted: Result<Option<String>, CallError>,
    ) -> Result<String, ControlError> {
        match deleted {
            Ok(removed) => {
                let held = removed.is_none();
                self.ledger().note_deleted(kind, name, removed);
                Ok(if held {
                    format!("{kind} {name} marked for deletion; a finalizer holds it")
                } else {
                    format!("{kind} {name} deleted")
                })
            }
            Err(error) if error.kind() == CallErrorKind::NotFound => {
                self.ledger().note_deleted(kind, name, Some(String::new()));
                Ok(format!(
                    "{kind} was already gone; who deleted it is not known"
                ))
            }
            Err(error) if error.kind() == CallErrorKind::Conflict => {
                self.ledger().note_deleted(kind, name, Some(String::new()));
                Ok(format!(
                    "{kind} was already gone; who deleted it is not known, and what has the name {name} now was left alone"
                ))
            }
            Err(error) => Err(error.of_control()),
        }
    }

    /// Deletes the scan's object of that kind from the server, without waiting for its node.
    pub(crate) async fn delete_at_once<K: Owned>(&self) -> Result<String, ControlError> {
        let (kind, name) = (K::kind(&()).into_owned(), self.name());
        let uid = self.ledger().uid_of(&kind, &name);
        let params =
            DeleteParams {
                grace_period_seconds: Some(0),
                preconditions: Some(Preconditions {
                    uid: Some(uid.ok_or_else(|| {
                        ControlError::new(format!("{kind} {name} has no known UID"))
                    })?),
                    resource_version: None,
                }),
                ..DeleteParams::background()
            };
        let api = self.operator_api_for::<K>(&name);
        let what = format!("delete {kind} {name} at once");
        match call_with_retry(what, || api.delete(&name, &params)).await {
            Ok(_) => {}
            Err(error) if error.kind() == CallErrorKind::NotFound => {}
            Err(error) if error.kind() == CallErrorKind::Conflict => {}
            Err(error) => return Err(error.of_control()),
        }
        Ok(format!(
            "{kind} {name} deleted without waiting for its node: nothing of it ran any more, and nothing could"
        ))
    }
}

/// The UID of what is gone. Of some kinds, such as service accounts, the answer to a deletion holds the
/// object: as it was, or with a time of deletion while a finalizer still holds it; see `finalizeDelete` in
/// the API server's generic registry.
pub(in crate::run) fn removed(object: &ObjectMeta) -> Option<String> {
    let held = object.deletion_timestamp.is_some();
    object.uid.clone().filter(|_| !held)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_gone_when_its_deletion_does_not_wait() {
        let meta = |metadata| serde_json::from_value::<ObjectMeta>(metadata).unwrap();
        assert_eq!(removed(&meta(json!({"uid": "1"}))), Some("1".into()));
        let held = json!({"uid": "1", "deletionTimestamp": "2026-01-01T00:00:00Z"});
        assert_eq!(removed(&meta(held)), None);
    }
}
