//! End-to-end tests of secure-scan: helpers shared by every test module.
