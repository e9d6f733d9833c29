//! Bounds of a lease.

/// Shortest lease in seconds: a scan that proves its cleanup takes longer than 10 s.
pub const MIN_LEASE: u32 = 30;
/// Longest lease in seconds.
pub const MAX_LEASE: u32 = 3600;
