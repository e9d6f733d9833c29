//! A scan without a cluster: a directory, a process of this machine, an image in a file, or whatever a strategy of your
//! own reaches.
//!
//! The same engines and strategies as in a cluster, and no controls: there is nothing of which a cluster would have to be
//! cleaned up, and the report says that no control surrounded the scan.
//!
//! ```no_run
//! # async fn example(engine: impl secure_scan::ScanEngine + 'static) -> Result<(), Box<dyn std::error::Error>> {
//! use secure_scan::LocalScan;
//!
//! let report = LocalScan::oci_archive("image.tar").engine(engine).run().await?;
//! println!("{}: {}", report.subject, report.verdict);
//! # Ok(())
//! # }
//! ```

mod agent;
mod builder;
mod error;

use std::future::{Future, pending};

use scanner_core::{
    Subject, finding::Severity, inventory::InventoryRequest, local, look::Look, report::LocalReport,
};

pub use builder::LocalScanBuilder;
pub use error::LocalError;

/// A scan without a cluster whose subject was found and opened, and of which nothing was read yet.
pub struct LocalScan {
    look: Look,
    request: InventoryRequest,
    image_digest: Option<String>,
    threshold: Severity,
}

impl LocalScan {
    /// Scans what `subject` names; how it is reached is said by [`LocalScanBuilder::strategy`], or by one of
    /// [`LocalScanBuilder::root`], [`LocalScanBuilder::process`] and [`LocalScanBuilder::oci_archive`].
    pub fn builder(subject: Subject) -> LocalScanBuilder {
        LocalScanBuilder::new(subject)
    }

    /// Scans a directory that is taken for a root filesystem; no link leads out of it.
    pub fn directory(path: impl Into<std::path::PathBuf>) -> LocalScanBuilder {
        let path = path.into();
        let subject = Subject::Directory {
            path: path.display().to_string().into(),
        };
        LocalScanBuilder::new(subject).root(path)
    }

    /// Scans a process of this machine: its root, environment, mounts and sockets, and its neighbours in its cgroup.
    pub fn process(pid: u32) -> LocalScanBuilder {
        LocalScanBuilder::new(Subject::Process { pid }).process(pid)
    }

    /// Scans an image in a tar file, an OCI layout or what `docker save` wrote. It is not unpacked.
    pub fn oci_archive(file: impl Into<std::path::PathBuf>) -> LocalScanBuilder {
        let file = file.into();
        let subject = Subject::Image {
            path: file.display().to_string().into(),
        };
        LocalScanBuilder::new(subject).oci_archive(file)
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

#[cfg(test)]
mod tests;
