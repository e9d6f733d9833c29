//! Profiles and checks of secure-scan: pure functions from inventory to findings.
//!
//! A [`Profile`] is read from YAML, its expressions are compiled, and it is tried once on made-up
//! data, so that an error in it is reported with its line before any cluster is touched.

pub mod builtin;
mod check;
pub mod gates;
pub mod policy;
mod signature;
pub mod threshold;
pub mod waiver;
mod with_policy;

pub mod drift;
mod evaluate;
mod expression;
mod inputs;
pub mod profile;
pub mod recording;
pub mod testing;
mod types;

pub use gates::PolicyGates;
pub use policy::{Level, Policy};
pub use profile::{Profile, ProfileError};
pub use signature::{Keyless, Signature};
pub use threshold::Thresholds;
pub use waiver::Waivers;
pub use with_policy::{FindingRules, WithPolicy};
