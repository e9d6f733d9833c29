//! A local scan that was prepared.

use std::future::{Future, pending};

use scanner_core::{
    finding::Severity, inventory::InventoryRequest, local, look::Look, report::LocalReport,
};

/// A scan without a cluster whose subject was found and opened; nothing was read yet.
pub struct LocalScan {
    look: Look<'static>,
    request: InventoryRequest,
    image_digest: Option<String>,
    threshold: Severity,
}

impl LocalScan {
    pub(super) fn new(
        look: Look<'static>,
        request: InventoryRequest,
        image_digest: Option<String>,
        threshold: Severity,
    ) -> Self {
        Self {
            look,
            request,
            image_digest,
            threshold,
        }
    }

    /// Everything that the engines will read.
    pub fn request(&self) -> &InventoryRequest {
        &self.request
    }

    /// Digest of the image's manifest, where an image is scanned that has one.
    pub fn image_digest(&self) -> Option<&str> {
        self.image_digest.as_deref()
    }

    /// Scans. Does not fail: why it could not be scanned is in the report.
    pub async fn run(self) -> LocalReport {
        self.run_until(pending()).await
    }

    /// Scans until `stop` resolves to the reason why it must end.
    pub async fn run_until(self, stop: impl Future<Output = String>) -> LocalReport {
        let mut report = local::look(self.look, self.threshold, stop).await;
        report.image_digest = self.image_digest;
        report
    }
}
