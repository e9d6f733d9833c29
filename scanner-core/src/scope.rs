//! What a control can use: the scan's names, and objects that the scan owns, records and removes.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    alert::{Alerts, SecurityAlert},
    control::error::ControlError,
    event::{Event, Observer, Silent},
    evidence::Evidence,
    plan::{ScanId, ScanPlan},
    target::Target,
};

/// An object that a control created.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectRef {
    /// API version, such as `v1`.
    pub api_version: String,
    /// Kind, such as `ConfigMap`.
    pub kind: String,
    /// Name, in the namespace of the scan.
    pub name: String,
    /// UID that the server gave it.
    pub uid: String,
}

impl ObjectRef {
    /// An object as the server made it.
    pub fn new(
        api_version: impl Into<String>,
        kind: impl Into<String>,
        name: impl Into<String>,
        uid: impl Into<String>,
    ) -> Self {
        Self {
            api_version: api_version.into(),
            kind: kind.into(),
            name: name.into(),
            uid: uid.into(),
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// What a control created so far. Each object is recorded as soon as the server has made it, so that it is deleted at the
/// end even if nobody waited for the answer or the answer was rejected.
#[derive(Debug, Clone, Default)]
pub struct CreatedObjects(Arc<Mutex<Vec<ObjectRef>>>);

impl CreatedObjects {
    /// Records one object; one that is already recorded stays there once.
    pub fn record(&self, object: ObjectRef) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&object) {
            all.push(object);
        }
    }

    /// All of them, in the order in which they were made.
    pub fn all(&self) -> Vec<ObjectRef> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// How objects of a scan are made and removed: with its label, owned by its lease, in its ledger and its audit log.
#[async_trait]
pub trait ScopeObjects: Send + Sync {
    /// Creates `manifest` in the namespace of the scan, and records it in `created` as soon as the server made it.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses it or changes its label or owner, or when there is no lease yet.
    async fn create(
        &self,
        manifest: Value,
        created: &CreatedObjects,
    ) -> Result<ObjectRef, ControlError>;

    /// Waits until no creation is under way any more, for a bounded time. By default there is nothing to wait for.
    async fn settle(&self) {}

    /// Gives the object as it is now; `None` when it is gone or another took its name.
    ///
    /// # Errors
    ///
    /// Fails when the server does not answer.
    async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, ControlError>;

    /// Deletes exactly this object, by its UID, and gives in words what became of it. Does not fail when it is already
    /// gone: who deleted it is then not known.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses it.
    async fn delete(&self, object: &ObjectRef) -> Result<String, ControlError>;

    /// Shows that no object of a kind that was asked for is left, also where the answer to a creation was lost. By
    /// default it shows nothing.
    ///
    /// # Errors
    ///
    /// Fails when one is left, or when that could not be seen.
    async fn verify_gone(&self) -> Result<Evidence, ControlError> {
        Ok(Evidence::none())
    }
}

/// What one control may use in one scan.
pub struct ControlScope<'a> {
    plan: &'a ScanPlan,
    objects: Option<&'a dyn ScopeObjects>,
    alerts: &'a Alerts,
    observer: &'a dyn Observer,
    created: CreatedObjects,
    /// Whether the control asked for an object, whatever came of it.
    asked: AtomicBool,
}

impl<'a> ControlScope<'a> {
    /// The scope of one control; `objects` is absent in a scan without a cluster.
    pub fn new(
        plan: &'a ScanPlan,
        objects: Option<&'a dyn ScopeObjects>,
        alerts: &'a Alerts,
    ) -> Self {
        Self {
            plan,
            objects,
            alerts,
            observer: &Silent,
            created: CreatedObjects::default(),
            asked: AtomicBool::new(false),
        }
    }

    /// The same for an observer, which gets what the control waits for.
    #[must_use]
    pub fn observed_by(mut self, observer: &'a dyn Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Identifier of the scan.
    pub fn scan_id(&self) -> &ScanId {
        &self.plan.scan_id
    }

    /// What is scanned.
    pub fn target(&self) -> &Target {
        &self.plan.target
    }

    /// Namespace in which objects are created.
    pub fn namespace(&self) -> &str {
        self.plan.target.namespace.as_str()
    }

    /// Everything that was planned.
    pub fn plan(&self) -> &ScanPlan {
        self.plan
    }

    /// Creates an object: labelled, owned by the lease, recorded in the ledger and the audit log. It is deleted and
    /// shown to be gone at the end of the scan, whatever the control does.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses it, and before there is a lease.
    pub async fn create(&self, manifest: Value) -> Result<ObjectRef, ControlError> {
        let objects = self.objects()?;
        self.asked.store(true, Ordering::Relaxed);
        let made = objects.create(manifest, &self.created).await?;
        self.created.record(made.clone());
        Ok(made)
    }

    /// Gives an object of this control as it is now; `None` when it is gone.
    ///
    /// # Errors
    ///
    /// Fails when the server does not answer.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, ControlError> {
        self.objects()?.get(object).await
    }

    /// Deletes an object of this control before the end of the scan, and gives in words what became of it.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses it.
    pub async fn delete(&self, object: &ObjectRef) -> Result<String, ControlError> {
        self.objects()?.delete(object).await
    }

    /// Raises a security alert: the report has it, and its verdict cannot be a pass any more.
    pub fn raise(&self, alert: SecurityAlert) {
        self.alerts.raise(alert);
    }

    /// Reports how long control `id` has waited and for what, so that an observer sees that the scan goes on.
    pub fn waits(&self, id: &str, waited: Duration, what: impl Into<String>) {
        self.observer.event(&Event::ControlWaits {
            id: id.to_owned(),
            seconds: waited.as_secs(),
            what: what.into(),
        });
    }

    /// What the control created, in order.
    pub fn created_objects(&self) -> Vec<ObjectRef> {
        self.created.all()
    }

    /// Waits until everything that the control asked for was made or refused.
    pub(crate) async fn settle(&self) {
        if let Some(objects) = self.objects.filter(|_| self.asked.load(Ordering::Relaxed)) {
            objects.settle().await;
        }
    }

    /// Shows that nothing that the control asked for is left.
    pub(crate) async fn verify_gone(&self) -> Result<Evidence, ControlError> {
        if self.asked.load(Ordering::Relaxed) {
            self.objects()?.verify_gone().await
        } else {
            Ok(Evidence::none())
        }
    }

    fn objects(&self) -> Result<&dyn ScopeObjects, ControlError> {
        self.objects
            .ok_or_else(|| ControlError::new("this scan has no cluster to create objects in"))
    }
}
