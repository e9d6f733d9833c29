//! Targets as kubectl names them, on the fake: which pod and container is taken, and what is said where there is none.

#![expect(clippy::panic, reason = "a helper of a test fails the test")]

mod containers;
mod crowds;
mod names;
mod owners;
mod replicas;
mod states;
mod support;
