//! What a gate sees, and how lists are shown.

use scanner_core::{escape::visible, inventory::Collected};

/// What a gate sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// All is well.
    Fine(String),
    /// Something that the policy decides about; also what could not be looked at.
    Objection(String),
    /// Something that no policy allows.
    Wrong(String),
}

pub(super) fn fine(text: impl Into<String>) -> Seen {
    Seen::Fine(text.into())
}

pub(super) fn objection(text: impl Into<String>) -> Seen {
    Seen::Objection(text.into())
}

/// The value if it is completely known; otherwise an objection, because a default is never evidence.
pub(super) fn known<T>(collected: &Collected<T>) -> Result<&T, Seen> {
    let why = match collected {
        Collected::Complete { data } => return Ok(data),
        Collected::Partial { gaps, .. } => gaps.to_string(),
        Collected::Unavailable { reason } => reason.clone(),
        Collected::NotRequested => "not collected".into(),
    };
    Err(objection(format!(
        "the pod's specification was not checked: {}",
        visible(&why, 300)
    )))
}

/// `Fine` unless something is `wrong`.
pub(super) fn unless(wrong: bool, bad: impl Into<String>, good: impl Into<String>) -> Seen {
    if wrong { objection(bad) } else { fine(good) }
}

pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    let shown: Vec<String> = items
        .iter()
        .take(10)
        .map(|i| visible(i.as_ref(), 100))
        .collect();
    let more = items.len().saturating_sub(shown.len());
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{rest}", shown.join(", "))
}
