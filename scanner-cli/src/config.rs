//! `secure-scan.toml`: values of options, for all commands or for one, and `secure-scan config`.
//!
//! A flag overrides the environment, and the environment overrides the file. Options of the file become arguments in front of the
//! user's own, so that the same parsers, conflicts and messages hold for both.

mod entries;
mod keys;
mod locate;
mod merge;
mod show;

pub(crate) use locate::ConfigArgs;
pub(crate) use merge::{Merged, merge};
pub(crate) use show::{ConfigCommand, run};
