//! Reads what a container does not show to its own user in the image that it was started from.
//!
//! The image is read first and kept in little memory. The container's answer is then passed on as it arrives. A place that
//! the agent could not read is filled from the image if everything that the container does show of the place is as in the
//! image, and if nothing is mounted there. Everything else stays a gap. What the container answered is never removed nor
//! altered, and every check says where its evidence came from.

mod accounts;
mod completion;
mod counts;
mod engine;
mod evaluator;
mod fill;
mod image;
mod merge;
mod mounts;
mod reader;
mod request;
mod seen;

pub use completion::Completion;
pub(crate) use completion::may_have_changed;
pub(crate) use counts::{Counts, unnamed_gap};
pub use engine::Completed;
pub(crate) use fill::{is_of_attribute, is_refused};
pub use image::WholeImage;
pub use reader::ImageReader;
pub(crate) use seen::is_same;

#[cfg(test)]
mod tests;
