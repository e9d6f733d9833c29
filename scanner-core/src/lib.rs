//! The domain of secure-scan: targets, plans, the seams of a scan, its control stage, findings and reports.
//!
//! Depend on this crate to write an engine, a control, a strategy or a report format of your own. It is small: it knows
//! no Kubernetes client, no async runtime and no terminal. To run scans, depend on the crate `secure-scan`.
//!
//! # A scan
//!
//! A scan is a chain of values. Each stage makes one of them and the next stage takes it:
//!
//! ```text
//! Target -> ScanPlan -> GateVerdict -> PreparedControls -> EnforcedControls -> TargetAccess -> Inventory
//!        -> Findings -> ScanReport
//! ```
//!
//! [`guarded::guarded`] is the control stage. It checks the gates, puts every control in place and verifies it, lets the
//! work run, and then releases everything and verifies that it is gone, also after an error, a panic or an interrupt. It
//! alone makes [`PreparedControls`] and [`EnforcedControls`], and a strategy cannot touch a target without them.
//! [`look::Look`] is the work of a scan. [`local::look`] does the same work without a cluster and without controls.
//!
//! # The seams
//!
//! | implement | to |
//! | --- | --- |
//! | [`ScanEngine`] | check what was collected |
//! | [`ScanStrategy`], [`TargetAccess`] | reach a target in another way |
//! | [`SecurityControl`] | surround a scan with one more control |
//! | [`gate::GatePolicy`] | refuse a target before anything is created |
//! | [`event::Observer`] | watch a scan |
//! | [`report::ReportFormat`] | write reports in another format |
//!
//! An engine asks for data and evaluates it. Data that could not be collected is an error of the check, never a pass:
//!
//! ```
//! use scanner_core::{
//!     Evaluation, ScanEngine,
//!     finding::{CheckResult, CheckStatus, EngineRef, Findings, Severity},
//!     inventory::{Collected, Inventory, InventoryRequest, Section},
//! };
//!
//! /// Finds accounts with the rights of root.
//! struct RootAccounts;
//!
//! impl ScanEngine for RootAccounts {
//!     fn reference(&self) -> EngineRef {
//!         EngineRef::new("acme-accounts", "1.0.0")
//!     }
//!
//!     fn request(&self) -> InventoryRequest {
//!         let mut request = InventoryRequest::default();
//!         request.sections.insert(Section::Users);
//!         request
//!     }
//!
//!     fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
//!         let check = CheckResult::new("acme-root", "Only root has uid 0", Severity::High)
//!             .with_failing_title("Another account has uid 0");
//!         let result = match &inventory.users {
//!             Collected::Complete { data } => {
//!                 let roots = data.iter().filter(|user| user.uid == 0 && user.name != "root");
//!                 let names: Vec<String> = roots.map(|user| user.name.clone()).collect();
//!                 if names.is_empty() { check.pass() } else { check.fail(names) }
//!             }
//!             _ => check.error("the accounts were not read completely"),
//!         };
//!         Findings::new(self.reference(), vec![result])
//!     }
//! }
//!
//! let nothing_collected = Inventory::default();
//! let context = Evaluation::on(jiff::civil::date(2030, 1, 1));
//! let findings = RootAccounts.evaluate(&nothing_collected, &context);
//! assert_eq!(findings.results[0].status, CheckStatus::Error);
//! ```

pub mod alert;
pub mod audit;
pub mod cause;
pub mod control;
pub mod engine;
pub mod engines;
pub mod event;
pub mod evidence;
mod evidence_source;
pub mod failure;
pub mod finding;
pub mod gate;
pub mod guarded;
pub mod local;
pub mod look;
mod object_metadata;
pub mod plan;
pub mod probe_resources;
pub mod remedy;
pub mod report;
pub mod scope;
pub mod similar;
pub mod stage;
pub mod strategy;
pub mod subject;
pub mod target;
pub mod untrusted;
pub mod verdict;
pub mod witness;
pub mod work;
pub mod workload;

pub use scanner_inventory::{self as inventory, escape};

pub use alert::SecurityAlert;
pub use control::{ControlError, ControlScope, Phase, SecurityControl};
pub use engine::{Evaluation, ScanEngine};
pub use evidence::Evidence;
pub use failure::{Failure, FailureKind, RefusedBy};
pub use object_metadata::{InvalidMetadata, ObjectMetadata};
pub use plan::ScanPlan;
pub use probe_resources::{InvalidResources, ProbeResources};
pub use remedy::Remedy;
pub use report::ScanReport;
pub use strategy::{AccessError, OpenContext, ScanStrategy, StrategyError, TargetAccess};
pub use subject::Subject;
pub use target::Target;
pub use untrusted::Untrusted;
pub use verdict::Verdict;
pub use witness::{EnforcedControls, PreparedControls};
