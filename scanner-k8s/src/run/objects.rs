//! Objects of a scan: created with their owner, deleted by UID, and shown to be gone.

use std::fmt::Write as _;

use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, PartialObjectMeta, PostParams, Preconditions},
    core::ObjectList,
};
use scanner_core::{ControlError, Remedy};
use serde::{Serialize, de::DeserializeOwned};

use super::scope::ScanScope;
use crate::run::ledger::{Ledger, Scope};
use crate::{
    api::call::{CALL_TIMEOUT, CallError, CallErrorKind, call, call_with_retry},
    names::SCAN_LABEL,
};

/// A kind of object that scans make: in a namespace, known when this is compiled.
pub(crate) trait Owned:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + std::fmt::Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Owned for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

/// UIDs of an object's owners.
fn owners<K: Resource>(object: &K) -> impl Iterator<Item = &str> {
    let all = object.meta().owner_references.as_deref();
    all.unwrap_or_default()
        .iter()
        .map(|owner| owner.uid.as_str())
}

impl ScanScope {
    /// Creates an object as the operator, writes it into the ledger, and gives its UID.
    pub(crate) async fn create<K: Owned>(
        &self,
        manifest: serde_json::Value,
    ) -> Result<String, ControlError> {
        let made = self.create_object::<K>(manifest).await?;
        Ok(made.uid().unwrap_or_default())
    }

