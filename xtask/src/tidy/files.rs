//! What the path of a file says about it.

/// Whether only tests and benches are built with a file.
pub(crate) fn is_test_file(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    parts.next() == Some("tests.rs") || parts.any(|part| part == "tests" || part == "benches")
}
