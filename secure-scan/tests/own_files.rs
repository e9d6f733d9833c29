//! The files of the program that embeds secure-scan are its own: they are searched only where it asks for that.

mod common;

use std::io::Write as _;

use common::{fake, template, web};
use secure_scan::{Cluster, ScanReport};

async fn scan(cluster: &Cluster) -> ScanReport {
    let prepared = template().prepare(cluster, web()).await.expect("a scan");
    prepared.run().await
}

#[tokio::test(start_paused = true)]
async fn open_files_are_named_only_where_the_program_asks_for_the_search() {
    let mut open = tempfile::NamedTempFile::with_prefix("acme-secret-").expect("a file");
    open.write_all(b"of the program").expect("written");
    let named = |report: &ScanReport| {
        let report = serde_json::to_string(report).expect("JSON");
        report.contains("acme-secret-")
    };
    let fake = fake();
    let quiet = fake.cluster().expect("a cluster");
    assert!(!named(&scan(&quiet).await));
    let builder = fake.cluster_builder("operator").search_own_process(true);
    let searching = builder.build().expect("a cluster");
    assert!(named(&scan(&searching).await));
}
