//! Profiles and checks of secure-scan: pure functions from inventory to findings.
//!
//! A [`Profile`] is read from YAML, its expressions are compiled, and it is tried once on made-up
//! data, so that an error in it is told with its line before any cluster is touched.

pub mod builtin;
mod check;
pub mod gates;
pub mod judge;
pub mod policy;
mod signature;
pub mod threshold;
pub mod waiver;

pub mod drift;
mod evaluate;
mod expression;
mod inputs;
pub mod profile;
pub mod recording;
pub mod testing;
mod types;

pub use gates::PolicyGates;
pub use judge::{Judge, Judged};
pub use policy::{Level, Policy};
pub use profile::{Profile, ProfileError};
pub use signature::{Keyless, Signature};
pub use threshold::Thresholds;
pub use waiver::Waivers;
