//! Drift: how the filesystem of a running container differs from the image that it was started from.
//!
//! Two inventories go in, findings come out. What is mounted over the image, and what the runtime put
//! there to mount it, is left out, and the report says so; what one side could not read is reported, and is never a pass.

mod checks;
mod compare;
mod differences;
mod engine;

pub use compare::compare;
pub use engine::{DriftEngine, ReadImage};

#[cfg(test)]
mod tests;
