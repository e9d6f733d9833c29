//! Types of expressions: finds misspelt fields, wrong types and loops without bound before a scan.
//!
//! An expression may hide a wrong part behind `||` or an empty list, so trying it out is not enough. The types of sections
//! are derived from made-up items, so that they always match the inventory.

mod call;
mod check;
mod model;

pub(crate) use check::Checker;
pub(crate) use model::{Type, TypeError};
