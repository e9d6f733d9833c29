//! Reads beside a clone. If the clone ends meanwhile, that is reported.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use scanner_core::{
    AccessError, FailureKind, TargetAccess,
    inventory::{InventoryRequest, sink::InventorySink},
};

use super::own::ScanPod;
use crate::strategies::agent::AgentStream;

/// How long the node may take to say that a container ended.
const REPORTED: Duration = Duration::from_secs(15);

/// The probe's stream, and the pod in which it is.
pub(super) struct Read {
    pub(super) stream: Box<AgentStream>,
    pub(super) own: Arc<ScanPod>,
    /// The cloned container; absent where nothing of the image runs.
    pub(super) clone: Option<String>,
}

#[async_trait]
impl TargetAccess for Read {
    async fn stream(
        &mut self,
        request: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError> {
        let Err(error) = self.stream.stream(request, sink).await else {
            return Ok(());
        };
        let Some(clone) = &self.clone else {
            return Err(error);
        };
        match self.own.diagnosis(clone, REPORTED).await {
            Some(why) => Err(AccessError::new(FailureKind::CommandFailed, why.message)
                .with_remedy(why.remedy)
                .with_source(error)),
            None => Err(error),
        }
    }

    async fn close(self: Box<Self>) {
        self.stream.close().await;
    }
}
