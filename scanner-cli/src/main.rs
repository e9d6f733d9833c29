//! Command line of secure-scan: not functional yet.

fn main() {}
