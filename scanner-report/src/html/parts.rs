//! Sections of what was found, and what was not seen.

use maud::{Markup, html};

use super::anchor::{anchor, link};
use crate::escaped::{MAX_GAPS, at_least, completions, count, headline, limits, more, origin};
use scanner_core::{
    escape::visible,
    finding::{CheckResult, CheckStatus, Severity},
    report::view::{Subject, View},
};

/// Most packages that are listed.
const MAX_PACKAGES: usize = 5000;

/// What was scanned, how, and how far the evidence can be trusted.
pub(super) fn facts(view: &View<'_>) -> Markup {
    let narrowed = view.narrowed();
    let mut rows = Vec::new();
    if let Subject::Container(target) = view.subject {
        rows.push(("Image", target.image.as_str()));
        rows.push(("Running digest", &target.image_id));
        rows.push(("Node", &target.node));
        rows.push(("Pod UID", &target.pod_uid));
    } else if let Some(digest) = view.image_digest {
        rows.push(("Digest", digest));
    }
    let engines = if view.has_several_engines() {
        "Engines"
    } else {
        "Profile"
    };
    rows.push((engines, &view.engines));
    for (name, text) in &narrowed {
        let name = if *name == "inputs" {
            "Inputs"
        } else {
            "Selection"
        };
        rows.push((name, text));
    }
    if let Some(policy) = view.policy {
        rows.push(("Policy", policy));
    }
    if let Some(alert) = view.gate_alert {
        rows.push(("Alert of the gates", alert));
    }
    let choice = view.target_choice.join("; ");
    if !choice.is_empty() {
        rows.push(("Chosen", &choice));
    }
    rows.push(("Strategy", view.strategy));
    if let Some(reason) = view.reason {
        rows.push(("Because", reason));
    }
    rows.push(("Trust", view.trust));
    let others = view.beside();
    if let Some(others) = &others {
        rows.push(("Not scanned", others));
    }
    if let Some(none) = view.no_controls() {
        rows.push(("Controls", none));
    }
    let started = view.started_second();
    if let Some(started) = &started {
        rows.push(("Started", started));
    }
    let fails_at = view.fails_at().map(at_least);
    if let Some(threshold) = &fails_at {
        rows.push(("Fails at", threshold));
    }
    let kind = view.failure_kind();
    if let Some(kind) = &kind {
        rows.push(("Failure", kind));
    }
    html! {
        dl.card.trace {
            @for trace in view.trace() {
                dt { (trace.heading()) } dd { (visible(&trace.value, 1000)) }
            }
        }
        dl.card {
            @for (name, value) in rows {
                dt { (name) } dd { (visible(value, 1000)) }
            }
        }
    }
}

/// What the scan saw that somebody must investigate.
pub(super) fn alerts(view: &View<'_>) -> Markup {
    html! {
        @for alert in view.alerts {
            div.card.problem {
                h3 { "Security alert " code { (visible(&alert.id, 80)) } }
                p { (alert.message.escaped(2000)) }
                @if !alert.evidence.is_empty() {
                    ul.evidence { @for item in &alert.evidence { li { (item.escaped(400)) } } }
                }
            }
        }
    }
}

pub(super) fn problems(view: &View<'_>) -> Markup {
    html! {
        @for problem in view.problems_beside_alerts() {
            div.card.problem { h3 { "No result" } p { (visible(&problem, 2000)) } }
        }
    }
}

/// The name of the engine that the next sections are of, where the report has several, and its threshold.
pub(super) fn engine(view: &View<'_>) -> Markup {
    let narrowed = view.narrowed();
    html! {
        @if view.has_several_engines() {
            h2 { "Engine " (visible(&view.engines, 200)) }
            p.soft {
                @if let Some(severity) = view.fails_at() { "Fails at: " (at_least(severity)) }
                @for (name, text) in &narrowed { "; " (name) ": " (text) }
            }
        }
    }
}

/// What the script of the page filters failed checks with.
pub(super) fn filter(view: &View<'_>) -> Markup {
    let failed: Vec<_> = view.failed().collect();
    let has = |severity| failed.iter().any(|r| r.severity == severity);
    html! {
        @if !failed.is_empty() {
            div.card.filter hidden {
                input type="search" placeholder="Search" aria-label="Search in findings";
                @for severity in Severity::WORST_FIRST {
                    @if has(severity) {
                        label {
                            input type="checkbox" value=(severity.name()) checked;
                            " " (severity.name())
                        }
                    }
                }
                output.soft {}
            }
        }
    }
}

pub(super) fn findings(view: &View<'_>) -> Markup {
    let counting = view.failed().filter(|r| view.counts(r));
    let counting: Vec<_> = counting.collect();
    html! {
        @if !counting.is_empty() {
            h2 { "Failed" }
            @for result in counting { (finding(view, result)) }
        }
        @if let Some(line) = view.warning_line() {
            h2 { "Warnings: " (line) }
            @for result in view.warnings() { (finding(view, result)) }
        }
    }
}

