//! What one scan knows of itself while it runs: names, lease, token, and its two clients.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, PostParams, Preconditions},
};
use scanner_core::{ControlError, ScanPlan, Target, control::ControlEffect};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Connection,
    error::call,
    exec::{self, ExecStream},
    manifest::{SCAN_LABEL, object_name},
};

/// What an ephemeral container is called in the list of what was attempted; it is no object.
const PROBE: &str = "ephemeral container";

/// A client with the scan's own token and nothing else.
#[derive(Clone)]
pub(crate) struct ScanClient(pub(crate) Client);

/// One scan, shared by its controls and its strategy.
pub struct Session {
    pub(crate) connection: Connection,
    pub(crate) plan: ScanPlan,
    pub(crate) lease_uid: OnceLock<String>,
    /// Version of the newest object that was created, from which to watch.
    pub(crate) version: Mutex<String>,
    pub(crate) scan_client: OnceLock<ScanClient>,
    /// When the server first accepted the token, which it may remember for up to 10 s.
    pub(crate) token_used: OnceLock<Instant>,
    created: Mutex<Vec<(String, String)>>,
    /// Kinds that the server was asked to create and did not clearly refuse.
    attempted: Mutex<Vec<String>>,
    deleted: Mutex<Vec<String>>,
}

impl Session {
    /// A session for one planned scan.
    pub fn new(connection: Connection, plan: ScanPlan) -> Arc<Self> {
        Arc::new(Self {
            connection,
            plan,
            lease_uid: OnceLock::new(),
            version: Mutex::new(String::new()),
            scan_client: OnceLock::new(),
            token_used: OnceLock::new(),
            created: Mutex::new(Vec::new()),
            attempted: Mutex::new(Vec::new()),
            deleted: Mutex::new(Vec::new()),
        })
    }

    /// What was planned.
    pub fn plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// Opens an exec as the scan's own identity, once the credential control has made one.
    ///
    /// # Errors
    ///
    /// Fails when there is no credential, or the server refuses the exec.
    pub async fn exec(
        &self,
        target: &Target,
        command: &[&str],
    ) -> Result<ExecStream, ControlError> {
        exec::open(self.scan_client()?, target, command)
            .await
            .map_err(crate::CallError::of_control)
    }

    /// Kind and UID of every object that the scan created, in order.
    pub fn ledger(&self) -> Vec<(String, String)> {
        self.created
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn name(&self) -> String {
        object_name(&self.plan.scan_id)
    }

    /// User name of the scan's identity at the server.
    pub(crate) fn account(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace(), self.name())
    }

    pub(crate) fn namespace(&self) -> &str {
        self.plan.target.namespace.as_str()
    }

    pub(crate) fn lease_uid(&self) -> Result<&str, ControlError> {
        let uid = self.lease_uid.get().map(String::as_str);
        uid.ok_or_else(|| not_held("the lease does not exist"))
    }

    pub(crate) fn scan_client(&self) -> Result<&Client, ControlError> {
        let client = self.scan_client.get().map(|c| &c.0);
        client.ok_or_else(|| not_held("the scan has no credential"))
    }

