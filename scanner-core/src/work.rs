//! What controls surround: a scan, a loan of access, a trial of the guard.

use std::collections::BTreeMap;

use async_trait::async_trait;
use scanner_inventory::{AgentInfo, Coverage, Section};

use crate::{
    failure::Failure,
    finding::Findings,
    plan::ScanPlan,
    report::Packages,
    witness::{EnforcedControls, PreparedControls},
};

/// Models what is done while controls hold.
#[async_trait]
pub trait Work: Send {
    /// How far what it finds can be trusted, for the report.
    fn trust(&self) -> String;

    /// Adds what must be there before the scan identity gets its rights. Nothing by default.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be added; everything is then released.
    async fn prepare(
        &mut self,
        plan: &ScanPlan,
        controls: &PreparedControls,
    ) -> Result<(), Failure> {
        let _ = (plan, controls);
        Ok(())
    }

    /// Opens every stream that the work needs.
    ///
    /// # Errors
    ///
    /// Fails when the target cannot be reached; everything is then released.
    async fn open(&mut self, plan: &ScanPlan, controls: &EnforcedControls) -> Result<(), Failure>;

    /// Looks into the target, once the token is revoked.
    ///
    /// # Errors
    ///
    /// Fails when what was found cannot be used; everything is then released.
    async fn look(
        &mut self,
        plan: &ScanPlan,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Failure>;

    /// Closes every stream. Called exactly once on every way out, also after an interrupt and a panic.
    async fn close(&mut self);
}

/// What [`Work::look`] reports while it looks.
pub trait Progress: Send {
    /// Everything was collected; its evaluation begins.
    fn evaluating(&mut self);
}

/// What some work found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// What each engine found, in the order in which they were given.
    pub findings: Vec<Findings>,
    /// Which agent answered.
    pub agent: Option<AgentInfo>,
    /// How completely each section that a check reads was collected.
    pub coverage: BTreeMap<Section, Coverage>,
    /// What is installed in the target, where an engine asked for packages.
    pub packages: Option<Packages>,
}
