//! The shortest scan: one container, one shipped profile.
//!
//! Run in a pod of the cluster, with the rights that `README.md` lists.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use secure_scan::{Cluster, Profile, TargetSelector};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (target, profile) = (
        TargetSelector::pod("shop", "web-0"),
        Profile::shipped("container-baseline")?,
    );
    let report = secure_scan::scan(&Cluster::in_cluster()?, target, profile).await?;
    println!("{}: {} failed", report.verdict, report.failed().count());
    Ok(())
}
