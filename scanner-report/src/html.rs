//! One HTML file: no network, whole without a script, filtered with one.
//!
//! `maud` escapes all text when it is put in; the page's own content security policy allows the
//! one style and the one script that are in it, by their digests, and nothing else.

mod anchor;
mod execution;
mod parts;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use scanner_core::report::{Verdict, view::View};
use scanner_core::{
    escape::visible,
    finding::{CheckStatus, Severity},
};

use crate::escaped::in_part;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/filter.js");

/// Renders `view`.
pub fn render(view: &View<'_>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="referrer" content="no-referrer";
                title { "secure-scan: " (view.subject_line()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(view))
                main {
                    (parts::alerts(view))
                    (parts::problems(view))
                    (execution::differences(view))
                    (parts::filter(view))
                    @for one in view.per_engine() {
                        (parts::engine(&one))
                        (parts::findings(&one))
                        (parts::waived(&one))
                        (parts::unchecked(&one))
                        @if view.has_several_engines() { (parts::rest(&one)) }
                    }
                    (parts::notes(view))
                    (parts::coverage(view))
                    (execution::gates(view))
                    (execution::controls(view))
                    (execution::post_scan(view))
                    @if !view.has_several_engines() { (parts::rest(view)) }
                    (parts::packages(view))
                    (execution::cost(view))
                    footer { "secure-scan " (visible(view.tool_version, 40)) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn policy() -> String {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

fn header(view: &View<'_>) -> Markup {
    let class = match view.verdict {
        Verdict::Passed if view.not_read() > 0 || view.warnings().next().is_some() => {
            "verdict unsure"
        }
        Verdict::Passed => "verdict good",
        Verdict::Incomplete => "verdict unsure",
        _ => "verdict bad",
    };
    let failed = |severity| view.failed().filter(|r| r.severity == severity).count();
    html! {
        header {
            h1 { "Scan of " (view.subject_line()) }
            p class=(class) { (view.sentence()) }
            @if !view.findings.is_empty() {
                ul.counts {
                    @for severity in Severity::WORST_FIRST {
                        @if failed(severity) > 0 {
                            li { b class=(severity.name()) { (failed(severity)) } (severity.name()) }
                        }
                    }
                    li { b.unsure { (view.count(CheckStatus::Error)) } "not checked" }
                    li { b.good { (view.count(CheckStatus::Pass)) } "passed" (in_part(view)) }
                    li { b { (view.inapplicable().count()) } "not applicable" }
                    @let waived = view.sorted().into_iter().filter(|r| r.is_waived()).count();
                    @if waived > 0 { li { b.unsure { (waived) } "waived" } }
                }
            }
            (parts::facts(view))
        }
    }
}
