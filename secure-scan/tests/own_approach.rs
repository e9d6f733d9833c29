//! An approach of another crate: controls of its own beside the shipped ones, and a client of the scan's identity.

mod common;
#[path = "common/control.rs"]
mod control;

use std::sync::Arc;

use common::{fake, template, web};
use control::Named;
use secure_scan::{
    AccessError, EnforcedControls, FailureKind, OpenContext, PrepareError, SHIPPED_CONTROLS,
    ScanStrategy, StrategyError, TargetAccess, async_trait,
    inventory::{
        InventoryRequest,
        sink::{InventorySink, deliver},
    },
    plan::{PlannedCommand, PlannedRule},
    strategy::{self, Approach, PlanScope, ScanScope, Started},
};
use secure_scan_testing::samples;

/// A way of ACME's to reach a target, with a control of that id.
struct Acme(&'static str);

struct AsScan(Arc<ScanScope>);

struct Recording;

impl Approach for Acme {
    fn name(&self) -> &'static str {
        "acme"
    }

    fn rules(&self, _: &PlanScope<'_>) -> Vec<PlannedRule> {
        Vec::new()
    }

    fn commands(&self, _: &PlanScope<'_>) -> Vec<PlannedCommand> {
        Vec::new()
    }

    fn differences(&self) -> Vec<String> {
        vec!["a recording of ACME's".into()]
    }

    fn start(self: Box<Self>, scope: &Arc<ScanScope>) -> Started {
        let strategy = AsScan(Arc::clone(scope));
        Started::new(vec![Box::new(Named(self.0))], Box::new(strategy))
    }
}

#[async_trait]
impl ScanStrategy for AsScan {
    fn name(&self) -> &'static str {
        "acme"
    }

    fn trust(&self) -> &'static str {
        "as ACME recorded it"
    }

    async fn open(
        &self,
        _: &OpenContext<'_>,
        controls: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let ids: Vec<&str> = controls.ids().iter().map(String::as_str).collect();
        assert!(
            ids.contains(&"lease") && ids.contains(&"acme-holds"),
            "{ids:?}"
        );
        let client = self.0.credential().scan_client(controls);
        client.map(drop).map_err(|error| {
            StrategyError::new(FailureKind::Internal, "no client").with_source(error)
        })?;
        Ok(Box::new(Recording))
    }
}

#[async_trait]
impl TargetAccess for Recording {
    async fn stream(
        &mut self,
        _: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError> {
        deliver(samples::healthy(), sink).await;
        Ok(())
    }

    async fn close(self: Box<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn the_shipped_controls_surround_an_approach_of_another_crate() {
    let fake = fake();
    let cluster = fake.cluster().expect("a cluster");
    let way = strategy::approach(|| Acme("acme-holds"));
    let scan = template().strategy(way).prepare(&cluster, web()).await;
    let scan = scan.expect("a scan that can be prepared");
    assert_eq!(scan.plan().strategy, "acme");
    assert_eq!(scan.plan().differences, ["a recording of ACME's"]);
    let planned: Vec<&str> = scan.plan().controls.iter().map(|c| c.id.as_str()).collect();
    for id in [
        "lease",
        "least-privilege",
        "credential",
        "target-pin",
        "acme-holds",
    ] {
        assert!(planned.contains(&id), "{planned:?}");
    }
    let report = scan.run().await;
    assert!(report.failure.is_none(), "{:#?}", report.failure);
    assert!(report.post_scan.is_some_and(|audit| audit.verified));
    assert!(fake.left().is_empty(), "{:?}", fake.left());
}

#[tokio::test(start_paused = true)]
async fn a_control_of_an_approach_that_poses_as_a_shipped_one_is_refused() {
    for id in SHIPPED_CONTROLS.map(|control| control.id) {
        let fake = fake();
        let cluster = fake.cluster().expect("a cluster");
        let way = strategy::approach(move || Acme(id));
        let scan = template().strategy(way).prepare(&cluster, web()).await;
        let error = scan.err();
        assert!(
            matches!(&error, Some(PrepareError::ControlId(named)) if named == id),
            "{id}: {error:?}"
        );
        assert!(fake.left().is_empty(), "{:?}", fake.left());
    }
}
