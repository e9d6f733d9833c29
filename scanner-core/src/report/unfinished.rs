//! The report of a scan whose own end nobody saw.

use std::collections::BTreeMap;

use super::{
    ApiCalls, ScanReport,
    model::{ControlRecord, SCHEMA},
};
use crate::{failure::Failure, plan::ScanPlan, verdict::Verdict};

impl ScanReport {
    /// What is known of a scan that never gave its report, because the task that it ran in panicked or was ended with its
    /// runtime: why, and that nothing shows what is left of it. Its verdict is
    /// [`CleanupUnverified`](Verdict::CleanupUnverified).
    pub fn unfinished(plan: ScanPlan, failure: Failure) -> Self {
        Self {
            schema: SCHEMA.into(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            verdict: Verdict::CleanupUnverified,
            controls: plan
                .controls
                .iter()
                .cloned()
                .map(ControlRecord::of)
                .collect(),
            plan,
            started: jiff::Timestamp::now().to_string(),
            seconds: 0.0,
            trust: String::new(),
            failure: Some(failure),
            gates: Vec::new(),
            unused_allowances: Vec::new(),
            gate_alert: None,
            alerts: Vec::new(),
            findings: Vec::new(),
            agent: None,
            coverage: BTreeMap::new(),
            timings: Vec::new(),
            api_calls: ApiCalls::default(),
            post_scan: None,
            audit: None,
            fail_on: None,
            packages: None,
            image_scan: None,
        }
    }
}
