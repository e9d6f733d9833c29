//! A control: a marker in the namespace while a scan of a pod runs, so that a second one is refused meanwhile.

use std::collections::BTreeMap;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::ConfigMap;
use scanner_core::{
    ControlError, ControlScope, Evidence, Phase, SecurityControl,
    control::VerifyError,
    plan::{PlannedControl, PlannedObject},
};
use serde_json::Value;

/// Identifier of the control.
pub const ID: &str = "acme-marker";

/// A `ConfigMap` that says which scan runs.
///
/// The scan labels what a control creates, lets the lease own it, deletes it and verifies that it is gone. The control
/// only creates it and verifies that it is there.
#[derive(Debug, Clone)]
pub struct Marker {
    namespace: String,
    name: String,
}

impl Marker {
    /// The marker of scans of that pod.
    pub fn of_pod(namespace: &str, pod: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: format!("acme-scans-{pod}"),
        }
    }

    /// Name of the `ConfigMap`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The types are those of the program's own `k8s-openapi`, in the version that the program chose.
    fn manifest(&self, scope: &ControlScope<'_>) -> ConfigMap {
        let mut config_map = ConfigMap::default();
        config_map.metadata.name = Some(self.name.clone());
        let scan = ("scan".to_owned(), scope.scan_id().to_string());
        let target = ("target".to_owned(), scope.target().to_string());
        config_map.data = Some(BTreeMap::from([scan, target]));
        config_map
    }
}

#[async_trait]
impl SecurityControl for Marker {
    fn id(&self) -> &str {
        ID
    }

    fn phase(&self) -> Phase {
        Phase::BeforeIdentity
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(ID, "A marker shows that a scan of the pod runs")
            .planning("create the marker; another scan that wants it is refused")
    }

    fn objects(&self) -> Vec<PlannedObject> {
        let purpose = "shows that a scan of the pod runs";
        let object = PlannedObject::new("v1", "ConfigMap", &self.namespace, &self.name, purpose);
        vec![object]
    }

    async fn enforce(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let manifest = serde_json::to_value(self.manifest(scope))
            .map_err(|error| ControlError::new("the marker has no JSON form").with_source(error))?;
        let made = scope.create(manifest).await?;
        Ok(Evidence::of(format!("{made} (uid {}) created", made.uid)))
    }

    async fn verify(&self, scope: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        let made = scope.created_objects();
        let marker = made
            .first()
            .ok_or_else(|| ControlError::new("no marker was created"))?;
        let there = scope.get(marker).await?;
        let there = there.ok_or_else(|| ControlError::new(format!("{marker} is gone")))?;
        // Whoever changed it may have changed it for another scan.
        if there["data"]["scan"] != Value::from(scope.scan_id().as_str()) {
            return Err(ControlError::new(format!("{marker} names another scan")).into());
        }
        Ok(Evidence::of(format!("{marker} names this scan")))
    }
}
