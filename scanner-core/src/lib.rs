//! Domain model, seam traits, scan pipeline and report model of secure-scan.
//!
//! A scan is a chain of values, each made by one stage and taken by the next:
//! `Target -> ScanPlan -> GateVerdict -> EnforcedControls -> TargetAccess -> Inventory ->
//! Findings -> ReleaseEvidence -> ScanReport`. This crate knows no Kubernetes client, no async
//! runtime and no terminal: programs bring those through [`strategy::ScanStrategy`],
//! [`control::SecurityControl`] and [`event::Observer`].

pub mod audit;
pub mod cause;
pub mod control;
pub mod engine;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod gate;
pub mod pipeline;
pub mod plan;
pub mod report;
pub mod stage;
pub mod strategy;
pub mod target;
pub mod verdict;

pub use scanner_inventory::{self as inventory, escape};

pub use control::{ControlError, EnforcedControls, SecurityControl};
pub use engine::ScanEngine;
pub use evidence::Evidence;
pub use pipeline::Pipeline;
pub use plan::ScanPlan;
pub use report::ScanReport;
pub use strategy::{AccessError, ScanStrategy, StrategyError, TargetAccess};
pub use target::Target;