    pub(crate) fn operator_api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.connection.operator.clone(), self.namespace())
    }

    /// Creates an object as the operator, and writes it into the ledger.
    pub(crate) async fn create<K>(
        &self,
        manifest: serde_json::Value,
    ) -> Result<String, ControlError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + Serialize
            + DeserializeOwned,
    {
        let kind = K::kind(&()).into_owned();
        let object: K = serde_json::from_value(manifest).map_err(|source| ControlError {
            message: format!("the manifest of {kind} is not valid"),
            hint: None,
            effect: ControlEffect::NotHeld,
            source: Some(Box::new(source)),
        })?;
        let api = self.operator_api::<K>();
        // Before the call: an interrupt while it is under way must not forget the object.
        self.attempted().push(kind.clone());
        let made = call(
            format!("create {kind} {}", self.name()),
            api.create(&PostParams::default(), &object),
        )
        .await;
        let made = made.map_err(|error| {
            // A clear no. Anything else, a timeout too, may have created it.
            if matches!(error.code(), Some(400 | 401 | 403 | 404 | 422)) {
                self.attempted().retain(|k| *k != kind);
            }
            error.of_control()
        })?;
        let uid = made.uid().unwrap_or_default();
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) =
            made.resource_version().unwrap_or_default();
        self.created
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((kind.clone(), uid.clone()));
        if made.labels().get(SCAN_LABEL).map(String::as_str) != Some(self.plan.scan_id.as_str()) {
            return Err(ControlError {
                hint: Some(
                    "an admission webhook removes labels; exempt what secure-scan makes".into(),
                ),
                ..not_held(format!(
                    "{kind} {} came without the scan's label",
                    self.name()
                ))
            });
        }
        Ok(uid)
    }

    /// The server is now asked to add the probe's ephemeral container.
    pub(crate) fn probe_attempted(&self) {
        self.attempted().push(PROBE.to_owned());
    }

    /// The server clearly refused it.
    pub(crate) fn probe_refused(&self) {
        self.attempted().retain(|kind| kind != PROBE);
    }

    pub(crate) fn probe_may_exist(&self) -> bool {
        self.attempted().iter().any(|kind| kind == PROBE)
    }

    fn attempted(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.attempted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes the scan's object of that kind; it may never have existed.
    pub(crate) async fn delete<K>(&self) -> Result<String, ControlError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let kind = K::kind(&()).into_owned();
        if !self.attempted().contains(&kind) {
            return Ok(format!("{kind} was never created"));
        }
        let deleted = || self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        if deleted().contains(&kind) {
            return Ok(format!("{kind} was deleted before"));
        }
        let uid = self
            .ledger()
            .into_iter()
            .find(|(k, _)| *k == kind)
            .map(|e| e.1);
        let params = DeleteParams {
            // Never another object that took the name.
            preconditions: uid.map(|uid| Preconditions {
                uid: Some(uid),
                resource_version: None,
            }),
            ..DeleteParams::background()
        };
        let what = format!("delete {kind} {}", self.name());
        match call(what, self.operator_api::<K>().delete(&self.name(), &params)).await {
            Ok(_) => {
                let done = format!("{kind} {} deleted", self.name());
                deleted().push(kind);
                Ok(done)
            }
            Err(error) if error.code() == Some(404) => Ok(format!("{kind} was already gone")),
            Err(error) => Err(error.of_control()),
        }
    }

    /// Shows that no object of that kind carries the scan's label.
    pub(crate) async fn gone<K>(&self) -> Result<String, ControlError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let kind = K::kind(&()).into_owned();
        if !self.attempted().contains(&kind) {
            return Ok(format!("{kind} was never created"));
        }
        let params = ListParams::default().labels(&format!("{SCAN_LABEL}={}", self.plan.scan_id));
        let left = call(
            format!("list {kind} objects of this scan"),
            self.operator_api::<K>().list_metadata(&params),
        )
        .await
        .map_err(crate::CallError::of_control)?;
        if left.items.is_empty() {
            Ok(format!(
                "no {kind} carries {SCAN_LABEL}={}",
                self.plan.scan_id
            ))
        } else {
            Err(ControlError {
                message: format!("{kind} {} still exists", self.name()),
                hint: Some(format!(
                    "the lease removes it within {} s; check with: kubectl get {} -A -l {SCAN_LABEL}={}",
                    self.plan.lease_seconds,
                    K::plural(&()),
                    self.plan.scan_id
                )),
                effect: ControlEffect::NotHeld,
                source: None,
            })
        }
    }
}

pub(crate) fn not_held(message: impl Into<String>) -> ControlError {
    ControlError {
        message: message.into(),
        hint: None,
        effect: ControlEffect::NotHeld,
        source: None,
    }
}
