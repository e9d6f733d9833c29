//! Facts about a file, from its path.

use std::path::Path;

pub(crate) fn is_rust(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "rs")
}

/// Whether only tests and benches are built with a file.
pub(crate) fn is_test_file(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    parts.next() == Some("tests.rs") || parts.any(|part| part == "tests" || part == "benches")
}