fn finding(view: &View<'_>, result: &CheckResult) -> Markup {
    let severity = result.severity.name();
    html! {
        article class={"card finding " (severity) "-edge"} data-severity=(severity) id=(anchor(view, result)) {
            h3 { span class={"tag " (severity)} { (severity) } (headline(result, 300)) }
            p.soft {
                (link(view, result))
                @if let Some(why) = view.allowed_as(result) { " (warning: " (why) ")" }
            }
            @if !result.evidence.is_empty() {
                ul.evidence {
                    @for item in &result.evidence { li { code { (visible(item, 300)) } } }
                    @if more(result) > 0 { li { "and " (more(result)) " more" } }
                }
            }
            p { b { "Why: " } (visible(&result.rationale, 2000)) }
            p { b { "Fix: " } (visible(&result.fix, 2000)) }
            @if !result.references.is_empty() {
                p.soft { "References: " (list(&result.references)) }
            }
            @if !result.tags.is_empty() { p.soft { "Tags: " (list(&result.tags)) } }
            @if let Some(origin) = origin(result) { p.soft { (origin) } }
            @for limit in limits(result) { p.soft { "Not checked completely: " (limit) } }
        }
    }
}

/// Thresholds that were not met, and checks that a waiver covers.
pub(super) fn waived(view: &View<'_>) -> Markup {
    let waived: Vec<_> = view
        .sorted()
        .into_iter()
        .filter(|r| r.waiver.is_some())
        .collect();
    html! {
        @for breach in view.breaches() {
            div.card.problem { b { "Threshold not met: " } (visible(&breach, 400)) }
        }
        @if !waived.is_empty() { h2 { "Waived (never a pass)" } }
        @for result in waived {
            div.card id=(anchor(view, result)) {
                h3 { span class={"tag " (result.severity.name())} { (result.severity.name()) }
                    (headline(result, 300)) }
                p.soft { (link(view, result)) }
                @if let Some(waiver) = &result.waiver {
                    p {
                        b { (if waiver.skipped { "Skipped" } else { "Failed" }) }
                        ", waived until " (visible(&waiver.expires, 20)) ": " (visible(&waiver.justification, 500))
                    }
                }
            }
        }
    }
}

/// Options and entries that had no effect.
pub(super) fn notes(view: &View<'_>) -> Markup {
    let notes = view.notes();
    html! {
        @if !notes.is_empty() {
            h2 { "Entries without effect" }
            dl.card {
                @for (kind, list) in notes {
                    @for item in list { dt { (kind) } dd { (visible(&item, 300)) } }
                }
            }
        }
    }
}

fn list(items: &[String]) -> String {
    visible(&items.join(", "), 600)
}

/// What was not checked.
pub(super) fn unchecked(view: &View<'_>) -> Markup {
    html! {
        @if view.count(CheckStatus::Error) > 0 {
            h2 { "Not checked (does not count as passed)" }
            @for result in view.with_status(CheckStatus::Error) {
                div.card id=(anchor(view, result)) {
                    h3 { span.tag.unsure { "error" } (visible(&result.title, 300)) }
                    p.soft { (link(view, result)) }
                    p { (visible(&result.message, 1000)) }
                }
            }
        }
    }
}

pub(super) fn coverage(view: &View<'_>) -> Markup {
    let gaps = view.gaps();
    let unproven = view.without_checksums().is_some();
    let read = view.image_lines();
    html! {
        @if !read.is_empty() {
            h2 { "Read from the image" }
            div.card { @for line in &read { p { (visible(line, MAX_GAPS)) } } }
        }
        @if !gaps.is_empty() || unproven {
            h2 { "Coverage gaps" }
            div.card {
                @if unproven {
                    p { "The answer of the agent has no checksums: it was verified by its length alone." }
                }
                dl {
                    @for (section, gap) in &gaps {
                        dt { (section) } dd { (visible(gap, MAX_GAPS)) }
                    }
                }
                @for completion in completions(view) { p { "To read more: " (completion) } }
            }
        }
    }
}

/// What passed and what is not applicable.
pub(super) fn rest(view: &View<'_>) -> Markup {
    let groups: [(_, Vec<_>); 2] = [
        ("Passed", view.with_status(CheckStatus::Pass).collect()),
        ("Not applicable", view.inapplicable().collect()),
    ];
    html! {
        @for (name, results) in groups {
            @if !results.is_empty() {
                h2 { (name) }
                details.card {
                    summary { (count(results.len() as u64, "check")) }
                    @for result in results {
                        p id=(anchor(view, result)) {
                            (link(view, result)) " " (visible(&result.title, 300))
                            @let message = Some(visible(&result.message, 300)).filter(|m| !m.is_empty());
                            @let notes = limits(result).into_iter().chain(origin(result));
                            @for limit in notes.chain(message) {
                                " " span.soft { (limit) }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn packages(view: &View<'_>) -> Markup {
    html! {
        @if let Some(packages) = view.packages {
            h2 { "Packages" }
            details.card {
                summary {
                    (count(packages.items.len() as u64, "package"))
                    @if let Some(os) = &packages.os { " of " (visible(&os.name, 100)) }
                }
                table {
                    thead { tr { th { "Name" } th { "Version" } th { "Architecture" } } }
                    tbody {
                        @for package in packages.items.iter().take(MAX_PACKAGES) {
                            tr {
                                td { (visible(&package.name, 200)) }
                                td { (visible(&package.version, 200)) }
                                td { (visible(&package.arch, 40)) }
                            }
                        }
                    }
                }
                @if packages.items.len() > MAX_PACKAGES {
                    p { "and " (packages.items.len() - MAX_PACKAGES) " more in the JSON report" }
                }
                @if !packages.language.is_empty() {
                    p {
                        (packages.language.len())
                        " packages of languages are in the JSON and CycloneDX forms"
                    }
                }
            }
        }
    }
}
