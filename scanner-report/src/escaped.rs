//! Text and documents in a form that is safe to show.

use scanner_core::{
    escape::visible,
    finding::{CheckResult, Severity},
    inventory::Section,
    report::view::View,
};

/// Items in a form that is safe to show, one by one.
pub(crate) fn visible_all(items: &[String]) -> Vec<String> {
    items.iter().map(|item| visible(item, 300)).collect()
}

/// The headline of a check, safe to show: what is wrong if it failed, else how it should be.
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

/// Longest text about what was not read of one section, in characters.
pub(crate) const MAX_GAPS: usize = 6000;

/// What a result does not claim, safe to show. The report names what was not read once for all checks, among the coverage
/// gaps.
pub(crate) fn limits(result: &CheckResult) -> Vec<String> {
    let changed = may_have_changed(result);
    if result.not_read == 0 && changed.is_none() {
        return visible_all(&result.limits);
    }
    let what = match result.not_read {
        0 => None,
        1 => Some("1 path or item that it asks for was not read".to_owned()),
        count => Some(format!(
            "{count} paths or items that it asks for were not read"
        )),
    };
    // A limit about a section repeats its gaps, which the report lists once.
    let (of_sections, others): (Vec<String>, Vec<String>) =
        result.limits.iter().cloned().partition(|limit| {
            let section = limit.split_once(": ").map(|(section, _)| section);
            section.is_some_and(|name| Section::ALL.iter().any(|known| known.name() == name))
        });
    let place = if of_sections.is_empty() {
        ""
    } else {
        ": see the coverage gaps"
    };
    let what = what.map(|what| what + place);
    let others = visible_all(&others);
    what.into_iter().chain(changed).chain(others).collect()
}

/// The note that the evidence of a result may have changed in the container since, if it may have.
fn may_have_changed(result: &CheckResult) -> Option<String> {
    let what = match result.read_from_image {
        0 => "all that it asks for was".to_owned(),
        1 => "1 place that it asks for was".to_owned(),
        count => format!("{count} places that it asks for were"),
    };
    result.may_have_changed.then(|| {
        format!(
            "{what} read from the image, and a process with the owner's rights could have changed that since"
        )
    })
}

/// Where the evidence of a result came from, if a scan has evidence from two places.
pub(crate) fn origin(result: &CheckResult) -> Option<String> {
    let from = result.evidence_from?;
    Some(format!("evidence from {from}"))
}

/// How to read what was not read, one sentence each.
pub(crate) fn completions(view: &View<'_>) -> Vec<String> {
    let remedies = view.completions();
    remedies
        .iter()
        .map(|r| visible(&r.to_string(), 300))
        .collect()
}

/// How many of the passed checks rest on only a part of their data, as a remark in parentheses; empty if none does.
pub(crate) fn in_part(view: &View<'_>) -> String {
    match view.passed_in_part() {
        0 => String::new(),
        some => format!(" ({some} of them beside paths or items that were not read)"),
    }
}

/// How many of the failed checks are warnings, as a remark in parentheses; empty if none is.
pub(crate) fn of_them(view: &View<'_>) -> String {
    let remark = |why: String| match (view.warnings().count(), view.failed().count()) {
        (some, all) if some == all => format!(" ({why})"),
        (some, _) => format!(" ({some} of them {why})"),
    };
    view.warnings_allowed_as().map_or_else(String::new, remark)
}

/// A JSON document of another standard.
pub(crate) fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use scanner_core::finding::Severity;

    use super::*;

    #[test]
    fn a_limit_that_is_no_gap_of_a_section_is_shown_beside_what_was_not_read() {
        let mut result = CheckResult::new("a", "A", Severity::High);
        result.not_read = 2;
        result.limits = vec!["capabilities of /bin/a were not compared: why".into()];
        let shown = limits(&result);
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(
            !shown[0].contains("coverage gaps") && shown[1].contains("/bin/a"),
            "{shown:?}"
        );
        result.limits.push("files: /root: not readable".into());
        let shown = limits(&result);
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(shown[0].contains("coverage gaps"), "{shown:?}");
    }
}
