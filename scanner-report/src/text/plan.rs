//! A plan for a reader: every object, permission and command, of everything that may happen.

use std::fmt::Write as _;

use super::{
    layout::{Page, Style, differences, field},
    policy,
};
use scanner_core::{
    ScanPlan,
    escape::{json, visible},
    plan::{Fallback, PlannedObject},
};

/// Longest line, in characters: no part of a plan is longer.
const WHOLE: usize = 1 << 20;

/// Renders a plan, and that nothing was written. Lines are wrapped for a terminal of `width` characters and not wrapped
/// without one; structured text is never wrapped.
pub fn plan(plan: &ScanPlan, width: Option<usize>) -> String {
    let wrap = width.is_some();
    let mut out = Page::new(width);
    let _ = writeln!(
        out,
        "Plan of a scan of {} (nothing was written)",
        plan.target
    );
    body(&mut out, plan, wrap);
    if let Some(fallback) = &plan.fallback {
        instead(&mut out, fallback, wrap);
    }
    out.into_text()
}

/// What may be done instead of all of that.
fn instead(out: &mut Page, fallback: &Fallback, wrap: bool) {
    out.push('\n');
    line(out, "", &visible(&fallback.when, WHOLE), wrap);
    match (&fallback.plan, &fallback.not_possible) {
        (Some(plan), _) => body(out, plan, wrap),
        (None, Some(why)) => line(out, "  ", &visible(why, WHOLE), wrap),
        (None, None) => {}
    }
}

fn body(out: &mut Page, plan: &ScanPlan, wrap: bool) {
    field(out, "pod uid", &plan.target.pod_uid);
    for (at, choice) in plan.target_choice.iter().enumerate() {
        field(out, if at == 0 { "chosen" } else { "" }, choice);
    }
    for (at, way) in plan.connection.iter().enumerate() {
        field(out, if at == 0 { "reached" } else { "" }, way);
    }
    field(out, "image", &plan.target.image);
    if let Some(container) = &plan.image_of {
        field(out, "image of", &container.to_string());
    }
    field(out, "profile", &plan.profile);
    if let Some(policy) = &plan.policy {
        field(out, "policy", policy);
    }
    field(out, "strategy", &plan.strategy);
    if let Some(reason) = &plan.reason {
        field(out, "", reason);
    }
    if let Some(evidence) = &plan.evidence {
        field(out, "evidence", &evidence.sentence());
    }
    if !plan.not_scanned.is_empty() {
        field(out, "not scanned", &plan.not_scanned.join(", "));
    }
    let lease = format!(
        "{} s, then the cluster removes everything",
        plan.lease_seconds
    );
    field(out, "lease", &lease);
    policy::gates(out, &plan.gates, Style::default());
    differences(out, &plan.differences);
    let _ = writeln!(
        out,
        "\nWould create, in namespace {}",
        plan.target.namespace
    );
    for planned in &plan.objects {
        object(out, planned, wrap);
    }
    for (what, all) in [
        ("labels", plan.object_metadata.labels()),
        ("annotations", plan.object_metadata.annotations()),
    ] {
        let all: Vec<String> = all.iter().map(|(k, v)| format!("{k}={v}")).collect();
        if !all.is_empty() {
            let text = format!("each with the {what} {}", all.join(", "));
            line(out, "  ", &visible(&text, WHOLE), wrap);
        }
    }
    if !plan.missing_rights.is_empty() {
        let _ = writeln!(out, "\nThe scan needs these rights, which you do not have");
        for missing in &plan.missing_rights {
            line(out, "  ", &visible(missing, WHOLE), wrap);
        }
    }
    let _ = writeln!(
        out,
        "\nWould grant to the scan's own identity, and nothing else"
    );
    for rule in &plan.rules {
        line(out, "  ", &visible(&rule.to_string(), WHOLE), wrap);
    }
    let _ = writeln!(out, "\nWould run in the target");
    for command in &plan.commands {
        let text = format!(
            "{} in container {}, standard input: {} ({} bytes)",
            command.argv.join(" "),
            command.container,
            command.stdin,
            command.stdin_bytes
        );
        line(out, "  ", &visible(&text, WHOLE), wrap);
    }
    let _ = writeln!(out, "\nControls");
    for control in &plan.controls {
        line(
            out,
            "  ",
            &format!("{}: {}", control.id, control.title),
            wrap,
        );
        for planned in &control.planned {
            line(out, "    ", &visible(planned, WHOLE), wrap);
        }
    }
}

