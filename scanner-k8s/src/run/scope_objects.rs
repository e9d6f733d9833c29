//! Objects of controls that this crate does not know: made with the scan's label and owner, deleted by UID.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use kube::{
    Api, ResourceExt as _,
    api::{
        ApiResource, DeleteParams, DynamicObject, ListParams, ObjectMeta, PostParams, Preconditions,
    },
    core::{GroupVersionKind, TypeMeta},
};
use scanner_core::{
    ControlError, Evidence, Remedy,
    control::{CreatedObjects, ObjectRef, ScopeObjects},
};
use serde_json::Value;

use super::{
    ledger::{Ledger, Scope},
    made::Made,
    objects::{changed, removed},
    scope::ScanScope,
};
use crate::{
    api::call::{CALL_TIMEOUT, CallError, CallErrorKind, call, call_with_retry},
    names::SCAN_LABEL,
    plan::manifest::{mark, metadata},
};

/// Creates objects for controls in the scope of one scan.
pub(crate) struct Objects {
    scope: Arc<ScanScope>,
    /// API version and kind of everything that was asked for.
    kinds: Mutex<BTreeSet<(String, String)>>,
}

impl Objects {
    /// Objects of controls in that scan.
    pub(crate) fn new(scope: Arc<ScanScope>) -> Self {
        Self {
            scope,
            kinds: Mutex::default(),
        }
    }

    fn kinds(&self) -> MutexGuard<'_, BTreeSet<(String, String)>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn api(&self, api_version: &str, kind: &str) -> Result<Api<DynamicObject>, ControlError> {
        let resource = resource(api_version, kind)?;
        let operator = self.scope.segment().operator();
        Ok(operator.dynamic(Some(self.scope.namespace()), &resource))
    }

    /// Shows that no object of that kind carries the scan's label, one whose answer was lost included.
    async fn gone(&self, api_version: &str, kind: &str) -> Result<String, ControlError> {
        let everywhere = self
            .scope
            .segment()
            .operator()
            .dynamic(None, &resource(api_version, kind)?);
        let here = self.api(api_version, kind)?;
        let (left, place) = self
            .scope
            .labelled_in(kind, &everywhere, std::slice::from_ref(&here))
            .await?;
        if let Some(first) = left.first() {
            let name = first.metadata.name.as_deref().unwrap_or_default();
            let message = format!("{kind} {name} carries the scan's label and still exists");
            return Err(ControlError::new(message));
        }
        self.by_name(&here, kind).await?;
        self.scope.ledger().note_absent(kind, place);
        let place = match place {
            Scope::Everywhere => "in any namespace".to_owned(),
            Scope::Namespaces => format!("in namespace {}", self.scope.namespace()),
        };
        let id = &self.scope.plan().scan_id;
        Ok(format!("no {kind} {place} carries {SCAN_LABEL}={id}"))
    }

    /// Shows that what the server did not confirm to have removed is gone, by its name and its UID.
    async fn by_name(&self, here: &Api<DynamicObject>, kind: &str) -> Result<(), ControlError> {
        let ledger = self.scope.ledger();
        for (name, uid) in ledger.unconfirmed(kind) {
            let params = ListParams::default().fields(&format!("metadata.name={name}"));
            let what = format!("look for {kind} {name}");
            let found = call_with_retry(what, || here.list_metadata(&params)).await;
            let mut found = found.map_err(CallError::of_control)?.items.into_iter();
            // A control may choose a name that others use. Without a known UID, what is older than the scan is
            // somebody else's: nobody can change the time at which the server made it.
            let ours = |meta: &ObjectMeta| match &uid {
                Some(_) => meta.uid == uid,
                None => !ledger.older_than_the_scan(meta),
            };
            let same = |meta: &ObjectMeta| meta.name.as_ref() == Some(&name) && ours(meta);
            if found.any(|item| same(&item.metadata)) {
                let message = format!("{kind} {name} still exists");
                return Err(ControlError::new(message));
            }
            ledger.note_gone(kind, &name);
        }
        Ok(())
    }

    /// The manifest with the scan's name where it has none, its label, and the lease as its only owner.
    fn owned(&self, mut manifest: Value) -> Result<Value, ControlError> {
        let plan = self.scope.plan();
        let lease = self.scope.lease_uid()?;
        let ours = metadata(&plan.scan_id, self.scope.namespace(), Some(&lease));
        let Some(own) = manifest.as_object_mut() else {
            return Err(ControlError::new("a manifest must be an object"));
        };
        let theirs = own
            .entry("metadata")
            .or_insert_with(|| Value::Object(serde_json::Map::default()));
        if theirs["name"].is_null() {
            theirs["name"] = ours["name"].clone();
        }
        theirs["namespace"] = ours["namespace"].clone();
        theirs["ownerReferences"] = ours["ownerReferences"].clone();
        for (key, value) in ours["labels"].as_object().into_iter().flatten() {
            theirs["labels"][key] = value.clone();
        }
        mark(&mut manifest, &plan.object_metadata);
        Ok(manifest)
    }
}

