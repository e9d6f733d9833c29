//! The proxy between a program with a loan and the API server.
//!
//! It listens on the loopback address, takes only clients with the certificate of this loan, and lets through the execs of
//! the terms and nothing else. All that it does runs in tasks of its own, so that to drop them ends every stream.

mod allowance;
mod answers;
mod bridge;
mod certificates;
mod error;
mod exec_request;
mod kubeconfig;
mod listener;
mod log;
mod refusal;
mod service;
mod upstream;

pub(super) use answers::Answers;
pub(super) use listener::{Ended, Proxy};
pub(super) use log::LoanLog;
pub(super) use service::Loan;
pub(super) use upstream::ApiServer;

#[cfg(test)]
mod tests;
