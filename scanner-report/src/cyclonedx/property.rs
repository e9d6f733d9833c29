//! Parts of a component that all kinds of packages have.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde_json::{Value, json};

/// Characters of a package URL that stand for themselves.
pub(super) const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(super) fn property(name: &str, value: &str) -> Value {
    json!({ "name": format!("secure-scan:{name}"), "value": value })
}
