//! Drift: how the filesystem of a running container differs from the image that it was started from.
//!
//! The files of the image are kept in little memory; those of the container are compared as they arrive. Mounts over the
//! image, and the mount points that the runtime created for them, are left out, and the report says so. What one side could
//! not read is reported, and never counts as a pass.

mod checks;
mod compare;
mod coverage;
mod differences;
mod engine;
mod image;
mod mounted;
mod request;
pub(crate) mod tree;
mod unread;

pub use engine::{DriftEngine, ReadImage};
pub use image::Image;
pub use request::Depth;

#[cfg(test)]
mod tests;
