//! A scan without a cluster: a directory, a process of this machine, an image in a file, or whatever a strategy of your
//! own reaches.
//!
//! It uses the same engines and strategies as in a cluster, but no controls: there is no cluster to clean up,
//! and the report says that no control surrounded the scan.
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
mod reader;
mod scan;
mod source;

use std::path::PathBuf;

use scanner_core::Subject;

pub use builder::LocalScanBuilder;
pub use error::LocalError;
pub use scan::LocalScan;

impl LocalScan {
    /// Scans what `subject` names. [`LocalScanBuilder::strategy`], [`LocalScanBuilder::root`],
    /// [`LocalScanBuilder::process`] or [`LocalScanBuilder::oci_archive`] says how to reach it.
    pub fn builder(subject: Subject) -> LocalScanBuilder {
        LocalScanBuilder::new(subject)
    }

    /// Scans a directory as a root filesystem; no link leads out of it.
    pub fn directory(path: impl Into<PathBuf>) -> LocalScanBuilder {
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

    /// Scans an image in a tar file: an OCI layout, or the output of `docker save`. It is not unpacked to disk.
    pub fn oci_archive(file: impl Into<PathBuf>) -> LocalScanBuilder {
        let file = file.into();
        let subject = Subject::Image {
            path: file.display().to_string().into(),
        };
        LocalScanBuilder::new(subject).oci_archive(file)
    }
}

#[cfg(test)]
mod tests;