/// One object; its specification as JSON that can be copied.
fn object(out: &mut Page, object: &PlannedObject, wrap: bool) {
    let text = format!("{} {}: {}", object.kind, object.name, object.purpose);
    line(out, "  ", &visible(&text, WHOLE), wrap);
    let spec = object.spec.as_ref();
    let Some(text) = spec.and_then(|spec| serde_json::to_string_pretty(spec).ok()) else {
        return;
    };
    for part in json(&text).lines() {
        let _ = writeln!(out, "    {part}");
    }
}

fn line(out: &mut Page, indent: &str, text: &str, wrap: bool) {
    let options = textwrap::Options::new(if wrap { out.width() } else { usize::MAX })
        .initial_indent(indent)
        .subsequent_indent(indent)
        // A name that is broken over two lines cannot be copied.
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let _ = writeln!(out, "{}", textwrap::fill(text, options));
}

#[cfg(test)]
mod tests {
    use scanner_core::plan::PlannedRule;

    use super::*;
    use crate::testing::plan as some;

    #[test]
    fn a_plan_is_whole_and_shows_what_may_be_done_instead() {
        let long = "x".repeat(5000);
        let mut next = some();
        next.strategy = "distroless".into();
        let spec = serde_json::json!({"long": long, "odd": "\u{202e}\u{1b}[2J"});
        next.objects = vec![PlannedObject::new("v1", "Pod", "shop", "p", "a pod").with_spec(spec)];
        let mut first = some();
        first.fallback = Some(Box::new(Fallback {
            when: "If there is no shell, instead".into(),
            plan: Some(next.clone()),
            not_possible: None,
            remedy: None,
        }));
        for wrap in [Some(80), None] {
            let text = plan(&first, wrap);
            assert!(text.contains("If there is no shell, instead\n"), "{text}");
            let start = text.find("\n    {\n").unwrap();
            let end = text.rfind("\n    }\n").unwrap() + "\n    }\n".len();
            let spec: serde_json::Value = serde_json::from_str(&text[start..end]).unwrap();
            assert_eq!(Some(&spec), next.objects[0].spec.as_ref());
            assert!(!text.contains(['\u{202e}', '\u{1b}']), "{text}");
        }
        first.fallback = Some(Box::new(Fallback {
            when: "Else".into(),
            plan: None,
            not_possible: Some("no image".into()),
            remedy: None,
        }));
        assert!(plan(&first, Some(80)).ends_with("\nElse\n  no image\n"));
    }

    #[test]
    fn a_plan_says_how_the_cluster_is_reached() {
        let mut one = some();
        assert!(!plan(&one, None).contains("reached"));
        one.connection = vec!["as somebody".into(), "through a proxy\u{1b}".into()];
        let text = plan(&one, None);
        let wanted = "  reached   as somebody\n            through a proxy\\u{1b}\n";
        assert!(text.contains(wanted), "{text}");
    }

    #[test]
    fn a_plan_names_the_container_whose_image_is_read_elsewhere() {
        let mut one = some();
        assert!(!plan(&one, None).contains("image of"));
        one.image_of = Some(Box::new(one.target.clone()));
        let wanted = format!("  image of  {}\n", one.target);
        assert!(plan(&one, None).contains(&wanted), "{}", plan(&one, None));
    }

    #[test]
    fn only_a_terminal_gets_filled_lines() {
        let mut one = some();
        let names = ["name/".repeat(30), "other".into()];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rule = PlannedRule::new("", "pods/exec", &names, &["get"]);
        one.rules = vec![rule.clone()];
        assert!(plan(&one, None).contains(&rule.to_string()));
        assert!(!plan(&one, Some(80)).contains(&rule.to_string()));
        assert!(plan(&one, Some(80)).contains(&rule.resource_names[0]));
    }
}
