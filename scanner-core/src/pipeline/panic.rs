//! What a panic is to a reader of the report.

/// What to do about a panic.
pub(super) const BUG: &str = "this is a bug in secure-scan; please report it";

/// What a panic is to a reader.
pub(super) fn internal(panic: &(dyn std::any::Any + Send)) -> String {
    format!("internal error: {}", panic_text(panic))
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic without a message")
}
