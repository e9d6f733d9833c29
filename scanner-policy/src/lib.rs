//! Profiles, policies and their checks: pure functions from an inventory to findings.
//!
//! A [`Profile`] is a [`ScanEngine`](scanner_core::ScanEngine): it says what to collect, and evaluates what was
//! collected. It is read from YAML, its expressions are compiled, and it is tried once on made-up data, so that an error
//! in it is reported with its line before any target is touched. It evaluates no clock and no file: the day of the scan
//! and what the target does not have at all come with the evaluation.
//!
//! ```
//! use scanner_core::{
//!     ScanEngine as _,
//!     engine::Evaluation,
//!     finding::CheckStatus,
//!     inventory::{Collected, Inventory, Process},
//! };
//! use scanner_policy::Profile;
//!
//! let profile = Profile::parse(
//!     r#"
//! name: acme
//! version: "1"
//! title: Rules of ACME
//! checks:
//!   - id: acme-root
//!     title: No process runs as root
//!     fails: A process runs as root
//!     severity: high
//!     rationale: Root in a container is one bug away from root on the node.
//!     fix: Set runAsNonRoot.
//!     violations: processes.filter(p, p.uid == 0).map(p, p.name)
//! "#,
//!     "acme.yaml",
//! )?;
//! let today = Evaluation::on(jiff::civil::date(2026, 1, 31));
//!
//! // Nothing was collected: that is an error, never a pass.
//! let findings = profile.evaluate(&Inventory::default(), &today);
//! assert_eq!(findings.count(CheckStatus::Error), 1);
//!
//! let mut inventory = Inventory::default();
//! inventory.processes = Collected::Complete {
//!     data: vec![Process { name: "nginx".into(), ..Process::default() }],
//! };
//! let findings = profile.evaluate(&inventory, &today);
//! assert_eq!(findings.results[0].headline(), "A process runs as root");
//! assert_eq!(findings.results[0].evidence, ["nginx"]);
//! # Ok::<(), scanner_policy::ProfileError>(())
//! ```
//!
//! Beside profiles:
//!
//! - [`WithPolicy`] puts [`Waivers`] and [`Thresholds`] on the findings of any engine, and of that engine alone;
//! - [`Policy`] and [`PolicyGates`] decide whether a target may be touched at all;
//! - [`completed`] reads in the image what a container does not show;
//! - [`drift`] compares a running container with its image;
//! - [`Signature`] verifies who signed an image (feature `signatures`, on by default);
//! - [`recording`] and [`testing`] try profiles without a target.

mod blank;
mod check;
pub mod gates;
#[cfg(not(feature = "signatures"))]
mod no_signature;
pub mod policy;
#[cfg(feature = "signatures")]
pub mod signature;
pub mod threshold;
pub mod waiver;

pub mod completed;
pub mod drift;
mod evaluate;
mod evidence;
mod expression;
mod fixed;
mod image_reference;
mod inputs;
pub mod profile;
mod reachability;
pub mod recording;
pub mod testing;
mod types;
mod with_policy;

pub use gates::PolicyGates;
pub use image_reference::{ImageReference, InvalidImage};
#[cfg(not(feature = "signatures"))]
pub use no_signature::Signature;
pub use policy::{Level, Policy};
pub use profile::{Profile, ProfileError};
#[cfg(feature = "signatures")]
pub use signature::Signature;
pub use threshold::Thresholds;
pub use waiver::Waivers;
pub use with_policy::{FindingRules, WithPolicy};
