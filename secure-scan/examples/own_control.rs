//! A control of your own beside the shipped ones: a marker in the namespace while a scan runs.
//!
//! What it creates through its scope carries the scan's label, is owned by its lease, stands in the plan, the ledger and the
//! audit log, and is deleted and verified to be gone at the end, whatever the control does. A crate with such a control depends
//! on `secure-scan-core` alone.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use secure_scan::{
    Cluster, ControlError, ControlScope, Evidence, Phase, Profile, Scan, SecurityControl,
    TargetSelector, async_trait,
    control::VerifyError,
    plan::{PlannedControl, PlannedObject},
    serde_json::json,
};

/// A `ConfigMap` that says that a scan runs.
struct Marker {
    namespace: String,
}

#[async_trait]
impl SecurityControl for Marker {
    fn id(&self) -> &'static str {
        "acme-marker"
    }

    fn phase(&self) -> Phase {
        Phase::BeforeIdentity
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new("acme-marker", "A marker says that a scan runs")
            .planning("create the marker")
    }

    fn objects(&self) -> Vec<PlannedObject> {
        let object = |name| {
            PlannedObject::new(
                "v1",
                "ConfigMap",
                &self.namespace,
                name,
                "says that a scan runs",
            )
        };
        vec![object("acme-scan-runs")]
    }

    async fn enforce(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let manifest = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "acme-scan-runs"},
            "data": {"scan": scope.scan_id().as_str()},
        });
        let made = scope.create(manifest).await?;
        Ok(Evidence::of(format!("created {made}")))
    }

    async fn verify(&self, scope: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        let made = scope.created_objects();
        let marker = made
            .first()
            .ok_or_else(|| ControlError::new("the marker was not created"))?;
        match scope.get(marker).await? {
            Some(_) => Ok(Evidence::of("the marker is there")),
            None => Err(ControlError::new("the marker is not there").into()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scan = Scan::template()
        .engine(Profile::shipped("container-baseline")?)
        .control(Marker {
            namespace: "shop".into(),
        })
        .prepare(
            &Cluster::in_cluster()?,
            TargetSelector::pod("shop", "web-0"),
        )
        .await?;
    for object in &scan.plan().objects {
        println!(
            "would create {} {}: {}",
            object.kind, object.name, object.purpose
        );
    }
    let report = scan.run().await;
    for control in &report.controls {
        println!("{}: {:?}", control.id, control.verified);
    }
    Ok(())
}