    /// The same, and gives the object as the server made it.
    pub(crate) async fn create_object<K: Owned>(
        &self,
        manifest: serde_json::Value,
    ) -> Result<K, ControlError> {
        let kind = K::kind(&()).into_owned();
        let object: K = serde_json::from_value(manifest).map_err(|source| {
            ControlError::new(format!("the manifest of {kind} is not valid")).with_source(source)
        })?;
        let name = object.name_any();
        let asked: Vec<String> = owners(&object).map(str::to_owned).collect();
        let api = self.operator_api::<K>();
        // Before the call: an interrupt while it is under way must not forget the object.
        let under_way = Ledger::attempt(self.ledger(), &kind, &name);
        let what = format!("create {kind} {name}");
        // In a task of its own: an interrupt ends the waiting, not the call, so that release can wait
        // for what the server makes of it.
        let task = tokio::spawn(async move {
            let made = call(what, api.create(&PostParams::default(), &object)).await;
            under_way.end(made.as_ref());
            made
        });
        let made = task.await.map_err(|source| {
            ControlError::new(format!("creating {kind} {name} ended unexpectedly"))
                .with_source(source)
        })?;
        let made = made.map_err(CallError::of_control)?;
        if made.labels().get(SCAN_LABEL).map(String::as_str) != Some(self.plan().scan_id.as_str()) {
            return Err(
                ControlError::new(format!("{kind} {name} came without the scan's label"))
                    .with_remedy(Remedy::advice(
                        "an admission webhook removes labels; exempt what secure-scan makes",
                    )),
            );
        }
        // Also an owner that was added would keep it when the lease is gone.
        if !asked.iter().map(String::as_str).eq(owners(&made)) {
            return Err(ControlError::new(format!(
                "{kind} {name} came with other owners than asked for: the lease would not remove it"
            ))
            .with_remedy(Remedy::advice(
                "an admission policy changes owners; exempt what secure-scan makes",
            )));
        }
        Ok(made)
    }

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
        let uid = self.ledger().uid_of(&kind, name);
        let params = DeleteParams {
            // Never another object that took the name.
            preconditions: uid.map(|uid| Preconditions {
                uid: Some(uid),
                resource_version: None,
            }),
            ..DeleteParams::background()
        };
        let what = format!("delete {kind} {name}");
        let api = self.operator_api::<K>();
        match call_with_retry(what, || api.delete(name, &params)).await {
            Ok(answer) => {
                let removed = answer.either(
                    |object| removed(object.meta()),
                    |status| Some(status.details.map(|d| d.uid).unwrap_or_default()),
                );
                self.ledger().note_deleted(&kind, name, removed);
                Ok(format!("{kind} {name} deleted"))
            }
            Err(error) if error.kind() == CallErrorKind::NotFound => {
                self.ledger().note_deleted(&kind, name, Some(String::new()));
                Ok(format!("{kind} was already gone"))
            }
            Err(error) if error.kind() == CallErrorKind::Conflict => {
                self.ledger().note_deleted(&kind, name, Some(String::new()));
                Ok(format!(
                    "{kind} was already gone; {name} is another object now and was left alone"
                ))
            }
            Err(error) => Err(error.of_control()),
        }
    }

    /// Deletes the scan's object of that kind from the server, whatever its node still does with it.
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
        let api = self.operator_api::<K>();
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

    /// Shows that no object of that kind carries the scan's label, in any namespace that the operator
    /// may list, and that what the scan made is gone by its name.
    pub(crate) async fn gone<K: Owned>(&self) -> Result<String, ControlError> {
        let unlabelled = self.unlabelled::<K>().await?;
        self.gone_by_name::<K>().await?;
        Ok(unlabelled)
    }

    /// Shows that no object of that kind carries the scan's label. Whoever takes the label off an object
    /// hides it from this.
    pub(crate) async fn unlabelled<K: Owned>(&self) -> Result<String, ControlError> {
        let kind = K::kind(&()).into_owned();
        self.ledger().settle(CALL_TIMEOUT).await;
        if !self.ledger().may_exist(&kind) {
            return Ok(format!("{kind} was never created"));
        }
        let (left, scope) = self.labelled::<K>().await?;
        let Some(first) = left.items.first() else {
            self.ledger().note_absent(&kind, scope);
            let place = match scope {
                Scope::Everywhere => "in any namespace".to_owned(),
                Scope::Namespace => format!("in namespace {}", self.namespace()),
            };
            return Ok(format!(
                "no {kind} {place} carries {SCAN_LABEL}={}",
                self.plan().scan_id
            ));
        };
        let uid = first.metadata.uid.clone().unwrap_or_default();
        let ours = self.ledger().made().iter().any(|made| made.uid == uid);
        if ours {
            return Err(self.still_there(first));
        }
        let name = first.metadata.name.clone().unwrap_or_default();
        let namespace = first.metadata.namespace.clone().unwrap_or_default();
        Err(ControlError::new(format!(
            "{kind} {name} in namespace {namespace} carries the scan's label and is not its own"
        ))
        .with_remedy(Remedy::advice(
            "somebody else put the label there; find out who",
        )))
    }

    /// Looks by name, and only for what the server did not confirm to have removed. A list, for which the
    /// operator needs no right that a scan does not need anyway.
    async fn gone_by_name<K: Owned>(&self) -> Result<(), ControlError> {
        let kind = K::kind(&()).into_owned();
        for (name, uid) in self.ledger().unconfirmed(&kind) {
            let api = self.operator_api::<K>();
            let params = ListParams::default().fields(&format!("metadata.name={name}"));
            let what = format!("look for {kind} {name}");
            let found = call_with_retry(what, || api.list_metadata(&params)).await;
            let found = found.map_err(CallError::of_control)?.items;
            // Without a known UID, whatever has a name of this scan is of this scan.
            let same = |meta: &PartialObjectMeta<K>| {
                let known = uid.is_none() || meta.metadata.uid == uid;
                meta.metadata.name.as_ref() == Some(&name) && known
            };
            if let Some(left) = found.iter().find(|meta| same(meta)) {
                return Err(self.still_there(left));
            }
            self.ledger().note_gone(&kind, &name);
        }
        Ok(())
    }

    /// An object of the scan that is left.
    fn still_there<K: Owned>(&self, left: &PartialObjectMeta<K>) -> ControlError {
        let (kind, meta) = (K::kind(&()), &left.metadata);
        let name = meta.name.as_deref().unwrap_or_default();
        let labels = meta.labels.as_ref();
        let label = labels.and_then(|labels| labels.get(SCAN_LABEL));
        let mut message = format!("{kind} {name} still exists");
        if label.map(String::as_str) != Some(self.plan().scan_id.as_str()) {
            message.push_str(", and somebody took the scan's label off it");
        }
        let finalizers = meta.finalizers.as_deref().unwrap_or_default();
        let remedy = if finalizers.is_empty() {
            Remedy::CheckObject {
                resource: K::plural(&()).into_owned(),
                namespace: self.namespace().to_owned(),
                name: name.to_owned(),
                lease_seconds: self.plan().lease_seconds,
            }
        } else {
            let _ = write!(message, ", held by finalizers: {}", finalizers.join(", "));
            Remedy::advice("whoever put the finalizers there must remove them")
        };
        ControlError::new(message).with_remedy(remedy)
    }

    /// Objects of that kind with the scan's label: everywhere, or where that is refused, here.
    async fn labelled<K: Owned>(
        &self,
    ) -> Result<(ObjectList<PartialObjectMeta<K>>, Scope), ControlError> {
        let everywhere = self.segment().operator().everywhere::<K>();
        self.labelled_in(&K::kind(&()), &everywhere, &self.operator_api())
            .await
    }

    /// The same of a kind that may be known only at run time.
    pub(crate) async fn labelled_in<K: Clone + std::fmt::Debug + DeserializeOwned>(
        &self,
        kind: &str,
        everywhere: &Api<K>,
        here: &Api<K>,
    ) -> Result<(ObjectList<PartialObjectMeta<K>>, Scope), ControlError> {
        let params = ListParams::default().labels(&format!("{SCAN_LABEL}={}", self.plan().scan_id));
        if self.ledger().may_list_everywhere() {
            let what = format!("list {kind} objects of this scan in all namespaces");
            match call_with_retry(what, || everywhere.list_metadata(&params)).await {
                Ok(left) => return Ok((left, Scope::Everywhere)),
                // An operator of one namespace: the other kinds need not be tried.
                Err(error) if error.is_forbidden() => self.ledger().only_here(),
                Err(error) => return Err(error.of_control()),
            }
        }
        let what = format!("list {kind} objects of this scan");
        let left = call_with_retry(what, || here.list_metadata(&params)).await;
        Ok((left.map_err(CallError::of_control)?, Scope::Namespace))
    }
}

/// The UID of what is gone. Of some kinds, such as service accounts, the answer to a deletion holds the
/// object: as it was, or with a time of deletion while a finalizer still holds it; see `finalizeDelete` in
/// the API server's generic registry.
fn removed(object: &ObjectMeta) -> Option<String> {
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
