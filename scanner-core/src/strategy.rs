//! Seam: how a target is reached.
//!
//! A [`ScanStrategy`] is picked at run time, so it is dyn-compatible through `async_trait`.
//! [`ScanStrategy::open`] takes [`EnforcedControls`] by reference: that witness can only be made
//! by the control stage, so a strategy that touches a target without verified controls does not
//! compile. All strategies yield the same [`TargetAccess`], so engines and profiles never know
//! which one is in use.

use async_trait::async_trait;

use crate::{
    control::EnforcedControls,
    plan::{PlannedCommand, ScanPlan},
    target::Target,
};
use scanner_inventory::{Inventory, InventoryRequest, Section};

/// Models one way to reach a running container.
#[async_trait]
pub trait ScanStrategy: Send + Sync {
    /// Stable name, such as `container`.
    fn name(&self) -> &'static str;

    /// How far evidence that is gathered this way can be trusted, for the report.
    fn trust(&self) -> &'static str;

    /// Sections that what is looked at does not have at all, as a directory has no processes:
    /// checks that read them do not apply.
    fn absent(&self) -> &[Section] {
        &[]
    }

    /// Commands that this strategy would run in the target to answer `request`.
    fn commands(&self, plan_target: &Target, request: &InventoryRequest) -> Vec<PlannedCommand>;

    /// Opens every stream that the scan needs. After this returns, the scan's credential is
    /// burnt: what is returned must not need to authenticate again.
    ///
    /// # Errors
    ///
    /// Fails when the target cannot be reached, with a hint on what to do instead.
    async fn open(
        &self,
        plan: &ScanPlan,
        controls: &EnforcedControls,
        request: &InventoryRequest,
    ) -> Result<Box<dyn TargetAccess>, StrategyError>;
}

/// Models an open way into one target.
#[async_trait]
pub trait TargetAccess: Send {
    /// Collects the inventory. Everything from the target is hostile: implementations bound
    /// bytes, time and idle time, and give an error rather than a short result.
    ///
    /// # Errors
    ///
    /// Fails when the answer is cut, forged, too long or too late.
    async fn inventory(&mut self, request: &InventoryRequest) -> Result<Inventory, AccessError>;

    /// Closes all streams. Does not fail: a stream that is already gone is closed.
    async fn close(self: Box<Self>);
}

/// Why a target could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StrategyError {
    /// What went wrong, for a reader.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Why an inventory could not be collected.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct AccessError {
    /// What went wrong, for a reader.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}
