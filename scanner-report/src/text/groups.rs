//! Results that belong together: failures that one change can fix, and checks that could not be done for the same reason.

use std::fmt::Write as _;

use scanner_core::{
    escape::visible,
    finding::{CheckResult, CheckStatus, Severity},
    report::view::View,
};

use super::layout::{Page, Style};
use crate::escaped::count;

/// Failures about the same thing, the worst first.
pub(super) struct Group<'a> {
    /// What they are about: the first tag of each, such as `pod`; empty where they have none.
    about: &'a str,
    /// At least one.
    pub(super) results: Vec<&'a CheckResult>,
}

/// Groups failures by what they are about, in the order of the first of each group.
pub(super) fn groups<'a>(failed: impl IntoIterator<Item = &'a CheckResult>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for result in failed {
        let about = result.tags.first().map_or("", String::as_str);
        match groups.iter_mut().find(|group| group.about == about) {
            Some(group) => group.results.push(result),
            None => groups.push(Group {
                about,
                results: vec![result],
            }),
        }
    }
    groups
}

/// The title above several failures about the same thing: what that is, and how many there are of each severity.
pub(super) fn group_title(out: &mut Page, group: &Group<'_>, style: Style) {
    if group.about.is_empty() || group.results.len() < 2 {
        return;
    }
    let of = |severity: Severity| {
        let all = group.results.iter().filter(|r| r.severity == severity);
        match all.count() {
            0 => None,
            number => Some(format!("{number} {}", severity.name())),
        }
    };
    let severities = [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
        Severity::Info,
    ];
    let severities: Vec<String> = severities.into_iter().filter_map(of).collect();
    let title = format!(
        "{}: {} failed ({})",
        visible(group.about, 60),
        count(group.results.len() as u64, "check"),
        severities.join(", ")
    );
    let _ = writeln!(out, "\n{}", style.paint("1;4", &title));
}

/// Checks that were not done, by their reason: a reason that many share is shown once.
pub(super) fn same_message<'a>(view: &'a View<'_>) -> Vec<(&'a str, Vec<String>)> {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for result in view.with_status(CheckStatus::Error) {
        let id = view.check_id(result).into();
        match groups
            .iter_mut()
            .find(|(message, _)| *message == result.message)
        {
            Some((_, ids)) => ids.push(id),
            None => groups.push((&result.message, vec![id])),
        }
    }
    groups
}
