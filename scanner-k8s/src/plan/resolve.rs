//! Resolves what a user named to one running container, and pins it.

mod container;
mod error;
mod existing;
mod find;
mod listed;
mod owner;
mod pods;
mod replica;
mod state;

pub(crate) use container::target_of;
pub use error::ResolveError;
pub(crate) use existing::namespace_exists;
pub use find::{Resolved, resolve};
