//! Profiles and checks of secure-scan: pure functions from inventory to findings.
