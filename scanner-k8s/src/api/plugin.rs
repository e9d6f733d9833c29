//! The operator's credential, where a program gives it: the `exec` of a kubeconfig's user.
//!
//! The program runs once when a cluster is made, and again only when its credential has expired. kube alone would run it
//! several times.

mod answer;
mod child;
mod choice;
mod error;
mod kuberc;
mod login;
mod program;
mod renewed;
mod run;
mod runs;

pub(super) use answer::Answer;
pub(super) use error::PluginError;
pub(super) use kuberc::permit;
pub(super) use login::Login;
pub(super) use renewed::{Renewed, authorized};
pub(super) use runs::Runs;
