//! Text and documents as they may be shown.

use scanner_core::escape::visible;

/// Items as they may be shown, one by one.
pub(crate) fn shown(items: &[String]) -> Vec<String> {
    items.iter().map(|item| visible(item, 300)).collect()
}

/// A JSON document of another standard.
pub(crate) fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
