//! What is the same in every fake: its node, its operator, and how much it remembers.

/// Name and address of the fake's only node.
pub(crate) const NODE: (&str, &str) = ("fake-node", "192.0.2.10");
/// The operator that every fake has.
pub(crate) const OPERATOR: &str = "operator";
/// How many calls, and how many tokens, are kept by default.
pub(crate) const KEPT: usize = 50_000;
