//! Drift: how the filesystem of a running container differs from the image that it was started from.
//!
//! The files of the image are kept in little memory, those of the container are compared as they come. What is mounted over
//! the image, and what the runtime put there to mount it, is left out, and the report says so; what one side could not read
//! is reported, and is never a pass.

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
