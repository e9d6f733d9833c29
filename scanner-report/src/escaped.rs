//! Text and documents as they may be shown.

use scanner_core::{
    escape::visible,
    finding::{CheckResult, Severity},
};

/// Items as they may be shown, one by one.
pub(crate) fn visible_all(items: &[String]) -> Vec<String> {
    items.iter().map(|item| visible(item, 300)).collect()
}

/// What is wrong with a failed check, or how another should be, as it may be shown.
pub(crate) fn headline(result: &CheckResult, limit: usize) -> String {
    visible(&result.headline(), limit)
}

/// A number of things, such as `1 package` and `2 packages`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{s}")
}

/// A threshold, such as `low or higher`.
pub(crate) fn at_least(severity: Severity) -> String {
    match severity {
        Severity::Critical => severity.to_string(),
        lower => format!("{lower} or higher"),
    }
}

/// How many items of evidence a report has no room for.
pub(crate) fn more(result: &CheckResult) -> u64 {
    let listed = u64::try_from(result.evidence.len()).unwrap_or(u64::MAX);
    result.evidence_total.saturating_sub(listed)
}

/// A JSON document of another standard.
pub(crate) fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
