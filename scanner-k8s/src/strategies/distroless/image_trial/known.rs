//! The control of a scan that does not try the image, because it started on the node before.

use std::sync::Arc;

use async_trait::async_trait;
use scanner_core::{
    ControlError, Evidence, SecurityControl,
    control::{ControlScope, Phase, VerifyError},
    escape::visible,
    plan::PlannedControl,
};

use crate::run::scope::ScanScope;

/// Identifier of the control.
pub(super) const ID: &str = "image-trial";
/// What the control is.
pub(super) const TITLE: &str =
    "The image of the probe starts before it is added to the target's pod";

/// The image started on the node in a scan before: nothing is done.
pub(super) struct Tried(pub(super) Arc<ScanScope>);

impl Tried {
    fn words(&self) -> String {
        let node = visible(&self.0.plan().target.node, 253);
        format!(
            "not tried in this scan: the image started on node {node} in a scan before, within the last seven days"
        )
    }
}

#[async_trait]
impl SecurityControl for Tried {
    fn id(&self) -> &'static str {
        ID
    }

    fn phase(&self) -> Phase {
        Phase::BeforeIdentity
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(ID, TITLE).planning(self.words())
    }

    /// What a memory says was not verified in this scan; a policy that requires the control has the image tried anew.
    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Err(VerifyError::Tolerated(ControlError::new(format!(
            "unknown: {}",
            self.words()
        ))))
    }
}