#[async_trait]
impl ScopeObjects for Objects {
    async fn create(
        &self,
        manifest: Value,
        created: &CreatedObjects,
    ) -> Result<ObjectRef, ControlError> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&manifest["apiVersion"]), text(&manifest["kind"]));
        let api = self.api(&api_version, &kind)?;
        let manifest = self.owned(manifest)?;
        self.kinds().insert((api_version.clone(), kind.clone()));
        let name = text(&manifest["metadata"]["name"]);
        let object: DynamicObject = serde_json::from_value(manifest).map_err(|source| {
            ControlError::new(format!("the manifest of {kind} is not valid")).with_source(source)
        })?;
        // As for objects of our own: noted before the call, and in a task of its own, so that an interrupt forgets
        // nothing.
        let under_way = Ledger::attempt(self.scope.ledger(), &kind, &name);
        let what = format!("create {kind} {name}");
        let version = api_version.clone();
        let (created, named) = (created.clone(), (kind.clone(), name.clone()));
        let task = tokio::spawn(async move {
            let made = call(what, api.create(&PostParams::default(), &object)).await;
            if let Ok(made) = &made {
                let uid = made.uid().unwrap_or_default();
                created.record(ObjectRef::new(api_version, named.0, named.1, uid));
            }
            under_way.end(made.as_ref());
            made
        });
        let made = task.await.map_err(|source| {
            ControlError::new(format!("creating {kind} {name} ended unexpectedly"))
                .with_source(source)
        })?;
        let made = made.map_err(CallError::of_control)?;
        let owned = made.owner_references().iter().map(|owner| &owner.uid);
        if !owned.eq([&self.scope.lease_uid()?]) {
            self.scope.ledger().note_otherwise(&kind, &name);
            let remedy =
                Remedy::advice("an admission policy changes owners; exempt what secure-scan makes");
            return Err(ControlError::new(format!(
                "{kind} {name} came with other owners than asked for: the lease would not remove it"
            ))
            .with_remedy(remedy));
        }
        let label = made.labels().get(SCAN_LABEL).map(String::as_str);
        if label != Some(self.scope.plan().scan_id.as_str()) {
            self.scope.ledger().note_otherwise(&kind, &name);
            let remedy = Remedy::advice(
                "an admission webhook removes labels; exempt what secure-scan makes",
            );
            return Err(
                ControlError::new(format!("{kind} {name} came without the scan's label"))
                    .with_remedy(remedy),
            );
        }
        let uid = made.uid().unwrap_or_default();
        Ok(ObjectRef::new(version, kind, name, uid))
    }

    async fn settle(&self) {
        self.scope.ledger().settle(CALL_TIMEOUT).await;
    }

    async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, ControlError> {
        let api = self.api(&object.api_version, &object.kind)?;
        let what = format!("get {object}");
        match call_with_retry(what, || api.get(&object.name)).await {
            Ok(found) if found.uid().as_deref() == Some(&object.uid) => {
                Ok(Some(serde_json::to_value(&found).unwrap_or_default()))
            }
            Ok(_) => Ok(None),
            Err(error) if error.code() == Some(404) => Ok(None),
            Err(error) => Err(error.of_control()),
        }
    }

    async fn delete(&self, object: &ObjectRef) -> Result<String, ControlError> {
        let api = self.api(&object.api_version, &object.kind)?;
        let ledger = self.scope.ledger();
        let (kind, name) = (&object.kind, &object.name);
        let made = ledger.made_of(kind, name);
        let made = made.filter(|made| made.uid == object.uid);
        let version = made.as_ref().and_then(Made::compared_version);
        let mut deleted = delete_exactly(&api, object, version).await;
        let changed = |error: &CallError| error.kind() == CallErrorKind::Conflict;
        if let Some(made) = made.filter(|_| deleted.as_ref().is_err_and(changed)) {
            // Its control and the cluster may change it, but nobody may change what ties it to its lease.
            let what = format!("get {object}");
            let now = call_with_retry(what, || api.get_opt(name)).await;
            let now = now.map_err(CallError::of_control)?;
            if let Some(now) = now.filter(|now| now.uid().as_deref() == Some(&object.uid)) {
                let (scan, lease) = (&self.scope.plan().scan_id, self.scope.lease_uid()?);
                for alert in changed::hold(scan.as_str(), Some(&lease), &made, &now) {
                    self.scope.alerts().raise(alert);
                }
            }
            deleted = delete_exactly(&api, object, None).await;
        }
        match deleted {
            Ok(removed) => {
                let held = removed.is_none();
                ledger.note_deleted(kind, name, removed);
                Ok(if held {
                    format!("{object} marked for deletion; a finalizer holds it")
                } else {
                    format!("{object} deleted")
                })
            }
            // It is gone, or another one has its name: who deleted it is not known.
            Err(error)
                if matches!(
                    error.kind(),
                    CallErrorKind::NotFound | CallErrorKind::Conflict
                ) =>
            {
                ledger.note_deleted(kind, name, Some(String::new()));
                Ok(format!(
                    "{object} was already gone; who deleted it is not known"
                ))
            }
            Err(error) => Err(error.of_control()),
        }
    }

    async fn verify_gone(&self) -> Result<Evidence, ControlError> {
        self.scope.ledger().settle(CALL_TIMEOUT).await;
        let kinds = self.kinds().clone();
        let mut evidence = Vec::new();
        for (api_version, kind) in kinds {
            evidence.push(self.gone(&api_version, &kind).await?);
        }
        Ok(Evidence(evidence))
    }
}

/// Deletes exactly this object; gives the UID that the server named, or `None` while a finalizer holds it.
async fn delete_exactly(
    api: &Api<DynamicObject>,
    object: &ObjectRef,
    version: Option<String>,
) -> Result<Option<String>, CallError> {
    let params = DeleteParams {
        // Never another object that took the name.
        preconditions: Some(Preconditions {
            uid: Some(object.uid.clone()),
            resource_version: version,
        }),
        ..DeleteParams::background()
    };
    let what = format!("delete {object}");
    let answer = call_with_retry(what, || api.delete(&object.name, &params)).await?;
    Ok(answer.either(
        |object| removed(&object.metadata),
        |status| Some(status.details.map(|d| d.uid).unwrap_or_default()),
    ))
}

fn resource(api_version: &str, kind: &str) -> Result<ApiResource, ControlError> {
    let types = TypeMeta {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
    };
    let gvk = GroupVersionKind::try_from(&types).map_err(|source| {
        ControlError::new(format!("{api_version:?} is not an API version")).with_source(source)
    })?;
    Ok(ApiResource::from_gvk(&gvk))
}
