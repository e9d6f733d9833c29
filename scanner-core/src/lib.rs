//! Domain model, seam traits, scan pipeline and report model of secure-scan.
//!
//! A scan is a chain of values, each made by one stage and taken by the next:
//! `Target -> ScanPlan -> GateVerdict -> EnforcedControls -> TargetAccess -> Inventory ->
//! Findings -> ReleaseEvidence -> ScanReport`. This crate knows no Kubernetes client, no async
//! runtime and no terminal: programs bring those through [`strategy::ScanStrategy`],
//! [`control::SecurityControl`] and [`event::Observer`].

pub mod alert;
pub mod audit;
pub mod cause;
pub mod control;
pub mod engine;
pub mod engines;
pub mod event;
pub mod evidence;
pub mod failure;
pub mod finding;
pub mod gate;
pub mod guarded;
pub mod local;
pub mod look;
pub mod plan;
pub mod remedy;
pub mod report;
pub mod scope;
pub mod stage;
pub mod strategy;
pub mod subject;
pub mod target;
pub mod untrusted;
pub mod verdict;
pub mod witness;
pub mod work;

pub use scanner_inventory::{self as inventory, escape};

pub use alert::SecurityAlert;
pub use control::{ControlError, ControlScope, Phase, SecurityControl};
pub use engine::{Evaluation, ScanEngine};
pub use evidence::Evidence;
pub use failure::{Failure, FailureKind, RefusedBy};
pub use plan::ScanPlan;
pub use remedy::Remedy;
pub use report::ScanReport;
pub use strategy::{AccessError, OpenContext, ScanStrategy, StrategyError, TargetAccess};
pub use subject::Subject;
pub use target::Target;
pub use untrusted::Untrusted;
pub use verdict::Verdict;
pub use witness::{EnforcedControls, PreparedControls};
