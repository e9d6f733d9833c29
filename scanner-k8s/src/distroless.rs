//! Strategy `distroless`: an ephemeral container with a probe, as weak as can still see the target.

pub mod planner;
