//! Inventories to begin with, and a report of every verdict.

mod inventory;
mod report;

pub use inventory::{alarming, healthy, partial};
pub use report::report;
