//! Evaluates checks on an inventory. What could not be read is an error, never a pass.

mod classify;
mod entries;
mod entry;
mod environment;
mod fold;
mod hidden;
mod kubelet;
mod list;
mod origin;
mod outcome;
mod places;
mod samples;
mod seen;
mod streamed;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use entries::{Entries, MAX_LISTED};
pub(crate) use list::evaluate;
pub(crate) use places::{HOST_PATH, has_own};
pub(crate) use samples::{Samples, try_out};
pub(crate) use values::Values;
